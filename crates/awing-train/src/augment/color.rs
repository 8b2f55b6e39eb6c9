use awing::geometry::Planes;
use multiversion::multiversion;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Other light and another film: brightness, contrast and saturation change together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Color {
    /// How often. 0 to 1.
    pub probability: f64,
    /// Values are multiplied by a factor from 1 - brightness to 1 + brightness. 0 to 1.
    pub brightness: f64,
    /// Distances from the image's mean value are multiplied by a factor from 1 - contrast to 1 + contrast. 0 to 1.
    pub contrast: f64,
    /// Distances from the pixel's own luma are multiplied by a factor from 1 - saturation to 1 + saturation. 0 to 1.
    pub saturation: f64,
}

impl Default for Color {
    fn default() -> Self {
        Self { probability: 0.5, brightness: 0.3, contrast: 0.3, saturation: 0.4 }
    }
}

impl Color {
    pub(super) fn apply(&self, crop: &mut Planes, rng: &mut impl Rng) {
        if rng.random_bool(self.probability) {
            let mut factor = |range: f64| rng.random_range(1.0 - range..=1.0 + range);
            adjust(
                crop.planes_mut(),
                factor(self.brightness),
                factor(self.contrast),
                factor(self.saturation),
            );
        }
    }
}

/// Saturation, then brightness, then contrast, in one pass:
/// v' = c (b (l + s (v - l)) - m) + m, with l the pixel's luma and m the mean value of the brightened image.
#[multiversion(targets = "simd")]
fn adjust(planes: [&mut [u8]; 3], brightness: f64, contrast: f64, saturation: f64) {
    let count: usize = planes.iter().map(|plane| plane.len()).sum();
    let sum: u64 = planes.iter().map(|plane| sum(plane)).sum();
    let mean = brightness * sum as f64 / count.max(1) as f64;
    let own = (contrast * brightness * saturation) as f32;
    let gray = (contrast * brightness * (1.0 - saturation)) as f32;
    // Half a level more: the cast to u8 then rounds (and saturates at both ends).
    let offset = ((1.0 - contrast) * mean + 0.5) as f32;
    let [red, green, blue] = planes;
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        let [r, g, b] = [*red, *green, *blue].map(f32::from);
        let common = gray * (0.299 * r + 0.587 * g + 0.114 * b) + offset;
        [*red, *green, *blue] = [r, g, b].map(|v| (own * v + common) as u8);
    }
}

/// The sum of all values.
#[inline(always)]
fn sum(values: &[u8]) -> u64 {
    // 65 536 bytes sum up to 24 bits; a checked sum would not work on many values at once.
    let part = |part: &[u8]| part.iter().fold(0_u32, |sum, &v| sum.wrapping_add(u32::from(v)));
    values.chunks(1 << 16).map(|values| u64::from(part(values))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adjusted(pixels: [[u8; 3]; 2], brightness: f64, contrast: f64, saturation: f64) -> [[u8; 3]; 2] {
        let mut planes = [0, 1, 2].map(|c| pixels.map(|pixel| pixel[c]));
        adjust(planes.each_mut().map(|plane| &mut plane[..]), brightness, contrast, saturation);
        [0, 1].map(|i| planes.map(|plane| plane[i]))
    }

    #[test]
    fn factors_of_one_change_nothing() {
        let pixels = [[0, 128, 255], [13, 99, 201]];
        assert_eq!(adjusted(pixels, 1.0, 1.0, 1.0), pixels);
    }

    #[test]
    fn each_factor_by_hand() {
        // Brightness 1.5: 40 -> 60, 200 -> 300, cut at 255.
        assert_eq!(adjusted([[40; 3], [200; 3]], 1.5, 1.0, 1.0), [[60; 3], [255; 3]]);
        // Contrast 0.5 around the mean (40 + 200) / 2 = 120: 120 - 40 = 80, 120 + 40 = 160.
        assert_eq!(adjusted([[40; 3], [200; 3]], 1.0, 0.5, 1.0), [[80; 3], [160; 3]]);
        // Saturation 0: everything is luma, 76.245 for red; 0.5: halfway, (255 + 76.245) / 2 = 165.6, 76.245 / 2 = 38.1.
        assert_eq!(adjusted([[255, 0, 0]; 2], 1.0, 1.0, 0.0), [[76; 3]; 2]);
        assert_eq!(adjusted([[255, 0, 0]; 2], 1.0, 1.0, 0.5), [[166, 38, 38]; 2]);
        // All three at once on red 200: luma 59.8; s 0.5: 129.9, 29.9, 29.9; b 1.2: 155.88, 35.88, 35.88;
        // the mean is 1.2 * 200 / 3 = 80; c 1.5: 1.5 * 75.88 + 80 = 193.8, 1.5 * -44.12 + 80 = 13.8.
        assert_eq!(adjusted([[200, 0, 0]; 2], 1.2, 1.5, 0.5), [[194, 14, 14]; 2]);
    }
}
