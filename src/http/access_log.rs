//! One debug event for each request.

use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use tracing::{Level, debug, enabled};

/// Longest part of a path that is logged.
const MAX_PATH: usize = 512;

const TARGET: &str = "tesela::access";

/// A request that is logged once it is answered.
pub struct Entry {
    started: Instant,
    method: Method,
    path: String,
}

impl Entry {
    /// `None` unless the level asks for it.
    pub fn begin(request: &ServiceRequest) -> Option<Self> {
        enabled!(target: TARGET, Level::DEBUG).then(|| Self {
            started: Instant::now(),
            method: request.method().clone(),
            path: printable(request.path()),
        })
    }

    /// Logs method, path, status and time.
    pub fn end(self, status: StatusCode) {
        let Self { started, method, path } = self;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        debug!(target: TARGET, %method, path, status = status.as_u16(), micros, "request");
    }
}

/// Logs requests, when the level asks for it.
pub async fn access_log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let entry = Entry::begin(&request);
    let response = next.call(request).await?;
    if let Some(entry) = entry {
        entry.end(response.status());
    }
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
