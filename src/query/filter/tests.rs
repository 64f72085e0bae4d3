//! What is promised to those who write filters.

mod canonical;
mod hostile;
mod predicate;
mod reading;
mod typing;

use super::*;

fn text(filter: &str) -> Filter {
    Filter::parse(filter, Language::Text).unwrap_or_else(|error| panic!("{filter}: {error}"))
}

fn json(filter: &str) -> Filter {
    Filter::parse(filter, Language::Json).unwrap_or_else(|error| panic!("{filter}: {error}"))
}

/// What is said about a text that is refused.
fn refusal(filter: &str) -> String {
    match Filter::parse(filter, Language::Text) {
        Ok(filter) => panic!("{filter:?}"),
        Err(error) => error.to_string(),
    }
}

fn json_refusal(filter: &str) -> String {
    match Filter::parse(filter, Language::Json) {
        Ok(filter) => panic!("{filter:?}"),
        Err(error) => error.to_string(),
    }
}

fn compare(property: &str, comparison: Comparison, value: Literal) -> Condition {
    Condition::Compare { property: property.to_owned(), comparison, value }
}

fn number(value: f64) -> Literal {
    Literal::Number(value)
}

/// Properties by their first letter.
fn kind_of(name: &str) -> Option<Kind> {
    match name.chars().next()? {
        'b' => Some(Kind::Bool),
        'n' => Some(Kind::Number),
        's' => Some(Kind::Text),
        't' => Some(Kind::Time),
        _ => None,
    }
}
