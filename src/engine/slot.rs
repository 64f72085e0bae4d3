//! Room for what others make of the engine's values.

use std::any::Any;
use std::sync::OnceLock;

/// Room for one value of any type, made once. What answers need of a policy or a tileset is kept
/// there in the form of whoever answers, of which the engine knows nothing.
#[derive(Debug, Default)]
pub struct Slot(OnceLock<Box<dyn Any + Send + Sync>>);

impl Slot {
    /// The value, made by `make` for the first who asks; `None` if that was one of another type.
    pub fn get<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<&T> {
        self.0.get_or_init(|| Box::new(make())).downcast_ref()
    }
}
