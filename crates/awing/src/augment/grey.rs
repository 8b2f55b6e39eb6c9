use image::RgbImage;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Black and white: every channel becomes the luma.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grey {
    /// How often. 0 to 1.
    pub probability: f64,
}

impl Default for Grey {
    fn default() -> Self {
        Self { probability: 0.2 }
    }
}

impl Grey {
    pub(super) fn apply(&self, image: &mut RgbImage, rng: &mut impl Rng) {
        if rng.random_bool(self.probability) {
            make_grey(image);
        }
    }
}

fn make_grey(image: &mut RgbImage) {
    for pixel in image.as_chunks_mut::<3>().0 {
        *pixel = [luma(*pixel); 3];
    }
}

/// Luma by ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, in parts of 65 536, rounded.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b) + 32_768) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn luma_by_hand() {
        // 0.299 * 255 = 76.2, 0.587 * 255 = 149.7, 0.114 * 255 = 29.1; the three weights sum to one.
        assert_eq!([luma([255, 0, 0]), luma([0, 255, 0]), luma([0, 0, 255])], [76, 150, 29]);
        assert_eq!([luma([0; 3]), luma([77; 3]), luma([255; 3])], [0, 77, 255]);
        let mut image = RgbImage::from_pixel(2, 1, Rgb([255, 0, 0]));
        make_grey(&mut image);
        assert!(image.pixels().all(|p| p.0 == [76; 3]));
    }
}
