//! Filters: which features of a layer are wanted, in CQL2 (OGC 21-065r2).

mod canonical;
mod error;
mod like;
mod parse;
mod predicate;
mod read;
mod typed;

use std::collections::BTreeSet;

use super::time;

pub use error::FilterError;
pub use predicate::{Predicate, Scalar};

/// CQL2's two encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Text,
    Json,
}

impl Language {
    /// By the name that OGC API gives it in `filter-lang`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "cql2-text" => Some(Self::Text),
            "cql2-json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// What a property's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Number,
    Text,
    /// Dates and timestamps.
    Time,
}

/// A value that properties are compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Bool(bool),
    /// Finite, never -0, and below 2^53 in size.
    Number(f64),
    /// Without NUL.
    Text(String),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Time(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Has SQL's three values: where a property is NULL, everything but [`IsNull`](Self::IsNull) is
/// unknown, and only what is true selects a feature.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Of two or more, none of which is an `And`.
    And(Vec<Condition>),
    /// Of two or more, none of which is an `Or`.
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Constant(bool),
    Compare {
        property: String,
        comparison: Comparison,
        value: Literal,
    },
    /// Of one value or more.
    In {
        property: String,
        values: Vec<Literal>,
    },
    /// `%` stands for any characters, `_` for one, `\` makes the next one stand for itself and is
    /// never the last.
    Like {
        property: String,
        pattern: String,
    },
    IsNull {
        property: String,
    },
}

impl Condition {
    fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        let flat = conditions.into_iter().flat_map(|condition| match condition {
            Self::And(inner) => inner,
            condition => vec![condition],
        });
        single(flat.collect()).unwrap_or_else(Self::And)
    }

    fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        let flat = conditions.into_iter().flat_map(|condition| match condition {
            Self::Or(inner) => inner,
            condition => vec![condition],
        });
        single(flat.collect()).unwrap_or_else(Self::Or)
    }

    fn add_properties<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        match self {
            Self::And(conditions) | Self::Or(conditions) => {
                conditions.iter().for_each(|condition| condition.add_properties(names));
            }
            Self::Not(condition) => condition.add_properties(names),
            Self::Constant(_) => {}
            Self::Compare { property, .. }
            | Self::In { property, .. }
            | Self::Like { property, .. }
            | Self::IsNull { property } => {
                names.insert(property);
            }
        }
    }
}

/// The only condition of `conditions`, or all as they are.
fn single(mut conditions: Vec<Condition>) -> Result<Condition, Vec<Condition>> {
    match (conditions.pop(), conditions.is_empty()) {
        (Some(condition), true) => Ok(condition),
        (last, _) => {
            conditions.extend(last);
            Err(conditions)
        }
    }
}

/// A condition that was read and is within the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    condition: Condition,
}

impl Filter {
    /// # Errors
    /// If `text` isn't CQL2, needs what is no part of these filters, or is too large.
    pub fn parse(text: &str, language: Language) -> Result<Self, FilterError> {
        let condition = read::condition(parse::parse(text, language)?)?;
        Ok(Self { condition })
    }

    /// As JSON if `text` starts with `{`, as text otherwise: for a configuration file.
    ///
    /// # Errors
    /// As of [`parse`](Self::parse).
    pub fn read(text: &str) -> Result<Self, FilterError> {
        let json = text.trim_start().starts_with('{');
        Self::parse(text, if json { Language::Json } else { Language::Text })
    }

    /// Checks each property and what it is compared with. Texts that times are compared with
    /// become times. `kind_of` is `None` for what may not be filtered by.
    ///
    /// # Errors
    /// [`FilterError::Property`] for the first property without a kind; otherwise what doesn't
    /// go together.
    pub fn typed(self, kind_of: &dyn Fn(&str) -> Option<Kind>) -> Result<Self, FilterError> {
        Ok(Self { condition: typed::typed(self.condition, kind_of)? })
    }

    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The names that the filter has, each once.
    pub fn properties(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.condition.add_properties(&mut names);
        names
    }

    /// One text for all spellings of a filter and for no other filter. The order of what `AND`,
    /// `OR` and `IN` join is spelling, too.
    pub fn canonical(&self) -> String {
        canonical::text(&self.condition)
    }

    /// For features in memory. A property without an index is NULL everywhere.
    pub fn predicate(&self, index_of: &dyn Fn(&str) -> Option<usize>) -> Predicate {
        Predicate::new(&self.condition, index_of)
    }
}

#[cfg(test)]
mod tests;
