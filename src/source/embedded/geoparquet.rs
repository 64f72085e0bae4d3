//! GeoParquet.

use super::load::{LoadError, Loaded, Subject};

#[cfg(not(feature = "geoparquet"))]
impl Subject<'_> {
    /// # Errors
    /// Always: nothing that reads it is built in.
    pub(super) fn geoparquet(&self) -> Result<Loaded, LoadError> {
        let converted = self.path.with_extension("gpkg");
        Err(self.broken(format!(
            "this tesela was built without GeoParquet: build it with \
             cargo build --release --features geoparquet, or convert the file with\n    \
             ogr2ogr -f GPKG {} {}",
            converted.display(),
            self.name()
        )))
    }
}
