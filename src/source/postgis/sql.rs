//! SQL text. Everything outside `pg_catalog` is qualified, so that no search path matters.

use std::fmt::Write;
use std::sync::Arc;

use tokio_postgres::types::Type;

use super::distant;
use super::inventory::{Column, ColumnKind};
use super::rank::Key;
use super::small;
use super::statement::{From, Rows};

/// An identifier in double quotes.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `"schema"."name"`.
pub(super) fn qualify(schema: &str, name: &str) -> String {
    format!("{}.{}", quote(schema), quote(name))
}

/// A string constant, whatever `standard_conforming_strings` says.
pub(super) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A `bytea` constant.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut sql = String::from("pg_catalog.decode('");
    for byte in bytes {
        // Writing to a String can't fail.
        let _ = write!(sql, "{byte:02x}");
    }
    sql.push_str("', 'hex')");
    sql
}

/// What a layer's queries are made of.
pub(super) struct Shape<'a> {
    /// Schema that PostGIS is installed in.
    pub(super) postgis: &'a str,
    /// The table, quoted and qualified; or a query in parentheses.
    pub(super) table: &'a str,
    /// It is a query, which sees to the tile's area itself.
    pub(super) queried: bool,
    pub(super) geometry: &'a str,
    pub(super) geography: bool,
    /// Only points, which have no edges.
    pub(super) points: bool,
    /// Only lines or polygons.
    pub(super) lines_or_polygons: bool,
    /// Of the layer's coordinates.
    pub(super) srid: i32,
    /// Of the rows' values: the same or 0.
    pub(super) row_srid: i32,
    pub(super) curves: bool,
    pub(super) id: Option<&'a str>,
    /// No two rows have the same id, and all have one.
    pub(super) unique: bool,
    pub(super) columns: &'a [Column],
    pub(super) order: &'a [Key],
}

