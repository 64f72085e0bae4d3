//! The log on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::args::LogFormat;

/// Warnings of libraries and what Tesela itself has to say. actix reports each malformed request
/// as an error of the server, which would let anyone fill the log.
const DEFAULT_FILTER: &str = "warn,tesela=info,actix_http=off";

/// Starts logging, by [`DEFAULT_FILTER`] unless `RUST_LOG` asks for something else.
pub fn start(format: LogFormat) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
