//! From cql2's expressions to conditions: what isn't named here is refused.

use cql2::{ARITHOPS, ARRAYOPS, Expr, SPATIALOPS, TEMPORALOPS};

use super::error::quoted;
use super::like::Pattern;
use super::{Comparison, Condition, FilterError, Literal, time};

/// Whole numbers from 2^53 on are read as doubles, which not all of them are.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;

/// Bytes of a pattern: with long ones, a text of many rows is compared for seconds.
const MOST_PATTERN: usize = 256;

pub(super) fn condition(expr: Expr) -> Result<Condition, FilterError> {
    match expr {
        Expr::Operation { op, args } => operation(&op, args.into_iter().map(|arg| *arg).collect()),
        Expr::Bool(value) => Ok(Condition::Constant(value)),
        Expr::Property { property } => {
            let instead = quoted(&format!("{property} = TRUE"));
            unusable(format!("{} alone is no condition, write {instead}", quoted(&property)))
        }
        expr => unusable(format!("{} is no condition", name(&expr))),
    }
}

fn operation(op: &str, args: Vec<Expr>) -> Result<Condition, FilterError> {
    match op {
        "and" => Ok(Condition::all(conditions(op, args)?)),
        "or" => Ok(Condition::any(conditions(op, args)?)),
        "not" => negation(operands(op, args)?),
        "between" => between(operands(op, args)?),
        "in" => is_in(operands(op, args)?),
        "like" => like(operands(op, args)?),
        "isNull" => is_null(operands(op, args)?),
        _ => match comparison(op) {
            Some(comparison) => compare(comparison, operands(op, args)?),
            None => unusable(format!("{} can't be used{}", operation_name(op), instead(op))),
        },
    }
}

fn comparison(op: &str) -> Option<Comparison> {
    match op {
        "=" => Some(Comparison::Equal),
        "<>" => Some(Comparison::NotEqual),
        "<" => Some(Comparison::Less),
        "<=" => Some(Comparison::LessOrEqual),
        ">" => Some(Comparison::Greater),
        ">=" => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}

fn conditions(op: &str, args: Vec<Expr>) -> Result<Vec<Condition>, FilterError> {
    if args.is_empty() {
        return unusable(format!("`{op}` joins nothing"));
    }
    args.into_iter().map(condition).collect()
}

fn operands<const N: usize>(op: &str, args: Vec<Expr>) -> Result<[Expr; N], FilterError> {
    let number = args.len();
    args.try_into().or_else(|_| unusable(format!("`{op}` has {number} operands instead of {N}")))
}

fn compare(comparison: Comparison, operands: [Expr; 2]) -> Result<Condition, FilterError> {
    use Operand::{Property, Value};
    if let [Expr::Null, Expr::Property { property }] | [Expr::Property { property }, Expr::Null] =
        &operands
    {
        let not = if comparison == Comparison::NotEqual { "NOT " } else { "" };
        let instead = quoted(&format!("{property} IS {not}NULL"));
        return unusable(format!("nothing compares with NULL, write {instead}"));
    }
    let [left, right] = operands;
    match (operand(left)?, operand(right)?) {
        (Property(property), Value(value)) => {
            Ok(Condition::Compare { property, comparison, value })
        }
        (Value(value), Property(property)) => {
            Ok(Condition::Compare { property, comparison: swapped(comparison), value })
        }
        (Property(left), Property(right)) => {
            let (left, right) = (quoted(&left), quoted(&right));
            unusable(format!("{left} is compared with {right}, and not with a value"))
        }
        (Value(_), Value(_)) => unusable("two values are compared, and no property".to_owned()),
    }
}

/// What holds of `b` and `a` if `comparison` does of `a` and `b`.
fn swapped(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::Equal,
        Comparison::NotEqual => Comparison::NotEqual,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
    }
}

fn negation([negated]: [Expr; 1]) -> Result<Condition, FilterError> {
    Ok(Condition::Not(Box::new(condition(negated)?)))
}

fn is_null([property]: [Expr; 1]) -> Result<Condition, FilterError> {
    Ok(Condition::IsNull { property: self::property(property, "IS NULL")? })
}

fn between([property, low, high]: [Expr; 3]) -> Result<Condition, FilterError> {
    let property = self::property(property, "BETWEEN")?;
    let (low, high) = (value(low, "BETWEEN")?, value(high, "BETWEEN")?);
    let compare =
        |comparison, value| Condition::Compare { property: property.clone(), comparison, value };
    Ok(Condition::all([
        compare(Comparison::GreaterOrEqual, low),
        compare(Comparison::LessOrEqual, high),
    ]))
}

fn is_in([property, list]: [Expr; 2]) -> Result<Condition, FilterError> {
    let property = self::property(property, "IN")?;
    let Expr::Array(values) = list else {
        return unusable(format!("after IN should be a list instead of {}", name(&list)));
    };
    if values.is_empty() {
        return unusable("the list after IN is empty".to_owned());
    }
    let values = values.into_iter().map(|value| self::value(*value, "IN"));
    Ok(Condition::In { property, values: values.collect::<Result<_, _>>()? })
}

