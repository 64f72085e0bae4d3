//! Columns that are properties, and their values.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::Time;
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use crate::source::embedded::batch::{Batch, Flaw, Types};
use crate::source::embedded::times;
use crate::tile::Value;

/// The columns that are read, in the order in which rows have them.
pub(super) struct Columns {
    pub(super) projection: Type,
    all: Vec<Column>,
}

enum Column {
    Geometry,
    Property { name: String, kind: Kind, place: u16 },
}

/// What a column's values are, where their fields don't say it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Int,
    Double,
    Decimal,
    Text,
    /// A date, or a timestamp of milli- or microseconds.
    Time,
    /// Nanoseconds since 1970.
    Nanoseconds,
    /// Of the day.
    Clock,
}

impl Kind {
    /// `None` for what no property can be, such as lists, and for what the crate can't read.
    fn of(column: &Type) -> Option<Self> {
        if !column.is_primitive() || column.get_basic_info().repetition() == Repetition::REPEATED {
            return None;
        }
        let logical = column.get_basic_info().logical_type_ref();
        let is_nanoseconds = |unit: TimeUnit| unit == TimeUnit::NANOS;
        Some(match (column.get_physical_type(), column.get_basic_info().converted_type()) {
            (Physical::BOOLEAN, ConvertedType::NONE) => Self::Bool,
            (Physical::INT64, ConvertedType::NONE) => match logical {
                Some(LogicalType::Timestamp(time)) if is_nanoseconds(time.unit) => {
                    Self::Nanoseconds
                }
                Some(LogicalType::Time(_)) => return None,
                _ => Self::Int,
            },
            (Physical::INT32, ConvertedType::NONE)
            | (
                Physical::INT32,
                ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32,
            )
            | (Physical::INT64, ConvertedType::INT_64 | ConvertedType::UINT_64) => Self::Int,
            (Physical::FLOAT | Physical::DOUBLE, ConvertedType::NONE) => Self::Double,
            (
                Physical::INT32
                | Physical::INT64
                | Physical::BYTE_ARRAY
                | Physical::FIXED_LEN_BYTE_ARRAY,
                ConvertedType::DECIMAL,
            ) => Self::Decimal,
            (
                Physical::BYTE_ARRAY,
                ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON,
            ) => Self::Text,
            (Physical::INT32, ConvertedType::DATE)
            | (
                Physical::INT64,
                ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS,
            )
            | (Physical::INT96, ConvertedType::NONE) => Self::Time,
            (Physical::INT32, ConvertedType::TIME_MILLIS)
            | (Physical::INT64, ConvertedType::TIME_MICROS) => Self::Clock,
            _ => return None,
        })
    }

    fn types(self) -> Types {
        match self {
            Self::Bool => Types::of(Value::Bool(false)),
            Self::Int => Types::of(Value::Int(0)),
            Self::Double | Self::Decimal => Types::of(Value::Double(0.0)),
            Self::Text | Self::Clock => Types::of(Value::Text("")),
            Self::Time | Self::Nanoseconds => Types::TIMES,
        }
    }
}

impl Columns {
    /// # Errors
    /// There is no column of geometries, or it holds something else.
    pub(super) fn new(schema: &Type, geometry: &str) -> Result<Self, Flaw> {
        let (mut fields, mut all, mut scratch) = (Vec::new(), Vec::new(), Batch::default());
        for field in schema.get_fields() {
            let column = if field.name() == geometry {
                Column::Geometry
            } else {
                let Some(kind) = Kind::of(field) else { continue };
                let name = field.name().to_owned();
                let place = scratch.declare(&name, kind.types())?;
                Column::Property { name, kind, place }
            };
            if matches!(column, Column::Geometry) && !is_binary(field) {
                return Err(format!("its geometries, in {geometry:?}, are no binary column"));
            }
            fields.push(field.clone());
            all.push(column);
        }
        if !all.iter().any(|column| matches!(column, Column::Geometry)) {
            return Err(format!("it lacks the column of its geometries, {geometry:?}"));
        }
        let projection = Type::group_type_builder(schema.name()).with_fields(fields).build();
        Ok(Self { projection: projection.map_err(|error| error.to_string())?, all })
    }

