//! The page's files as `build.rs` has put them into the binary.

include!(concat!(env!("OUT_DIR"), "/viewer.rs"));

/// The file of this name, compressed with gzip.
pub fn find(name: &str) -> Option<&'static [u8]> {
    ASSETS.iter().find(|(known, _)| *known == name).map(|(_, gzip)| *gzip)
}

/// Media type of a file by its name.
pub fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, kind)| kind) {
        "mjs" | "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use base64::prelude::{BASE64_STANDARD, Engine as _};
    use flate2::read::GzDecoder;
    use sha2::{Digest, Sha384};

    use super::*;

    #[test]
    fn the_pinned_digests_are_those_of_the_embedded_files() {
        let found = LIBRARY.iter().filter_map(|(name, wanted)| Some((name, wanted, find(name)?)));
        let found: Vec<_> = found.collect();
        assert_eq!(found.len(), if EMBEDDED { LIBRARY.len() } else { 0 });
        for (name, integrity, gzip) in found {
            let mut content = Vec::new();
            GzDecoder::new(gzip).read_to_end(&mut content).unwrap();
            let digest = BASE64_STANDARD.encode(Sha384::digest(&content));
            assert_eq!(format!("sha384-{digest}"), *integrity, "{name}");
        }
    }

    #[test]
    fn the_licence_is_where_the_library_is() {
        assert_eq!(find("maplibre-gl-LICENSE.txt").is_some(), EMBEDDED);
        assert_eq!(find("maplibre-gl.mjs").is_some(), EMBEDDED);
    }

    #[test]
    fn every_file_has_a_media_type_that_browsers_accept_for_it() {
        for (name, _) in ASSETS {
            let script = name.ends_with("js");
            assert_eq!(media_type(name).starts_with("text/javascript"), script, "{name}");
        }
        assert!(media_type("style.css").starts_with("text/css"));
    }
}
