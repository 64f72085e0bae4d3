//! From driver errors to what they mean for a tile.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::source::SourceError;

/// The error's text with the server's message, which the driver's own text leaves out.
/// It may quote values of rows, so that line breaks are escaped and its length is limited.
pub(super) fn describe(error: &Error) -> String {
    printable(&text_of(error))
}

/// One line of at most 1 KiB.
fn printable(text: &str) -> String {
    const LENGTH: usize = 1024;
    let mut line = String::with_capacity(text.len().min(LENGTH));
    for char in text.chars() {
        let before = line.len();
        if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
            line.extend(char.escape_debug());
        } else {
            line.push(char);
        }
        if line.len() > LENGTH - '…'.len_utf8() {
            line.truncate(before);
            line.push('…');
            break;
        }
    }
    line
}

fn text_of(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        let mut text = format!("{} (SQLSTATE {})", db.message(), db.code().code());
        for more in [db.detail(), db.hint()].into_iter().flatten() {
            text.push_str("; ");
            text.push_str(more);
        }
        return text;
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Sorts a failed statement's error by what the caller can do about it.
pub(super) fn classify(database: &str, error: &Error) -> SourceError {
    let database = database.to_owned();
    let reason = describe(error);
    match error.code() {
        Some(code) if *code == SqlState::QUERY_CANCELED => {
            SourceError::Timeout { database, reason }
        }
        Some(code) if is_unavailable(code) => SourceError::Unavailable { database, reason },
        Some(_) => SourceError::Query { database, reason },
        None if is_disconnected(error) => SourceError::Unavailable { database, reason },
        None => SourceError::Query { database, reason },
    }
}

/// Connection trouble, exhausted resources, shutdown, and conflicts with a standby's recovery.
fn is_unavailable(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08")
        || code.starts_with("53")
        || code.starts_with("57P")
        || matches!(code, "40001" | "40P01" | "55P03")
}

/// The connection is gone, so that another one may do better. (The errors of class 08 come from
/// servers behind foreign tables; one's own server can't report that it is unreachable.)
pub(super) fn is_disconnected(error: &Error) -> bool {
    if let Some(code) = error.code() {
        return code.code().starts_with("57P");
    }
    let io = error.source().is_some_and(|source| source.is::<std::io::Error>());
    error.is_closed() || io
}

/// The statement took too long, or waited for a lock: it may do better another time.
pub(super) fn is_interrupted(error: &Error) -> bool {
    error.code().is_some_and(|code| *code == SqlState::QUERY_CANCELED || is_unavailable(code))
}

/// The statement was planned for a table that has changed since, or the server forgot it.
pub(super) fn is_stale_plan(error: &Error) -> bool {
    error.code().is_some_and(|code| matches!(code.code(), "0A000" | "26000"))
}

/// `ST_Transform` could have raised this: PostGIS reports PROJ's errors as internal ones.
pub(super) fn is_transform_failure(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| {
        *db.code() == SqlState::INTERNAL_ERROR || db.message().contains("transform")
    })
}

/// PostGIS doesn't know one of the systems, whatever the coordinates.
pub(super) fn is_unknown_system(error: &Error) -> bool {
    error.as_db_error().is_some_and(|db| {
        ["spatial_ref_sys", "could not form projection"]
            .iter()
            .any(|text| db.message().contains(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_short_line() {
        assert_eq!(printable("a\nb\r\u{1b}[31m ä\"'"), "a\\nb\\r\\u{1b}[31m ä\"'");
        let long = printable(&"ä".repeat(5000));
        assert!(long.len() <= 1024 && long.len() > 1000 && long.ends_with("ä…"), "{}", long.len());
        assert_eq!(printable(&"a".repeat(1021)).len(), 1021);
    }
}
