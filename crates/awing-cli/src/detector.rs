//! The detector that `--detector` names.

use crate::failure::Failure;
use awing::{
    detection::{DetectorModel, FaceDetector, SeetaFace},
    prediction::builtin_detector,
};
use awing_train::{
    Device,
    detection::ExternalDetector,
    model::{StackedHourglass, detector_on, place_weights},
};
use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr, sync::Arc};

/// A folder, the name of one that ships inside (a folder of that name is `./seetaface`), or `exec:` and a program.
#[derive(Clone, Debug)]
pub(crate) enum DetectorSource {
    Builtin,
    SeetaFace,
    Folder(PathBuf),
    Program(PathBuf),
}

impl FromStr for DetectorSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match (text, text.strip_prefix("exec:")) {
            ("builtin", _) => Self::Builtin,
            ("seetaface", _) => Self::SeetaFace,
            (_, Some(program)) => Self::Program(program.into()),
            (folder, None) => Self::Folder(folder.into()),
        })
    }
}

impl fmt::Display for DetectorSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin"),
            Self::SeetaFace => f.write_str("seetaface"),
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Program(program) => write!(f, "exec:{}", program.display()),
        }
    }
}

impl DetectorSource {
    /// One that awing trained.
    pub(crate) fn load_trained(&self, device: &Device) -> Result<StackedHourglass, Failure> {
        let model = match self {
            #[cfg(feature = "builtin-model")]
            Self::Builtin => DetectorModel::builtin()?,
            Self::Folder(folder) => DetectorModel::load(folder)?,
            _ => {
                return Err(Failure::Usage(format!(
                    "--from: {self} is no network; give the folder of a detector that `awing train-detector` made"
                )));
            }
        };
        let fresh = StackedHourglass::new(&model.network, DetectorModel::MAPS, 0, device)?;
        Ok(place_weights(fresh, model.weights)?)
    }

    pub(crate) fn load(&self, device: &Device) -> Result<Arc<dyn FaceDetector>, Failure> {
        Ok(match self {
            Self::Builtin => builtin_detector()?,
            Self::SeetaFace => Arc::new(SeetaFace::builtin()?),
            Self::Folder(folder) => Arc::new(detector_on(DetectorModel::load(folder)?, device)?),
            Self::Program(program) => Arc::new(ExternalDetector::new(program)),
        })
    }
}
