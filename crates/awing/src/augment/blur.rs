use image::RgbImage;
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
    pub(super) fn apply(&self, image: &mut RgbImage, rng: &mut impl Rng) {
        if rng.random_bool(self.probability) {
            let sigma = rng.random_range(0.0..=self.max_sigma) * f64::from(image.width());
            gaussian_blur(image, sigma);
        }
    }
}

/// Below this the blur is not seen: the neighbours weigh less than 0.4 %.
const SHARP: f64 = 0.3;

/// Blurs with standard deviation `sigma` in pixels, along rows and then along columns; the border is continued.
///
/// Bytes are held in 15 bits and weights in 16, so that a step is one multiplication of two 16-bit numbers of which the
/// upper half is kept, which processors do for eight or sixteen values at once. The error stays below half a level.
fn gaussian_blur(image: &mut RgbImage, sigma: f64) {
    if sigma < SHARP || image.is_empty() {
        return;
    }
    let weights = half_kernel(sigma);
    let radius = weights.len() - 1;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let stride = 3 * width;
    let mut rows = vec![0_u16; stride * height];
    let mut padded = vec![0_u16; stride + 6 * radius];
    for (source, target) in image.chunks_exact(stride).zip(rows.chunks_exact_mut(stride)) {
        for (i, value) in padded.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let at = 3 * i.saturating_sub(radius).min(width - 1);
            *value = [source[at], source[at + 1], source[at + 2]].map(|v| u16::from(v) << 7);
        }
        add_weighted(target, &padded[3 * radius..], None, weights[0]);
        for (t, &weight) in weights.iter().enumerate().skip(1) {
            add_weighted(target, &padded[3 * (radius - t)..], Some(&padded[3 * (radius + t)..]), weight);
        }
    }
    let mut sums = vec![0_u16; stride];
    let row = |y: usize| &rows[y * stride..][..stride];
    for (y, target) in image.chunks_exact_mut(stride).enumerate() {
        sums.fill(0);
        add_weighted(&mut sums, row(y), None, weights[0]);
        for (t, &weight) in weights.iter().enumerate().skip(1) {
            add_weighted(&mut sums, row(y.saturating_sub(t)), Some(row((y + t).min(height - 1))), weight);
        }
        for (value, &sum) in target.iter_mut().zip(&sums) {
            *value = ((sum + 64) >> 7) as u8;
        }
    }
}

/// target += weight / 65 536 * (a + b), cut to whole parts. a and b hold at most 255 * 128, so no sum leaves 16 bits; checking
/// for that would keep builds with overflow checks from working on many values at once.
fn add_weighted(target: &mut [u16], a: &[u16], b: Option<&[u16]>, weight: u16) {
    let scaled = |v: u16| ((u32::from(v) * u32::from(weight)) >> 16) as u16;
    match b {
        Some(b) => target
            .iter_mut()
            .zip(a)
            .zip(b)
            .for_each(|((t, &a), &b)| *t = t.wrapping_add(scaled(a.wrapping_add(b)))),
        None => target.iter_mut().zip(a).for_each(|(t, &a)| *t = t.wrapping_add(scaled(a))),
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
    use image::Rgb;

    #[test]
    fn a_dot_becomes_the_gaussian_by_hand() {
        // sigma 1, cut at 3: weights exp(-t^2 / 2) = 1, .6065, .1353, .0111 over 2.5060: .3990, .2420, .0540, .0044.
        // A dot of 250 gives 250 * .3990^2 = 39.8 in the middle, 250 * .3990 * .2420 = 24.1 beside it, 250 * .2420^2 = 14.6 at
        // the corner, 250 * .3990 * .0540 = 5.4 two beside.
        let mut image = RgbImage::new(9, 9);
        image.put_pixel(4, 4, Rgb([250, 0, 0]));
        gaussian_blur(&mut image, 1.0);
        let red = |x, y| i32::from(image.get_pixel(x, y).0[0]);
        assert_eq!([red(4, 4), red(3, 4), red(5, 4), red(4, 3), red(4, 5)], [40, 24, 24, 24, 24]);
        assert_eq!([red(3, 3), red(5, 5), red(2, 4), red(4, 6), red(0, 4)], [15, 15, 5, 5, 0]);
        assert!(image.pixels().all(|p| p.0[1] == 0 && p.0[2] == 0));
    }

    #[test]
    fn flat_images_of_every_size_stay_flat() {
        for (w, h) in [(1, 1), (1, 7), (7, 1), (32, 20)] {
            for value in [0, 1, 100, 255] {
                for sigma in [0.1, 0.5, 2.7, 6.0] {
                    let mut image = RgbImage::from_pixel(w, h, Rgb([value; 3]));
                    gaussian_blur(&mut image, sigma);
                    assert!(image.pixels().all(|p| p.0 == [value; 3]), "{w}x{h} of {value}, sigma {sigma}");
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
