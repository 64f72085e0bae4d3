//! Black-box tests: the built binary, a real PostGIS, HTTP.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
mod budgets;
mod caching;
mod cdn;
mod cli;
mod details;
mod discovery;
mod encoder;
mod files;
mod filters;
mod formats;
mod functions;
mod http;
mod injection;
mod inspect;
mod layering;
mod lifecycle;
mod oracle;
mod oversized;
mod params;
mod quickstart;
mod reference;
mod replay;
mod sql_layers;
mod stable;
mod support;
mod two_readers;
mod viewer;
