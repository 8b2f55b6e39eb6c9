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

/// A peak in each map, at a place of its own, the higher the brighter the left half of the image is: no two cells are equally high,
/// and an image and its mirror image never give peaks of one height.
struct Brightness {
    maps: usize,
}

impl HeatmapNetwork for Brightness {
    fn forward(&self, images: &[&RgbImage]) -> Vec<Vec<f32>> {
        let maps = |image: &&RgbImage| -> Vec<f32> {
            let (columns, rows) = (image.width() / 4, image.height() / 4);
            let left = (0..image.height()).flat_map(|y| (0..image.width() / 2).map(move |x| (x, y)));
            let sum: f32 = left.map(|(x, y)| f32::from(image.get_pixel(x, y).0[0]) / 255.0).sum();
            let height = 0.4 + 0.6 * sum / (image.width() / 2 * image.height()) as f32;
            let cells = || (0..rows).flat_map(|y| (0..columns).map(move |x| (x as f32, y as f32)));
            let peak = |map: usize| {
                let (u, v) = ((4 + 7 * map % 8) as f32, (4 + 5 * map % 8) as f32);
                cells().map(move |(x, y)| height * (-((x - u).powi(2) + (y - v).powi(2)) / 4.5).exp())
            };
            (0..self.maps).flat_map(peak).collect()
        };
        images.iter().map(maps).collect()
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
