//! From a file to its layers in memory: which reader takes it, and what becomes of its mistakes.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;
use thiserror::Error;

use super::bytes::Hashed;
use super::store::{Store, TooMany};

/// Features that can't be read whose reasons are kept.
pub(super) const TOLD: usize = 5;

/// How files are read.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// A feature that can't be read is an error.
    pub strict: bool,
    /// Bytes that the features of a file may take.
    pub memory_limit: ByteSize,
    pub progress: &'a dyn Progress,
}

/// Is told how much of a file was read.
pub trait Progress: Sync {
    /// So many bytes will be read in all.
    fn expect(&self, _bytes: u64) {}

    /// So many more were.
    fn advance(&self, bytes: u64);

    /// Nothing more will be read.
    fn finish(&self) {}
}

/// Nobody looks.
impl Progress for () {
    fn advance(&self, _: u64) {}
}

/// A layer that a file contains.
#[derive(Clone, Debug)]
pub struct Contained {
    /// `None` where the file is the layer.
    pub name: Option<String>,
    pub store: Arc<Store>,
}

/// What was read of a file.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub layers: Vec<Contained>,
    /// Of all bytes of the file.
    pub digest: u128,
    /// Features that couldn't be read.
    pub skipped: u64,
    /// Why, of the first few: with the file, the place and the feature's number.
    pub flaws: Vec<String>,
    /// Layers that can't be served while others of the file can: with the file, and why.
    pub left_out: Vec<String>,
}

/// Why a file can't be served. The text names the file and says what to do.
#[derive(Debug, Error)]
pub enum LoadError {
    #[error("{file} can't be read: {cause}")]
    Io { file: String, cause: io::Error },
    #[error("{file}: {reason}")]
    Broken { file: String, reason: String },
    #[error("{file} has no feature that can be read; the first: {flaw}")]
    NoneGood { file: String, flaw: String },
    #[error("{skipped} features can't be read; the first: {flaw}")]
    Strict { skipped: u64, flaw: String },
    #[error("{0}")]
    LeftOut(String),
    #[error(
        "{file} is in {system}, and files can be in WGS 84 (EPSG:4326) and Web Mercator (EPSG:3857): \
         convert it with\n    ogr2ogr {from}-t_srs EPSG:4326 {converted} {path}"
    )]
    System { file: String, path: String, system: String, from: &'static str, converted: String },
    #[error(
        "{file} takes more than files.memory_limit, {limit}: raise that, or load the file into PostGIS \
         and serve it from there:\n    ogr2ogr -f PostgreSQL \"PG:host=… dbname=…\" {path} \
         -nln {table} -lco GEOMETRY_NAME=geom"
    )]
    TooLarge { file: String, path: String, limit: ByteSize, table: String },
    #[error(
        "{file} has more than {what}, which is as many as memory has places for: load it into PostGIS \
         and serve it from there:\n    ogr2ogr -f PostgreSQL \"PG:host=… dbname=…\" {file}"
    )]
    TooMany { file: String, what: TooMany },
    #[error("{file} is no file that Tesela reads: {expected}")]
    Unknown { file: String, expected: String },
}

/// What a file's name ends in, without the dot, and what that means.
const ENDINGS: [(&str, Format); 10] = [
    ("geojson", Format::GeoJson),
    ("geojsonl", Format::GeoJson),
    ("geojsons", Format::GeoJson),
    ("ndjson", Format::GeoJson),
    ("jsonl", Format::GeoJson),
    ("json", Format::GeoJson),
    ("fgb", Format::FlatGeobuf),
    ("gpkg", Format::GeoPackage),
    ("parquet", Format::GeoParquet),
    ("geoparquet", Format::GeoParquet),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    GeoJson,
    FlatGeobuf,
    GeoPackage,
    GeoParquet,
}

impl Format {
    fn is_built_in(self) -> bool {
        self != Self::GeoParquet || cfg!(feature = "geoparquet")
    }
}

/// Whether a file's name ends as those do that can be read.
pub fn is_readable(path: &Path) -> bool {
    format(path).is_some_and(Format::is_built_in)
}

/// The endings of files that can be read, with their dots.
pub fn endings() -> impl Iterator<Item = String> {
    let built_in = ENDINGS.iter().filter(|(_, format)| format.is_built_in());
    built_in.map(|(ending, _)| format!(".{ending}"))
}

fn format(path: &Path) -> Option<Format> {
    let ending = path.extension()?.to_str()?;
    let found = ENDINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending));
    found.map(|(_, format)| *format)
}

