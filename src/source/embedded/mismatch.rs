//! Settings that don't match a file.

use thiserror::Error;

/// Why a layer can't be made of a file. The text says what to do about it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Mismatch {
    #[error("`{file}` has no layer `{layer}`: set `table` to one of {choices}")]
    NoLayer { file: String, layer: String, choices: String },
    #[error("`{file}` is one layer without a name: leave `table` out")]
    OneLayer { file: String },
    #[error("`{file}` has several layers: set `table` to one of {choices}")]
    AmbiguousLayer { file: String, choices: String },
    #[error("no feature of `{file}` has a property `{name}`: {suggestion}")]
    NoProperty { file: String, name: String, suggestion: String },
    #[error("property `{name}` of `{file}` can't be an id: not all its values are integers")]
    IdNotInteger { file: String, name: String },
    #[error("its `filter` can't be used: {reason}")]
    BadFilter { reason: String },
    #[error(
        "`details` need an id to look features of `{file}` up by: set `id` to a property of \
         non-negative integers"
    )]
    DetailsWithoutId { file: String },
    #[error("`order_by` can't be read: {reason}")]
    MalformedOrder { reason: String },
}

impl Mismatch {
    /// The reason without anything that the file holds: it may be private.
    pub fn public(&self) -> String {
        let text = match self {
            Self::NoLayer { .. } | Self::OneLayer { .. } => "its file has no such layer",
            Self::AmbiguousLayer { .. } => "its file has several layers: set table",
            Self::NoProperty { .. } => "it names a property that no feature has",
            Self::IdNotInteger { .. } => "its id is not an integer property",
            Self::BadFilter { .. } => "its filter can't be used",
            Self::DetailsWithoutId { .. } => "its details need an id",
            Self::MalformedOrder { .. } => "its order_by can't be read",
        };
        text.to_owned()
    }
}
