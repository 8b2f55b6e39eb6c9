//! The model that `--model` names.

use crate::failure::Failure;
use awing::{network::Model, prediction::Aligner};
use awing_train::{Device, model::aligner_on};
use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// A folder, or the word `builtin`; a folder of that name is `./builtin`.
#[derive(Clone, Debug)]
pub(crate) enum ModelSource {
    Builtin,
    Folder(PathBuf),
}

impl FromStr for ModelSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "builtin" { Self::Builtin } else { Self::Folder(text.into()) })
    }
}

impl From<&Path> for ModelSource {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_path_buf())
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin"),
            Self::Folder(folder) => folder.display().fmt(f),
        }
    }
}

impl ModelSource {
    pub(crate) fn load(&self) -> Result<Model, Failure> {
        match self {
            #[cfg(feature = "builtin-model")]
            Self::Builtin => Ok(Model::builtin()?),
            #[cfg(not(feature = "builtin-model"))]
            Self::Builtin => {
                let problem = "--model: this awing was built without the built-in model; give a folder";
                Err(Failure::Usage(problem.to_owned()))
            }
            Self::Folder(folder) => Ok(Model::load(folder)?),
        }
    }

    /// The model ready to find landmarks on `device`.
    pub(crate) fn aligner(&self, device: &Device) -> Result<Aligner, Failure> {
        match self {
            // The detector looks at its faces with the same one: on the processor it is unpacked once.
            #[cfg(feature = "builtin-model")]
            Self::Builtin if *device == Device::flex() => Ok(Aligner::builtin()?),
            source => Ok(aligner_on(source.load()?, device)?),
        }
    }
}
