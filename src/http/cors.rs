//! Cross-origin headers on every answer, and preflight requests.
//!
//! With `["*"]` the header is there whether or not a request has an `Origin`: a shared cache
//! then holds one answer that is right for every page.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, VARY,
};

use super::error::METHODS;

/// Origins whose pages may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    Any,
    Listed(Vec<String>),
}

impl Origins {
    /// From `cors_origins`; `*` anywhere means all.
    pub fn new(list: &[String]) -> Self {
        if list.iter().any(|origin| origin == "*") {
            Self::Any
        } else {
            Self::Listed(list.to_vec())
        }
    }

    /// Sets `Vary` and, when the page may read the answer, the CORS headers.
    pub fn apply(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let (vary, allowed) = match self {
            Self::Any => ("Accept-Encoding", Some(HeaderValue::from_static("*"))),
            Self::Listed(list) => {
                let listed = origin.filter(|origin| {
                    list.iter().any(|known| known.as_bytes() == origin.as_bytes())
                });
                ("Accept-Encoding, Origin", listed.cloned())
            }
        };
        headers.insert(VARY, HeaderValue::from_static(vary));
        if let Some(allowed) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static("ETag, Cache-Status, Server-Timing, Tesela-Truncated"),
            );
        }
    }
}

pub fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to all preflight requests.
pub fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "If-None-Match, Content-Type, Range"))
        .insert_header((ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(origins: &Origins, origin: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        origins.apply(origin.map(HeaderValue::from_static).as_ref(), &mut headers);
        headers
    }

    #[test]
    fn any_origin_means_the_same_answer_for_all() {
        for origin in [None, Some("https://a.example")] {
            let headers = applied(&Origins::Any, origin);
            assert_eq!(headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "*");
            assert_eq!(headers.get(VARY).unwrap(), "Accept-Encoding");
        }
    }

    #[test]
    fn a_list_allows_its_members_only_and_varies_by_origin() {
        let origins = Origins::new(&["https://a.example".to_owned()]);
        let headers = applied(&origins, Some("https://a.example"));
        assert_eq!(headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).unwrap(), "https://a.example");
        let headers = applied(&origins, Some("https://b.example"));
        assert!(headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
        assert_eq!(headers.get(VARY).unwrap(), "Accept-Encoding, Origin");
    }
}
