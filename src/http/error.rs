//! Error answers as problem details (RFC 9457).

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::catalog::LookupError;
use crate::engine::{AskError, TileError, TileErrorKind};
use crate::metrics::Outcome;

/// Seconds after which a client may try again when a database can't serve.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Methods that every address answers.
pub const METHODS: &str = "GET, HEAD, OPTIONS";

/// An error answer. Its text is public: no SQL, no host name, no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The members of RFC 9457 section 3.1 that Tesela uses; no `type` means `about:blank`.
#[derive(Serialize)]
struct Body<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), header: None }
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub fn with_status(status: StatusCode, detail: &str) -> Self {
        Self::new(status, detail)
    }

    /// This with a header.
    pub fn and_header(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, HeaderValue::from_static(value))), ..self }
    }

    /// For an address that takes one method only.
    pub fn only(method: &'static str) -> Self {
        let detail = format!("this address takes {method} only");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail).and_header(ALLOW, method)
    }

    pub fn method_not_allowed() -> Self {
        let mut problem = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this address answers GET, HEAD and OPTIONS only",
        );
        problem.header = Some((ALLOW, HeaderValue::from_static(METHODS)));
        problem
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        problem.header = Some((RETRY_AFTER, RETRY_AFTER_SECONDS));
        problem
    }

    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// How the request counts in the metrics.
    pub fn outcome(&self) -> Outcome {
        match self.status {
            StatusCode::NOT_FOUND => Outcome::NotFound,
            StatusCode::SERVICE_UNAVAILABLE => Outcome::Unavailable,
            StatusCode::GATEWAY_TIMEOUT => Outcome::Timeout,
            status if status.is_client_error() => Outcome::BadRequest,
            _ => Outcome::Failed,
        }
    }
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        let detail = error.to_string();
        match error {
            LookupError::Unknown(_) => Self::not_found(detail),
            LookupError::Disabled(_) | LookupError::NotYetKnown(_) => Self::unavailable(detail),
            LookupError::TooMany | LookupError::SameName(..) => Self::bad_request(detail),
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<&TileError> for Problem {
    fn from(error: &TileError) -> Self {
        match error.kind() {
            TileErrorKind::Unavailable => Self::unavailable("the database can't serve this now"),
            TileErrorKind::Timeout => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "the database took too long to answer")
            }
            TileErrorKind::Query => {
                Self::internal("a layer's query failed; the server's log says why")
            }
            TileErrorKind::Aborted => Self::internal("making the answer was aborted"),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.status, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let body = Body {
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let mut response = HttpResponse::build(self.status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        response.insert_header((CACHE_CONTROL, "no-store"));
        if let Some((name, value)) = &self.header {
            response.insert_header((name.clone(), value.clone()));
        }
        // `json` would set its own content type only where there is none.
        response.json(body)
    }
}
