//! Which MapLibre GL JS the preview page uses, and what its files must be. `build.rs` reads this.
//!
//! To move to another version: change it, take the tarball's integrity from `npm view
//! maplibre-gl@VERSION dist.integrity`, build, and copy the digests that the build then complains of.

/// Name of the npm package.
pub const PACKAGE: &str = "maplibre-gl";

/// Its exact version.
pub const VERSION: &str = "6.17.0";

/// Digest of its tarball, as lock files of npm write it.
pub const TARBALL: &str = "sha512-2chIZwpLGenoUQOcnm9Pk4SLbA8ppNFq8jlpXiq9vcYm3Y1wJ3fc82FL0GLwBaPYJCLzPv/mC46KEupVov75rQ==";

/// Files of its folder `dist/` that the page loads, with their digests for subresource integrity.
pub const FILES: [(&str, &str); 3] = [
    ("maplibre-gl.mjs", "sha384-pghUwrZY2q/5xc+bZCYbeUP4JsNuZEmG8j+ZvzJMC1DOy3Rdj5AhRNThLRAiEjSb"),
    (
        "maplibre-gl-worker.mjs",
        "sha384-3TQUOa/0LGT7Cx/33YaLIs5RPzqGBCUAlmA8ht2ofWIP6UugFoidHfikpRijBozF",
    ),
    ("maplibre-gl.css", "sha384-S+OnE5M4U3Qc2nR0RgljGrVs06xqfRg8L7uFk/pOF5+sRuSDG4oKkqKZmFrx7w09"),
];
