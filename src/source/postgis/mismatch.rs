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
    #[error("column `{column}` of table `{table}` is a geometry, which can't be a property")]
    GeometryProperty { table: String, column: String },
    #[error("table `{table}` has no column `{column}`: {suggestion}")]
    NoColumn { table: String, column: String, suggestion: String },
    #[error(
        "column `{column}` of table `{table}` can't be an id: it is {type_name}, and only \
         integers can"
    )]
    IdNotInteger { table: String, column: String, type_name: String },
    #[error("its `sql` can't be used: {reason}")]
    BadQuery { layer: String, reason: String },
    #[error("its `sql` could not be described: {reason}; another try follows")]
    UndescribedQuery { layer: String, reason: String },
    #[error("its `filter` can't be used: {reason}")]
    BadFilter { reason: String },
    #[error(
        "`details` need an id to look `{table}` up by: set `id` to a non-negative integer column"
    )]
    DetailsWithoutId { table: String },
    #[error("{what} can't be had of `{function}`, which gives finished tiles")]
    NotOfTiles { function: String, what: &'static str },
    #[error("there is no function `{function}`: {suggestion}")]
    NoFunction { function: String, suggestion: String },
    #[error("`{function}` names several functions: write one of {choices}")]
    AmbiguousFunction { function: String, choices: String },
    #[error("`order_by` can't be read: {reason}")]
    MalformedOrder { reason: String },
    #[error(
        "rows of `{table}` can't be ordered by `{column}`: it is {type_name}, and only boolean, \
         numeric, date, time and text columns can"
    )]
    NoOrder { table: String, column: String, type_name: String },
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

impl Mismatch {
    /// The reason without anything that the database holds: it may be private.
    pub fn public(&self) -> String {
        let text = match self {
            Self::MalformedName { .. } => "its table's name is malformed",
            Self::NoTable { .. } => "its table does not exist",
            Self::AmbiguousTable { .. } => "its table's name means several tables",
            Self::AmbiguousGeometry { .. } => {
                "its table has several geometry columns: set geometry"
            }
            Self::NoGeometry { .. } => "its geometry column does not exist",
            Self::GeometryProperty { .. } => "one of its properties is a geometry",
            Self::NoColumn { .. } => "it names a column that does not exist",
            Self::IdNotInteger { .. } => "its id is not an integer column",
            Self::BadQuery { .. } => "its sql can't be used",
            Self::UndescribedQuery { .. } => "its sql could not be described",
            Self::BadFilter { .. } => "its filter can't be used",
            Self::DetailsWithoutId { .. } => "its details need an id",
            Self::NotOfTiles { .. } => "its function gives finished tiles",
            Self::NoFunction { .. } => "its function does not exist",
            Self::AmbiguousFunction { .. } => "its function's name means several functions",
            Self::MalformedOrder { .. } => "its order_by can't be read",
            Self::NoOrder { .. } => "its order_by names a column without an order",
            Self::UnknownSrid { .. } => "the SRID of its geometry is unknown: set srid",
            Self::Unlooked { .. } => "its rows could not be read to learn their SRID",
            Self::UnknownSystem { .. } => "the database does not know the SRID of its geometry",
            Self::OtherSrid { .. } => "its srid is not that of its geometry",
            Self::InvalidSrid { .. } => "its srid is not a spatial reference system",
            Self::MixedSrids { .. } => "its geometry has several SRIDs",
        };
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_texts_name_nothing_that_the_database_holds() {
        let secret = || "secret".to_owned();
        let all = [
            Mismatch::MalformedName { name: secret() },
            Mismatch::NoTable { table: secret(), suggestion: secret() },
            Mismatch::AmbiguousTable { table: secret(), choices: secret() },
            Mismatch::AmbiguousGeometry { table: secret(), choices: secret() },
            Mismatch::NoGeometry { table: secret(), column: secret(), choices: secret() },
            Mismatch::GeometryProperty { table: secret(), column: secret() },
            Mismatch::NoColumn { table: secret(), column: secret(), suggestion: secret() },
            Mismatch::IdNotInteger { table: secret(), column: secret(), type_name: secret() },
            Mismatch::BadQuery { layer: secret(), reason: secret() },
            Mismatch::UndescribedQuery { layer: secret(), reason: secret() },
            Mismatch::BadFilter { reason: secret() },
            Mismatch::DetailsWithoutId { table: secret() },
            Mismatch::NotOfTiles { function: secret(), what: "filter" },
            Mismatch::NoFunction { function: secret(), suggestion: secret() },
            Mismatch::AmbiguousFunction { function: secret(), choices: secret() },
            Mismatch::MalformedOrder { reason: secret() },
            Mismatch::NoOrder { table: secret(), column: secret(), type_name: secret() },
            Mismatch::UnknownSrid { table: secret() },
            Mismatch::Unlooked { table: secret(), reason: secret() },
            Mismatch::UnknownSystem { table: secret(), srid: 1234 },
            Mismatch::OtherSrid { table: secret(), srid: 1234, found: 1234 },
            Mismatch::InvalidSrid { srid: 1234 },
            Mismatch::MixedSrids { table: secret(), found: secret() },
        ];
        for mismatch in all {
            let text = mismatch.public();
            assert!(!text.contains("secret") && !text.contains("1234"), "{text}");
            assert_ne!(text, mismatch.to_string());
        }
    }
}
