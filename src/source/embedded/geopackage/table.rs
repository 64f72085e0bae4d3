//! A feature table: its columns, and its rows as features.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::database::Database;
use super::geometry;
use crate::source::embedded::batch::{Batch, Flaw, Types};
use crate::source::embedded::times;
use crate::tile::{Crs, Shape, Value};

/// How the rows of a table are read.
pub(super) struct Table {
    pub(super) name: String,
    /// Selects the geometry, the id if there is one, and the columns.
    pub(super) sql: String,
    srs: (i64, Crs),
    has_id: bool,
    columns: Vec<Column>,
}

/// A column that is a property.
struct Column {
    name: String,
    kind: Kind,
    /// Among a batch's properties.
    place: u16,
}

/// What a column was declared as (section 1.1.1.1.3). Values may be anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Int,
    Double,
    Text,
    Time,
    Blob,
}

impl Kind {
    fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        match declared.split('(').next().unwrap_or_default().trim() {
            "BOOLEAN" | "BOOL" => Self::Bool,
            "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "INTEGER" | "BIGINT" => Self::Int,
            "FLOAT" | "DOUBLE" | "REAL" => Self::Double,
            "DATE" | "DATETIME" | "TIMESTAMP" => Self::Time,
            "BLOB" => Self::Blob,
            _ => Self::Text,
        }
    }

    fn types(self) -> Types {
        match self {
            Self::Bool => Types::of(Value::Bool(false)),
            Self::Int => Types::of(Value::Int(0)),
            Self::Double => Types::of(Value::Double(0.0)),
            Self::Text => Types::of(Value::Text("")),
            Self::Time => Types::TIMES,
            Self::Blob => Types::default(),
        }
    }
}

/// A column as SQLite knows it, and its place in the primary key, from 1.
type Known = (String, Kind, i64);

impl Table {
    /// # Errors
    /// It can't be read, and why.
    pub(super) fn new(
        database: &Database,
        name: &str,
        geometry: &str,
        srs: (i64, Crs),
    ) -> Result<Self, Flaw> {
        let known = known(database, name).map_err(|error| error.to_string())?;
        if known.is_empty() {
            return Err("there is no such table".to_owned());
        }
        // As it is spelled in the table: quoted, a name that isn't there would be a text.
        let geometry = known.iter().find(|(name, ..)| name.eq_ignore_ascii_case(geometry));
        let (geometry, ..) = geometry.ok_or("its table lacks the column of its geometry")?;
        let id = id(&known).filter(|id| *id != geometry);
        let is_property = |(name, kind, _): &&Known| {
            name != geometry && Some(name.as_str()) != id && *kind != Kind::Blob
        };
        let mut scratch = Batch::default();
        let columns = known.iter().filter(is_property).map(|(name, kind, _)| {
            let place = scratch.declare(name, kind.types())?;
            Ok(Column { name: name.clone(), kind: *kind, place })
        });
        let columns = columns.collect::<Result<Vec<_>, Flaw>>()?;
        let names = [geometry.as_str()].into_iter().chain(id);
        let names = names.chain(columns.iter().map(|column| column.name.as_str()));
        let names = names.map(quoted).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {names} FROM {}", quoted(name));
        let has_id = id.is_some();
        // Of a view whose query can't be run the others shouldn't suffer.
        database.prepare(&sql).map_err(|error| error.to_string())?;
        Ok(Self { name: name.to_owned(), sql, srs, has_id, columns })
    }

    /// A batch that has nothing yet.
    pub(super) fn batch(&self) -> Batch {
        let mut batch = Batch::default();
        for column in &self.columns {
            // There is room for those that the table has: it has been tried.
            let _ = batch.declare(&column.name, column.kind.types());
        }
        batch
    }

    /// Reads a row into the batch.
    ///
    /// # Errors
    /// Why it can't be used. The batch is as it was.
    pub(super) fn read(
        &self,
        row: &Row<'_>,
        shape: &mut Shape,
        batch: &mut Batch,
    ) -> Result<(), Flaw> {
        let read = self.feature(row, shape, batch);
        match read {
            Ok(()) => batch.finish(self.id(row).and_then(|id| u64::try_from(id).ok())),
            Err(_) => batch.cancel(),
        }
        read
    }

    /// What a row is called in messages.
    pub(super) fn named(&self, row: &Row<'_>, number: u64) -> String {
        match self.id(row) {
            Some(id) => format!("feature {number} (id {id})"),
            None => format!("feature {number}"),
        }
    }

    /// About how many bytes of the file a row takes: those of its geometry.
    pub(super) fn size(row: &Row<'_>) -> u64 {
        let geometry = row.get_ref(0).ok().and_then(|value| value.as_blob().ok());
        geometry.map_or(0, |bytes| bytes.len() as u64)
    }

    fn id(&self, row: &Row<'_>) -> Option<i64> {
        row.get_ref(1).ok().filter(|_| self.has_id)?.as_i64().ok()
    }

    fn feature(&self, row: &Row<'_>, shape: &mut Shape, batch: &mut Batch) -> Result<(), Flaw> {
        let value = |place: usize| row.get_ref(place).map_err(|error| error.to_string());
        match value(0)? {
            ValueRef::Null => {}
            ValueRef::Blob(bytes) => geometry::draw(bytes, self.srs, shape, batch)?,
            other => return Err(format!("its geometry is of type {}", other.data_type())),
        }
        let first = 1 + usize::from(self.has_id);
        for (place, column) in (first..).zip(&self.columns) {
            column.tag(value(place)?, batch)?;
        }
        Ok(())
    }
}

impl Column {
    fn tag(&self, value: ValueRef<'_>, batch: &mut Batch) -> Result<(), Flaw> {
        let value = match value {
            ValueRef::Null | ValueRef::Blob(_) => return Ok(()),
            ValueRef::Integer(number @ (0 | 1)) if self.kind == Kind::Bool => {
                Value::Bool(number == 1)
            }
            ValueRef::Integer(number) => Value::Int(number),
            ValueRef::Real(number) => Value::Double(number),
            ValueRef::Text(bytes) => {
                let text = std::str::from_utf8(bytes)
                    .map_err(|_| format!("its property {:?} is no UTF-8", self.name))?;
                let utc = (self.kind == Kind::Time).then(|| times::utc(text)).flatten();
                return batch.tag_key(self.place, Value::Text(utc.as_deref().unwrap_or(text)));
            }
        };
        batch.tag_key(self.place, value)
    }
}

/// All columns of a table or view, generated ones too.
fn known(database: &Database, table: &str) -> rusqlite::Result<Vec<Known>> {
    let sql = "SELECT name, type, pk FROM pragma_table_xinfo(?1) WHERE hidden <> 1";
    let mut statement = database.prepare(sql)?;
    let rows = statement.query_map([table], |row| {
        let declared: Option<String> = row.get(1)?;
        Ok((row.get(0)?, Kind::of(declared.as_deref().unwrap_or_default()), row.get(2)?))
    })?;
    rows.collect()
}

/// The column that tells features apart: the primary key, or where there is none, as in views, the
/// first column (section 2.1.6, requirement 29). `None` if that is no integer.
fn id(known: &[Known]) -> Option<&str> {
    let mut keys = known.iter().filter(|(.., key)| *key > 0);
    let column = match (keys.next(), keys.next()) {
        (Some(only), None) => only,
        (None, _) => known.first()?,
        _ => return None,
    };
    let (name, kind, _) = column;
    (*kind == Kind::Int).then_some(name)
}

/// As a name in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
