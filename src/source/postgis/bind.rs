//! Values of requests as parameters of statements.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::connection::Parameter;
use crate::query::{self, Literal, Param, Value};

type Written = Result<IsNull, Box<dyn Error + Sync + Send>>;

/// From PostgreSQL's epoch, 2000-01-01, to that of values.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A value of a declared parameter.
pub(super) fn value<'a>(param: &Param, value: &'a Value) -> Parameter<'a> {
    use query::Type as Kind;
    let kind = match (param.kind, param.is_list) {
        (Kind::Text, false) => Type::TEXT,
        (Kind::Text, true) => Type::TEXT_ARRAY,
        (Kind::Int, false) => Type::INT8,
        (Kind::Int, true) => Type::INT8_ARRAY,
        (Kind::Float, false) => Type::FLOAT8,
        (Kind::Float, true) => Type::FLOAT8_ARRAY,
        (Kind::Bool, false) => Type::BOOL,
        (Kind::Bool, true) => Type::BOOL_ARRAY,
        (Kind::Date, false) => Type::DATE,
        (Kind::Date, true) => Type::DATE_ARRAY,
        (Kind::Timestamp, false) => Type::TIMESTAMPTZ,
        (Kind::Timestamp, true) => Type::TIMESTAMPTZ_ARRAY,
    };
    (value, kind)
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Written {
        match (self, kind) {
            (Self::Null, _) => return Ok(IsNull::Yes),
            (Self::List(items), _) => return items.to_sql(kind, out),
            (Self::Text(text), &Type::TEXT) => return text.to_sql(kind, out),
            (Self::Int(number), &Type::INT8) => out.put_i64(*number),
            (Self::Float(number), &Type::FLOAT8) => out.put_f64(*number),
            (Self::Bool(value), &Type::BOOL) => out.put_u8(u8::from(*value)),
            (Self::Date(days), &Type::DATE) => out.put_i32(days.saturating_sub(EPOCH_DAYS)),
            (Self::Timestamp(micros), &Type::TIMESTAMPTZ) => {
                out.put_i64(micros.saturating_sub(EPOCH_MICROS));
            }
            _ => return Err(format!("{self:?} is no {kind}").into()),
        }
        Ok(IsNull::No)
    }

    /// Types are told with each statement, by [`value`].
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl ToSql for Literal {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Written {
        match (self, kind) {
            (Self::Text(text), &Type::TEXT) => return text.to_sql(kind, out),
            (Self::Number(number), &Type::INT8) => out.put_i64(*number as i64),
            (Self::Number(number), &Type::TEXT) => out.put_slice(decimal(*number).as_bytes()),
            (Self::Number(number), &Type::FLOAT8) => out.put_f64(*number),
            (Self::Bool(value), &Type::BOOL) => out.put_u8(u8::from(*value)),
            (Self::Time(micros), &Type::TIMESTAMPTZ) => {
                out.put_i64(micros.saturating_sub(EPOCH_MICROS));
            }
            _ => return Err(format!("{self:?} is no {kind}").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The shortest decimal that is the double, as people wrote it.
fn decimal(number: f64) -> String {
    format!("{number:?}")
}
