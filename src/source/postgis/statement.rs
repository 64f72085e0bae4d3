//! A layer's queries, put together for each fetch out of what was prepared with the layer.

use std::fmt::Write;
use std::sync::Arc;

use tokio_postgres::types::Type;

use super::connection::Parameter;
use super::distant::Cut;
use super::filter::Filter;

/// The parts of a layer's queries.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// Id, geometry, properties and the order's columns.
    pub(super) select: String,
    /// `select` takes the parameters of a [`Cut`].
    pub(super) cut: bool,
    /// Quoted and qualified.
    pub(super) table: String,
    /// The condition on the geometry's index: parameters from `$1`.
    pub(super) within: String,
}

impl Rows {
    /// The query for what a filter lets through.
    pub(super) fn under(&self, filter: &Filter) -> Arc<str> {
        let mut sql = format!("SELECT {} FROM {}", self.select, self.table);
        if *filter != Filter::Everything {
            // Writing to a String can't fail.
            let _ = write!(sql, " WHERE {}", self.within);
        }
        sql.into()
    }
}

/// Values of the queries' parameters, those of all parts: a query takes the first of them.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) filter: Filter,
    pub(super) cut: Cut,
}

impl Values {
    /// The values for a query of `rows`.
    pub(super) fn of(&self, rows: &Rows) -> Vec<Parameter<'_>> {
        let float = |value| (value as _, Type::FLOAT8);
        match &self.filter {
            Filter::Everything | Filter::Nothing => Vec::new(),
            Filter::Polygon(ewkb) => vec![(ewkb, Type::BYTEA)],
            Filter::Envelope(edges) => {
                let mut values: Vec<Parameter<'_>> = Vec::with_capacity(10);
                values.extend(edges.iter().map(float));
                if rows.cut {
                    values.extend(self.cut.values().map(float));
                }
                values
            }
        }
    }
}
