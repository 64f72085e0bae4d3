//! `If-None-Match` (RFC 9110 section 13.1.2).

use actix_web::http::header::{HeaderMap, IF_NONE_MATCH};

/// Whether the client already holds the representation with the entity tag `etag`, given with
/// its quotes. Tags are compared weakly, as section 13.1.2 asks.
pub fn not_modified(headers: &HeaderMap, etag: &[u8]) -> bool {
    headers.get_all(IF_NONE_MATCH).any(|header| {
        let value = header.as_bytes().trim_ascii();
        value == b"*" || matches(value, etag)
    })
}

fn matches(mut list: &[u8], etag: &[u8]) -> bool {
    loop {
        list = list.trim_ascii_start();
        match list {
            [b',', rest @ ..] => list = rest,
            [b'W', b'/', rest @ ..] => list = rest,
            // A tag may hold commas, so the list is read tag by tag.
            [b'"', rest @ ..] => {
                let Some(end) = rest.iter().position(|&byte| byte == b'"') else { return false };
                if &list[..end + 2] == etag {
                    return true;
                }
                list = &rest[end + 1..];
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_strong() {
        let etag = b"\"ab,c-gz\"";
        for list in ["\"ab,c-gz\"", "W/\"ab,c-gz\"", "\"x\" , \"ab,c-gz\"", "\"x\",W/\"ab,c-gz\""] {
            assert!(matches(list.as_bytes(), etag), "{list}");
        }
    }

    #[test]
    fn other_tags_and_malformed_lists_do_not_match() {
        let etag = b"\"abc-gz\"";
        for list in [
            "",
            "\"abc-id\"",
            "abc-gz",
            "\"abc-gz",
            "\"abc\", \"-gz\"",
            "W/",
            "\"*\"",
            "*x",
            "\"x\" *",
        ] {
            assert!(!matches(list.as_bytes(), etag), "{list}");
        }
    }
}
