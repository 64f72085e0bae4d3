//! Values of parameters.

use std::cmp::Ordering;
use std::fmt;

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

use super::time;

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
const DAY_MICROS: i64 = 86_400_000_000;

/// Longest text, in bytes.
pub const MAX_TEXT: usize = 1024;

/// What a value is, or each of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    Int,
    Float,
    Bool,
    Date,
    Timestamp,
}

/// A value, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// None was given, and there is no default.
    Null,
    Text(String),
    Int(i64),
    /// Finite, and no negative zero.
    Float(f64),
    Bool(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    List(Vec<Value>),
}

impl Type {
    /// As settings spell it, with what its values are, for people.
    pub fn described(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Text => ("text", "a text of at most 1024 bytes", "texts of at most 1024 bytes"),
            Self::Int => ("int", "an integer", "integers"),
            Self::Float => ("float", "a number", "numbers"),
            Self::Bool => ("bool", "true or false", "true and false"),
            Self::Date => ("date", "a date such as 2026-11-24", "dates such as 2026-11-24"),
            Self::Timestamp => (
                "timestamp",
                "a time such as 2026-11-24T08:30:00Z",
                "times such as 2026-11-24T08:30:00Z",
            ),
        }
    }

    /// The value that a URL or a file spells as `text`; `None` if it is no value of this type.
    pub fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::Text => {
                let right = text.len() <= MAX_TEXT && !text.contains('\0');
                right.then(|| Value::Text(text.to_owned()))
            }
            Self::Int => digits_only(text).then(|| text.parse().ok().map(Value::Int))?,
            Self::Float => number(text).map(Value::Float),
            Self::Bool => match text {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            Self::Date => {
                let micros = time::read_date(text)?;
                i32::try_from(micros.div_euclid(DAY_MICROS)).ok().map(Value::Date)
            }
            Self::Timestamp => timestamp(text).map(Value::Timestamp),
        }
    }
}

/// A minus sign at most: other signs and spaces would be further spellings of the same number.
fn digits_only(text: &str) -> bool {
    text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str) -> Option<f64> {
    let plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    let number: f64 = text.bytes().all(plain).then(|| text.parse().ok())??;
    // Adding zero turns -0.0 into 0.0.
    number.is_finite().then_some(number + 0.0)
}

/// Without a name of a time zone (RFC 9557), and with a time where it isn't a date alone.
fn timestamp(text: &str) -> Option<i64> {
    let right = text.len() <= 40 && !text.contains('[');
    let is_whole = text.len() == 10 || text.contains(['T', 't', ' ']);
    let micros = time::read(text).filter(|_| right && is_whole)?;
    let year = EPOCH.checked_add(SignedDuration::from_micros(micros)).ok()?.year();
    (0..=9999).contains(&year).then_some(micros)
}

impl Value {
    /// The order of two values of one type; `None` for others, and for lists.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Timestamp(a), Self::Timestamp(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// As JSON has it: dates and times as text.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Int(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Bool(value) => (*value).into(),
            Self::List(items) => items.iter().map(Self::json).collect(),
            Self::Text(_) | Self::Date(_) | Self::Timestamp(_) => self.to_string().into(),
        }
    }
}

/// The canonical spelling, which [`Type::read`] reads as the same value. Lists are JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Date(days) => {
                let time = SignedDuration::from_hours(24 * i64::from(*days));
                write!(f, "{}", EPOCH.date().saturating_add(time))
            }
            // By the calendar: jiff's Timestamp ends a day before the year 9999 does.
            Self::Timestamp(micros) => {
                write!(f, "{}Z", EPOCH.saturating_add(SignedDuration::from_micros(*micros)))
            }
            Self::List(_) => write!(f, "{}", self.json()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_value_has_one_canonical_form() {
        for (kind, spellings, canonical) in [
            (Type::Int, &["7", "007"][..], "7"),
            (Type::Int, &["-0", "0"], "0"),
            (Type::Float, &["1.50", "15e-1", "+1.5"], "1.5"),
            (Type::Float, &["-0.0", "0"], "0.0"),
            (Type::Float, &["1e300"], "1e300"),
            (Type::Bool, &["true"], "true"),
            (Type::Date, &["2026-02-28"], "2026-02-28"),
            (Type::Date, &["0000-01-01"], "0000-01-01"),
            (
                Type::Timestamp,
                &[
                    "2026-01-01T00:30:00.500Z",
                    "2026-01-01T01:30:00.5+01:00",
                    "2026-01-01 00:30:00.5",
                ],
                "2026-01-01T00:30:00.5Z",
            ),
            (Type::Timestamp, &["2026-01-01", "2026-01-01T00:00"], "2026-01-01T00:00:00Z"),
            (Type::Timestamp, &["9999-12-31T23:59:59.999999Z"], "9999-12-31T23:59:59.999999Z"),
            (Type::Timestamp, &["0000-01-01"], "0000-01-01T00:00:00Z"),
            (Type::Text, &["a'b\"; --\u{2028}"], "a'b\"; --\u{2028}"),
        ] {
            for spelling in spellings {
                let value = kind.read(spelling).unwrap_or_else(|| panic!("{spelling}"));
                assert_eq!(value.to_string(), canonical);
                assert_eq!(kind.read(canonical), Some(value), "{canonical}");
            }
        }
    }

    #[test]
    fn what_is_no_value_of_a_type_is_refused() {
        for (kind, texts) in [
            (Type::Int, &["", "-", "+1", " 1", "1.0", "1e3", "９", "9223372036854775808"][..]),
            (Type::Float, &["", "nan", "inf", "1e999", "0x1", "1,5", "1 "]),
            (Type::Bool, &["", "TRUE", "1", "yes"]),
            (Type::Date, &["", "2026-02-29", "2026-2-1", "20260201", "2026-02-01T00:00:00Z"]),
            (
                Type::Timestamp,
                &[
                    "",
                    "12:00",
                    "2026-01-01T25:00:00Z",
                    "0000-01-01T00:00:00+01:00",
                    "2026-01-01T00:00:00Z[UTC]",
                ],
            ),
            (Type::Text, &["a\0b"]),
        ] {
            for text in texts {
                assert_eq!(kind.read(text), None, "{kind:?} {text:?}");
            }
        }
        assert_eq!(Type::Text.read(&"x".repeat(MAX_TEXT + 1)), None);
    }
}