impl Shape<'_> {
    fn function(&self, name: &str) -> String {
        format!("{}.{name}", quote(self.postgis))
    }

    /// The geometry as the rows have it, but without curves.
    pub(super) fn plain(&self) -> String {
        let column = quote(self.geometry);
        if self.geography {
            return self.of_geography(&column);
        }
        match self.curves {
            true => format!("{}({column})", self.function("ST_CurveToLine")),
            false => column,
        }
    }

    /// The geometry of a geography, whose edges are great circles, while those of a tile are
    /// straight: long ones get points in between. Whoever's box is small has none.
    fn of_geography(&self, column: &str) -> String {
        /// Metres.
        const LONG: u32 = 100_000;
        /// Degrees; 94.6 km along the equator and less anywhere else.
        const SHORT: f64 = 0.85;
        let geometry = format!("{column}::{}", self.function("geometry"));
        if self.points {
            return geometry;
        }
        let [segmentize, length, diagonal] =
            ["ST_Segmentize", "ST_Length2D", "ST_BoundingDiagonal"].map(|name| self.function(name));
        let cast = self.function("geometry");
        format!(
            "CASE WHEN {length}({diagonal}({geometry})) > {SHORT} \
             THEN {segmentize}({column}, {LONG})::{cast} ELSE {geometry} END"
        )
    }

    /// `geometry` in degrees; `geometry` is an expression with the SRID of the rows.
    pub(super) fn to_degrees(&self, geometry: &str) -> String {
        let transform = self.function("ST_Transform");
        // A third coordinate that is no number would spoil the others.
        let geometry = format!("{}({geometry})", self.function("ST_Force2D"));
        if self.row_srid == self.srid {
            return format!("{transform}({geometry}, 4326)");
        }
        let set_srid = self.function("ST_SetSRID");
        format!("{transform}({set_srid}({geometry}, {}), 4326)", self.srid)
    }

    /// The rows as they are.
    pub(super) fn plain_rows(&self) -> Rows {
        self.rows(&self.plain(), false)
    }

    /// The rows as they are, but for those that are large and reach far beyond the tile; `None`
    /// where such rows aren't cut.
    pub(super) fn cut_rows(&self) -> Option<Rows> {
        let (column, known) = (quote(self.geometry), self.lines_or_polygons);
        let cut = || distant::cut(self.postgis, &column, &self.plain(), self.row_srid, known);
        self.keeps_units().then(|| self.rows(&cut(), true))
    }

    /// The rows in degrees.
    pub(super) fn degree_rows(&self) -> Rows {
        self.rows(&self.to_degrees(&self.plain()), false)
    }

    /// Geometries in degrees: `$1` are some of [`plain_rows`](Self::plain_rows).
    pub(super) fn some_in_degrees(&self) -> Arc<str> {
        let geometry = self.to_degrees(&format!("g::{}", self.function("geometry")));
        format!(
            "SELECT {geometry}::pg_catalog.bytea \
             FROM pg_catalog.unnest($1::pg_catalog.bytea[]) WITH ORDINALITY AS rows(g, n) \
             ORDER BY n"
        )
        .into()
    }

    fn rows(&self, geometry: &str, cut: bool) -> Rows {
        let mut select = match self.id {
            Some(id) => quote(id),
            None => "NULL".to_owned(),
        };
        // Writing to a String can't fail.
        let _ = write!(select, "::pg_catalog.int8, ({geometry})::pg_catalog.bytea");
        for column in self.columns {
            let _ = write!(select, ", {}", property(column));
        }
        for key in self.order {
            let _ = write!(select, ", {}", key.value());
        }
        if cut {
            let _ = write!(select, ", {}", distant::is_large(&quote(self.geometry)));
        }
        Rows { select, cut, from: self.from() }
    }

    pub(super) fn from(&self) -> From {
        let column = quote(self.geometry);
        let mut columns = vec![column.clone()];
        let others = self.id.into_iter().chain(self.columns.iter().map(|one| one.name.as_str()));
        columns.extend(others.map(quote).chain(self.order.iter().map(|key| key.column().into())));
        columns.sort_unstable();
        columns.dedup();
        let box_name = quote(&unused_name(&columns, "box"));
        let by_size = self.order.is_empty() && !self.points;
        From {
            table: self.table.to_owned(),
            queried: self.queried,
            within: if self.queried { self.shown(&column) } else { self.within() },
            present: if self.queried {
                self.shown(&column)
            } else {
                format!("{column} IS NOT NULL")
            },
            not_small: self
                .keeps_units()
                .then(|| small::not_small(self.postgis, &column, !self.lines_or_polygons)),
            first: self.first(by_size.then_some(&box_name)),
            size: by_size.then(|| {
                let geometry = self.function("geometry");
                let shape = format!("{column}::{geometry}::{}", self.function("box3d"));
                format!(", {shape} AS {box_name}")
            }),
            columns: columns.join(", "),
        }
    }

    /// Rows of a query that have a geometry at all, which an index sees to elsewhere.
    fn shown(&self, column: &str) -> String {
        let geometry = match self.geography {
            true => format!("{column}::{}", self.function("geometry")),
            false => column.to_owned(),
        };
        format!("{column} IS NOT NULL AND NOT {}({geometry})", self.function("ST_IsEmpty"))
    }

    /// Sizes of the rows are sizes in the tile: there are some, and no transformation.
    fn keeps_units(&self) -> bool {
        !self.points && !self.geography && self.is_known()
    }

    /// The items of ORDER BY: the layer's own order or the largest box first, `size`, then
    /// the id; and whatever else there is, such that every server takes the same rows.
    fn first(&self, size: Option<&String>) -> String {
        let mut items: Vec<String> = self.order.iter().map(Key::sql).collect();
        if let Some(size) = size {
            items.push(format!("{} DESC", self.larger_side(&format!("tesela.{size}"))));
        }
        items.extend(self.id.map(|id| format!("tesela.{}", quote(id))));
        if !self.unique {
            items.push(format!("tesela.{}::pg_catalog.bytea", quote(self.geometry)));
            items.extend(self.all_columns());
        }
        items.join(", ")
    }

    /// The larger side of a box. Degrees of latitude count as many of longitude as Web Mercator
    /// makes of them in the box's middle. Rows that have to be transformed are compared in the
    /// units of their own system, stretched as they may be.
    fn larger_side(&self, shape: &str) -> String {
        let edge = |name| format!("{}({shape})", self.function(name));
        let [west, south, east, north] = ["ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax"].map(edge);
        if self.srid != 4326 && !self.geography {
            return format!("GREATEST({east} - {west}, {north} - {south})");
        }
        let within = |value, most: f64| format!("LEAST(GREATEST({value}, -{most}), {most})");
        let (south, north) = (within(south, 90.0), within(north, 90.0));
        let middle = within(format!("({south} + {north}) / 2"), 85.06);
        let stretched =
            format!("({north} - {south}) / pg_catalog.cos(pg_catalog.radians({middle}))");
        format!("GREATEST({east} - {west}, {stretched})")
    }

    /// All properties as items of ORDER BY. One by one, since only ties are compared: a text of
    /// all together would be made for every row.
    pub(super) fn all_columns(&self) -> impl Iterator<Item = String> {
        self.columns.iter().map(|column| {
            let name = format!("tesela.{}", quote(&column.name));
            match column.kind {
                // Not every type has an order.
                ColumnKind::Text => format!("{name}::pg_catalog.text COLLATE pg_catalog.\"C\""),
                _ => name,
            }
        })
    }

    /// Rows can be used without a transformation.
    pub(super) fn is_known(&self) -> bool {
        matches!(self.srid, 3857 | 4326)
    }

    fn within(&self) -> String {
        let column = quote(self.geometry);
        let overlaps = format!("{column} OPERATOR({}.&&)", quote(self.postgis));
        match self.geography {
            true => format!("{overlaps} $1::pg_catalog.bytea::{}", self.function("geography")),
            false => {
                let envelope = self.function("ST_MakeEnvelope");
                format!("{overlaps} {envelope}($1, $2, $3, $4, {})", self.row_srid)
            }
        }
    }
}

