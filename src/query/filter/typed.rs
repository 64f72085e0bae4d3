//! Whether properties and what they are compared with go together.

use super::error::quoted;
use super::{Comparison, Condition, FilterError, Kind, Literal, time};

type KindOf<'a> = &'a dyn Fn(&str) -> Option<Kind>;

pub(super) fn typed(condition: Condition, kind_of: KindOf<'_>) -> Result<Condition, FilterError> {
    let all = |conditions: Vec<Condition>| -> Result<Vec<_>, _> {
        conditions.into_iter().map(|condition| typed(condition, kind_of)).collect()
    };
    Ok(match condition {
        Condition::And(conditions) => Condition::And(all(conditions)?),
        Condition::Or(conditions) => Condition::Or(all(conditions)?),
        Condition::Not(condition) => Condition::Not(Box::new(typed(*condition, kind_of)?)),
        Condition::Constant(value) => Condition::Constant(value),
        Condition::Compare { property, comparison, value } => {
            let kind = kind(&property, kind_of)?;
            check_order(&property, kind, comparison)?;
            let value = literal(&property, kind, value)?;
            Condition::Compare { property, comparison, value }
        }
        Condition::In { property, values } => {
            let kind = kind(&property, kind_of)?;
            let values = values.into_iter().map(|value| literal(&property, kind, value));
            Condition::In { values: values.collect::<Result<_, _>>()?, property }
        }
        Condition::Like { property, pattern } => {
            let kind = kind(&property, kind_of)?;
            if kind != Kind::Text {
                return Err(mismatch("LIKE needs texts", &property, kind));
            }
            Condition::Like { property, pattern }
        }
        Condition::IsNull { property } => {
            kind(&property, kind_of)?;
            Condition::IsNull { property }
        }
    })
}

fn kind(property: &str, kind_of: KindOf<'_>) -> Result<Kind, FilterError> {
    kind_of(property).ok_or_else(|| FilterError::Property(property.to_owned()))
}

fn check_order(property: &str, kind: Kind, comparison: Comparison) -> Result<(), FilterError> {
    match (kind, comparison) {
        (Kind::Bool, Comparison::Equal | Comparison::NotEqual) => Ok(()),
        (Kind::Bool, _) => Err(mismatch("only `=` and `<>` compare them", property, kind)),
        _ => Ok(()),
    }
}

fn literal(property: &str, kind: Kind, value: Literal) -> Result<Literal, FilterError> {
    match (kind, value) {
        (Kind::Bool, value @ Literal::Bool(_))
        | (Kind::Number, value @ Literal::Number(_))
        | (Kind::Text, value @ Literal::Text(_))
        | (Kind::Time, value @ Literal::Time(_)) => Ok(value),
        (Kind::Time, Literal::Text(text)) => {
            time::read(&text).map(Literal::Time).ok_or_else(|| not_a_time(property, &text))
        }
        (kind, Literal::Bool(_)) => Err(mismatch("not TRUE or FALSE", property, kind)),
        (kind, Literal::Number(_)) => Err(mismatch("not a number", property, kind)),
        (kind, Literal::Text(_)) => Err(mismatch("not a text", property, kind)),
        (kind, Literal::Time(_)) => Err(mismatch("not a date or timestamp", property, kind)),
    }
}

fn not_a_time(property: &str, text: &str) -> FilterError {
    FilterError::Unusable(format!(
        "{} is compared with {}, which is no date or timestamp such as `2020-01-31` or \
         `2020-01-31T12:00:00Z`",
        quoted(property),
        quoted(text)
    ))
}

fn mismatch(reason: &str, property: &str, kind: Kind) -> FilterError {
    let values = match kind {
        Kind::Bool => "TRUE or FALSE",
        Kind::Number => "numbers",
        Kind::Text => "texts",
        Kind::Time => "dates or timestamps",
    };
    FilterError::Unusable(format!("the values of {} are {values}, {reason}", quoted(property)))
}
