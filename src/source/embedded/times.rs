//! Dates and timestamps of files as the texts that tiles have: RFC 3339 (section 5.6), UTC.

#[cfg(feature = "geoparquet")]
use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

/// A date as it is, a timestamp in UTC, as which one without an offset counts. `None` for what is
/// neither.
pub(super) fn utc(text: &str) -> Option<String> {
    if !text.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    if text.len() == "2020-01-31".len() {
        return printed(text.parse::<Date>().ok()?.to_string());
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return printed(timestamp.to_string());
    }
    // By the calendar: a `Timestamp` ends a day before the year 9999 does, which often stands for
    // no end at all.
    let local = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let has_offset = local.get(10..).is_some_and(|time| time.contains(['+', '-', '[']));
    if has_offset {
        return None;
    }
    printed(format!("{}Z", local.parse::<DateTime>().ok()?))
}

/// So long after 1970-01-01T00:00:00Z. `None` beyond the calendar.
#[cfg(feature = "geoparquet")]
pub(super) fn since_epoch(duration: SignedDuration) -> Option<String> {
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    printed(format!("{}Z", epoch.checked_add(duration).ok()?))
}

/// The date so many days after 1970-01-01. `None` beyond the calendar.
#[cfg(feature = "geoparquet")]
pub(super) fn date(days: i32) -> Option<String> {
    let days = SignedDuration::from_hours(24 * i64::from(days));
    printed(jiff::civil::date(1970, 1, 1).checked_add(days).ok()?.to_string())
}

/// Years before 0000 would have a sign, which the RFC has no place for.
fn printed(text: String) -> Option<String> {
    (!text.starts_with('-')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        for (text, expected) in [
            ("2020-01-31", "2020-01-31"),
            ("2020-01-31T12:00:00Z", "2020-01-31T12:00:00Z"),
            ("2020-01-31T12:00:00.000Z", "2020-01-31T12:00:00Z"),
            ("2020-01-31 12:00:00.250", "2020-01-31T12:00:00.25Z"),
            ("2020-01-31T12:00:00+02:00", "2020-01-31T10:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "soon", "2020-13-01", "12:00:00", "-000001-01-01", "9999-12-31T23+01"] {
            assert_eq!(utc(text), None, "{text}");
        }
    }
}
