//! A model of landmarks: what its network is, how faces are cut out for it, how its maps are read, and its weights.

use super::{Calibration, ModelFiles, NetworkConfig, WeightType, Weights};
use crate::{
    error::{Error, Result},
    geometry::CropRule,
    heatmap::{Codec, CodecConfig},
    scheme::{Scheme, SharedScheme},
};
use serde::{Deserialize, Serialize};
use std::{path::Path, sync::Arc};

/// The version of the folder's layout that this release writes and reads.
const VERSION: u32 = 1;

/// What a trained network is and means: `config.toml` of a model's folder.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Size and parts of the network.
    pub network: NetworkConfig,
    /// The square around a face box that the network sees.
    pub crop: CropRule,
    /// How points become maps and back.
    pub heatmap: CodecConfig,
    /// What its points mean.
    pub scheme: SharedScheme,
}

/// Everything that a trained network needs to be used.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it is and means.
    pub config: ModelConfig,
    /// What scores say of errors, where that was measured.
    pub calibration: Option<Calibration>,
    /// The weights.
    pub weights: Weights,
}

/// `config.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    version: u32,
    network: NetworkConfig,
    crop: CropRule,
    heatmap: CodecConfig,
    scheme: toml::Table,
}

impl ModelConfig {
    /// The codec that fits the network.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a setting of `heatmap` is out of range.
    pub fn codec(&self) -> Result<Codec> {
        Codec::new(self.heatmap.clone().for_maps(self.network.map_size(), self.network.boundary))
    }

    /// The number of the network's heatmaps: one for each point, and the boundary's where it has one.
    pub fn maps(&self) -> usize {
        self.network.channels(self.scheme.len())
    }

    fn to_toml(&self, folder: &Path) -> Result<String> {
        let bad = |e: String| Error::model(folder, "config.toml", e);
        // Vertices decide nothing here, and earlier releases would not know the key.
        let scheme = Scheme { head: None, ..(*self.scheme).clone() };
        let scheme = toml::from_str(&scheme.to_toml()?).map_err(|e| bad(e.to_string()))?;
        let Self { network, crop, heatmap, .. } = self.clone();
        let file = ConfigFile { version: VERSION, network, crop, heatmap, scheme };
        toml::to_string(&file).map_err(|e| bad(e.to_string()))
    }

    fn from_files(files: &ModelFiles) -> Result<Self> {
        let path = files.config_path();
        let file: ConfigFile = files.parse_config(VERSION)?;
        let named = |field: &str, e: Error| Error::model(&path, field, e.to_string());
        let scheme =
            toml::to_string(&file.scheme).map_err(|e| Error::model(&path, "scheme", e.to_string()))?;
        let scheme = Arc::new(Scheme::from_toml(&scheme, &path)?);
        file.crop.validate().map_err(|e| named("crop", e))?;
        file.network.validate().map_err(|e| named("network", e))?;
        let config = Self { network: file.network, crop: file.crop, heatmap: file.heatmap, scheme };
        config.codec().map_err(|e| named("heatmap", e))?;
        Ok(config)
    }
}

impl Model {
    /// A model that ships inside, with the 68 points of 300-W; nothing is read from the disk. [`Builtin::terms`](super::Builtin::terms) and
    /// [`Builtin::card`](super::Builtin::card) say what it may be used for. An aligner with its own detector is
    /// [`Aligner::shipped`](crate::prediction::Aligner::shipped).
    ///
    /// # Errors
    /// [`Error::Model`] when the library was built with damaged files.
    pub fn builtin(which: super::Builtin) -> Result<Self> {
        Self::from_files(which.landmarks())
    }

