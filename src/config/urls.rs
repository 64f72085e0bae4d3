//! The shape of public URLs and origins.

/// `http(s)://host[:port][/path]`: what the server puts in front of its own paths.
pub(super) fn is_base(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return false;
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let plain = |c: char| c.is_ascii_graphic() && !"?#\"<>\\^`{|}".contains(c);
    is_authority(authority) && path.chars().all(plain)
}

/// `scheme://host[:port]` as browsers write it: in lower case, without a path. Apps have schemes
/// of their own, such as `capacitor://localhost`.
pub(super) fn is_origin(origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let scheme_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c);
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(scheme_char)
        && is_authority(authority)
        && !authority.contains(|c: char| c.is_ascii_uppercase())
}

/// `host` or `host:port`, without a user.
fn is_authority(authority: &str) -> bool {
    // The colons of an IPv6 address are inside brackets.
    let after_bracket = authority.find(']').map_or(0, |i| i + 1);
    let (host, port) = match authority[after_bracket..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(after_bracket + colon);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok()),
        None => {
            !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
        }
    };
    host && port
}
