//! Where a layer's rows come from, at which zooms.

use std::ops::RangeInclusive;

use super::{LayerSettings, ZoomSettings};
use crate::query::Params;
use crate::source::postgis::{QuerySettings, TableSettings};

/// Where rows come from, as a layer or one of its ranges says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSource {
    pub table: Option<String>,
    pub sql: Option<String>,
    pub function: Option<String>,
    pub file: Option<String>,
    pub geometry: Option<String>,
    pub srid: Option<i32>,
    pub id: Option<String>,
    pub properties: Option<Vec<String>>,
    pub filter: Option<String>,
}

impl RowSource {
    /// Whether it says where rows come from at all.
    pub fn is_somewhere(&self) -> bool {
        self.file.is_some() || self.table.is_some() || self.sql.is_some() || self.function.is_some()
    }

    /// This, and where it says nothing what `other` says. A table, a query or a function takes the
    /// place of any of them.
    fn or(self, other: Self) -> Self {
        // A table alone is another layer of the same file.
        let same_file =
            other.file.clone().filter(|_| self.sql.is_none() && self.function.is_none());
        let (table, sql, function, file) = match self.is_somewhere() {
            true => (self.table, self.sql, self.function, self.file.or(same_file)),
            false => (other.table, other.sql, other.function, other.file),
        };
        Self {
            table,
            sql,
            function,
            file,
            geometry: self.geometry.or(other.geometry),
            srid: self.srid.or(other.srid),
            id: self.id.or(other.id),
            properties: self.properties.or(other.properties),
            filter: self.filter.or(other.filter),
        }
    }
}

/// Where a layer's rows come from at some zooms.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSettings {
    /// The layer's id, or that with its range.
    pub name: String,
    pub zooms: RangeInclusive<u8>,
    /// A query in place of the table.
    pub sql: Option<String>,
    /// A function in place of the table.
    pub function: Option<String>,
    /// A file in place of the database, of which the table is a layer.
    pub file: Option<String>,
    /// The layer of the file, if it is named.
    pub contained: Option<String>,
    pub table: TableSettings,
}

impl LayerSettings {
    /// Where rows come from, for the zooms that have a source of their own and for all others.
    /// Ranges come first: the first that has a zoom is the one.
    pub fn sources(&self, id: &str) -> Vec<SourceSettings> {
        let own = self.zooms.iter().enumerate().filter_map(|(i, own)| {
            let (name, source) = (format!("{id}.zooms[{i}]"), own.own_source());
            let zooms = own.zooms[0]..=own.zooms[1];
            let is_other = source != RowSource::default();
            is_other.then(|| self.settings_of(source.or(self.own_source()), name, zooms))
        });
        let all = self.own_source().is_somewhere().then(|| {
            self.settings_of(self.own_source(), id.to_owned(), self.min_zoom..=self.max_zoom)
        });
        own.chain(all).collect()
    }

    fn settings_of(
        &self,
        source: RowSource,
        name: String,
        zooms: RangeInclusive<u8>,
    ) -> SourceSettings {
        let RowSource { table, sql, function, file, geometry, srid, id, properties, filter } =
            source;
        let contained = table.clone().filter(|_| file.is_some());
        let table = TableSettings {
            table: table.unwrap_or_else(|| name.clone()),
            geometry,
            srid,
            id,
            properties,
            order_by: self.order_by.clone(),
            encoder: self.encoder,
            filter,
            allow_filter: self.allow_filter.clone(),
            details: self.details.clone(),
            // Without those that are wrong, tokens that name them are.
            params: Params::new(&self.params).unwrap_or_default(),
        };
        SourceSettings { name, zooms, sql, function, file, contained, table }
    }

    /// The functions that the layer names, each with the SRID that it gives them.
    pub fn functions(&self, id: &str) -> Vec<(String, Option<i32>)> {
        let function = |source: SourceSettings| Some((source.function?, source.table.srid));
        self.sources(id).into_iter().filter_map(function).collect()
    }

    /// What the layer says of where its rows come from, at all zooms that don't say it themselves.
    pub fn own_source(&self) -> RowSource {
        RowSource {
            table: self.table.clone(),
            sql: self.sql.clone(),
            function: self.function.clone(),
            file: self.file.clone(),
            geometry: self.geometry.clone(),
            srid: self.srid,
            id: self.id.clone(),
            properties: self.properties.clone(),
            filter: self.filter.clone(),
        }
    }

    /// The files that the layer names.
    pub fn files(&self) -> impl Iterator<Item = &String> {
        self.file.iter().chain(self.zooms.iter().flat_map(|zooms| &zooms.file))
    }

    /// What the database has to say of the layer's own queries.
    pub fn query_settings(&self, id: &str) -> Vec<QuerySettings> {
        let query = |source: SourceSettings| {
            let (layer, sql) = (source.name, source.sql?);
            let TableSettings { srid, params, .. } = source.table;
            Some(QuerySettings { layer, sql, srid, params })
        };
        self.sources(id).into_iter().filter_map(query).collect()
    }
}

impl ZoomSettings {
    /// What is different about where rows come from.
    pub fn own_source(&self) -> RowSource {
        RowSource {
            table: self.table.clone(),
            sql: self.sql.clone(),
            function: self.function.clone(),
            file: self.file.clone(),
            geometry: self.geometry.clone(),
            srid: self.srid,
            id: self.id.clone(),
            properties: self.properties.clone(),
            filter: self.filter.clone(),
        }
    }
}
