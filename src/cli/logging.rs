//! The log on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::args::LogFormat;

/// Warnings of libraries and what Tesela itself has to say. actix reports each malformed request
/// as an error of the server, which would let anyone fill the log.
const DEFAULT_FILTER: &str = "warn,tesela=info,actix_http=off";

/// Starts logging, by [`DEFAULT_FILTER`] unless `RUST_LOG` asks for something else.
pub fn start(format: LogFormat) {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) => EnvFilter::try_new(directives).unwrap_or_else(|error| {
            eprintln!("warning: RUST_LOG is not understood ({error}); expected e.g. tesela=debug");
            EnvFilter::new(DEFAULT_FILTER)
        }),
        Err(_) => EnvFilter::new(DEFAULT_FILTER),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    // In the log's own format and with its fields, not as bare lines between its events.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "panic");
    }));
}
