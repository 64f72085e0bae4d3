//! What a layer's settings and a request add to its queries: parameters and conditions.
//!
//! Conditions see what tiles show: NaN and the infinities are no values, nor are infinite dates;
//! texts compare by their bytes. `query::Predicate` sees the same in features that are in memory.

use tokio_postgres::types::Type;

use super::bind;
use super::connection::Parameter;
use super::inventory::{Column, ColumnKind};
use super::sql::quote;
use crate::query::{Comparison, Condition, Kind, Literal, Params, Value};

/// For one fetch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given<'a> {
    pub(super) declared: Option<&'a Params>,
    pub(super) values: &'a [Value],
    /// The same as a JSON object.
    pub(super) json: Option<&'a String>,
    /// All columns that conditions may be about.
    pub(super) columns: &'a [Column],
    /// The settings' and the request's.
    pub(super) conditions: [Option<&'a Condition>; 2],
}

impl<'a> Given<'a> {
    /// `$20`, and from `$21` what the layer declares.
    pub(super) fn params(self) -> impl Iterator<Item = Parameter<'a>> {
        let declared = self.declared.into_iter().flat_map(Params::iter);
        static NONE: String = String::new();
        let json = self.json.unwrap_or(&NONE);
        std::iter::once((json as _, Type::TEXT))
            .chain(declared.zip(self.values).map(|(param, value)| bind::value(param, value)))
    }

    /// The conditions, of which the first value is `$first`; `None` without any.
    pub(super) fn sql(self, first: usize) -> Option<String> {
        let mut render = Render { columns: self.columns, next: first };
        let all: Vec<String> =
            self.conditions.into_iter().flatten().map(|one| render.condition(one)).collect();
        (!all.is_empty()).then(|| all.join(" AND "))
    }

    /// Their values, in order.
    pub(super) fn literals(self) -> Vec<Parameter<'a>> {
        let mut values = Vec::new();
        for condition in self.conditions.into_iter().flatten() {
            literals(condition, self.columns, &mut values);
        }
        values
    }
}

/// What a column's values are to a filter.
pub(super) fn kind(column: &Column) -> Kind {
    match (column.kind, Type::from_oid(column.base)) {
        (ColumnKind::Bool, _) => Kind::Bool,
        (ColumnKind::Int | ColumnKind::Float | ColumnKind::Numeric, _) => Kind::Number,
        // A time of day is no moment.
        (ColumnKind::Text, _) | (ColumnKind::Time, Some(Type::TIME)) => Kind::Text,
        (ColumnKind::Time, _) => Kind::Time,
    }
}

struct Render<'a> {
    columns: &'a [Column],
    next: usize,
}

impl Render<'_> {
    fn condition(&mut self, condition: &Condition) -> String {
        match condition {
            Condition::Constant(value) => value.to_string(),
            Condition::Not(inner) => format!("(NOT {})", self.condition(inner)),
            Condition::And(all) => self.joined(all, " AND "),
            Condition::Or(all) => self.joined(all, " OR "),
            Condition::Compare { property, comparison, value } => {
                let whole = is_whole(value);
                let (operand, operator) =
                    (operand(self.columns, property, whole), operator(*comparison));
                let value = self.placeholder(property, whole);
                let exact = format!("{operand} {operator} {value}");
                match *comparison == Comparison::Equal {
                    true => self.indexed(property, &format!("= {value}"), exact),
                    false => format!("({exact})"),
                }
            }
            Condition::In { property, values } => {
                let whole = values.iter().all(is_whole);
                let list: Vec<String> =
                    values.iter().map(|_| self.placeholder(property, whole)).collect();
                let list = format!("IN ({})", list.join(", "));
                let exact = format!("{} {list}", operand(self.columns, property, whole));
                self.indexed(property, &list, exact)
            }
            Condition::Like { property, .. } => {
                let operand = operand(self.columns, property, false);
                format!("({operand} LIKE {})", self.placeholder(property, false))
            }
            Condition::IsNull { property } => {
                format!("({} IS NULL)", operand(self.columns, property, true))
            }
        }
    }

    /// An equality of texts by their bytes, said once more such that an index on the column can help:
    /// whatever the column's collation, what it finds is no less.
    fn indexed(&self, property: &str, equals: &str, exact: String) -> String {
        let is_text = |column: &Column| {
            [Type::TEXT, Type::VARCHAR].iter().any(|kind| kind.oid() == column.base)
        };
        match find(self.columns, property).is_some_and(is_text) {
            true => format!("({} {equals} AND {exact})", quote(property)),
            false => format!("({exact})"),
        }
    }

    fn joined(&mut self, all: &[Condition], by: &str) -> String {
        let all: Vec<String> = all.iter().map(|one| self.condition(one)).collect();
        format!("({})", all.join(by))
    }

    fn placeholder(&mut self, property: &str, whole: bool) -> String {
        let number = self.next;
        self.next += 1;
        match exactness(self.columns, property, whole) {
            Exactness::Decimal => format!("${number}::pg_catalog.numeric"),
            _ => format!("${number}"),
        }
    }
}

