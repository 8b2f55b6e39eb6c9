//! What can go wrong when a morphable head is read.

use std::path::{Path, PathBuf};

/// Why a head could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The file cannot be read.
    #[error("cannot read the head's file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file holds something else than a head.
    #[error("{}: {field}: {what}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The tensor or the JSON key.
        field: String,
        /// What is wrong with it, and what was expected.
        what: String,
    },
    /// Something asked of the renderer makes no sense.
    #[error("{field}: {what}")]
    Request {
        /// The argument.
        field: &'static str,
        /// What is wrong with it, and what was expected.
        what: String,
    },
}

impl RenderError {
    pub(super) fn field(path: &Path, field: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Field { path: path.to_owned(), field: field.into(), what: what.into() }
    }
}