    /// Reads a model's folder.
    ///
    /// # Errors
    /// Those of [`ModelFiles::read`] and [`Model::from_files`].
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        Self::from_files(ModelFiles::read(folder.as_ref())?)
    }

    /// Reads a model from its files in memory. Whether the weights are the network's own shows when it is made:
    /// [`Network::new`](super::Network::new).
    ///
    /// # Errors
    /// [`Error::Model`] naming the key or the tensor when they were written by another version, when a setting is out of range, or when the
    /// weights are damaged.
    pub fn from_files(files: ModelFiles) -> Result<Self> {
        let config = ModelConfig::from_files(&files)?;
        let weights = files.weights_path();
        config.network.check_weights(config.maps(), &weights, files.weights.len() as u64)?;
        let calibration = files.calibration.as_ref().map(|text| {
            Calibration::from_toml(text, &files.folder.join("calibration.toml"), config.scheme.len())
        });
        Ok(Self {
            calibration: calibration.transpose()?,
            weights: Weights::from_safetensors(files.weights, &weights)?,
            config,
        })
    }

    /// The files of the model's folder; `folder` is what errors call it. Weights of [`WeightType::F16`] take half the room.
    ///
    /// # Errors
    /// [`Error::Model`] when a weight is not finite.
    pub fn to_files(&self, folder: &Path, weights: WeightType) -> Result<ModelFiles> {
        let calibration = self.calibration.as_ref().map(Calibration::to_toml).transpose()?;
        Ok(ModelFiles {
            config: self.config.to_toml(folder)?.into(),
            weights: self.weights.to_safetensors(weights)?.into(),
            calibration: calibration.map(Into::into),
            folder: folder.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::WeightTensor;

    fn model(width: usize) -> Model {
        let network = NetworkConfig { input: 64, stacks: 1, width, boundary: true, coord_conv: true };
        let scheme = Scheme::builtin("mtfl-5").unwrap();
        let config =
            ModelConfig { network, crop: CropRule::default(), heatmap: CodecConfig::default(), scheme };
        // As many numbers as the least network of this width has.
        let count = 86 * width * width + 6 * width;
        let tensor = WeightTensor { shape: vec![count], values: vec![0.5; count] };
        let weights = Weights::new([("x".to_owned(), tensor)].into(), "model.safetensors");
        Model { config, calibration: None, weights }
    }

    fn files(width: usize) -> ModelFiles {
        model(width).to_files(Path::new("best"), WeightType::F32).unwrap()
    }

    #[test]
    fn a_model_survives_its_files() {
        let loaded = Model::from_files(files(8)).unwrap();
        assert_eq!(loaded.config, model(8).config);
        assert!(loaded.weights.iter().eq(model(8).weights.iter()));
        assert_eq!((loaded.config.maps(), loaded.config.codec().unwrap().size()), (6, 16));
        let observations = vec![vec![(0.9, 1.0), (0.5, 4.0)]; 5];
        let calibration = Calibration::fit("inter-ocular", &observations).unwrap();
        let calibrated = Model { calibration: Some(calibration), ..model(8) };
        let again =
            Model::from_files(calibrated.to_files(Path::new("best"), WeightType::F16).unwrap()).unwrap();
        assert_eq!(again.calibration, calibrated.calibration);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_file_and_key() {
        for (from, to, expected) in [
            ("version = 1", "version = 7", "config.toml: version: is 7; this release reads version 1"),
            ("version = 1", "versions = 1", "config.toml: version: is none"),
            ("width = 8", "width = 16", "model.safetensors: "),
            ("width = 8", "width = 9", "config.toml: network: network.width: 9 must be"),
            ("margin", "morgan", "config.toml: file: "),
        ] {
            let mut files = files(8);
            assert!(files.config.contains(from), "{from}");
            files.config = files.config.replacen(from, to, 1).into();
            let error = Model::from_files(files).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let calibration = Some("normalizer = \"a\"\nscores = []\nerrors = []\nfactors = [1.0]".into());
        let error = Model::from_files(ModelFiles { calibration, ..files(8) }).unwrap_err().to_string();
        assert!(error.contains("calibration.toml: calibration: has 1 factors for 5 points"), "{error}");
    }

    #[test]
    fn a_folder_without_its_files_is_refused_by_name() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("best");
        let error = || Model::load(&folder).unwrap_err().to_string();
        assert!(error().contains("best: folder: is not there"), "{}", error());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), &*files(8).config).unwrap();
        assert!(error().contains("model.safetensors: cannot read"), "{}", error());
    }
}
