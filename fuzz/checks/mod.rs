//! What holds for every input. The fuzz targets call these, and so does `tests/it/replay.rs`
//! with the inputs that are kept.

#![allow(dead_code, reason = "each target uses its own part")]

mod bytes;
pub mod ewkb;
mod geometry;
mod reader;
pub mod request;
mod server;
mod tile;