fn like([property, pattern]: [Expr; 2]) -> Result<Condition, FilterError> {
    let property = self::property(property, "LIKE")?;
    let Expr::Literal(pattern) = pattern else {
        return unusable(format!("after LIKE should be a text instead of {}", name(&pattern)));
    };
    if pattern.len() > MOST_PATTERN {
        return unusable(format!("the pattern after LIKE has more than {MOST_PATTERN} bytes"));
    }
    if Pattern::new(&pattern).is_none() {
        let pattern = quoted(&pattern);
        return unusable(format!("{pattern} ends in a `\\` with nothing to escape"));
    }
    Ok(Condition::Like { property, pattern: without_nul(pattern)? })
}

enum Operand {
    Property(String),
    Value(Literal),
}

fn property(expr: Expr, operation: &str) -> Result<String, FilterError> {
    match expr {
        Expr::Property { property } => without_nul(property),
        expr => {
            unusable(format!("before {operation} should be a property instead of {}", name(&expr)))
        }
    }
}

fn value(expr: Expr, operation: &str) -> Result<Literal, FilterError> {
    match operand(expr)? {
        Operand::Value(value) => Ok(value),
        Operand::Property(property) => {
            let property = quoted(&property);
            unusable(format!("after {operation} should be values instead of {property}"))
        }
    }
}

fn operand(expr: Expr) -> Result<Operand, FilterError> {
    Ok(Operand::Value(match expr {
        Expr::Property { property } => return Ok(Operand::Property(without_nul(property)?)),
        Expr::Bool(value) => Literal::Bool(value),
        Expr::Float(value) => Literal::Number(number(value)?),
        Expr::Literal(value) => Literal::Text(without_nul(value)?),
        Expr::Date { date } => read_time(*date, "DATE", "2020-01-31", time::read_date)?,
        Expr::Timestamp { timestamp } => {
            read_time(*timestamp, "TIMESTAMP", "2020-01-31T12:00:00Z", time::read)?
        }
        Expr::Operation { op, .. } => {
            let operation = operation_name(&op);
            return unusable(format!("{operation} can't be compared{}", instead(&op)));
        }
        expr => return unusable(format!("{} can't be compared", name(&expr))),
    }))
}

fn number(value: f64) -> Result<f64, FilterError> {
    if !value.is_finite() {
        return unusable("a number is too large".to_owned());
    }
    if value.abs() >= FIRST_INEXACT {
        return unusable(format!("{value:e} is not below 2^53: it might have been rounded"));
    }
    // -0 becomes 0, which it equals.
    Ok(value + 0.0)
}

fn read_time(
    expr: Expr,
    function: &str,
    example: &str,
    read: fn(&str) -> Option<i64>,
) -> Result<Literal, FilterError> {
    let given = match &expr {
        Expr::Literal(text) => match read(text) {
            Some(time) => return Ok(Literal::Time(time)),
            None => quoted(text),
        },
        expr => name(expr),
    };
    unusable(format!("{function} needs a text such as `{example}` instead of {given}"))
}

/// JSON can spell what the filter's text can't have, and PostgreSQL's texts don't hold it.
fn without_nul(text: String) -> Result<String, FilterError> {
    if text.contains('\0') {
        return unusable("a text has a NUL character".to_owned());
    }
    Ok(text)
}

/// What `expr` is, in an error's text.
fn name(expr: &Expr) -> String {
    match expr {
        Expr::Operation { op, .. } => operation_name(op),
        Expr::Property { property } => format!("the property {}", quoted(property)),
        Expr::Float(value) => format!("the number {value:e}"),
        Expr::Literal(text) => format!("the text {}", quoted(text)),
        Expr::Bool(value) => value.to_string().to_uppercase(),
        Expr::Null => "NULL".to_owned(),
        Expr::Date { .. } => "a date".to_owned(),
        Expr::Timestamp { .. } => "a timestamp".to_owned(),
        Expr::Interval { .. } => "an interval".to_owned(),
        Expr::BBox { .. } => "a bounding box".to_owned(),
        Expr::Geometry(_) => "a geometry".to_owned(),
        Expr::Array(_) => "a list".to_owned(),
    }
}

fn operation_name(op: &str) -> String {
    let kind = match op {
        op if ARITHOPS.contains(&op) => "arithmetic",
        op if SPATIALOPS.contains(&op) => "the spatial condition",
        op if TEMPORALOPS.contains(&op) => "the temporal condition",
        op if ARRAYOPS.contains(&op) => "the condition on lists",
        "and" | "or" | "not" | "between" | "in" | "like" | "isNull" => "the condition",
        op if comparison(op).is_some() => "the condition",
        _ => "the function",
    };
    format!("{kind} {}", quoted(op))
}

/// What to write rather than `op`, where there is something.
fn instead(op: &str) -> &'static str {
    match op {
        "casei" | "accenti" => ", only the texts as they are",
        // `-height` is `-1 * height` to cql2.
        "*" => ", nor can a `-` before a property",
        op if TEMPORALOPS.contains(&op) => ", write it with `<`, `<=`, `=`, `>=` or `>`",
        _ => "",
    }
}

fn unusable<T>(reason: String) -> Result<T, FilterError> {
    Err(FilterError::Unusable(reason))
}