/// Reads a file.
///
/// # Errors
/// It can't be read or is too large; or with `strict` a part of it.
pub fn load(path: &Path, options: LoadOptions<'_>) -> Result<Loaded, LoadError> {
    let file = Subject { path: path.to_owned(), options };
    if path.exists() && !path.is_file() {
        return Err(file.broken("it is no regular file, and only those can be read again"));
    }
    let loaded = match format(path) {
        Some(Format::GeoJson) => file.geojson(),
        Some(Format::FlatGeobuf) => file.flatgeobuf(),
        Some(Format::GeoPackage) => file.geopackage(),
        Some(Format::GeoParquet) => file.geoparquet(),
        None => Err(file.unknown()),
    }?;
    file.judge(loaded)
}

/// What a file says of itself must not move a terminal's cursor.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| match c.is_control() {
        true => c.escape_debug().collect::<Vec<_>>(),
        false => vec![c],
    };
    text.chars().flat_map(shown).collect()
}

/// A file while it is read.
pub(super) struct Subject<'a> {
    pub(super) path: PathBuf,
    pub(super) options: LoadOptions<'a>,
}

impl<'a> Subject<'a> {
    pub(super) fn name(&self) -> String {
        printable(&self.path.display().to_string())
    }

    /// The path for a shell.
    fn quoted(&self, path: &Path) -> String {
        let text = path.display().to_string();
        let is_plain = |c: char| c.is_alphanumeric() || "/._-+,".contains(c);
        match text.chars().all(is_plain) {
            true => text,
            false => format!("'{}'", printable(&text).replace('\'', "'\\''")),
        }
    }

    /// Opens the file for being read from its first byte to its last.
    pub(super) fn open(&self) -> Result<Hashed<'a>, LoadError> {
        let file = File::open(&self.path).map_err(|cause| self.io(cause))?;
        Ok(Hashed::new(file, self.options.progress))
    }

    pub(super) fn io(&self, cause: io::Error) -> LoadError {
        LoadError::Io { file: self.name(), cause }
    }

    pub(super) fn broken(&self, reason: impl Into<String>) -> LoadError {
        LoadError::Broken { file: self.name(), reason: reason.into() }
    }

    /// It is too large if it takes so many bytes.
    pub(super) fn check_memory(&self, bytes: u64) -> Result<(), LoadError> {
        if bytes > self.options.memory_limit.as_u64() { Err(self.too_large()) } else { Ok(()) }
    }

    pub(super) fn too_large(&self) -> LoadError {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        LoadError::TooLarge {
            file: self.name(),
            path: self.quoted(&self.path),
            limit: self.options.memory_limit,
            table: self.quoted(Path::new(&stem.to_lowercase())),
        }
    }

    pub(super) fn too_many(&self, what: TooMany) -> LoadError {
        LoadError::TooMany { file: self.name(), what }
    }

    /// It is in a reference system that needs to be converted.
    pub(super) fn other_system(&self, system: String) -> LoadError {
        self.system_error(system, "")
    }

    /// The same for one that nobody can convert without saying what it is.
    pub(super) fn undefined_system(&self, system: String) -> LoadError {
        self.system_error(system, "-s_srs EPSG:… ")
    }

    fn system_error(&self, system: String, from: &'static str) -> LoadError {
        let ending = self.path.extension().unwrap_or_default();
        let converted = self.path.with_extension(format!("4326.{}", ending.display()));
        LoadError::System {
            file: self.name(),
            path: self.quoted(&self.path),
            system: printable(&system),
            from,
            converted: self.quoted(&converted),
        }
    }

    fn unknown(&self) -> LoadError {
        let endings = endings().collect::<Vec<_>>().join(", ");
        let (file, other) = (self.name(), self.path.with_extension("gpkg"));
        let expected = format!(
            "expected a name that ends in {endings}; convert others with\n    \
             ogr2ogr -f GPKG {} {}",
            self.quoted(&other),
            self.quoted(&self.path),
        );
        LoadError::Unknown { file, expected }
    }

    /// What is left out is an error if that is all, or if nothing may be.
    fn judge(&self, loaded: Loaded) -> Result<Loaded, LoadError> {
        let (flaw, left_out) = (loaded.flaws.first(), loaded.left_out.first());
        let is_empty = loaded.layers.iter().all(|layer| layer.store.is_empty());
        match (flaw.cloned(), left_out.cloned()) {
            (Some(flaw), _) if is_empty => Err(LoadError::NoneGood { file: self.name(), flaw }),
            (Some(flaw), _) if self.options.strict => {
                Err(LoadError::Strict { skipped: loaded.skipped, flaw })
            }
            (_, Some(reason)) if self.options.strict => Err(LoadError::LeftOut(reason)),
            _ => Ok(loaded),
        }
    }
}
