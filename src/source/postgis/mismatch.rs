//! Settings that don't match the database.

use thiserror::Error;

/// Why a configured table can't be published. The text says what to do about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Mismatch {
    #[error(
        "`{name}` is not a table name: expected `table` or `schema.table`, with parts that hold \
         dots in double quotes"
    )]
    MalformedName { name: String },
    #[error("there is no table `{table}`: {suggestion}")]
    NoTable { table: String, suggestion: String },
    #[error("`{table}` names several tables: write one of {choices}")]
    AmbiguousTable { table: String, choices: String },
    #[error("table `{table}` has several geometry columns: set `geometry` to one of {choices}")]
    AmbiguousGeometry { table: String, choices: String },
    #[error(
        "table `{table}` has no geometry column `{column}`: set `geometry` to one of {choices}"
    )]
    NoGeometry { table: String, column: String, choices: String },
    #[error("table `{table}` has no column `{column}`: {suggestion}")]
    NoColumn { table: String, column: String, suggestion: String },
    #[error(
        "column `{column}` of table `{table}` can't be an id: it is {type_name}, and only \
         integers can"
    )]
    IdNotInteger { table: String, column: String, type_name: String },
    #[error(
        "the spatial reference system of `{table}` is unknown: set `srid = 4326` (degrees), \
         `srid = 3857` (Web Mercator) or the one that its coordinates are in"
    )]
    UnknownSrid { table: String },
    #[error(
        "the rows of `{table}` could not be read to learn its SRID: {reason}; set `srid` and \
         `geometry` type or try again"
    )]
    Unlooked { table: String, reason: String },
    #[error(
        "SRID {srid} of `{table}` is not in spatial_ref_sys: add its definition there with \
         INSERT, or restore the rows that PostGIS came with"
    )]
    UnknownSystem { table: String, srid: i32 },
    #[error(
        "`srid = {srid}` does not match `{table}`, whose geometry has SRID {found}: remove \
         `srid`, or transform the column"
    )]
    OtherSrid { table: String, srid: i32, found: i32 },
    #[error(
        "`srid = {srid}` is not a spatial reference system: expected an EPSG code such as 3857"
    )]
    InvalidSrid { srid: i32 },
    #[error(
        "the geometry of `{table}` has several SRIDs ({found}): transform it to one, for example \
         in a view"
    )]
    MixedSrids { table: String, found: String },
}
