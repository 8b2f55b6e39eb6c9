use image::{ImageFormat, RgbImage, codecs::jpeg::JpegEncoder};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Compression artefacts: the crop goes through a JPEG file in memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jpeg {
    /// How often. 0 to 1.
    pub probability: f64,
    /// Lowest quality; drawn uniformly. 1 to 100.
    pub min_quality: u8,
    /// Highest quality. 1 to 100.
    pub max_quality: u8,
}

impl Default for Jpeg {
    fn default() -> Self {
        Self { probability: 0.2, min_quality: 20, max_quality: 80 }
    }
}

impl Jpeg {
    pub(super) fn apply(&self, image: &mut RgbImage, rng: &mut impl Rng) {
        if rng.random_bool(self.probability) {
            let quality = rng.random_range(self.min_quality..=self.max_quality);
            // An image that JPEG cannot hold (65 536 pixels and more on a side) stays as it is.
            if let Some(compressed) = round_trip(image, quality) {
                *image = compressed;
            }
        }
    }
}

fn round_trip(image: &RgbImage, quality: u8) -> Option<RgbImage> {
    let mut bytes = Vec::with_capacity(image.len() / 4);
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(image).ok()?;
    Some(image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).ok()?.into_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn error(quality: u8) -> f64 {
        let image =
            RgbImage::from_fn(40, 24, |x, y| Rgb([(x * 6) as u8, (y * 10) as u8, ((x * y) % 256) as u8]));
        let compressed = round_trip(&image, quality).unwrap();
        assert_eq!(compressed.dimensions(), image.dimensions());
        image.iter().zip(compressed.iter()).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>()
            / image.len() as f64
    }

    #[test]
    fn lower_quality_changes_more_and_the_best_next_to_nothing() {
        let (best, good, bad) = (error(100), error(80), error(10));
        assert!(best < 1.0 && best < good && good < bad, "{best} {good} {bad}");
    }

    #[test]
    fn a_single_pixel_survives() {
        let pixel = RgbImage::from_pixel(1, 1, Rgb([128; 3]));
        assert_eq!(round_trip(&pixel, 50).unwrap(), pixel);
    }
}
