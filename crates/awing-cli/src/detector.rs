//! The detector that `--detector` names.

use crate::{
    failure::Failure,
    model::{ModelSource, SHIPPED, shipped},
};
use awing::{
    detection::{DetectorModel, FaceDetector, SeetaFace},
    prediction::{builtin_detector, shipped_detector},
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
    /// The default of this build.
    Builtin,
    /// That of a model that ships inside.
    Shipped(&'static str),
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
            (name, None) => match SHIPPED.into_iter().find(|shipped| *shipped == name) {
                Some(shipped) => Self::Shipped(shipped),
                None => Self::Folder(name.into()),
            },
        })
    }
}

impl fmt::Display for DetectorSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin"),
            Self::Shipped(name) => f.write_str(name),
            Self::SeetaFace => f.write_str("seetaface"),
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Program(program) => write!(f, "exec:{}", program.display()),
        }
    }
}

impl DetectorSource {
    /// The one that goes with a model, where none is named.
    pub(crate) fn of(model: &ModelSource) -> Self {
        match model {
            ModelSource::Shipped(name) if *name != "builtin" => Self::Shipped(name),
            _ => Self::Builtin,
        }
    }

    /// One that awing trained.
    pub(crate) fn load_trained(&self, device: &Device) -> Result<StackedHourglass, Failure> {
        let model = match self {
            Self::Builtin => DetectorModel::builtin(shipped("--from", "builtin")?)?,
            Self::Shipped(name) => DetectorModel::builtin(shipped("--from", name)?)?,
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
            Self::Shipped(name) => shipped_detector(shipped("--detector", name)?)?,
            Self::SeetaFace => Arc::new(SeetaFace::builtin()?),
            Self::Folder(folder) => Arc::new(detector_on(DetectorModel::load(folder)?, device)?),
            Self::Program(program) => Arc::new(ExternalDetector::new(program)),
        })
    }
}
