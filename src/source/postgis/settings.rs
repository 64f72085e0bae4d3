//! `[databases.*]` and the database part of `[layers.*]`.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::query::Params;

/// A `postgres://` URL or `key=value` connection string. Its password is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its password. For connecting only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

/// One `[databases.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub url: DatabaseUrl,
    /// Most connections open at once.
    #[serde(default = "default_pool_max")]
    pub pool_max: u32,
    /// Longest wait for a connection.
    #[serde(default = "default_acquire_timeout", with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// Longest run of one statement, enforced by the server.
    #[serde(default = "default_statement_timeout", with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// Publish tables without a `[layers.*]` of their own; off when absent.
    #[serde(default)]
    pub publish: Option<Publish>,
}

fn default_pool_max() -> u32 {
    16
}

fn default_acquire_timeout() -> Duration {
    Duration::from_secs(2)
}

fn default_statement_timeout() -> Duration {
    Duration::from_secs(5)
}

impl Settings {
    /// The defaults for a database given by its URL alone.
    pub fn for_url(url: DatabaseUrl) -> Self {
        Self {
            url,
            pool_max: default_pool_max(),
            acquire_timeout: default_acquire_timeout(),
            statement_timeout: default_statement_timeout(),
            publish: None,
        }
    }
}

/// Which tables to publish on their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Only these schemas; all but the system's when absent.
    #[serde(default)]
    pub schemas: Option<Vec<String>>,
}

/// What a layer reads from its table. Absent values come from the database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableSettings {
    /// `schema.table` or `table`; a part in double quotes may hold dots.
    pub table: String,
    pub geometry: Option<String>,
    pub srid: Option<i32>,
    pub id: Option<String>,
    pub properties: Option<Vec<String>>,
    /// Columns that decide which rows come first, as in SQL's ORDER BY.
    pub order_by: Option<String>,
    pub encoder: Encoder,
    /// Which rows there are at all, in CQL2.
    pub filter: Option<String>,
    /// Columns that requests may filter by.
    pub allow_filter: Vec<String>,
    /// Columns of a feature that is asked for alone.
    pub details: Vec<String>,
    /// What requests may choose of a query.
    pub params: Params,
}

/// Who makes a layer's tiles of its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoder {
    /// Tesela.
    #[default]
    Rows,
    /// The database, with `ST_AsMVT`.
    Postgis,
}
