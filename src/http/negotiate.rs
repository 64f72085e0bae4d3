//! Which encoding a client gets (RFC 9110 section 12.5.3).

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};

/// Encodings that a tile can be sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gzip,
    Identity,
}

/// gzip for everyone who takes it, since tiles are kept that way. Without the header: identity.
pub fn encoding(headers: &HeaderMap) -> Encoding {
    let mut gzip = None;
    let mut identity = None;
    let mut any = None;
    for header in headers.get_all(ACCEPT_ENCODING) {
        for item in header.to_str().unwrap_or_default().split(',') {
            let (name, quality) = parse_item(item);
            let slot = match name {
                name if name.eq_ignore_ascii_case("gzip") => &mut gzip,
                name if name.eq_ignore_ascii_case("x-gzip") => &mut gzip,
                name if name.eq_ignore_ascii_case("identity") => &mut identity,
                "*" => &mut any,
                _ => continue,
            };
            *slot = Some(quality);
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    // Identity is acceptable unless excluded, but only a stated preference beats gzip.
    if gzip > 0 && identity.is_none_or(|identity| gzip >= identity) {
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}

/// A coding's name and its weight in thousandths; a malformed weight counts as 0.
fn parse_item(item: &str) -> (&str, u16) {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    let quality = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0_f32));
    (name, (quality.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn chosen(accept: &[&'static str]) -> Encoding {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        encoding(&headers)
    }

    #[test]
    fn gzip_is_sent_to_all_who_accept_it() {
        for accept in ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.2", "*", "deflate, *;q=0.1"]
        {
            assert_eq!(chosen(&[accept]), Encoding::Gzip, "{accept}");
        }
        assert_eq!(chosen(&["br", "gzip"]), Encoding::Gzip);
    }

    #[test]
    fn everyone_else_gets_identity() {
        for accept in ["", "br", "identity", "gzip;q=0", "gzip;q=0, *", "*;q=0", "gzip;q=x"] {
            assert_eq!(chosen(&[accept]), Encoding::Identity, "{accept}");
        }
        assert_eq!(chosen(&[]), Encoding::Identity);
        assert_eq!(chosen(&["gzip;q=0.5, identity;q=0.8"]), Encoding::Identity);
    }
}
