//! Filters for features in memory: the same answers as SQL gives.

use std::cmp::Ordering;

use super::like::Pattern;
use super::{Comparison, Condition, Literal, time};

/// A property's value, as tiles have it. There is none for NULL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    Bool(bool),
    Int(i64),
    /// NaN and the infinities count as NULL: tiles don't show them.
    Double(f64),
    /// Dates and timestamps too, as RFC 3339 has them.
    Text(&'a str),
}

/// A [`Filter`](super::Filter) that knows where a feature's properties are.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Constant(bool),
    Compare(Option<usize>, Comparison, Literal),
    In(Option<usize>, Vec<Literal>),
    Like(Option<usize>, Option<Pattern>),
    IsNull(Option<usize>),
}

type ValueOf<'f, 'a> = dyn FnMut(usize) -> Option<Scalar<'a>> + 'f;

impl Predicate {
    pub(super) fn new(condition: &Condition, index_of: &dyn Fn(&str) -> Option<usize>) -> Self {
        Self { test: Test::new(condition, index_of) }
    }

    /// Whether the condition is true, neither false nor unknown, of the feature with these values.
    pub fn selects<'a>(&self, value_of: &mut dyn FnMut(usize) -> Option<Scalar<'a>>) -> bool {
        self.test.truth(value_of) == Some(true)
    }
}

impl Test {
    fn new(condition: &Condition, index_of: &dyn Fn(&str) -> Option<usize>) -> Self {
        let all = |conditions: &[Condition]| {
            conditions.iter().map(|condition| Self::new(condition, index_of)).collect()
        };
        match condition {
            Condition::And(conditions) => Self::All(all(conditions)),
            Condition::Or(conditions) => Self::Any(all(conditions)),
            Condition::Not(condition) => Self::Not(Box::new(Self::new(condition, index_of))),
            Condition::Constant(value) => Self::Constant(*value),
            Condition::Compare { property, comparison, value } => {
                Self::Compare(index_of(property), *comparison, value.clone())
            }
            Condition::In { property, values } => Self::In(index_of(property), values.clone()),
            Condition::Like { property, pattern } => {
                Self::Like(index_of(property), Pattern::new(pattern))
            }
            Condition::IsNull { property } => Self::IsNull(index_of(property)),
        }
    }

    /// `None` is SQL's unknown.
    fn truth(&self, value_of: &mut ValueOf<'_, '_>) -> Option<bool> {
        match self {
            Self::All(tests) => joined(tests, false, value_of),
            Self::Any(tests) => joined(tests, true, value_of),
            Self::Not(test) => test.truth(value_of).map(|truth| !truth),
            Self::Constant(truth) => Some(*truth),
            Self::Compare(index, comparison, literal) => {
                Some(comparison.holds(order(value(*index, value_of)?, literal)?))
            }
            Self::In(index, literals) => is_in(value(*index, value_of)?, literals),
            Self::Like(index, pattern) => match value(*index, value_of)? {
                Scalar::Text(text) => Some(pattern.as_ref()?.matches(text)),
                _ => None,
            },
            Self::IsNull(index) => Some(value(*index, value_of).is_none()),
        }
    }
}

/// `AND` and `OR`: one test that is `decisive` decides, otherwise one that is unknown.
fn joined(tests: &[Test], decisive: bool, value_of: &mut ValueOf<'_, '_>) -> Option<bool> {
    let mut joined = Some(!decisive);
    for test in tests {
        match test.truth(value_of) {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => joined = None,
        }
    }
    joined
}

fn value<'a>(index: Option<usize>, value_of: &mut ValueOf<'_, 'a>) -> Option<Scalar<'a>> {
    match value_of(index?)? {
        Scalar::Double(value) if !value.is_finite() => None,
        value => Some(value),
    }
}

fn is_in(value: Scalar<'_>, literals: &[Literal]) -> Option<bool> {
    let mut is_in = Some(false);
    for literal in literals {
        match order(value, literal) {
            Some(Ordering::Equal) => return Some(true),
            Some(_) => {}
            None => is_in = None,
        }
    }
    is_in
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// None between values of different kinds.
fn order(value: Scalar<'_>, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Scalar::Bool(value), Literal::Bool(literal)) => Some(value.cmp(literal)),
        (Scalar::Int(value), Literal::Number(literal)) => int_order(value, *literal),
        (Scalar::Double(value), Literal::Number(literal)) => value.partial_cmp(literal),
        (Scalar::Text(value), Literal::Text(literal)) => Some(value.cmp(literal)),
        (Scalar::Text(value), Literal::Time(literal)) => Some(time::read(value)?.cmp(literal)),
        _ => None,
    }
}

/// Exact: as a double, a large integer would be another one.
fn int_order(int: i64, double: f64) -> Option<Ordering> {
    // Both are doubles as they are; the integers end just before the second.
    const BOUNDS: (f64, f64) = (i64::MIN as f64, -(i64::MIN as f64));
    if double < BOUNDS.0 {
        return Some(Ordering::Greater);
    }
    if double >= BOUNDS.1 {
        return Some(Ordering::Less);
    }
    let fraction = 0.0.partial_cmp(&double.fract())?;
    Some(int.cmp(&(double.trunc() as i64)).then(fraction))
}
