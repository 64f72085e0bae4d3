//! Names of reference systems.

use crate::tile::Crs;

/// The system that an organisation's code stands for, if it is one that files can be in.
pub(super) fn by_code(organisation: &str, code: &str) -> Option<Crs> {
    match (organisation.to_ascii_uppercase().as_str(), code) {
        ("EPSG", "4326" | "4979") | ("OGC", "CRS84" | "CRS84h") => Some(Crs::Wgs84),
        ("EPSG", "3857" | "3785" | "900913") | ("ESRI", "102100" | "102113") => {
            Some(Crs::WebMercator)
        }
        _ => None,
    }
}

/// The system that a well-known text describes (OGC 01-009, OGC 18-010r7).
///
/// # Errors
/// With the name of one that files can't be in.
pub(super) fn by_wkt(text: &str) -> Result<Crs, String> {
    let name = text.split('"').nth(1).unwrap_or("a system without a name");
    if let Some((organisation, code)) = authority(text) {
        let other = || format!("{organisation}:{code} ({name})");
        return by_code(&organisation, &code).ok_or_else(other);
    }
    let is_geographic = text.trim_start().to_ascii_uppercase().starts_with("GEO");
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    match (is_geographic, plain.to_ascii_lowercase().as_str()) {
        (true, "wgs84" | "gcswgs1984" | "wgs1984" | "wgs84crs84") => Ok(Crs::Wgs84),
        (false, "wgs84pseudomercator" | "wgs1984webmercatorauxiliarysphere") => {
            Ok(Crs::WebMercator)
        }
        _ => Err(name.to_owned()),
    }
}

/// The organisation and its code that a well-known text has for the whole system, not for a part:
/// `AUTHORITY["EPSG","4326"]`, or `ID["EPSG",4326]` since its second version.
fn authority(text: &str) -> Option<(String, String)> {
    let (mut depth, mut is_quoted) = (0_usize, false);
    for (at, char) in text.char_indices() {
        match char {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 1 => {
                let rest = text[at + 1..].trim_start();
                let Some((keyword, rest)) = rest.split_once(['[', '(']) else { continue };
                if !["AUTHORITY", "ID"].contains(&keyword.to_ascii_uppercase().as_str()) {
                    continue;
                }
                let (inner, _) = rest.split_once([']', ')'])?;
                let mut parts = inner.split(',').map(|part| part.trim_matches([' ', '"', '\n']));
                return Some((parts.next()?.to_owned(), parts.next()?.to_owned()));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_systems_are_known_and_no_others() {
        assert_eq!(by_code("epsg", "4326"), Some(Crs::Wgs84));
        assert_eq!(by_code("OGC", "CRS84"), Some(Crs::Wgs84));
        assert_eq!(by_code("EPSG", "3857"), Some(Crs::WebMercator));
        for (organisation, code) in [("EPSG", "25832"), ("ESRI", "4326"), ("OGC", "84"), ("", "")] {
            assert_eq!(by_code(organisation, code), None, "{organisation}:{code}");
        }
    }

    #[test]
    fn a_text_is_known_by_the_code_of_the_whole_or_else_by_its_name() {
        let geographic = r#"GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["a, [b",6378137,298,
            AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],AUTHORITY["EPSG","4326"]]"#;
        assert_eq!(by_wkt(geographic), Ok(Crs::Wgs84));
        let second = r#"PROJCRS["x",BASEGEOGCRS["WGS 84",ID["EPSG",4326]],ID["EPSG", 3857]]"#;
        assert_eq!(by_wkt(second), Ok(Crs::WebMercator));
        let esri = r#"GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137,298]]]"#;
        assert_eq!(by_wkt(esri), Ok(Crs::Wgs84));
        let other = r#"PROJCS["ETRS89 / UTM 32N",GEOGCS["ETRS89",AUTHORITY["EPSG","4258"]],
            AUTHORITY["EPSG","25832"]]"#;
        assert_eq!(by_wkt(other), Err("EPSG:25832 (ETRS89 / UTM 32N)".to_owned()));
        let inner = r#"PROJCS["mine",GEOGCS["WGS 84",AUTHORITY["EPSG","4326"]]]"#;
        assert_eq!(by_wkt(inner), Err("mine".to_owned()));
        for broken in ["", "\"", "GEOGCS[", "A[\"b\",ID[", "A[,ID[\"x\"]", "]],ID[1,2]"] {
            assert!(by_wkt(broken).is_err(), "{broken}");
        }
    }
}
