//! GeoPackage (OGC 12-128r18): a database of SQLite, of which each feature table is a layer.

mod database;
mod geometry;
mod table;

use std::sync::Arc;

use rusqlite::ErrorCode;
use xxhash_rust::xxh3::xxh3_128;

use self::database::Database;
use self::table::Table;
use super::bytes::Steps;
use super::load::{Contained, LoadError, Loaded, Subject, TOLD};
use super::parallel::CHUNK;
use super::store::Store;
use super::systems;
use crate::tile::{Crs, Shape};

/// What `gpkg_contents` and its neighbours say of a layer.
struct Description {
    table: String,
    geometry: Option<String>,
    system: System,
}

/// A reference system as `gpkg_spatial_ref_sys` has it.
struct System {
    srs: i64,
    organisation: Option<String>,
    code: Option<i64>,
    name: Option<String>,
    definition: Option<String>,
}

/// What has been read of the file so far.
struct Reading<'a> {
    steps: Steps<'a>,
    used: u64,
    skipped: u64,
    flaws: Vec<String>,
}

impl<'a> Subject<'a> {
    pub(super) fn geopackage(&self) -> Result<Loaded, LoadError> {
        let (digest, steps) = self.database_digest()?;
        let database = Database::open(self)?;
        let descriptions = database.descriptions(self)?;
        let mut reading = Reading { steps, used: 0, skipped: 0, flaws: Vec::new() };
        let (mut layers, mut left_out) = (Vec::new(), Vec::new());
        for description in descriptions {
            match self.table(&database, &description) {
                Ok(table) => {
                    let store = self.store(&database, &table, &mut reading)?;
                    layers.push(Contained { name: Some(table.name), store: Arc::new(store) });
                }
                Err(error) => left_out.push(error),
            }
        }
        if layers.is_empty() {
            let nothing = || self.broken("it has no tables of features, and nothing else is drawn");
            return Err(left_out.into_iter().next().unwrap_or_else(nothing));
        }
        let left_out = left_out.iter().map(ToString::to_string).collect();
        let Reading { steps, skipped, flaws, .. } = reading;
        steps.finish();
        Ok(Loaded { layers, digest, skipped, flaws, left_out })
    }

    /// Of the file, with what has been written beside it and not yet into it.
    fn database_digest(&self) -> Result<(u128, Steps<'a>), LoadError> {
        let (digest, steps) = self.digest()?;
        let Some(log) = database::log(&self.path) else { return Ok((digest, steps)) };
        let (log, _) = Subject { path: log, options: self.options }.digest()?;
        Ok((xxh3_128([digest, log].map(u128::to_le_bytes).as_flattened()), steps))
    }

    /// How a layer is read.
    ///
    /// # Errors
    /// It can't be, but others may.
    fn table(&self, database: &Database, layer: &Description) -> Result<Table, LoadError> {
        let Description { table: name, geometry, system } = layer;
        let crs = system.crs().map_err(|system| {
            let system = format!("{system} in its layer {name:?}");
            match layer.system.srs {
                -1 => self.undefined_system(system),
                _ => self.other_system(system),
            }
        })?;
        let broken = |reason: String| self.broken(format!("layer {name:?}: {reason}"));
        let geometry = geometry.as_deref();
        let geometry = geometry.ok_or_else(|| broken("gpkg_geometry_columns lacks it".to_owned()));
        Table::new(database, name, geometry?, (system.srs, crs)).map_err(broken)
    }

    /// Reads all rows of a layer.
    fn store(
        &self,
        database: &Database,
        table: &Table,
        reading: &mut Reading<'_>,
    ) -> Result<Store, LoadError> {
        let (mut batches, mut shape, mut number) = (Vec::new(), Shape::default(), 0_u64);
        let mut batch = table.batch();
        let sqlite = |error: rusqlite::Error, number: u64| {
            let name = &table.name;
            let reason = match error.sqlite_error_code() {
                Some(ErrorCode::OperationInterrupted) => {
                    "its query goes on without features".into()
                }
                _ => error.to_string(),
            };
            self.broken(format!("layer {name:?}: it can't be read after row {number}: {reason}"))
        };
        let mut statement = database.prepare(&table.sql).map_err(|error| sqlite(error, 0))?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| sqlite(error, number))? {
            number += 1;
            reading.steps.advance(Table::size(row));
            let known = batch.features.len();
            if let Err(flaw) = table.read(row, &mut shape, &mut batch) {
                reading.skipped += 1;
                if reading.flaws.len() < TOLD {
                    let (file, name) = (self.name(), &table.name);
                    let row = table.named(row, number);
                    reading.flaws.push(format!("{file}: layer {name:?}, {row}: {flaw}"));
                }
            }
            if batch.features.len() > known {
                database.has_moved();
            }
            let bytes = batch.bytes();
            if bytes > CHUNK {
                reading.used += bytes as u64;
                self.check_memory(reading.used)?;
                batch.seal();
                batches.push(std::mem::replace(&mut batch, table.batch()));
            }
        }
        reading.used += batch.bytes() as u64;
        self.check_memory(reading.used)?;
        batch.seal();
        batches.push(batch);
        Store::new(batches).map_err(|what| self.too_many(what))
    }
}

impl System {
    /// # Errors
    /// With its name, if files can't be in it.
    fn crs(&self) -> Result<Crs, String> {
        let organisation = self.organisation.as_deref().unwrap_or("EPSG");
        let code = self.code.unwrap_or(self.srs);
        let name = self.name.as_deref().unwrap_or_default();
        match self.srs {
            // Section 1.1.2: undefined and geographic, and so degrees.
            0 => return Ok(Crs::Wgs84),
            -1 => return Err("an undefined system of plane coordinates (srs_id -1)".to_owned()),
            // What GDAL writes if it knows no system at all.
            99_999 if organisation == "GDAL" => return Ok(Crs::Wgs84),
            _ => {}
        }
        if let Some(crs) = systems::by_code(organisation, &code.to_string()) {
            return Ok(crs);
        }
        if !organisation.eq_ignore_ascii_case("EPSG")
            && let Some(Ok(crs)) = self.definition.as_deref().map(systems::by_wkt)
        {
            return Ok(crs);
        }
        Err(format!(
            "{organisation}:{code}{}",
            match name {
                "" => String::new(),
                name => format!(" ({name})"),
            }
        ))
    }
}
