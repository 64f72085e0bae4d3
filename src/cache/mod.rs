//! Finished tiles in memory. Knows nothing of where they come from.

mod failures;
mod generation;
#[cfg(test)]
mod interleavings;
mod key;
#[cfg(test)]
mod model;
mod settings;
mod shard;
mod single_flight;
mod tile;

pub use failures::Failures;
pub use generation::{Generation, Generations, Member, Members, Stamp};
pub use key::Key;
pub use settings::Settings;
pub use shard::{Age, Found, Kept, Swept, TileCache};
pub use single_flight::{Aborted, Joined, SingleFlight, Ticket};
pub use tile::CachedTile;
