//! The address under which the client sees the server.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use actix_web::http::uri::Authority;

use super::Settings;

/// Longest host name, RFC 1035 section 2.3.4.
const MAX_HOST: usize = 255;

/// Start of absolute URLs, without a slash at the end.
pub struct BaseUrl {
    pub url: String,
    /// It comes from this request's headers, so an answer that holds it is for this client only.
    pub from_request: bool,
}

/// `public_url`, or what the request's `Host` and, from a trusted proxy, `X-Forwarded-*` say.
pub fn base_url(request: &HttpRequest, settings: &Settings) -> BaseUrl {
    if let Some(url) = &settings.public_url {
        return BaseUrl { url: url.trim_end_matches('/').to_owned(), from_request: false };
    }
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let forwarded = |name: &str| if from_proxy(request, settings) { header(name) } else { None };
    let host = forwarded("x-forwarded-host")
        .and_then(first)
        .and_then(valid_host)
        .or_else(|| header(HOST.as_str()).and_then(valid_host))
        .map_or_else(|| reachable(settings.listen), str::to_owned);
    let proto = forwarded("x-forwarded-proto").and_then(first);
    let https = proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
    let scheme = if https { "https" } else { "http" };
    let prefix = forwarded("x-forwarded-prefix").and_then(first).and_then(valid_prefix);
    let url = format!("{scheme}://{host}{}", prefix.unwrap_or_default());
    BaseUrl { url, from_request: true }
}

fn from_proxy(request: &HttpRequest, settings: &Settings) -> bool {
    let peer: Option<IpAddr> = request.peer_addr().map(|address| address.ip().to_canonical());
    peer.is_some_and(|peer| settings.trusted_proxies.iter().any(|net| net.contains(&peer)))
}

/// The first value, which the proxy nearest to the client set.
fn first(list: &str) -> Option<&str> {
    list.split(',').next().map(str::trim)
}

/// A host with an optional port and nothing else: no user, no characters that would need
/// escaping in a URL or in JSON.
fn valid_host(host: &str) -> Option<&str> {
    let authority: Authority = host.parse().ok()?;
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let port = authority.host().len() == host.len() || authority.port_u16().is_some();
    let named = authority.host().chars().any(|c| c.is_ascii_alphanumeric());
    (named && port && host.len() <= MAX_HOST && host.chars().all(plain)).then_some(host)
}

/// The listener's address, or this machine's where it listens on all.
fn reachable(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        format!("localhost:{}", listen.port())
    } else {
        listen.to_string()
    }
}

fn valid_prefix(prefix: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '~');
    let prefix = prefix.trim_end_matches('/');
    let segments = prefix.strip_prefix('/')?.split('/');
    let resolved = segments.into_iter().all(|part| !["", ".", ".."].contains(&part));
    (resolved && prefix.chars().all(plain)).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn url(settings: &Settings, peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
        for header in headers {
            request = request.insert_header(*header);
        }
        base_url(&request.to_http_request(), settings).url
    }

    #[test]
    fn the_public_url_wins_and_may_have_a_prefix() {
        let settings =
            Settings { public_url: Some("https://t.example/maps/".into()), ..Settings::default() };
        let base = url(&settings, "1.2.3.4:5", &[("host", "evil.example")]);
        assert_eq!(base, "https://t.example/maps");
    }

    #[test]
    fn forwarded_headers_count_only_from_trusted_proxies() {
        let settings = Settings {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..Settings::default()
        };
        let headers = [
            ("host", "inner:3000"),
            ("x-forwarded-host", "maps.example, inner"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/tiles/"),
        ];
        assert_eq!(url(&settings, "10.1.1.1:9", &headers), "https://maps.example/tiles");
        assert_eq!(url(&settings, "9.9.9.9:9", &headers), "http://inner:3000");
    }

    #[test]
    fn a_hostile_host_is_replaced_by_the_listen_address() {
        let settings = Settings::default();
        for host in
            ["a\"b", "user@host", "a b", "a/b", "", "<script>", "h:99999", "h:x", "[]", "..."]
        {
            assert_eq!(url(&settings, "9.9.9.9:9", &[("host", host)]), "http://127.0.0.1:3000");
        }
        assert_eq!(url(&settings, "9.9.9.9:9", &[("host", "[::1]:80")]), "http://[::1]:80");
    }
}
