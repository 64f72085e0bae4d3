//! Tiles of any server, over HTTP.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, http};

use super::super::table::clean;
use super::{Found, unpacked};
use crate::tile::anatomy::MAX_BYTES;
use crate::tile::unpack::{Unpacked, unpack_text};
use crate::tile::{Encoding, TileCoord};

/// Longest wait for a whole answer, and for a connection.
const PATIENCE: Duration = Duration::from_secs(30);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Headers that say how the tile was packed and who keeps it for how long.
const SHOWN: [&str; 18] = [
    "content-type",
    "content-encoding",
    "cache-control",
    "cdn-cache-control",
    "surrogate-control",
    "expires",
    "age",
    "etag",
    "last-modified",
    "vary",
    "cache-status",
    "x-cache",
    "cf-cache-status",
    "surrogate-key",
    "cache-tag",
    "server-timing",
    "tesela-truncated",
    "access-control-allow-origin",
];

/// From so many bytes on, packing is worth it.
const WORTH_PACKING: usize = 1_000;

/// What a server said of a tile.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    pub url: String,
    pub status: u16,
    /// Until the last byte.
    pub ms: f64,
    /// Bytes of the body as it came.
    pub bytes: usize,
    /// Those that are about the tile's packing and its caches.
    pub headers: Vec<(String, String)>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Fetches the tile at an address.
///
/// # Errors
/// There is none; the text says what the server said.
pub fn tile(url: &str, coord: Option<TileCoord>) -> Result<Found, String> {
    let (answer, body) = get(&agent(), url)?;
    let shown = &answer.url;
    if !(200..300).contains(&answer.status) {
        return Err(refused(&answer, &body));
    }
    let coding = match answer.header("content-encoding").map(str::trim) {
        None | Some("" | "identity") => None,
        Some("gzip" | "x-gzip") => Some(Encoding::Gzip),
        Some("br") => Some(Encoding::Brotli),
        Some("zstd") => Some(Encoding::Zstd),
        Some(other) => return Err(format!("{shown}: unknown Content-Encoding {other:?}")),
    };
    let Unpacked { tile, packed } = unpacked(body, coding).map_err(|error| {
        let hint = match error.contains("JSON") {
            true => "; if it is a TileJSON, add a tile's z/x/y",
            false => "; is the address that of a tile, with z/x/y?",
        };
        format!("{shown}: {error}{hint}")
    })?;
    let mut found = Found { title: shown.clone(), coord, tile, packed, ..Found::default() };
    found.warnings = transfer_warnings(&answer, coding, &found.packed);
    found.answer = Some(answer);
    Ok(found)
}

/// Fetches a tile of the tileset at an address: that of a TileJSON, or a template.
///
/// # Errors
/// As [`tile`]; or it is neither.
pub fn tile_of(url: &str, coord: TileCoord) -> Result<Found, String> {
    if url.contains("{z}") {
        return tile(&filled(url, coord), Some(coord));
    }
    let (answer, body) = get(&agent(), url)?;
    let shown = answer.url.clone();
    if answer.status != 200 {
        return Err(refused(&answer, &body));
    }
    let coding = (answer.header("content-encoding") == Some("br")).then_some(Encoding::Brotli);
    let body = unpack_text(body, coding, MAX_BYTES);
    let body = body.map_err(|error| format!("{shown}: {error}"))?;
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let Some(template) = json["tiles"][0].as_str() else {
        return Err(format!(
            "{shown} is no TileJSON with tiles; give a template in its place, such as {}/{{z}}/{{x}}/{{y}}",
            shown.trim_end_matches('/')
        ));
    };
    let coord_on_server = match json["scheme"].as_str() {
        // Rows are counted from the south.
        Some("tms") => flipped(coord),
        _ => coord,
    };
    let address = filled(&absolute(template, url)?, coord_on_server);
    let mut found = tile(&address, Some(coord))?;
    found.warnings.extend(zoom_warning(&json, coord.z()));
    Ok(found)
}

fn zoom_warning(json: &Value, z: u8) -> Option<String> {
    let zoom = |key: &str| json[key].as_u64();
    let (min, max) = (zoom("minzoom").unwrap_or(0), zoom("maxzoom").unwrap_or(30));
    (!(min..=max).contains(&z.into()))
        .then(|| format!("the TileJSON says zoom {min} to {max}: maps don't ask for zoom {z}"))
}

fn flipped(coord: TileCoord) -> TileCoord {
    let y = (1u32 << coord.z()) - 1 - coord.y();
    TileCoord::new(coord.z(), coord.x(), y).unwrap_or(coord)
}

fn filled(template: &str, coord: TileCoord) -> String {
    let south = flipped(coord).y().to_string();
    let (z, x, y) = (coord.z().to_string(), coord.x().to_string(), coord.y().to_string());
    let pairs = [("{z}", z), ("{x}", x), ("{y}", y), ("{-y}", south)];
    pairs.iter().fold(template.to_owned(), |url, (token, value)| url.replace(token, value))
}

