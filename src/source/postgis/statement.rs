//! A layer's queries, put together for each fetch out of what was prepared with the layer.

use std::fmt::Write;
use std::sync::Arc;

use tokio_postgres::types::Type;

use super::condition::Given;
use super::connection::Parameter;
use super::distant::Cut;
use super::filter::Filter;
use super::small::NotSmall;
use crate::tile::TileCoord;

/// The parts of a layer's queries.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// Id, geometry, properties and the order's columns.
    pub(super) select: String,
    /// `select` takes the parameters of a [`Cut`].
    pub(super) cut: bool,
    pub(super) from: From,
}

/// Which rows a query is about, and which of them come first.
#[derive(Clone, Debug)]
pub(super) struct From {
    /// Quoted and qualified; or a query in parentheses.
    pub(super) table: String,
    /// It is a query, which takes all parameters there are.
    pub(super) queried: bool,
    /// All columns that are used, quoted.
    pub(super) columns: String,
    /// The condition on the geometry's index: parameters from `$1`.
    pub(super) within: String,
    /// Rows that have a geometry at all.
    pub(super) present: String,
    /// The conditions that rows aren't small; `None` where all would be kept.
    pub(super) not_small: Option<NotSmall>,
    /// What rows are ordered by: the items of ORDER BY, and a column with a name of its own that
    /// they need besides.
    pub(super) first: String,
    pub(super) size: Option<String>,
}

/// What is wanted of a layer's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The database leaves out what is small.
    pub(super) not_small: bool,
    pub(super) limit: Limit,
}

/// How many rows are wanted. One more than that is asked for, to see whether there are more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Limit {
    #[default]
    None,
    Any(u32),
    /// Those that come first in the layer's order.
    First(u32),
}

impl Wanted {
    /// The same, but in the layer's order if there is a limit.
    pub(super) fn in_order(self) -> Self {
        let limit = match self.limit {
            Limit::Any(rows) => Limit::First(rows),
            limit => limit,
        };
        Self { limit, ..self }
    }
}

impl Limit {
    /// The number; `None` for all rows.
    pub(super) fn rows(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Any(rows) | Self::First(rows) => Some(rows.into()),
        }
    }
}

impl Rows {
    /// The query for what `values` let through.
    pub(super) fn sql(&self, values: &Values<'_>, wanted: Wanted) -> Arc<str> {
        let (select, from) = (&self.select, &self.from);
        let condition = from.condition(values, wanted, values.of_rows(self, wanted).len());
        match wanted.limit {
            Limit::None => format!("SELECT {select} FROM {}{condition}", from.table),
            Limit::Any(rows) => {
                let more = u64::from(rows) + 1;
                format!("SELECT {select} FROM {}{condition} LIMIT {more}", from.table)
            }
            Limit::First(rows) => format!(
                "WITH {} SELECT {select} FROM {} AS rows",
                from.materialized(&condition),
                from.first(u64::from(rows) + 1),
            ),
        }
        .into()
    }
}

impl From {
    /// WHERE and what follows; empty for all rows. `before` values come before those of conditions.
    pub(super) fn condition(&self, values: &Values<'_>, wanted: Wanted, before: usize) -> String {
        let own = values.given.sql(before + 1);
        let mut condition = match (&values.filter, &own) {
            (Filter::Everything, None) if wanted.limit == Limit::None => return String::new(),
            (Filter::Everything, _) => format!(" WHERE {}", self.present),
            _ => format!(" WHERE {}", self.within),
        };
        if let (true, Some(not_small)) = (wanted.not_small, &self.not_small) {
            // What the limit counts must not depend on how rows are stored. Without one, those
            // that are kept here are left out later.
            let not_small = match wanted.limit {
                Limit::None => &not_small.cheap,
                Limit::Any(_) | Limit::First(_) => &not_small.all,
            };
            // Writing to a String can't fail.
            let _ = write!(condition, " AND {not_small}");
        }
        if let Some(own) = own {
            let _ = write!(condition, " AND {own}");
        }
        condition
    }

    /// The rows as a part of a query of its own, so that no index but the geometry's tempts the
    /// planner: one on the order's columns would lead it through the whole world.
    pub(super) fn materialized(&self, condition: &str) -> String {
        let Self { table, columns, size, .. } = self;
        let size = size.as_deref().unwrap_or_default();
        format!("tesela AS MATERIALIZED (SELECT {columns}{size} FROM {table}{condition})")
    }

    /// The first of them.
    pub(super) fn first(&self, rows: u64) -> String {
        format!("(SELECT * FROM tesela ORDER BY {} LIMIT {rows})", self.first)
    }
}