/// The column, as text unless the tile needs its type or the driver knows it: other types cost
/// the driver a query for their description.
pub(super) fn property(column: &Column) -> String {
    let name = quote(&column.name);
    let known = [Type::TEXT, Type::VARCHAR, Type::NAME, Type::JSON, Type::JSONB];
    let as_text =
        column.kind == ColumnKind::Text && known.iter().all(|known| known.oid() != column.base);
    if as_text { format!("{name}::pg_catalog.text") } else { name }
}

/// `name`, with underscores added until no quoted name of `taken` is the same.
pub(super) fn unused_name(taken: &[String], name: &str) -> String {
    let mut name = name.to_owned();
    while taken.contains(&quote(&name)) {
        name.insert(0, '_');
    }
    name
}

/// A MULTIPOINT of degrees in another system, and that again in degrees.
pub(super) fn there_and_back(postgis: &str, srid: i32) -> Arc<str> {
    let schema = quote(postgis);
    format!(
        "SELECT there::pg_catalog.bytea, {schema}.ST_Transform(there, 4326)::pg_catalog.bytea \
         FROM (SELECT {schema}.ST_Transform($1::pg_catalog.bytea::{schema}.geometry, {srid}) \
         AS there OFFSET 0) AS grid"
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::super::condition::Given;
    use super::super::filter::Filter;
    use super::super::statement::{Values, Wanted};
    use super::*;

    #[test]
    fn identifiers_are_quoted() {
        assert_eq!(qualify("a\"b", "Käse.x"), "\"a\"\"b\".\"Käse.x\"");
    }

    #[test]
    fn only_types_that_the_driver_does_not_know_are_cast() {
        let column = |base: Type, kind| {
            let (name, type_name) = ("a".to_owned(), "any".to_owned());
            property(&Column { name, type_name, kind, base: base.oid() })
        };
        assert_eq!(column(Type::INT4, ColumnKind::Int), "\"a\"");
        assert_eq!(column(Type::VARCHAR, ColumnKind::Text), "\"a\"");
        for other in [Type::VARCHAR_ARRAY, Type::TEXT_ARRAY, Type::BPCHAR, Type::UUID] {
            assert_eq!(column(other, ColumnKind::Text), "\"a\"::pg_catalog.text");
        }
    }

    #[test]
    fn rows_without_srid_are_filtered_without_and_transformed_with_the_layers() {
        let shape = Shape {
            postgis: "gis",
            table: "\"public\".\"t\"",
            queried: false,
            geometry: "geom",
            geography: false,
            points: false,
            lines_or_polygons: false,
            srid: 25832,
            row_srid: 0,
            curves: true,
            id: None,
            unique: false,
            columns: &[],
            order: &[],
        };
        let values = Values::with(Filter::Envelope([0.0; 4]), Given::default());
        assert_eq!(
            &*shape.degree_rows().sql(&values, Wanted::default()),
            "SELECT NULL::pg_catalog.int8, (\"gis\".ST_Transform(\"gis\".ST_SetSRID(\
             \"gis\".ST_Force2D(\"gis\".ST_CurveToLine(\"geom\")), 25832), 4326))::pg_catalog.bytea \
             FROM \"public\".\"t\" WHERE \"geom\" OPERATOR(\"gis\".&&) \
             \"gis\".ST_MakeEnvelope($1, $2, $3, $4, 0)"
        );
    }
}
