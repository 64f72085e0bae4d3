//! Why a tile couldn't be made.

use thiserror::Error;

use crate::source::SourceError;

/// Why a tile couldn't be made. The text is for logs: it may quote SQL and name hosts.
#[derive(Clone, Debug, Error)]
#[error("{message}")]
pub struct TileError {
    kind: TileErrorKind,
    message: String,
}

/// What a client can be told of a [`TileError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileErrorKind {
    /// A database can't serve now.
    Unavailable,
    /// A database took too long.
    Timeout,
    /// A layer's query is wrong.
    Query,
    /// Making the tile panicked, or the server is stopping.
    Aborted,
}

impl TileError {
    pub fn kind(&self) -> TileErrorKind {
        self.kind
    }

    pub(super) fn aborted() -> Self {
        let message = "making the tile was aborted".to_owned();
        Self { kind: TileErrorKind::Aborted, message }
    }
}

impl TileErrorKind {
    /// A constant for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Query => "query",
            Self::Aborted => "aborted",
        }
    }
}

impl From<SourceError> for TileError {
    fn from(error: SourceError) -> Self {
        let kind = match error {
            SourceError::Unavailable { .. } => TileErrorKind::Unavailable,
            SourceError::Timeout { .. } => TileErrorKind::Timeout,
            SourceError::Query { .. } => TileErrorKind::Query,
        };
        Self { kind, message: error.to_string() }
    }
}