    /// A batch that has nothing yet.
    pub(super) fn batch(&self) -> Batch {
        let mut batch = Batch::default();
        for column in &self.all {
            if let Column::Property { name, kind, .. } = column {
                // There is room for those that the file has: it has been tried.
                let _ = batch.declare(name, kind.types());
            }
        }
        batch
    }

    /// Reads a row: its properties, and with `draw` its geometry.
    pub(super) fn read(
        &self,
        row: &Row,
        batch: &mut Batch,
        mut draw: impl FnMut(&[u8], &mut Batch) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        for (column, (_, field)) in self.all.iter().zip(row.get_column_iter()) {
            match (column, field) {
                (_, Field::Null) => {}
                (Column::Geometry, Field::Bytes(bytes)) => draw(bytes.data(), batch)?,
                (Column::Geometry, _) => return Err("its geometry is no binary".to_owned()),
                (Column::Property { kind, place, .. }, field) => tag(field, *kind, *place, batch)?,
            }
        }
        Ok(())
    }
}

fn is_binary(field: &Arc<Type>) -> bool {
    field.is_primitive()
        && field.get_basic_info().repetition() != Repetition::REPEATED
        && field.get_physical_type() == Physical::BYTE_ARRAY
        && field.get_basic_info().converted_type() == ConvertedType::NONE
}

fn tag(field: &Field, kind: Kind, place: u16, batch: &mut Batch) -> Result<(), Flaw> {
    let value = match field {
        Field::Bool(value) => Value::Bool(*value),
        Field::Byte(number) => Value::Int((*number).into()),
        Field::Short(number) => Value::Int((*number).into()),
        Field::Int(number) => Value::Int((*number).into()),
        Field::Long(number) if kind == Kind::Int => Value::Int(*number),
        Field::UByte(number) => Value::Int((*number).into()),
        Field::UShort(number) => Value::Int((*number).into()),
        Field::UInt(number) => Value::Int((*number).into()),
        Field::ULong(number) if i64::try_from(*number).is_ok() => Value::Int(number.cast_signed()),
        Field::Float(number) => Value::Double((*number).into()),
        Field::Double(number) => Value::Double(*number),
        Field::Str(text) => Value::Text(text),
        other => match text(other) {
            None => return Ok(()),
            Some(text) => {
                let double = text.parse::<f64>().ok().filter(|_| kind == Kind::Decimal);
                // As text if a double would be another number.
                let double = double.filter(|double| double.to_string() == text);
                let value = double.map_or(Value::Text(&text), Value::Double);
                return batch.tag_key(place, value);
            }
        },
    };
    batch.tag_key(place, value)
}

/// Times and numbers that need more than a field has. `None` for times that have no text.
fn text(field: &Field) -> Option<String> {
    match field {
        Field::Date(days) => times::date(*days),
        Field::TimestampMillis(time) => times::since_epoch(SignedDuration::from_millis(*time)),
        Field::TimestampMicros(time) => times::since_epoch(SignedDuration::from_micros(*time)),
        Field::Long(time) => times::since_epoch(SignedDuration::from_nanos(*time)),
        Field::TimeMillis(time) => clock(SignedDuration::from_millis((*time).into())),
        Field::TimeMicros(time) => clock(SignedDuration::from_micros(*time)),
        Field::ULong(number) => Some(number.to_string()),
        Field::Decimal(_) => {
            let text = field.to_string();
            Some(match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text,
            })
        }
        _ => None,
    }
}

fn clock(since_midnight: SignedDuration) -> Option<String> {
    Some(Time::midnight().checked_add(since_midnight).ok()?.to_string())
}
