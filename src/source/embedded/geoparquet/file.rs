//! The file: what it says of its geometries, and its rows as features.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Row;
use serde_json::Value as Json;

use super::columns::Columns;
use crate::source::embedded::batch::{Batch, Flaw};
use crate::source::embedded::bytes::Steps;
use crate::source::embedded::load::{Contained, LoadError, Loaded, Subject, TOLD};
use crate::source::embedded::parallel::CHUNK;
use crate::source::embedded::store::Store;
use crate::source::embedded::{systems, wkb};
use crate::tile::{Crs, Shape};

/// What the key `geo` says of the geometries.
struct Geo {
    column: String,
    crs: Crs,
}

/// What is read so far.
#[derive(Default)]
struct Reading {
    batches: Vec<Batch>,
    used: u64,
    rows: u64,
    skipped: u64,
    flaws: Vec<String>,
}

impl Subject<'_> {
    pub(in crate::source::embedded) fn geoparquet(&self) -> Result<Loaded, LoadError> {
        let (digest, mut steps) = self.digest()?;
        // The crate panics on some bytes that no writer would write.
        let read = catch_unwind(AssertUnwindSafe(|| self.rows(&mut steps)));
        let reading = read.unwrap_or_else(|_| Err(self.broken("its Parquet can't be decoded")))?;
        steps.finish();
        let store = Store::new(reading.batches).map_err(|what| self.too_many(what))?;
        Ok(Loaded {
            layers: vec![Contained { name: None, store: Arc::new(store) }],
            digest,
            skipped: reading.skipped,
            flaws: reading.flaws,
            left_out: Vec::new(),
        })
    }

    fn rows(&self, steps: &mut Steps<'_>) -> Result<Reading, LoadError> {
        let parquet = |error: ParquetError| self.broken(reason(&error));
        let file = File::open(&self.path).map_err(|cause| self.io(cause))?;
        let reader = SerializedFileReader::new(file).map_err(parquet)?;
        let geo = self.geo(&reader)?;
        let metadata = reader.metadata().file_metadata();
        let columns = Columns::new(metadata.schema(), &geo.column);
        let columns = columns.map_err(|reason| self.broken(reason))?;
        let (mut reading, mut shape) = (Reading::default(), Shape::default());
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group).map_err(parquet)?;
            let rows = group.get_row_iter(Some(columns.projection.clone())).map_err(parquet)?;
            let mut batch = columns.batch();
            for row in rows {
                reading.rows += 1;
                let number = reading.rows;
                let row = row.map_err(|error| {
                    self.broken(format!("its row {number} can't be read: {}", reason(&error)))
                })?;
                if let Err(flaw) = feature(&row, &columns, geo.crs, &mut shape, &mut batch) {
                    reading.skipped += 1;
                    if reading.flaws.len() < TOLD {
                        reading.flaws.push(format!("{}: feature {number}: {flaw}", self.name()));
                    }
                }
                if batch.bytes() > CHUNK {
                    let full = std::mem::replace(&mut batch, columns.batch());
                    self.keep(full, &mut reading)?;
                }
            }
            self.keep(batch, &mut reading)?;
            steps.advance(group.metadata().compressed_size().unsigned_abs());
        }
        Ok(reading)
    }

    fn keep(&self, mut batch: Batch, reading: &mut Reading) -> Result<(), LoadError> {
        reading.used += batch.bytes() as u64;
        self.check_memory(reading.used)?;
        batch.seal();
        reading.batches.push(batch);
        Ok(())
    }

    /// Finds the column of the geometries.
    fn geo(&self, reader: &dyn FileReader) -> Result<Geo, LoadError> {
        let metadata = reader.metadata().file_metadata();
        let entries = metadata.key_value_metadata().into_iter().flatten();
        let text = entries.filter(|entry| entry.key == "geo").find_map(|e| e.value.as_deref());
        let text = text.ok_or_else(|| {
            self.broken("it is Parquet, but not GeoParquet: its metadata has no key \"geo\"")
        })?;
        let json: Json = serde_json::from_str(text)
            .map_err(|error| self.broken(format!("its key \"geo\" is no JSON: {error}")))?;
        let column = json["primary_column"].as_str();
        let column = column.ok_or_else(|| self.broken("its key \"geo\" has no primary_column"))?;
        let described = &json["columns"][column];
        match described["encoding"].as_str() {
            Some("WKB") => {}
            other => {
                let encoding = other.unwrap_or("nothing that it names");
                let (converted, file) = (self.path.with_extension("gpkg"), self.name());
                return Err(self.broken(format!(
                    "its geometries are encoded as {encoding}, expected WKB: convert it with\n    \
                     ogr2ogr -f GPKG {} {file}",
                    converted.display()
                )));
            }
        }
        let crs = system(&described["crs"]).map_err(|system| self.other_system(system))?;
        Ok(Geo { column: column.to_owned(), crs })
    }
}

/// Reads a row into the batch.
///
/// # Errors
/// Why it can't be used. The batch is as it was.
fn feature(
    row: &Row,
    columns: &Columns,
    crs: Crs,
    shape: &mut Shape,
    batch: &mut Batch,
) -> Result<(), Flaw> {
    let read = columns.read(row, batch, |geometry, batch| wkb::draw(geometry, crs, shape, batch));
    match read {
        Ok(()) => batch.finish(None),
        Err(_) => batch.cancel(),
    }
    read
}

/// The system that PROJJSON describes; degrees if there is none or nobody knows.
fn system(crs: &Json) -> Result<Crs, String> {
    if crs.is_null() {
        return Ok(Crs::Wgs84);
    }
    let name = crs["name"].as_str().unwrap_or("a system without a name");
    let organisation = crs["id"]["authority"].as_str().unwrap_or_default();
    let code = match &crs["id"]["code"] {
        Json::String(code) => code.clone(),
        Json::Number(code) => code.to_string(),
        _ => return Err(name.to_owned()),
    };
    systems::by_code(organisation, &code).ok_or_else(|| format!("{organisation}:{code} ({name})"))
}

/// What the crate says, which may be several lines.
fn reason(error: &ParquetError) -> String {
    let text = error.to_string();
    format!("its Parquet is broken: {}", text.lines().next().unwrap_or_default())
}
