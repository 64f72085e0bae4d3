//! Tesela, a vector tile server for PostGIS.
//!
//! [`tile`] makes Mapbox Vector Tiles out of rows and knows nothing of servers or databases.
//! [`source`] fetches the rows, [`catalog`] names what is published, [`cache`] keeps finished
//! tiles, [`engine`] joins them into the read path and [`http`] answers requests with it.
//! [`app`] puts a server together from a [`config`], [`cli`] is the command line.

pub mod app;
pub mod cache;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod engine;
pub mod http;
pub mod metrics;
pub mod query;
pub mod source;
pub mod tile;
