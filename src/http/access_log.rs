//! One debug event for each request.

use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use tracing::{Level, debug, enabled};

/// Longest part of a path that is logged.
const MAX_PATH: usize = 512;

const TARGET: &str = "tesela::access";

/// Logs method, path, status and time, when the level asks for it.
pub async fn access_log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if !enabled!(target: TARGET, Level::DEBUG) {
        return next.call(request).await;
    }
    let started = Instant::now();
    let (method, path) = (request.method().clone(), printable(request.path()));
    let response = next.call(request).await?;
    let status = response.status().as_u16();
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    debug!(target: TARGET, %method, path, status, micros, "request");
    Ok(response)
}

/// The path with control and other unprintable characters escaped, cut at [`MAX_PATH`] bytes.
fn printable(path: &str) -> String {
    let mut text = String::new();
    for escaped in path.chars().map(char::escape_debug) {
        let start = text.len();
        text.extend(escaped);
        if text.len() > MAX_PATH {
            text.truncate(start);
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn paths_are_escaped_and_cut() {
        assert_eq!(printable("/a\n\u{1b}[31m/é"), "/a\\n\\u{1b}[31m/é");
        let long = printable(&"\u{1}é".repeat(1000));
        assert!(long.len() <= 512 && long.len() > 500);
    }
}
