use super::{OnDevice, StackedHourglass, place_weights, weights_of};
use crate::files::write_atomic;
use awing::{
    Result,
    network::{Calibration, Model, ModelConfig, ModelFiles, WeightType},
    prediction::Aligner,
};
use burn::tensor::Device;
use std::{path::Path, sync::Arc};

/// A [`Model`] whose network is a Burn module, which can learn.
#[derive(Clone, Debug)]
pub struct TrainableModel {
    /// What its network is and means.
    pub config: ModelConfig,
    /// What scores say of errors, where that was measured.
    pub calibration: Option<Calibration>,
    /// The network.
    pub network: StackedHourglass,
}

impl TrainableModel {
    /// A model's network on `device`; on an autodiff device it can be trained further.
    ///
    /// # Errors
    /// [`awing::Error::Model`] naming the tensor that is not the network's own.
    pub fn new(model: Model, device: &Device) -> Result<Self> {
        let Model { config, calibration, weights } = model;
        let fresh = StackedHourglass::new(&config.network, config.scheme.len(), 0, device)?;
        Ok(Self { network: place_weights(fresh, weights)?, config, calibration })
    }

    /// Reads a model's folder onto `device`.
    ///
    /// # Errors
    /// Those of [`Model::load`] and [`TrainableModel::new`].
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        Self::new(Model::load(folder)?, device)
    }

    /// The model as it predicts and is kept.
    pub fn to_model(&self) -> Model {
        Model {
            config: self.config.clone(),
            calibration: self.calibration.clone(),
            weights: weights_of(&self.network, "model"),
        }
    }

    /// An aligner of this network: of a network on the CPU by the forward pass that ships, of others where they are.
    ///
    /// # Errors
    /// [`awing::Error::Invalid`] when a setting of the model is out of range.
    pub fn aligner(&self) -> Result<Aligner> {
        let network = OnDevice::new(&self.network);
        if network.is_on_cpu() {
            return Aligner::new(self.to_model());
        }
        Aligner::with_network(self.config.clone(), self.calibration.clone(), Arc::new(network))
    }
}

/// An aligner that computes on `device`.
///
/// # Errors
/// Those of [`TrainableModel::new`] and [`Aligner::new`].
pub fn aligner_on(model: Model, device: &Device) -> Result<Aligner> {
    if *device == Device::flex() {
        Aligner::new(model)
    } else {
        TrainableModel::new(model, device)?.aligner()
    }
}

/// Writes a model's folder, file by file beside and renamed; `card` is the text of its `README.md`.
///
/// # Errors
/// [`awing::Error::Io`] when it cannot be written.
pub fn write_model(files: &ModelFiles, folder: &Path, card: &str) -> Result<()> {
    write_atomic(&folder.join("model.safetensors"), &files.weights)?;
    write_atomic(&folder.join("config.toml"), files.config.as_bytes())?;
    if let Some(calibration) = &files.calibration {
        write_atomic(&folder.join("calibration.toml"), calibration.as_bytes())?;
    }
    write_atomic(&folder.join("README.md"), card.as_bytes())
}

/// Writes what was learnt of a model's scores into its folder, beside and renamed.
///
/// # Errors
/// [`awing::Error::Io`] when it cannot be written.
pub fn save_calibration(calibration: &Calibration, folder: &Path) -> Result<()> {
    write_atomic(&folder.join("calibration.toml"), calibration.to_toml()?.as_bytes())
}

/// Writes a model's folder; see [`write_model`].
///
/// # Errors
/// [`awing::Error::Io`] when it cannot be written, [`awing::Error::Model`] when a weight is not finite.
pub fn save_model(model: &Model, folder: &Path, card: &str, weights: WeightType) -> Result<()> {
    write_model(&model.to_files(folder, weights)?, folder, card)
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::{geometry::CropRule, heatmap::CodecConfig, network::NetworkConfig, scheme::Scheme};

    fn model(width: usize) -> TrainableModel {
        let network = NetworkConfig { input: 64, stacks: 1, width, boundary: true, coord_conv: true };
        let scheme = Scheme::builtin("mtfl-5").unwrap();
        let module = StackedHourglass::new(&network, scheme.len(), 1, &Device::flex()).unwrap();
        let config =
            ModelConfig { network, crop: CropRule::default(), heatmap: CodecConfig::default(), scheme };
        TrainableModel { config, calibration: None, network: module }
    }

    #[test]
    fn a_model_survives_its_folder() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("best");
        save_model(&model(8).to_model(), &folder, "a card", WeightType::F32).unwrap();
        let loaded = TrainableModel::load(&folder, &Device::flex()).unwrap();
        assert_eq!(loaded.config, model(8).config);
        assert!(loaded.to_model().weights.iter().eq(model(8).to_model().weights.iter()));
        assert_eq!(std::fs::read_to_string(folder.join("README.md")).unwrap(), "a card");
    }

    #[test]
    fn weights_of_another_network_are_refused_by_name() {
        let wider = Model { config: model(16).config, ..model(8).to_model() };
        let error = TrainableModel::new(wider.clone(), &Device::flex()).unwrap_err().to_string();
        assert!(error.contains("has shape"), "{error}");
        let error = Aligner::new(wider).unwrap_err().to_string();
        assert!(error.contains("has shape"), "{error}");
    }
}
