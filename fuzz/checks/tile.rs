//! The tile engine with its tests' tools.

pub use tesela::tile::*;

#[path = "../../src/tile/testing.rs"]
pub mod testing;