/// A TileJSON's template, which may be a path on its own server.
fn absolute(template: &str, base: &str) -> Result<String, String> {
    if template.starts_with("http://") || template.starts_with("https://") {
        return Ok(template.to_owned());
    }
    let host = base.find("://").map_or(0, |at| at + 3);
    let path = base[host..].find(['/', '?']).map_or(base.len(), |at| host + at);
    match template.strip_prefix('/') {
        Some(rest) if !rest.starts_with('/') => Ok(format!("{}/{rest}", &base[..path])),
        _ => Err(format!("the TileJSON's address of tiles is no URL: {template:?}")),
    }
}

fn agent() -> Agent {
    let roots = rustls_native_certs::load_native_certs().certs;
    let roots = roots.iter().map(|root| Certificate::from_der(root).to_owned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::from(roots))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .timeout_connect(Some(CONNECT_PATIENCE))
        .user_agent(concat!("tesela/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("gzip")
        .build()
        .into()
}

fn get(agent: &Agent, url: &str) -> Result<(Answer, Vec<u8>), String> {
    let shown = without_password(url);
    let failed = |error: ureq::Error| format!("can't get {shown}: {}", cause(error));
    let started = Instant::now();
    let answer = agent.get(url).call().map_err(failed)?;
    let (parts, body) = answer.into_parts();
    let bytes = read(body).map_err(|error| format!("can't read {shown}: {error}"))?;
    if bytes.len() > MAX_BYTES {
        return Err(format!("{shown}: the answer has more than {MAX_BYTES} bytes"));
    }
    let ms = (started.elapsed().as_secs_f64() * 1e4).round() / 1e1;
    let (status, headers) = (parts.status.as_u16(), headers(&parts.headers));
    Ok((Answer { url: shown, status, ms, bytes: bytes.len(), headers }, bytes))
}

fn read(body: Body) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    body.into_reader().take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn headers(all: &http::HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let shown = SHOWN.iter().flat_map(|name| all.get_all(*name).iter().map(move |v| (name, v)));
    shown.map(|(name, value)| ((*name).to_owned(), text(value))).collect()
}

/// What went wrong, without the kind of error before it.
fn cause(error: ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(_) => format!("no answer within {} s", PATIENCE.as_secs()),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "this is no URL".to_owned(),
        error => error.to_string(),
    }
}

/// What a server says in place of a tile: problem details (RFC 9457), or the beginning of a text.
fn refused(answer: &Answer, body: &[u8]) -> String {
    let body = unpack_text(body.to_vec(), None, MAX_BYTES).unwrap_or_default();
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let detail = ["detail", "title", "message", "error"].iter().find_map(|key| json[key].as_str());
    let is_plain = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"));
    let text = String::from_utf8_lossy(&body);
    let first = text.lines().next().filter(|_| is_plain).map(str::trim);
    let said = detail.or(first).filter(|said| !said.is_empty());
    let said = said.map(|said| clean(&said.chars().take(300).collect::<String>()));
    let status = http::StatusCode::from_u16(answer.status).ok();
    let reason = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    format!("{} answers {} {reason}{said}", answer.url, answer.status)
}

/// The address without the name and password that it may have.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    format!("{scheme}://{host}{}", &rest[end..])
}

fn transfer_warnings(
    answer: &Answer,
    coding: Option<Encoding>,
    packed: &[&'static str],
) -> Vec<String> {
    let mut out = Vec::new();
    match (coding, packed) {
        (None, []) if answer.bytes > WORTH_PACKING => out.push(
            "it was sent as it is, though gzip was asked for: let the server or a proxy pack it"
                .to_owned(),
        ),
        (None, [first, ..]) => out.push(format!(
            "it is packed with {first} and has no Content-Encoding: browsers won't unpack it"
        )),
        (Some(Encoding::Gzip | Encoding::Zstd), []) if answer.bytes > 0 => out
            .push("it has a Content-Encoding and isn't packed: browsers can't read it".to_owned()),
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_and_found_on_their_server() {
        let coord = TileCoord::new(3, 5, 1).unwrap();
        assert_eq!(filled("http://h/{z}/{x}/{y}?v=1", coord), "http://h/3/5/1?v=1");
        assert_eq!(filled("http://h/{z}/{x}/{-y}", coord), "http://h/3/5/6");
        let base = "https://h:1/roads?a=b";
        assert_eq!(absolute("/r/{z}", base).unwrap(), "https://h:1/r/{z}");
        assert_eq!(absolute("/r/{z}", "https://h?a=b").unwrap(), "https://h/r/{z}");
        assert_eq!(absolute("http://o/{z}", base).unwrap(), "http://o/{z}");
        assert!(absolute("r/{z}", base).is_err() && absolute("//o/{z}", base).is_err());
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("https://u:p@h:1/a@b?c"), "https://h:1/a@b?c");
        assert_eq!(without_password("https://h/a"), "https://h/a");
    }
}
