//! What a request may ask of a layer beside the tile: typed parameters and filters.
//!
//! All of it is checked and brought into one canonical form before a database or a file sees it.

mod filter;
mod pairs;
mod params;
mod time;
mod value;

pub use filter::{
    Comparison, Condition, Filter, FilterError, Kind, Language, Literal, Predicate, Scalar,
};
pub use pairs::{MalformedQuery, Pairs};
pub use params::{Described, Param, ParamError, ParamMistake, ParamSettings, Params};
pub use value::{Type, Value};

/// What a request asks of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// In the order of the layer's [`Params`].
    pub values: Vec<Value>,
    /// The same as a JSON object.
    pub json: String,
    /// Checked against what the layer allows.
    pub filter: Option<Filter>,
}

impl Arguments {
    pub fn new(params: &Params, values: Vec<Value>, filter: Option<Filter>) -> Self {
        Self { json: params.json(&values), values, filter }
    }
}

/// Those of a layer that declares nothing.
impl Default for Arguments {
    fn default() -> Self {
        Self::new(&Params::default(), Vec::new(), None)
    }
}
