//! The order that a layer's rows come in, in SQL and as bytes.

use std::iter;

use tokio_postgres::types::Type;

use super::inventory::{Column, ColumnKind};
use super::sql::quote;
use crate::source::OrderBy;

/// One column of `order_by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Quoted.
    column: String,
    kind: Kind,
    descending: bool,
    nulls_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    /// Integers, and dates and times, which are integers too.
    Int,
    Float,
    /// As a double: a tile's features need no finer order.
    Numeric,
    Text,
}

impl Key {
    /// `None` for a type whose order wouldn't be that of its text, or that has none.
    pub(super) fn new(order: &OrderBy, column: &Column) -> Option<Self> {
        const TEXTS: [Type; 4] = [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME];
        let kind = match column.kind {
            ColumnKind::Bool => Kind::Bool,
            ColumnKind::Int | ColumnKind::Time => Kind::Int,
            ColumnKind::Float => Kind::Float,
            ColumnKind::Numeric => Kind::Numeric,
            ColumnKind::Text if TEXTS.iter().any(|text| text.oid() == column.base) => Kind::Text,
            ColumnKind::Text => return None,
        };
        let descending = order.descending;
        let nulls_first = order.nulls_first.unwrap_or(descending);
        Some(Self { column: quote(&column.name), kind, descending, nulls_first })
    }

    /// The numbers of a query's rows.
    pub(super) fn of_number(column: &str) -> Self {
        Self { column: quote(column), kind: Kind::Int, descending: false, nulls_first: false }
    }

    /// The quoted column.
    pub(super) fn column(&self) -> &str {
        &self.column
    }

    /// The value that is sorted by.
    pub(super) fn value(&self) -> String {
        self.with_column(&self.column)
    }

    fn with_column(&self, column: &str) -> String {
        match self.kind {
            Kind::Bool | Kind::Int | Kind::Float => column.to_owned(),
            Kind::Numeric => double(column),
            Kind::Text => format!("{column}::pg_catalog.text"),
        }
    }

    /// The item of ORDER BY in a query of `tesela`, whose columns may be renamed. Texts sort by their bytes: other orders depend on the server.
    pub(super) fn sql(&self) -> String {
        format!(
            "{}{}{} NULLS {}",
            self.with_column(&format!("tesela.{}", self.column)),
            if self.kind == Kind::Text { " COLLATE pg_catalog.\"C\"" } else { "" },
            if self.descending { " DESC" } else { "" },
            if self.nulls_first { "FIRST" } else { "LAST" },
        )
    }

    /// Appends bytes that compare as values do in [`sql`](Self::sql); `value` is in the binary
    /// protocol's form.
    pub(super) fn append(&self, value: Option<&[u8]>, rank: &mut Vec<u8>) {
        rank.push(u8::from(value.is_some() == self.nulls_first));
        let Some(value) = value else { return };
        let start = rank.len();
        match self.kind {
            Kind::Bool => rank.extend(value),
            Kind::Int => rank.extend(flipped(value)),
            Kind::Float | Kind::Numeric => float(value, rank),
            // No text of PostgreSQL holds a zero.
            Kind::Text => rank.extend(value.iter().copied().chain(iter::once(0))),
        }
        if self.descending {
            rank[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

/// A numeric as the nearest double, where the cast fails outside of a double's range.
fn double(column: &str) -> String {
    let double = |text: &str| format!("'{text}'::pg_catalog.float8");
    format!(
        "CASE WHEN {column} = 'NaN' THEN {} WHEN {column} > 1e300 THEN {} \
         WHEN {column} < -1e300 THEN {} WHEN pg_catalog.abs({column}) < 1e-300 THEN 0 \
         ELSE {column}::pg_catalog.float8 END",
        double("NaN"),
        double("Infinity"),
        double("-Infinity"),
    )
}

/// Big-endian with the sign's bit turned over.
fn flipped(value: &[u8]) -> impl Iterator<Item = u8> {
    value.iter().enumerate().map(|(index, byte)| if index == 0 { byte ^ 0x80 } else { *byte })
}

/// For PostgreSQL, the zeros are equal, and NaN is equal to itself and above all others.
fn float(value: &[u8], rank: &mut Vec<u8>) {
    let number = match (value.try_into(), value.try_into()) {
        (Ok(bytes), _) => f64::from_be_bytes(bytes),
        (_, Ok(bytes)) => f32::from_be_bytes(bytes).into(),
        _ => f64::NAN,
    };
    let bits = match number.is_nan() {
        true => f64::NAN.to_bits() & !(1 << 63),
        false => (number + 0.0).to_bits(),
    };
    let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    rank.extend(ordered.to_be_bytes());
}