fn find<'a>(columns: &'a [Column], property: &str) -> Option<&'a Column> {
    columns.iter().find(|column| column.name == property)
}

/// How numbers of a column are compared with a literal.
enum Exactness {
    Whole,
    /// As `numeric`, which the literal is sent as the text of.
    Decimal,
    Double,
    NoNumber,
}

fn exactness(columns: &[Column], property: &str, whole: bool) -> Exactness {
    match find(columns, property).map(|column| column.kind) {
        Some(ColumnKind::Int) if whole => Exactness::Whole,
        Some(ColumnKind::Int | ColumnKind::Numeric) => Exactness::Decimal,
        Some(ColumnKind::Float) => Exactness::Double,
        _ => Exactness::NoNumber,
    }
}

/// The column as it is compared.
fn operand(columns: &[Column], property: &str, whole: bool) -> String {
    let name = quote(property);
    let Some(column) = find(columns, property) else {
        return "NULL".to_owned();
    };
    // By its text, since not every server has a numeric for the infinities.
    let finite = |kind: &str, shown: &str| {
        format!(
            "CASE WHEN {name}::pg_catalog.{shown} NOT IN ('NaN', 'Infinity', '-Infinity') \
             THEN {name}::pg_catalog.{kind} END"
        )
    };
    match (column.kind, kind(column)) {
        (ColumnKind::Int, _) if whole => name,
        (ColumnKind::Int, _) => format!("{name}::pg_catalog.numeric"),
        (ColumnKind::Float, _) => finite("float8", "float8"),
        (ColumnKind::Numeric, _) => finite("numeric", "text"),
        (_, Kind::Time) => format!("CASE WHEN pg_catalog.isfinite({name}) THEN {name} END"),
        (ColumnKind::Bool, _) => name,
        (ColumnKind::Text | ColumnKind::Time, _) => {
            format!("{name}::pg_catalog.text COLLATE pg_catalog.\"C\"")
        }
    }
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn is_whole(literal: &Literal) -> bool {
    matches!(literal, Literal::Number(number) if number.fract() == 0.0)
}

/// In the order of [`Render`]'s placeholders.
fn literals<'a>(condition: &'a Condition, columns: &[Column], values: &mut Vec<Parameter<'a>>) {
    let of = |property: &str, literal: &'a Literal, whole: bool| -> Parameter<'a> {
        let kind = match literal {
            Literal::Bool(_) => Type::BOOL,
            Literal::Text(_) => Type::TEXT,
            Literal::Time(_) => Type::TIMESTAMPTZ,
            Literal::Number(_) => match exactness(columns, property, whole) {
                Exactness::Whole => Type::INT8,
                Exactness::Decimal => Type::TEXT,
                Exactness::Double | Exactness::NoNumber => Type::FLOAT8,
            },
        };
        (literal, kind)
    };
    match condition {
        Condition::Constant(_) | Condition::IsNull { .. } => {}
        Condition::Not(inner) => literals(inner, columns, values),
        Condition::And(all) | Condition::Or(all) => {
            all.iter().for_each(|one| literals(one, columns, values));
        }
        Condition::Compare { property, value, .. } => {
            values.push(of(property, value, is_whole(value)));
        }
        Condition::In { property, values: list } => {
            let whole = list.iter().all(is_whole);
            values.extend(list.iter().map(|literal| of(property, literal, whole)));
        }
        Condition::Like { pattern, .. } => values.push((pattern, Type::TEXT)),
    }
}
