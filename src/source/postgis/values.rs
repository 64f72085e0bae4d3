//! Column values of the binary protocol as properties, without a copy where it can be helped.

use std::error::Error;
use std::io::Write;

use jiff::SignedDuration;
use jiff::civil::{Date, Time};
use tokio_postgres::types::{FromSql, Kind, Type};

use super::numeric;
use crate::tile::Value;

/// A column's bytes, whatever its type.
pub(super) struct Raw<'a>(pub(super) &'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// How one column's bytes are read. Chosen by the type that the prepared statement reports, not
/// by the one that the table had when it was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoder {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Date,
    Time,
    Timestamp,
    Text,
    Jsonb,
    /// Not a property.
    Nothing,
}

const DAY_MICROSECONDS: i64 = 86_400_000_000;

impl Decoder {
    pub(super) fn of(kind: &Type) -> Self {
        match *kind {
            Type::BOOL => Self::Bool,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::Timestamp,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => Self::Text,
            Type::JSONB => Self::Jsonb,
            // Only after a column's type was changed under a published layer.
            _ if matches!(kind.kind(), Kind::Enum(_)) => Self::Text,
            _ => Self::Nothing,
        }
    }

    /// Shows the value to `visit`, unless it has no form in a tile.
    pub(super) fn decode(self, bytes: &[u8], visit: &mut dyn FnMut(Value<'_>)) {
        match self {
            Self::Bool => visit(Value::Bool(bytes.first().is_some_and(|byte| *byte != 0))),
            Self::Int2 => array(bytes, |raw| visit(Value::Int(i16::from_be_bytes(raw).into()))),
            Self::Int4 => array(bytes, |raw| visit(Value::Int(i32::from_be_bytes(raw).into()))),
            Self::Int8 => array(bytes, |raw| visit(Value::Int(i64::from_be_bytes(raw)))),
            Self::Float4 => {
                array(bytes, |raw| visit(Value::Double(f32::from_be_bytes(raw).into())))
            }
            Self::Float8 => array(bytes, |raw| visit(Value::Double(f64::from_be_bytes(raw)))),
            Self::Numeric => numeric::decode(bytes, visit),
            Self::Date => array(bytes, |raw| date(i32::from_be_bytes(raw), visit)),
            Self::Time => array(bytes, |raw| time(i64::from_be_bytes(raw), visit)),
            Self::Timestamp => array(bytes, |raw| timestamp(i64::from_be_bytes(raw), visit)),
            Self::Text => text(bytes, visit),
            Self::Jsonb => text(bytes.get(1..).unwrap_or_default(), visit),
            Self::Nothing => {}
        }
    }
}

fn array<const N: usize>(bytes: &[u8], then: impl FnOnce([u8; N])) {
    if let Ok(raw) = bytes.try_into() {
        then(raw);
    }
}

fn text(bytes: &[u8], visit: &mut dyn FnMut(Value<'_>)) {
    match std::str::from_utf8(bytes) {
        Ok(text) => visit(Value::Text(text)),
        // A database with the encoding SQL_ASCII holds anything.
        Err(_) => visit(Value::Text(&String::from_utf8_lossy(bytes))),
    }
}

fn date(days: i32, visit: &mut dyn FnMut(Value<'_>)) {
    if days == i32::MAX || days == i32::MIN {
        return;
    }
    let epoch = jiff::civil::date(2000, 1, 1);
    let date: Option<Date> =
        epoch.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok();
    // Years beyond 9999 have no RFC 3339 text.
    if let Some(date) = date {
        shown(date, visit);
    }
}

fn time(microseconds: i64, visit: &mut dyn FnMut(Value<'_>)) {
    if microseconds == DAY_MICROSECONDS {
        return visit(Value::Text("24:00:00"));
    }
    let time = Time::midnight().checked_add(SignedDuration::from_micros(microseconds));
    if let Ok(time) = time {
        shown(time, visit);
    }
}

fn timestamp(microseconds: i64, visit: &mut dyn FnMut(Value<'_>)) {
    // By the calendar: jiff's Timestamp ends a day before the year 9999 does, which often stands for
    // no end at all. The extremes stand for the infinities and are beyond any calendar.
    let epoch = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);
    if let Ok(moment) = epoch.checked_add(SignedDuration::from_micros(microseconds)) {
        shown(format_args!("{moment}Z"), visit);
    }
}

fn shown(value: impl std::fmt::Display, visit: &mut dyn FnMut(Value<'_>)) {
    let mut short = Short::default();
    // Years before 0000 would have a sign, which RFC 3339 section 5.6 has no place for.
    if write!(short, "{value}").is_ok() && !short.as_str().starts_with('-') {
        visit(Value::Text(short.as_str()));
    }
}

/// A text of up to 48 bytes on the stack.
struct Short {
    bytes: [u8; 48],
    len: usize,
}

impl Default for Short {
    fn default() -> Self {
        Self { bytes: [0; 48], len: 0 }
    }
}

impl Short {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl Write for Short {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        let taken = (&mut self.bytes[self.len..]).write(text)?;
        self.len += taken;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(decoder: Decoder, bytes: &[u8]) -> Option<String> {
        let mut seen = None;
        decoder.decode(bytes, &mut |value| {
            seen = Some(match value {
                Value::Text(text) => text.to_owned(),
                value => format!("{value:?}"),
            });
        });
        seen
    }

    fn time_text(decoder: Decoder, value: i64) -> Option<String> {
        seen(decoder, &value.to_be_bytes())
    }

    #[test]
    fn timestamps_are_rfc_3339_without_trailing_zeros() {
        let second = 1_000_000;
        assert_eq!(time_text(Decoder::Timestamp, 0).unwrap(), "2000-01-01T00:00:00Z");
        assert_eq!(time_text(Decoder::Timestamp, 678_000).unwrap(), "2000-01-01T00:00:00.678Z");
        assert_eq!(time_text(Decoder::Timestamp, -1).unwrap(), "1999-12-31T23:59:59.999999Z");
        let last = 252_455_615_999_999_999;
        assert_eq!(time_text(Decoder::Timestamp, last).unwrap(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(time_text(Decoder::Timestamp, last + 1), None);
        assert_eq!(time_text(Decoder::Time, 11_045 * second).unwrap(), "03:04:05");
        assert_eq!(time_text(Decoder::Time, 86_400 * second).unwrap(), "24:00:00");
        assert_eq!(seen(Decoder::Date, &60i32.to_be_bytes()).unwrap(), "2000-03-01");
        assert_eq!(seen(Decoder::Date, &(-1i32).to_be_bytes()).unwrap(), "1999-12-31");
    }

    #[test]
    fn infinite_and_unprintable_times_are_absent() {
        for value in [i64::MAX, i64::MIN, i64::MAX / 2] {
            assert_eq!(time_text(Decoder::Timestamp, value), None);
        }
        for value in [i32::MAX, i32::MIN, 5_000_000] {
            assert_eq!(seen(Decoder::Date, &value.to_be_bytes()), None);
        }
    }

    #[test]
    fn jsonb_loses_its_version_byte_and_bad_lengths_are_ignored() {
        assert_eq!(seen(Decoder::Jsonb, b"\x01{}").unwrap(), "{}");
        assert_eq!(seen(Decoder::Int4, b"abc"), None);
        assert_eq!(seen(Decoder::Text, b"a\xffb").unwrap(), "a\u{fffd}b");
    }
}
