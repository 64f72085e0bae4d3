//! `GET /`, `/{tileset}.html` and `/_/…`: the preview page.
//!
//! The page is the same at every address; its scripts (`viewer/`) read the address, ask `/catalog` and the
//! TileJSON, and draw. Everything it names is relative, so that it works below any prefix.

mod assets;
mod html;

use std::io::Read;
use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderValue, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError, web};
use flate2::read::GzDecoder;
use xxhash_rust::xxh3::xxh3_128;

use super::State;
use super::conditional::not_modified;
use super::error::Problem;
use super::negotiate::encoding;
use crate::tile::Encoding;

pub use html::{Library, html, policy};

/// Name of the catalogue's page in place of a tileset's; no tileset can have it.
const INDEX: &str = "index";

/// The page with its headers, as it goes out.
struct Page {
    html: web::Bytes,
    etag: String,
    policy: String,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let html = html(Library::BUILT);
    let etag = format!("\"{:032x}\"", xxh3_128(html.as_bytes()));
    Page { etag, html: html.into(), policy: policy(Library::BUILT) }
});

/// Answers with the page about `tileset`, or about all where it is empty.
///
/// # Errors
/// There is no such tileset, or it can't be served, and the client doesn't want a page that says so.
pub fn page(request: &HttpRequest, state: &State, tileset: &str) -> Result<HttpResponse, Problem> {
    let found = match tileset {
        "" | INDEX => Ok(()),
        name => state.engine.lookup(name).map(|_| ()).map_err(Problem::from),
    };
    match found {
        Ok(()) if not_modified(request.headers(), PAGE.etag.as_bytes()) => {
            Ok(headed(StatusCode::NOT_MODIFIED, "no-cache").finish())
        }
        Ok(()) => Ok(headed(StatusCode::OK, "no-cache").body(PAGE.html.clone())),
        // The page asks for the TileJSON, and shows the reason beside what there is.
        Err(problem) if wants_html(request) => {
            let mut response = headed(problem.status_code(), "no-store");
            if let Some(after) = problem.error_response().headers().get(RETRY_AFTER) {
                response.insert_header((RETRY_AFTER, after.clone()));
            }
            Ok(response.body(PAGE.html.clone()))
        }
        Err(problem) => Err(problem),
    }
}

/// What the page has in common, whatever its status.
fn headed(status: StatusCode, control: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CACHE_CONTROL, control))
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, PAGE.policy.as_str()))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    if control != "no-store" {
        response.insert_header((ETAG, PAGE.etag.as_str()));
    }
    response
}

/// Whether a person is likely to see the answer.
fn wants_html(request: &HttpRequest) -> bool {
    let accepts = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accepts.is_some_and(|accept| accept.contains("text/html"))
}

/// Answers with one of the page's files. Its address changes with its content.
///
/// # Errors
/// There is no such file in this version.
pub async fn asset(
    request: &HttpRequest,
    digest: &str,
    name: &str,
) -> Result<HttpResponse, Problem> {
    let unknown = "there is no such file; the page may be of another version: load it again";
    let found = if digest == assets::DIGEST { assets::find(name) } else { None };
    let gzip = found.ok_or_else(|| Problem::not_found(unknown))?;
    let encoding = encoding(request.headers(), &[Encoding::Gzip]);
    let is_gzip = encoding == Encoding::Gzip;
    let etag = format!("\"{digest}-{}\"", if is_gzip { "gz" } else { "id" });
    let known = not_modified(request.headers(), etag.as_bytes());
    let mut response =
        HttpResponse::build(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((ETAG, etag))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if known {
        return Ok(response.finish());
    }
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(assets::media_type(name))));
    if is_gzip {
        response.insert_header((CONTENT_ENCODING, "gzip"));
        return Ok(response.body(gzip));
    }
    Ok(response.body(unpacked(gzip).await?))
}

/// What `gzip` holds. That takes milliseconds, so a thread for such things does it.
async fn unpacked(gzip: &'static [u8]) -> Result<Vec<u8>, Problem> {
    let unpack = move || {
        let mut content = Vec::new();
        GzDecoder::new(gzip).read_to_end(&mut content).map(|_| content)
    };
    let content = web::block(unpack).await.ok().and_then(Result::ok);
    content.ok_or_else(|| Problem::internal("the file can't be unpacked"))
}
