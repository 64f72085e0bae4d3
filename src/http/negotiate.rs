//! Which encoding a client gets (RFC 9110 section 12.5.3).

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};

use crate::tile::Encoding;

/// Weights of the encodings in thousandths, where the client gives them.
#[derive(Default)]
struct Weights {
    gzip: Option<u16>,
    brotli: Option<u16>,
    zstd: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

impl Weights {
    fn read(headers: &HeaderMap) -> Self {
        let mut weights = Self::default();
        for header in headers.get_all(ACCEPT_ENCODING) {
            for item in header.to_str().unwrap_or_default().split(',') {
                let (name, weight) = parse_item(item);
                let is = |coding: &str| name.eq_ignore_ascii_case(coding);
                let slot = match name {
                    _ if is("gzip") || is("x-gzip") => &mut weights.gzip,
                    _ if is("br") => &mut weights.brotli,
                    _ if is("zstd") => &mut weights.zstd,
                    _ if is("identity") => &mut weights.identity,
                    "*" => &mut weights.any,
                    _ => continue,
                };
                *slot = Some(weight);
            }
        }
        weights
    }

    fn of(&self, encoding: Encoding) -> u16 {
        let own = match encoding {
            Encoding::Gzip => self.gzip,
            Encoding::Brotli => self.brotli,
            Encoding::Zstd => self.zstd,
            Encoding::Identity => self.identity,
        };
        own.or(self.any).unwrap_or(0)
    }
}

/// The offered encoding that the client likes best, the first of those that it likes as much.
/// Identity when it accepts none of them; it is acceptable unless excluded, but only a stated
/// preference beats the others. Without the header: identity.
pub fn encoding(headers: &HeaderMap, offered: &[Encoding]) -> Encoding {
    let weights = Weights::read(headers);
    let mut best = (Encoding::Identity, 0);
    for &encoding in offered {
        let weight = weights.of(encoding);
        if weight > best.1 {
            best = (encoding, weight);
        }
    }
    match weights.identity {
        Some(identity) if identity > best.1 => Encoding::Identity,
        _ => best.0,
    }
}

/// A coding's name and its weight in thousandths; a malformed weight counts as 0.
fn parse_item(item: &str) -> (&str, u16) {
    let Some((name, parameters)) = item.split_once(';') else {
        return (item.trim_ascii(), 1000);
    };
    let mut parameters = parameters.split(';').map(str::trim_ascii);
    let weight = parameters.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    let quality = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0_f32));
    (name.trim_ascii(), (quality.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;
    use crate::tile::Encoding::{Brotli, Gzip, Identity, Zstd};

    fn chosen(accept: &[&'static str], offered: &[Encoding]) -> Encoding {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        encoding(&headers, offered)
    }

    #[test]
    fn gzip_is_sent_to_all_who_accept_it() {
        for accept in ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.2", "*", "deflate, *;q=0.1"]
        {
            assert_eq!(chosen(&[accept], &[Gzip]), Gzip, "{accept}");
        }
        assert_eq!(chosen(&["br", "gzip"], &[Gzip]), Gzip);
    }

    #[test]
    fn everyone_else_gets_identity() {
        for accept in ["", "br", "identity", "gzip;q=0", "gzip;q=0, *", "*;q=0", "gzip;q=x"] {
            assert_eq!(chosen(&[accept], &[Gzip]), Identity, "{accept}");
        }
        assert_eq!(chosen(&[], &[Gzip]), Identity);
        assert_eq!(chosen(&["gzip;q=0.5, identity;q=0.8"], &[Gzip]), Identity);
    }

    #[test]
    fn clients_weights_come_first_and_the_offers_order_second() {
        let all = [Brotli, Zstd, Gzip];
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Brotli),
            ("gzip, deflate, zstd", Zstd),
            ("gzip;q=1, br;q=0.9", Gzip),
            ("br;q=0, zstd;q=0, *", Gzip),
            ("*", Brotli),
            ("*;q=0.5, gzip", Gzip),
            ("BR;q=0.001", Brotli),
            ("identity, br;q=0.5", Identity),
            ("deflate", Identity),
        ] {
            assert_eq!(chosen(&[accept], &all), expected, "{accept}");
        }
        assert_eq!(chosen(&["gzip, br"], &[Gzip, Brotli]), Gzip, "the operator prefers gzip");
    }
}
