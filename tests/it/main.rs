//! Black-box tests: the built binary, a real PostGIS, HTTP.

mod layering;
