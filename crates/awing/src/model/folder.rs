//! A model on disk: a folder with `config.toml`, `model.safetensors`, the model card `README.md`, and `calibration.toml` where scores were
//! calibrated.

use super::{Calibration, NetworkConfig, StackedHourglass, WeightType, load_weights, save_weights};
use crate::{
    error::{Error, Result},
    files::{LONGEST_SETTINGS, read_text, whole_folder, write_atomic},
    geometry::CropRule,
    heatmap::{Codec, CodecConfig},
    scheme::{Scheme, SharedScheme},
};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::{path::Path, sync::Arc};

/// The version of the folder's layout that this release writes and reads.
const VERSION: u32 = 1;

/// Everything that a trained network needs to be used: what it is, how faces are cut out for it, and how its maps are
/// read.
#[derive(Clone, Debug)]
pub struct Model {
    /// Size and parts of the network.
    pub config: NetworkConfig,
    /// The square around a face box that the network sees.
    pub crop: CropRule,
    /// How points become maps and back.
    pub heatmap: CodecConfig,
    /// What its points mean.
    pub scheme: SharedScheme,
    /// The weights.
    pub network: StackedHourglass,
    /// What scores say of errors, where that was measured.
    pub calibration: Option<Calibration>,
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

impl Model {
    /// The codec that fits the network.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a setting of `heatmap` is out of range.
    pub fn codec(&self) -> Result<Codec> {
        Codec::new(self.heatmap.clone().for_maps(self.config.map_size(), self.config.boundary))
    }

    /// Writes the folder, file by file beside and renamed; `card` is the text of its `README.md`. Weights of
    /// [`WeightType::F16`] take half the room.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written, [`Error::Model`] when a weight is not finite.
    pub fn save(&self, folder: &Path, card: &str, weights: WeightType) -> Result<()> {
        let scheme = toml::from_str(&self.scheme.to_toml()?)
            .map_err(|e| Error::model(folder, "scheme", e.to_string()))?;
        let file = ConfigFile {
            version: VERSION,
            network: self.config.clone(),
            crop: self.crop,
            heatmap: self.heatmap.clone(),
            scheme,
        };
        let text = toml::to_string(&file).map_err(|e| Error::model(folder, "config.toml", e.to_string()))?;
        save_weights(&self.network, &folder.join("model.safetensors"), weights)?;
        write_atomic(&folder.join("config.toml"), text.as_bytes())?;
        if let Some(calibration) = &self.calibration {
            calibration.save(folder)?;
        }
        write_atomic(&folder.join("README.md"), card.as_bytes())
    }

    /// Reads a folder onto `device`; on an autodiff device the model can be trained further.
    ///
    /// # Errors
    /// [`Error::Io`] when a file is missing; [`Error::Model`] naming the key or the tensor when the folder was written
    /// by another version, when a setting is out of range, or when the weights do not fit.
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        let folder = whole_folder(folder);
        let folder = folder.as_path();
        if !folder.is_dir() {
            return Err(Error::model(
                folder,
                "folder",
                "is not there; give the folder of a trained model, such as runs/train/NAME/best",
            ));
        }
        let path = folder.join("config.toml");
        let text = read_text(&path, LONGEST_SETTINGS)?;
        let weights = folder.join("model.safetensors");
        let room = std::fs::metadata(&weights).map_err(Error::io(&weights, "read"))?.len();
        let mut model = Self::with_random_weights(&text, &path, (&weights, room), device)?;
        model.network = load_weights(model.network, &weights)?;
        let path = folder.join("calibration.toml");
        if path.exists() {
            let text = read_text(&path, LONGEST_SETTINGS)?;
            model.calibration = Some(Calibration::from_toml(&text, &path, model.scheme.len())?);
        }
        Ok(model)
    }

    /// The model of a `config.toml`; `path` is what errors call it, and `weights` the file that its weights are to be read from, with its
    /// length in bytes.
    pub(super) fn with_random_weights(
        text: &str,
        path: &Path,
        (weights, room): (&Path, u64),
        device: &Device,
    ) -> Result<Self> {
        let bad = |e: toml::de::Error| Error::model(path, "file", e.to_string().replace('\n', " "));
        let version = toml::from_str::<toml::Table>(text)
            .map_err(bad)?
            .get("version")
            .and_then(toml::Value::as_integer);
        if version != Some(i64::from(VERSION)) {
            let found = version.map_or("none".to_owned(), |v| v.to_string());
            return Err(Error::model(
                path,
                "version",
                format!("is {found}; this release reads version {VERSION}"),
            ));
        }
        let file: ConfigFile = toml::from_str(text).map_err(bad)?;
        let named = |field: &str, e: Error| Error::model(path, field, e.to_string());
        let scheme =
            toml::to_string(&file.scheme).map_err(|e| Error::model(path, "scheme", e.to_string()))?;
        let scheme = Arc::new(Scheme::from_toml(&scheme, path)?);
        file.crop.validate().map_err(|e| named("crop", e))?;
        file.network.validate().map_err(|e| named("network", e))?;
        file.network.check_weights(file.network.channels(scheme.len()), weights, room)?;
        let network =
            StackedHourglass::new(&file.network, scheme.len(), 0, device).map_err(|e| named("network", e))?;
        let model = Self {
            config: file.network,
            crop: file.crop,
            heatmap: file.heatmap,
            scheme,
            network,
            calibration: None,
        };
        model.codec().map_err(|e| named("heatmap", e))?;
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(width: usize) -> Model {
        let config = NetworkConfig { input: 64, stacks: 1, width, boundary: true, coord_conv: true };
        let scheme = Scheme::builtin("mtfl-5").unwrap();
        let network = StackedHourglass::new(&config, scheme.len(), 1, &Device::flex()).unwrap();
        Model {
            config,
            crop: CropRule::default(),
            heatmap: CodecConfig::default(),
            scheme,
            network,
            calibration: None,
        }
    }

    #[test]
    fn a_model_survives_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("best");
        model(8).save(&path, "card", WeightType::F32).unwrap();
        let loaded = Model::load(&path, &Device::flex()).unwrap();
        assert_eq!(loaded.config, model(8).config);
        assert_eq!((loaded.heatmap.clone(), loaded.crop), (CodecConfig::default(), CropRule::default()));
        assert_eq!(*loaded.scheme, *model(8).scheme);
        assert_eq!(loaded.codec().unwrap().size(), 16);
    }

    #[test]
    fn a_folder_that_does_not_fit_is_refused_by_file_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("best");
        let error = |p: &Path| Model::load(p, &Device::flex()).unwrap_err().to_string();
        assert!(error(&path).contains("best: folder: is not there"));
        model(8).save(&path, "card", WeightType::F32).unwrap();
        let config = path.join("config.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        for (from, to, expected) in [
            ("version = 1", "version = 7", "config.toml: version: is 7; this release reads version 1"),
            ("version = 1", "versions = 1", "config.toml: version: is none"),
            ("width = 8", "width = 16", "model.safetensors: "),
            ("width = 8", "width = 9", "config.toml: network: network.width: 9 must be"),
            ("margin", "morgan", "config.toml: file: "),
        ] {
            assert!(text.contains(from), "{from}");
            std::fs::write(&config, text.replacen(from, to, 1)).unwrap();
            assert!(error(&path).contains(expected), "{}", error(&path));
        }
        std::fs::write(&config, &text).unwrap();
        std::fs::remove_file(path.join("model.safetensors")).unwrap();
        assert!(error(&path).contains("model.safetensors: cannot read"), "{}", error(&path));
    }
}
