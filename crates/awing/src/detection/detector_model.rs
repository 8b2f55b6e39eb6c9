use super::scale_space::LEVELS;
use crate::{
    error::{Error, Result},
    network::{ModelFiles, NetworkConfig, WeightType, Weights},
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the folder's layout that this release writes and reads.
const VERSION: u32 = 1;

/// A detector that awing trains itself: a stacked hourglass without coordinates whose maps are a scale space of faces.
#[derive(Clone, Debug)]
pub struct DetectorModel {
    /// Size and parts of the network.
    pub network: NetworkConfig,
    /// A peak of this or more, above 0 and up to 1, is a face.
    pub least_score: f32,
    /// The weights.
    pub weights: Weights,
}

/// `config.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    version: u32,
    detector: String,
    least_score: f32,
    network: NetworkConfig,
}

impl DetectorModel {
    /// Maps of the network: one for each size of faces.
    pub const MAPS: usize = LEVELS;

    /// The detector of a model that ships inside. [`Builtin::terms`](crate::network::Builtin::terms) and
    /// [`Builtin::detector_card`](crate::network::Builtin::detector_card) say what it may be used for.
    ///
    /// # Errors
    /// [`Error::Model`] when the library was built with damaged files.
    pub fn builtin(which: crate::network::Builtin) -> Result<Self> {
        Self::from_files(which.detector())
    }

    /// Reads a detector's folder.
    ///
    /// # Errors
    /// Those of [`ModelFiles::read`] and [`DetectorModel::from_files`].
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        Self::from_files(ModelFiles::read(folder.as_ref())?)
    }

    /// Reads a detector from its files in memory.
    ///
    /// # Errors
    /// [`Error::Model`] naming the key or the tensor when it is no detector of this version or its weights are damaged.
    pub fn from_files(files: ModelFiles) -> Result<Self> {
        let (path, weights) = (files.config_path(), files.weights_path());
        if !files.is_detector() {
            let problem = "is missing: this is no detector's folder, or its config.toml is damaged";
            return Err(Error::model(path, "detector", problem));
        }
        let file: ConfigFile = files.parse_config(VERSION)?;
        check(&file.network, file.least_score).map_err(|e| Error::model(&path, "detector", e.to_string()))?;
        file.network.check_weights(LEVELS, &weights, files.weights.len() as u64)?;
        let weights = Weights::from_safetensors(files.weights, &weights)?;
        Ok(Self { network: file.network, least_score: file.least_score, weights })
    }

    /// The files of the detector's folder; `folder` is what errors call it. Weights of [`WeightType::F16`] take half the room.
    ///
    /// # Errors
    /// [`Error::Model`] when a weight is not finite.
    pub fn to_files(&self, folder: &Path, weights: WeightType) -> Result<ModelFiles> {
        let file = ConfigFile {
            version: VERSION,
            detector: "scale-space".to_owned(),
            least_score: self.least_score,
            network: self.network.clone(),
        };
        let config =
            toml::to_string(&file).map_err(|e| Error::model(folder, "config.toml", e.to_string()))?;
        Ok(ModelFiles {
            config: config.into(),
            weights: self.weights.to_safetensors(weights)?.into(),
            calibration: None,
            folder: folder.into(),
        })
    }
}

/// Checks the settings of a detector.
pub(super) fn check(config: &NetworkConfig, least_score: f32) -> Result<()> {
    config.validate()?;
    if !(least_score > 0.0 && least_score <= 1.0) {
        return Err(Error::invalid("least_score", format!("{least_score} is not above 0 and up to 1")));
    }
    if config.boundary || config.coord_conv {
        let problem =
            "must have boundary = false and coord_conv = false in a detector: a face may be anywhere";
        return Err(Error::invalid("network", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::WeightTensor;

    fn detector() -> DetectorModel {
        let network = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: false, coord_conv: false };
        // As many numbers as the least network of this width has.
        let tensor = WeightTensor { shape: vec![5_600], values: vec![0.25; 5_600] };
        let weights = Weights::new([("x".to_owned(), tensor)].into(), "model.safetensors");
        DetectorModel { network, least_score: 0.4, weights }
    }

    #[test]
    fn a_detector_survives_its_files_and_a_model_is_none() {
        let files = detector().to_files(Path::new("best"), WeightType::F32).unwrap();
        assert!(files.is_detector());
        let again = DetectorModel::from_files(files.clone()).unwrap();
        assert_eq!((again.network, again.least_score), (detector().network, 0.4));
        for (from, to, expected) in [
            ("version = 1", "version = 9", "best/config.toml: version: is 9; this release reads version 1"),
            ("detector =", "detektor =", "best/config.toml: detector: is missing"),
            (
                "boundary = false",
                "boundary = true",
                "config.toml: detector: network: must have boundary = false",
            ),
            (
                "least_score = 0.4",
                "least_score = 1.5",
                "config.toml: detector: least_score: 1.5 is not above 0",
            ),
            ("width = 8", "width = 64", "best/model.safetensors: file: holds"),
        ] {
            assert!(files.config.contains(from), "{from} in {}", files.config);
            let config = files.config.replacen(from, to, 1).into();
            let error =
                DetectorModel::from_files(ModelFiles { config, ..files.clone() }).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
