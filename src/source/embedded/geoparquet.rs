//! GeoParquet 1.0 and 1.1 (<https://geoparquet.org>), with the feature `geoparquet`: a table in
//! Parquet, with geometries in well-known binary and what they are in its key `geo`.

#[cfg(feature = "geoparquet")]
mod columns;
#[cfg(feature = "geoparquet")]
mod file;

#[cfg(not(feature = "geoparquet"))]
use super::load::{LoadError, Loaded, Subject};

#[cfg(not(feature = "geoparquet"))]
impl Subject<'_> {
    /// # Errors
    /// Always: nothing that reads it is built in.
    pub(super) fn geoparquet(&self) -> Result<Loaded, LoadError> {
        Err(self.broken(format!(
            "this tesela was built without GeoParquet: build it with \
             cargo build --release --features geoparquet, or convert the file with\n    \
             ogr2ogr -f GPKG {} {}",
            self.path.with_extension("gpkg").display(),
            self.name()
        )))
    }
}
