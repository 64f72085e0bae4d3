//! Why a filter isn't one, for whoever wrote it.

/// Characters of the filter that an error repeats at most.
const MOST_QUOTED: usize = 60;

/// Its text is public: it may stand in an answer or beside a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("the filter is too large: {0}")]
    TooLarge(String),
    #[error("the filter can't be read: {0}")]
    Unreadable(String),
    /// It is CQL2, but asks for more than there is, or compares what can't be compared.
    #[error("the filter can't be used: {0}")]
    Unusable(String),
    /// The caller knows which properties there are and may add them.
    #[error("the filter names {name}, which can't be filtered by", name = quoted(.0))]
    Property(String),
}

/// `text` in backticks, on one line and not for pages.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("`");
    for char in text.chars().take(MOST_QUOTED) {
        match char {
            '\'' | '"' | '\\' => quoted.push(char),
            char => quoted.extend(char.escape_debug()),
        }
    }
    if text.chars().nth(MOST_QUOTED).is_some() {
        quoted.push('…');
    }
    quoted.push('`');
    quoted
}
