//! One text for all spellings of a filter.

use super::{Comparison, Condition, Literal};

/// Prefix notation. Names and strings come after their length, so that nothing in them can be
/// taken for something else.
pub(super) fn text(condition: &Condition) -> String {
    match condition {
        Condition::And(conditions) => joined("&", conditions.iter().map(text)),
        Condition::Or(conditions) => joined("|", conditions.iter().map(text)),
        Condition::Not(condition) => format!("!{}", text(condition)),
        Condition::Constant(value) => value.to_string(),
        Condition::Compare { property, comparison, value } => {
            format!("{}{}{}", sign(*comparison), string(property), literal(value))
        }
        Condition::In { property, values } => {
            format!("in{}{}", string(property), list(values.iter().map(literal)))
        }
        Condition::Like { property, pattern } => {
            format!("~{}{}", string(property), string(pattern))
        }
        Condition::IsNull { property } => format!("null{}", string(property)),
    }
}

fn joined(operation: &str, conditions: impl Iterator<Item = String>) -> String {
    format!("{operation}{}", list(conditions))
}

/// In one order: it doesn't matter to `AND`, `OR` and `IN`.
fn list(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<String> = items.collect();
    items.sort_unstable();
    items.dedup();
    format!("({})", items.join(","))
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Bool(value) => value.to_string(),
        Literal::Number(value) => format!("n{value:e}"),
        Literal::Text(value) => format!("s{}", string(value)),
        Literal::Time(value) => format!("t{value}"),
    }
}

fn string(text: &str) -> String {
    format!("{}:{text}", text.len())
}
