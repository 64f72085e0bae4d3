//! Black-box tests: the built binary, a real PostGIS, HTTP.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod budgets;
mod cli;
mod discovery;
mod http;
mod layering;
mod lifecycle;
mod oracle;
mod replay;
mod support;
mod two_readers;
