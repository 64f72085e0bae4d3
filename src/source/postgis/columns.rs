//! Which of a table's columns settings mean.

use super::TableSettings;
use super::condition;
use super::details::Detail;
use super::inventory::{Column, ColumnKind, SpatialTable};
use super::mismatch::Mismatch;
use super::names::{closest, list, position};
use super::rank::Key;
use crate::query::{Filter, FilterError, Kind};
use crate::source::{OrderBy, parse_order};

pub(super) fn id_column(
    table: &SpatialTable,
    settings: &TableSettings,
) -> Result<Option<String>, Mismatch> {
    let Some(wanted) = &settings.id else { return Ok(table.primary_key.clone()) };
    let column = column(table, settings, wanted)?;
    if column.kind != ColumnKind::Int {
        return Err(Mismatch::IdNotInteger {
            table: settings.table.clone(),
            column: column.name.clone(),
            type_name: column.type_name.clone(),
        });
    }
    Ok(Some(column.name.clone()))
}

pub(super) fn properties(
    table: &SpatialTable,
    settings: &TableSettings,
    id: Option<&str>,
) -> Result<Vec<Column>, Mismatch> {
    let Some(wanted) = &settings.properties else {
        let published = table.columns.iter().filter(|column| Some(column.name.as_str()) != id);
        return Ok(published.filter(|column| !is_opaque(column)).cloned().collect());
    };
    let mut columns: Vec<Column> = Vec::new();
    for name in wanted {
        let column = column(table, settings, name)?;
        // A tile's layer has each key once.
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    Ok(columns)
}

/// What filters are about, the settings' and requests'.
#[derive(Debug)]
pub(super) struct Filtering {
    /// Which rows there are at all.
    pub(super) own: Option<Filter>,
    pub(super) columns: Vec<Column>,
}

impl Filtering {
    pub(super) fn new(table: &SpatialTable, settings: &TableSettings) -> Result<Self, Mismatch> {
        let bad = |error: FilterError| Mismatch::BadFilter { reason: error.to_string() };
        let own = settings.filter.as_deref().map(Filter::read).transpose().map_err(bad)?;
        let mut names: Vec<&str> = settings.allow_filter.iter().map(String::as_str).collect();
        names.extend(own.iter().flat_map(Filter::properties));
        let mut columns: Vec<Column> = Vec::new();
        for name in names {
            let column = spelled(table, settings, name)?;
            if !columns.contains(column) {
                columns.push(column.clone());
            }
        }
        let kind =
            |name: &str| columns.iter().find(|column| column.name == name).map(condition::kind);
        let own = own.map(|filter| filter.typed(&kind)).transpose().map_err(bad)?;
        Ok(Self { own, columns })
    }

    /// The columns of `allowed`, and what their values are.
    pub(super) fn kinds(&self, allowed: &[String]) -> Vec<(String, Kind)> {
        let names = allowed.iter().filter_map(|name| {
            let column = self.columns.iter().find(|column| column.name == *name)?;
            Some((name.clone(), condition::kind(column)))
        });
        names.collect()
    }
}

/// The column of this very name: requests have to spell it, so there is one spelling.
fn spelled<'a>(
    table: &'a SpatialTable,
    settings: &TableSettings,
    name: &str,
) -> Result<&'a Column, Mismatch> {
    let column = column(table, settings, name)?;
    match column.name == name {
        true => Ok(column),
        false => Err(Mismatch::NoColumn {
            table: settings.table.clone(),
            column: name.to_owned(),
            suggestion: format!("did you mean `{}`?", column.name),
        }),
    }
}

/// The columns that a feature has beside its tile; the geometry may be one of them.
pub(super) fn details<'a>(
    table: &'a SpatialTable,
    settings: &TableSettings,
) -> Result<Vec<Detail<'a>>, Mismatch> {
    let detail = |name: &String| {
        let geometry = position([table.geometry.name.as_str()].into_iter(), name);
        match geometry {
            Some(_) => Ok(Detail::Geometry),
            None => column(table, settings, name).map(Detail::Column),
        }
    };
    settings.details.iter().map(detail).collect()
}

/// Types that are properties only when named: as text they are long and mean nothing.
fn is_opaque(column: &Column) -> bool {
    matches!(column.type_name.as_str(), "bytea" | "tsvector" | "bytea[]" | "tsvector[]")
}

fn column<'a>(
    table: &'a SpatialTable,
    settings: &TableSettings,
    wanted: &str,
) -> Result<&'a Column, Mismatch> {
    let names = table.columns.iter().map(|column| column.name.as_str());
    if let Some(index) = position(names.clone(), wanted) {
        return Ok(&table.columns[index]);
    }
    let geometries = table.geometries.iter().map(String::as_str);
    if position(geometries, wanted).is_some() {
        let (table, column) = (settings.table.clone(), wanted.to_owned());
        return Err(Mismatch::GeometryProperty { table, column });
    }
    let suggestion = match closest(names.clone(), wanted) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", list(names)),
    };
    Err(Mismatch::NoColumn { table: settings.table.clone(), column: wanted.to_owned(), suggestion })
}

pub(super) fn order(table: &SpatialTable, settings: &TableSettings) -> Result<Vec<Key>, Mismatch> {
    let Some(text) = &settings.order_by else { return Ok(Vec::new()) };
    let order = parse_order(text).map_err(|reason| Mismatch::MalformedOrder { reason })?;
    let key = |order: &OrderBy| {
        let column = column(table, settings, &order.column)?;
        Key::new(order, column).ok_or_else(|| Mismatch::NoOrder {
            table: settings.table.clone(),
            column: column.name.clone(),
            type_name: column.type_name.clone(),
        })
    };
    order.iter().map(key).collect()
}
