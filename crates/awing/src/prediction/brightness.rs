//! Tests: a network that needs no training, so that what is around it can be tested.

use super::Aligner;
use crate::{
    detection::{DetectedFace, FaceDetector},
    error::Result,
    geometry::CropRule,
    heatmap::CodecConfig,
    network::{HeatmapNetwork, ModelConfig, NetworkConfig},
    scheme::{Scheme, SharedScheme},
};
use image::RgbImage;
use std::sync::Arc;

/// Maps that depend on the image: each its brightness around the cell, in an order of its own.
struct Brightness {
    maps: usize,
}

impl HeatmapNetwork for Brightness {
    fn forward(&self, images: &[&RgbImage]) -> Vec<Vec<f32>> {
        let size = |image: &RgbImage| (image.width() / 4, image.height() / 4);
        let map = |image: &RgbImage, map: usize| -> Vec<f32> {
            let (columns, rows) = size(image);
            let at = |x: u32, y: u32| {
                let pixel = image.get_pixel(4 * x + 1, 4 * y + 2).0;
                // No two cells are equally high.
                let uneven = (12.9 * x as f32 + 78.2 * y as f32 + map as f32).sin();
                f32::from(pixel[map % 3]) / 255.0 + 1e-2 * uneven
            };
            (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))).map(|(x, y)| at(x, y)).collect()
        };
        images.iter().map(|image| (0..self.maps).flat_map(|m| map(image, m)).collect()).collect()
    }
}

/// An aligner of that network with an input of 64 pixels.
pub(super) fn aligner(scheme: SharedScheme, detector: Arc<dyn FaceDetector>) -> Aligner {
    let network = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: true, coord_conv: true };
    let config = ModelConfig { network, crop: CropRule::default(), heatmap: CodecConfig::default(), scheme };
    let maps = config.maps();
    Aligner::of_parts(config, None, Arc::new(Brightness { maps }), detector).unwrap()
}

/// The same of a built-in scheme, which finds no face by itself.
pub(super) fn small_aligner(scheme: &str) -> Aligner {
    /// Finds nobody.
    #[derive(Debug)]
    struct Nobody;
    impl FaceDetector for Nobody {
        fn detect(&self, _: &RgbImage) -> Result<Vec<DetectedFace>> {
            Ok(Vec::new())
        }
    }
    aligner(Scheme::builtin(scheme).unwrap(), Arc::new(Nobody))
}
