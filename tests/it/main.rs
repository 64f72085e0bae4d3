//! Black-box tests: the built binary, a real PostGIS, HTTP.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod http;
mod layering;
mod oracle;
mod support;
