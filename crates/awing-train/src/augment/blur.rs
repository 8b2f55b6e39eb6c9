use awing::geometry::Planes;
use multiversion::multiversion;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Out of focus: a Gaussian blur.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blur {
    /// How often. 0 to 1.
    pub probability: f64,
    /// Largest standard deviation, as a fraction of the crop's side; drawn uniformly from 0. 0 to 0.1.
    pub max_sigma: f64,
}

impl Default for Blur {
    /// Up to 3 of 256 pixels.
    fn default() -> Self {
        Self { probability: 0.3, max_sigma: 3.0 / 256.0 }
    }
}

impl Blur {
    pub(super) fn apply(&self, crop: &mut Planes, rng: &mut impl Rng) {
        if rng.random_bool(self.probability) {
            let sigma = rng.random_range(0.0..=self.max_sigma) * crop.side() as f64;
            gaussian_blur(crop, sigma);
        }
    }
}

/// Below this the blur is not seen: the neighbours weigh less than 0.4 %.
const SHARP: f64 = 0.3;

/// Blurs with standard deviation `sigma` in pixels, along rows and then along columns; the border is continued.
///
/// Bytes are held in 15 bits and weights in 16, so that a step is one multiplication of two 16-bit numbers of which the
/// upper half is kept, which processors do for sixteen values and more at once. The error stays below half a level.
fn gaussian_blur(crop: &mut Planes, sigma: f64) {
    if sigma < SHARP || crop.side() == 0 {
        return;
    }
    let (side, weights) = (crop.side(), half_kernel(sigma));
    let mut rows = vec![0_u16; side * side];
    for plane in crop.planes_mut() {
        blur_rows(plane, &mut rows, side, &weights);
        blur_columns(&rows, plane, side, &weights);
    }
}

/// Blurs bytes along their rows, which are `width` long, into 15 bits.
#[multiversion(targets = "simd")]
fn blur_rows(source: &[u8], target: &mut [u16], width: usize, weights: &[u16]) {
    let Some(radius) = weights.len().checked_sub(1) else { return };
    let mut padded = vec![0_u16; width + 2 * radius];
    for (source, target) in source.chunks_exact(width).zip(target.chunks_exact_mut(width)) {
        let [.., last] = source else { continue };
        padded[..radius].fill(u16::from(source[0]) << 7);
        padded[radius + width..].fill(u16::from(*last) << 7);
        for (value, &byte) in padded[radius..].iter_mut().zip(source) {
            *value = u16::from(byte) << 7;
        }
        target.fill(0);
        add_weighted(target, &padded[radius..], None, weights[0]);
        for (t, &weight) in weights.iter().enumerate().skip(1) {
            add_weighted(target, &padded[radius - t..], Some(&padded[radius + t..]), weight);
        }
    }
}

/// Blurs 15-bit values along the columns into bytes.
#[multiversion(targets = "simd")]
fn blur_columns(source: &[u16], target: &mut [u8], width: usize, weights: &[u16]) {
    let row = |y: usize| &source[y * width..][..width];
    let Some(last) = (source.len() / width).checked_sub(1) else { return };
    let mut sums = vec![0_u16; width];
    for (y, target) in target.chunks_exact_mut(width).enumerate() {
        sums.fill(0);
        add_weighted(&mut sums, row(y), None, weights[0]);
        for (t, &weight) in weights.iter().enumerate().skip(1) {
            add_weighted(&mut sums, row(y.saturating_sub(t)), Some(row((y + t).min(last))), weight);
        }
        for (value, &sum) in target.iter_mut().zip(&sums) {
            *value = (sum.wrapping_add(64) >> 7) as u8;
        }
    }
}

/// target += weight / 65 536 * (a + b), cut to whole parts. a and b hold at most 255 * 128, so no sum leaves 16 bits; checking
/// for that would keep builds with overflow checks from working on many values at once.
#[inline(always)]
fn add_weighted(target: &mut [u16], a: &[u16], b: Option<&[u16]>, weight: u16) {
    let scaled = |v: u16| (u32::from(v).wrapping_mul(u32::from(weight)) >> 16) as u16;
    match b {
        Some(b) => {
            for ((t, &a), &b) in target.iter_mut().zip(a).zip(b) {
                *t = t.wrapping_add(scaled(a.wrapping_add(b)));
            }
        }
        None => {
            for (t, &a) in target.iter_mut().zip(a) {
                *t = t.wrapping_add(scaled(a));
            }
        }
    }
}

/// Weights of the centre and of one side, out to three standard deviations, in parts of 65 536. Centre plus twice the side is
/// 65 535 parts at most, so no sum overflows.
fn half_kernel(sigma: f64) -> Vec<u16> {
    let radius = (3.0 * sigma).ceil() as usize;
    let shape: Vec<f64> = (0..=radius).map(|t| (-((t * t) as f64) / (2.0 * sigma * sigma)).exp()).collect();
    let total = 2.0 * shape.iter().sum::<f64>() - 1.0;
    let mut weights: Vec<u16> = shape.iter().map(|w| (w / total * 65_535.0) as u16).collect();
    // What cutting to whole parts lost goes to the centre.
    weights[0] = 65_535 - 2 * weights[1..].iter().sum::<u16>();
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_becomes_the_gaussian_by_hand() {
        // sigma 1, cut at 3: weights exp(-t^2 / 2) = 1, .6065, .1353, .0111 over 2.5060: .3990, .2420, .0540, .0044.
        // A dot of 250 gives 250 * .3990^2 = 39.8 in the middle, 250 * .3990 * .2420 = 24.1 beside it, 250 * .2420^2 = 14.6 at
        // the corner, 250 * .3990 * .0540 = 5.4 two beside.
        let mut crop = Planes::new(9);
        crop.values_mut()[4 * 9 + 4] = 250;
        gaussian_blur(&mut crop, 1.0);
        let [red, green, blue] = crop.planes();
        let red = |x: usize, y: usize| red[y * 9 + x];
        assert_eq!([red(4, 4), red(3, 4), red(5, 4), red(4, 3), red(4, 5)], [40, 24, 24, 24, 24]);
        assert_eq!([red(3, 3), red(5, 5), red(2, 4), red(4, 6), red(0, 4)], [15, 15, 5, 5, 0]);
        assert!(green.iter().chain(blue).all(|&v| v == 0));
    }

    #[test]
    fn flat_crops_of_every_size_stay_flat() {
        for side in [0, 1, 7, 32] {
            for value in [0, 1, 100, 255] {
                for sigma in [0.1, 0.5, 2.7, 6.0] {
                    let mut crop = Planes::new(side);
                    crop.values_mut().fill(value);
                    gaussian_blur(&mut crop, sigma);
                    assert!(crop.values().iter().all(|&v| v == value), "{side} of {value}, sigma {sigma}");
                }
            }
        }
    }

    #[test]
    fn weights_never_exceed_one() {
        for sigma in [0.3, 1.0, 3.0, 25.6] {
            let weights = half_kernel(sigma);
            let total: u32 =
                weights.iter().enumerate().map(|(t, &w)| u32::from(w) * if t == 0 { 1 } else { 2 }).sum();
            assert_eq!(total, 65_535);
        }
    }
}
