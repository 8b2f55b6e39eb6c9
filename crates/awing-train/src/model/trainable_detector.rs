use super::{OnDevice, StackedHourglass, place_weights, weights_of};
use awing::{
    Result,
    detection::{DetectorModel, HeatmapDetector},
    network::NetworkConfig,
};
use burn::tensor::Device;
use std::{path::Path, sync::Arc};

/// A [`DetectorModel`] whose network is a Burn module, which can learn.
#[derive(Clone, Debug)]
pub struct TrainableDetector {
    /// Size and parts of the network.
    pub config: NetworkConfig,
    /// A peak of this or more, above 0 and up to 1, is a face.
    pub least_score: f32,
    /// The network.
    pub network: StackedHourglass,
}

impl TrainableDetector {
    /// A detector's network on `device`; on an autodiff device it can be trained further.
    ///
    /// # Errors
    /// [`awing::Error::Model`] naming the tensor that is not the network's own.
    pub fn new(model: DetectorModel, device: &Device) -> Result<Self> {
        let DetectorModel { network: config, least_score, weights } = model;
        let fresh = StackedHourglass::new(&config, DetectorModel::MAPS, 0, device)?;
        Ok(Self { network: place_weights(fresh, weights)?, config, least_score })
    }

    /// Reads a detector's folder onto `device`.
    ///
    /// # Errors
    /// Those of [`DetectorModel::load`] and [`TrainableDetector::new`].
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        Self::new(DetectorModel::load(folder)?, device)
    }

    /// The detector as it predicts and is kept.
    pub fn to_model(&self) -> DetectorModel {
        DetectorModel {
            network: self.config.clone(),
            least_score: self.least_score,
            weights: weights_of(&self.network, "model"),
        }
    }

    /// A detector of this network: of a network on the CPU by the forward pass that ships, of others where they are.
    ///
    /// # Errors
    /// [`awing::Error::Invalid`] when the network has coordinates or a boundary map, or the score is out of range.
    pub fn detector(&self) -> Result<HeatmapDetector> {
        let network = OnDevice::new(&self.network);
        if network.is_on_cpu() {
            return HeatmapDetector::new(self.to_model());
        }
        HeatmapDetector::with_network(self.config.clone(), self.least_score, Arc::new(network))
    }
}

/// A detector that computes on `device`.
///
/// # Errors
/// Those of [`TrainableDetector::new`] and [`HeatmapDetector::new`].
pub fn detector_on(model: DetectorModel, device: &Device) -> Result<HeatmapDetector> {
    if *device == Device::flex() {
        HeatmapDetector::new(model)
    } else {
        TrainableDetector::new(model, device)?.detector()
    }
}
