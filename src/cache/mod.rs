//! Finished tiles in memory. Knows nothing of where they come from.

mod settings;

pub use settings::Settings;
