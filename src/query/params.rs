//! Parameters that a layer declares, and what requests give for them.

mod param;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write;

pub use param::{Described, Param, ParamError, ParamMistake, ParamSettings};

use super::{Pairs, Value};

/// The parameters of a layer, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(Vec<Param>);

impl Params {
    /// What a layer declares.
    ///
    /// # Errors
    /// The first declaration that is wrong, by its name.
    pub fn new(settings: &BTreeMap<String, ParamSettings>) -> Result<Self, (String, ParamMistake)> {
        let param = |(name, settings): (&String, &ParamSettings)| {
            Param::new(name, settings).map_err(|mistake| (name.clone(), mistake))
        };
        settings.iter().map(param).collect::<Result<_, _>>().map(Self)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Param> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The place of a parameter among [`iter`](Self::iter) and in [`given`](Self::given).
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|param| param.name == name)
    }

    /// Values for where a request gives none; NULL where one has to be given.
    pub fn defaults(&self) -> Vec<Value> {
        self.0.iter().map(|param| param.default.clone()).collect()
    }

    /// The values that a request gives, in the order of [`iter`](Self::iter). It `may_lack` required
    /// ones.
    ///
    /// # Errors
    /// The first value that can't be used, or is missing.
    pub fn given(&self, pairs: &Pairs<'_>, may_lack: bool) -> Result<Vec<Value>, ParamError> {
        self.0.iter().map(|param| param.given(pairs, may_lack)).collect()
    }

    /// The canonical text of values; no two lists of values have the same.
    pub fn canonical(&self, values: &[Value], text: &mut String) {
        for (param, value) in self.0.iter().zip(values) {
            let written = match value {
                Value::Null => String::new(),
                value => format!("={value}"),
            };
            // Lengths keep what clients write apart from what separates it. Writing to a String
            // can't fail.
            let _ = write!(text, "{}{}:{written};", param.name, written.len());
        }
    }

    /// How many tiles there may be of one, as far as clients choose these values and not the
    /// defaults; `None` for any number.
    pub fn variety(&self, values: &[Value]) -> Option<u64> {
        let chosen = self.0.iter().zip(values).filter(|(param, value)| param.default != **value);
        let mut all = Some(1u64);
        for (param, _) in chosen {
            all = all.zip(param.count()).and_then(|(all, count)| all.checked_mul(count));
        }
        all
    }

    /// The values as one JSON object, without those that are NULL.
    pub fn json(&self, values: &[Value]) -> String {
        let given = self.0.iter().zip(values).filter(|(_, value)| **value != Value::Null);
        let object: serde_json::Map<String, serde_json::Value> =
            given.map(|(param, value)| (param.name.clone(), value.json())).collect();
        serde_json::Value::Object(object).to_string()
    }
}