/// Values of the queries' parameters.
#[derive(Clone, Debug)]
pub(super) struct Values<'a> {
    pub(super) filter: Filter,
    pub(super) cut: Cut,
    /// Sizes that rows must have in either direction, in the table's units, so as not to be small.
    pub(super) sizes: [f64; 2],
    pub(super) tile: TileValues,
    pub(super) given: Given<'a>,
}

/// What a layer's own query can ask of the tile: `$11` to `$19`, and `$1` to `$4`.
#[derive(Clone, Debug, Default)]
pub(super) struct TileValues {
    z: i32,
    x: i32,
    y: i32,
    /// West, south, east and north in Web Mercator.
    bounds: [f64; 4],
    pixel_width: f64,
    scale_denominator: f64,
    /// Where rows are wanted from.
    edges: [f64; 4],
}

impl TileValues {
    /// The box where rows are wanted from ends at `east` and `north`, and as far west and south.
    pub(super) fn new(tile: TileCoord, filter: &Filter, [east, north]: [f64; 2]) -> Self {
        /// What rows of any system are within: metres around the earth, twice.
        const EVERYWHERE: [f64; 4] = [-1e8, -1e8, 1e8, 1e8];
        /// A pixel of 0.28 mm.
        const PIXEL: f64 = 0.000_28;
        let bounds = tile.bounds();
        let (min, max) = (bounds.min(), bounds.max());
        let whole = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let pixel_width = tile.size() / 256.0;
        Self {
            z: tile.z().into(),
            x: whole(tile.x()),
            y: whole(tile.y()),
            bounds: [min.x, min.y, max.x, max.y],
            pixel_width,
            scale_denominator: pixel_width / PIXEL,
            edges: match filter {
                Filter::Envelope([x_min, y_min, x_max, y_max]) => {
                    [x_min.max(-east), y_min.max(-north), x_max.min(east), y_max.min(north)]
                }
                _ => EVERYWHERE,
            },
        }
    }
}

impl TileValues {
    /// The same with the whole world in place of the tile, but at its zoom.
    pub(super) fn of_the_world(self) -> Self {
        let world = TileCoord::new(0, 0, 0).map_or(self.bounds, |world| {
            let (min, max) = (world.bounds().min(), world.bounds().max());
            [min.x, min.y, max.x, max.y]
        });
        Self { bounds: world, ..self }
    }
}

impl<'a> Values<'a> {
    /// Values with which queries are explained: a box that is one in every system.
    pub(super) fn of_example(given: Given<'a>) -> Self {
        Self::with(Filter::Envelope([0.0, 0.0, 1.0, 1.0]), given)
    }

    /// Values of the world's tile, with another filter.
    pub(super) fn with(filter: Filter, given: Given<'a>) -> Self {
        let (cut, sizes) = Default::default();
        let world = TileCoord::new(0, 0, 0).expect("there is one at zoom 0");
        let tile = TileValues::new(world, &filter, [f64::INFINITY; 2]);
        Self { filter, cut, sizes, tile, given }
    }

    /// All values there are, for a layer's own query.
    pub(super) fn of_query(&self) -> Vec<Parameter<'_>> {
        let TileValues { z, x, y, bounds, pixel_width, scale_denominator, edges } = &self.tile;
        let mut values: Vec<Parameter<'_>> = edges.iter().map(float).collect();
        values.extend(self.cut.values().map(float));
        values.extend(self.sizes.iter().map(float));
        values.extend([z, x, y].map(|number| (number as _, Type::INT4)));
        values.extend(bounds.iter().chain([pixel_width, scale_denominator]).map(float));
        values.extend(self.given.params());
        values
    }

    /// The values for a query of `rows`.
    pub(super) fn of(&self, rows: &Rows, wanted: Wanted) -> Vec<Parameter<'_>> {
        let mut values = self.of_rows(rows, wanted);
        values.extend(self.given.literals());
        values
    }

    /// The same without those of conditions.
    fn of_rows(&self, rows: &Rows, wanted: Wanted) -> Vec<Parameter<'_>> {
        let mut values = self.of_from(&rows.from);
        if let (Filter::Envelope(_), false) = (&self.filter, rows.from.queried)
            && (rows.cut || wanted.not_small)
        {
            values.extend(self.cut.values().map(float));
            values.extend(self.sizes.iter().map(float));
        }
        values
    }

    /// The values that come before those of an encoder.
    pub(super) fn of_from(&self, from: &From) -> Vec<Parameter<'_>> {
        match &self.filter {
            _ if from.queried => self.of_query(),
            Filter::Everything | Filter::Nothing => Vec::new(),
            Filter::Polygon(ewkb) => vec![(ewkb, Type::BYTEA)],
            Filter::Envelope(edges) => edges.iter().map(float).collect(),
        }
    }
}

/// A parameter.
pub(super) fn float(value: &f64) -> Parameter<'_> {
    (value, Type::FLOAT8)
}
