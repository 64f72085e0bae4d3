//! Finished tiles in memory. Knows nothing of where they come from.

mod key;
mod settings;
mod shard;
mod single_flight;

pub use key::Key;
pub use settings::Settings;
pub use shard::{CachedTile, TileCache};
pub use single_flight::{Aborted, Joined, SingleFlight, Ticket};
