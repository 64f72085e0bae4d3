//! Dates and timestamps as texts (RFC 3339 section 5.6).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, date};

/// Microseconds since 1970-01-01T00:00:00Z of a date, which is its midnight, or of a timestamp.
/// Without an offset both are UTC. Of what is finer than a microsecond, nothing remains.
/// Years are those of RFC 3339, 0000 to 9999: PostgreSQL has none before -4712.
pub(super) fn read(text: &str) -> Option<i64> {
    if !text.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    match text.parse::<Timestamp>() {
        Ok(timestamp) => microseconds(timestamp.as_nanosecond()),
        Err(_) => read_utc(text),
    }
}

/// Reads a date without a time.
pub(super) fn read_date(text: &str) -> Option<i64> {
    // The parser would also take a timestamp and forget its time.
    let date = (text.len() == "2020-01-31".len()).then(|| text.parse::<Date>().ok())?;
    since_epoch(date?.at(0, 0, 0, 0))
}

/// Also the last day of the year 9999, which often means "for ever" and as a [`Timestamp`] would
/// be too late.
fn read_utc(text: &str) -> Option<i64> {
    let local = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    // The parser would ignore an offset.
    let has_offset = local.get(10..).is_some_and(|time| time.contains(['+', '-', '[']));
    if has_offset { None } else { since_epoch(local.parse().ok()?) }
}

fn since_epoch(time: DateTime) -> Option<i64> {
    let epoch = date(1970, 1, 1).at(0, 0, 0, 0);
    microseconds(time.duration_since(epoch).as_nanos())
}

fn microseconds(nanoseconds: i128) -> Option<i64> {
    nanoseconds.div_euclid(1_000).try_into().ok()
}
