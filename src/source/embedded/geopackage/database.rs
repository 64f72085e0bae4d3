//! The database: opened so that nothing is written and nothing in it runs without end.

use std::ffi::OsString;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, Result, Row, Statement};

use super::{Description, System};
use crate::source::embedded::load::{LoadError, Subject};

/// Steps of SQLite's machine between two looks at how many there were.
const STRIDE: i32 = 1_000_000;

/// Strides without a feature after which a view is taken for one that has no end: some minutes.
const PATIENCE: u32 = 3_000;

/// Bytes that a value may have, however small the file is.
const LEAST_LENGTH: u64 = 1 << 20;

const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

const LAYERS: &str = "SELECT c.table_name, g.column_name, coalesce(g.srs_id, c.srs_id), \
     s.organization, s.organization_coordsys_id, s.srs_name, s.definition \
     FROM gpkg_contents c \
     LEFT JOIN gpkg_geometry_columns g ON g.table_name = c.table_name COLLATE NOCASE \
     LEFT JOIN gpkg_spatial_ref_sys s ON s.srs_id = coalesce(g.srs_id, c.srs_id) \
     WHERE c.data_type = 'features' ORDER BY c.table_name";

/// A GeoPackage, open.
pub(super) struct Database {
    connection: Connection,
    /// Strides since the last feature.
    waited: Arc<AtomicU32>,
}

impl Database {
    /// Opens the file.
    ///
    /// # Errors
    /// It is no GeoPackage, or can't be read.
    pub(super) fn open(file: &Subject<'_>) -> Result<Self, LoadError> {
        let beside = log(&file.path);
        let opened = connect(&file.path, beside.is_none());
        let database = opened.and_then(|database| Ok((database.kind()?, database)));
        match database {
            Ok((Kind::GeoPackage, database)) => Ok(database),
            Ok((Kind::SpatiaLite, _)) => {
                let converted = file.path.with_extension("converted.gpkg");
                let (file_name, converted) = (file.name(), converted.display());
                Err(file.broken(format!(
                    "it is a database as SpatiaLite makes them, and Tesela reads GeoPackage: \
                     convert it with\n    \
                     ogr2ogr -f GPKG {converted} {file_name}"
                )))
            }
            Ok((Kind::Other, _)) => Err(file.broken(
                "it is a database of SQLite, but no GeoPackage: there is no gpkg_contents",
            )),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                Err(file.broken("it is no GeoPackage: it doesn't start as a database of SQLite"))
            }
            Err(error) => Err(file.broken(match beside {
                None => format!("SQLite can't read it: {error}"),
                Some(beside) => format!(
                    "SQLite can't read it, with the changes that are still in {}: {error}; end the \
                     program that writes it, or allow Tesela to write into its folder",
                    beside.display()
                ),
            })),
        }
    }

    /// The layers that the contents list.
    pub(super) fn descriptions(&self, file: &Subject<'_>) -> Result<Vec<Description>, LoadError> {
        let read = || {
            let mut statement = self.connection.prepare(LAYERS)?;
            let rows = statement.query_map([], description)?;
            rows.collect::<Result<Vec<_>>>()
        };
        read().map_err(|error| file.broken(format!("its list of layers can't be read: {error}")))
    }

    pub(super) fn prepare(&self, sql: &str) -> Result<Statement<'_>> {
        self.waited.store(0, Ordering::Relaxed);
        self.connection.prepare(sql)
    }

    /// Says that a feature has come.
    pub(super) fn has_moved(&self) {
        self.waited.store(0, Ordering::Relaxed);
    }

    fn kind(&self) -> Result<Kind> {
        let sql =
            "SELECT name FROM sqlite_master WHERE name IN ('gpkg_contents', 'geometry_columns')";
        let mut statement = self.connection.prepare(sql)?;
        let names = statement.query_map([], |row| row.get(0))?;
        let names = names.collect::<Result<Vec<String>>>()?;
        Ok(match names.iter().any(|name| name == "gpkg_contents") {
            true => Kind::GeoPackage,
            false if names.is_empty() => Kind::Other,
            false => Kind::SpatiaLite,
        })
    }
}

enum Kind {
    GeoPackage,
    SpatiaLite,
    Other,
}

/// What has been written but is not yet in the file itself lies beside it: the write-ahead log, or
/// the journal of a program that was interrupted.
pub(super) fn log(path: &Path) -> Option<PathBuf> {
    let beside = ["-wal", "-journal"].map(|suffix| {
        let mut name = OsString::from(path);
        name.push(suffix);
        PathBuf::from(name)
    });
    let has_bytes = |path: &PathBuf| path.metadata().is_ok_and(|metadata| metadata.len() > 0);
    beside.into_iter().find(has_bytes)
}

/// Opens a database for reading. One that is `alone` nobody is writing to, so that it needs no locks
/// and no files beside it.
fn connect(path: &Path, alone: bool) -> Result<Database> {
    let whole = absolute(path).unwrap_or_else(|_| path.to_owned());
    let encoded = percent_encode(whole.as_os_str().as_encoded_bytes(), PATH).to_string();
    let mode = if alone { "immutable=1" } else { "mode=ro" };
    let uri = format!("file:///{}?{mode}", encoded.trim_start_matches('/'));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(uri, flags)?;
    // Of hostile files: no functions with effects in views, and no value larger than the file.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    let length = path.metadata().map_or(0, |metadata| metadata.len()).max(LEAST_LENGTH);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(length).unwrap_or(i32::MAX))?;
    let waited = Arc::new(AtomicU32::new(0));
    let count = waited.clone();
    let is_endless = move || count.fetch_add(1, Ordering::Relaxed) >= PATIENCE;
    connection.progress_handler(STRIDE, Some(is_endless))?;
    Ok(Database { connection, waited })
}

fn description(row: &Row<'_>) -> Result<Description> {
    Ok(Description {
        table: row.get(0)?,
        geometry: row.get(1)?,
        system: System {
            srs: row.get::<_, Option<i64>>(2)?.unwrap_or(0),
            organisation: row.get(3)?,
            code: row.get(4)?,
            name: row.get(5)?,
            definition: row.get(6)?,
        },
    })
}
