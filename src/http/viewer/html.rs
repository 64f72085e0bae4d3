//! The page's HTML and its Content-Security-Policy, in both forms: with MapLibre GL JS from this server,
//! or from a CDN.

use super::assets;

/// Where the browser gets MapLibre GL JS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// From this server; no request leaves it.
    Embedded,
    /// From a CDN, each file with its digest.
    Cdn,
}

impl Library {
    /// What this binary was built with.
    pub const BUILT: Self = if assets::EMBEDDED { Self::Embedded } else { Self::Cdn };
}

const TEMPLATE: &str = include_str!("../../../viewer/index.html");

/// Folder of the files, relative to the page.
fn folder() -> String {
    format!("_/{}", assets::DIGEST)
}

/// Folder of MapLibre's files at the CDN, which has npm's packages as they are.
fn cdn() -> String {
    format!("https://cdn.jsdelivr.net/npm/{}@{}/dist", assets::PACKAGE, assets::VERSION)
}

/// The digest of one of MapLibre's files.
fn integrity(file: &str) -> &'static str {
    assets::LIBRARY.iter().find(|(name, _)| *name == file).map_or("", |(_, digest)| *digest)
}

/// The page. It holds nothing of the catalogue or the request, so that it is one for all addresses.
pub fn html(library: Library) -> String {
    let own = folder();
    let (from, script, worker, style) = match library {
        Library::Embedded => (own.clone(), "", "", String::new()),
        Library::Cdn => (
            cdn(),
            integrity("maplibre-gl.mjs"),
            integrity("maplibre-gl-worker.mjs"),
            format!(" integrity=\"{}\" crossorigin=\"anonymous\"", integrity("maplibre-gl.css")),
        ),
    };
    TEMPLATE
        .replace("{{assets}}", &own)
        .replace("{{library}}", &from)
        .replace("{{script_integrity}}", script)
        .replace("{{worker_integrity}}", worker)
        .replace("{{style_integrity}}", &style)
}

/// The header that goes with [`html`]. No inline script or style, nothing from elsewhere, but for the CDN's one
/// folder. There the scripts are fetched with their digests and run from `blob:`, since neither `import()` nor
/// a worker can be given a digest.
pub fn policy(library: Library) -> String {
    let (script, worker, cdn) = match library {
        Library::Embedded => ("'self'", "'self'", String::new()),
        Library::Cdn => ("'self' blob:", "blob:", format!(" {}/", cdn())),
    };
    format!(
        "default-src 'none'; script-src {script}; worker-src {worker}; style-src 'self'{cdn}; \
         img-src 'self' data: blob:; connect-src 'self'{cdn}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_page_names_no_other_server() {
        let page = html(Library::Embedded);
        assert!(!page.contains("://") && !page.contains("integrity=\"sha"), "{page}");
        assert!(page.contains(&format!("href=\"_/{}/maplibre-gl.css\"", assets::DIGEST)));
        assert_eq!(
            policy(Library::Embedded),
            "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; \
             img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
    }

    #[test]
    fn the_page_from_a_cdn_has_the_digest_of_each_file_and_a_policy_that_names_the_folder() {
        let page = html(Library::Cdn);
        let folder = format!("https://cdn.jsdelivr.net/npm/maplibre-gl@{}/dist", assets::VERSION);
        assert_eq!(page.matches("://").count(), page.matches(&folder).count(), "{page}");
        for (name, digest) in assets::LIBRARY {
            assert_eq!(page.matches(digest).count(), 1, "{name}");
        }
        let style = integrity("maplibre-gl.css");
        let link =
            format!("{folder}/maplibre-gl.css\" integrity=\"{style}\" crossorigin=\"anonymous\"");
        assert!(page.contains(&link), "{page}");
        assert_eq!(
            policy(Library::Cdn),
            format!(
                "default-src 'none'; script-src 'self' blob:; worker-src blob:; style-src 'self' {folder}/; \
                 img-src 'self' data: blob:; connect-src 'self' {folder}/; base-uri 'none'; \
                 form-action 'none'; frame-ancestors 'none'"
            )
        );
    }

    #[test]
    fn nothing_in_the_page_is_inline_or_left_unfilled() {
        for page in [Library::Embedded, Library::Cdn].map(html) {
            assert!(!page.contains("{{") && !page.contains(" style=") && !page.contains("<style"));
            assert!(!page.contains(" on") || !page.contains("=\"javascript:"), "no handlers");
            let scripts = page.matches("<script").count();
            assert_eq!(scripts, page.matches("></script>").count(), "each script is a file");
        }
    }
}
