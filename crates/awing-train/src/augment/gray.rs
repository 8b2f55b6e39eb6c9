use awing::geometry::Planes;
use multiversion::multiversion;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Black and white: every channel becomes the luma.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gray {
    /// How often. 0 to 1.
    pub probability: f64,
}

impl Default for Gray {
    fn default() -> Self {
        Self { probability: 0.2 }
    }
}

impl Gray {
    pub(super) fn apply(&self, crop: &mut Planes, rng: &mut impl Rng) {
        if rng.random_bool(self.probability) {
            make_gray(crop.planes_mut());
        }
    }
}

#[multiversion(targets = "simd")]
fn make_gray([red, green, blue]: [&mut [u8]; 3]) {
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let gray = luma([*r, *g, *b]);
        [*r, *g, *b] = [gray; 3];
    }
}

/// Luma by ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, in parts of 65 536, rounded.
#[inline(always)]
fn luma(pixel: [u8; 3]) -> u8 {
    // No sum leaves 24 bits; checking for that would keep builds with overflow checks from working on many values at once.
    let [r, g, b] = pixel.map(u32::from);
    let parts = |value: u32, weight: u32| value.wrapping_mul(weight);
    let sum = parts(r, 19_595).wrapping_add(parts(g, 38_470)).wrapping_add(parts(b, 7_471));
    (sum.wrapping_add(32_768) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_by_hand() {
        // 0.299 * 255 = 76.2, 0.587 * 255 = 149.7, 0.114 * 255 = 29.1; the three weights sum to one.
        assert_eq!([luma([255, 0, 0]), luma([0, 255, 0]), luma([0, 0, 255])], [76, 150, 29]);
        assert_eq!([luma([0; 3]), luma([77; 3]), luma([255; 3])], [0, 77, 255]);
        let (mut red, mut green, mut blue) = ([255, 0], [0, 255], [0, 0]);
        make_gray([&mut red, &mut green, &mut blue]);
        assert_eq!([red, green, blue], [[76, 150]; 3]);
    }
}
