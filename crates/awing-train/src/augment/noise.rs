use awing::geometry::Planes;
use multiversion::multiversion;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Noise of the sensor: a nearly normal number is added to every value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Noise {
    /// How often. 0 to 1.
    pub probability: f64,
    /// Largest standard deviation in levels of 0 to 255; drawn uniformly from 0. 0 to 128.
    pub max_sigma: f64,
}

impl Default for Noise {
    fn default() -> Self {
        Self { probability: 0.2, max_sigma: 15.0 }
    }
}

impl Noise {
    pub(super) fn apply(&self, crop: &mut Planes, rng: &mut impl Rng) {
        if rng.random_bool(self.probability) {
            let sigma = rng.random_range(0.0..=self.max_sigma);
            add_noise(crop.values_mut(), sigma, rng.random());
        }
    }
}

/// Adds noise of standard deviation `sigma` levels to every value.
///
/// The sum of four random bytes, less its mean of 510, is near enough to a normal number: its standard deviation is
/// sqrt(4 (256^2 - 1) / 12) = 147.80 and it ends at 3.45 deviations.
#[multiversion(targets = "simd")]
pub(crate) fn add_noise(values: &mut [u8], sigma: f64, seed: u64) {
    const MEAN: i32 = 510;
    const DEVIATION: f64 = 147.799_4;
    let factor = (sigma / DEVIATION * 65_536.0).round() as i32;
    // Nothing overflows; checking for that would keep builds with overflow checks from working on many values at once.
    let noisy = |value: u8, bytes: u64| {
        let noise = (bytes as i32).wrapping_sub(MEAN).wrapping_mul(factor);
        i32::from(value).wrapping_add(noise.wrapping_add(32_768) >> 16).clamp(0, 255) as u8
    };
    // Neighbouring bytes, then neighbouring pairs: two sums of four bytes each.
    let sums = |i: usize| {
        let bits = split_mix(seed, i as u64);
        let pairs = (bits & 0x00ff_00ff_00ff_00ff).wrapping_add((bits >> 8) & 0x00ff_00ff_00ff_00ff);
        (pairs & 0x0000_ffff_0000_ffff).wrapping_add((pairs >> 16) & 0x0000_ffff_0000_ffff)
    };
    let (pairs, last) = values.as_chunks_mut::<2>();
    let count = pairs.len();
    for (i, [one, other]) in pairs.iter_mut().enumerate() {
        let sums = sums(i);
        *one = noisy(*one, sums & 0xffff_ffff);
        *other = noisy(*other, sums >> 32);
    }
    for value in last {
        *value = noisy(*value, sums(count) & 0xffff_ffff);
    }
}

/// The i-th number of SplitMix64 (Steele, Lea, Flood 2014): good enough for noise, and no number waits for the one before.
#[inline(always)]
fn split_mix(seed: u64, i: u64) -> u64 {
    let mut z = seed.wrapping_add(i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_split_mix() {
        // Published test values of SplitMix64 for seed 1234567.
        assert_eq!(split_mix(1_234_567, 0), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(1_234_567, 1), 3_203_168_211_198_807_973);
    }

    #[test]
    fn mean_and_deviation_are_as_asked() {
        let mut values = vec![128_u8; 60_001];
        add_noise(&mut values, 20.0, 7);
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        // Standard error of the mean: 20 / sqrt(60001) = 0.08.
        assert!((mean - 128.0).abs() < 0.4, "{mean}");
        assert!((variance.sqrt() - 20.0).abs() < 0.3, "{}", variance.sqrt());
        // About 68.3 % of normal numbers lie within one deviation.
        let near = values.iter().filter(|&&v| (108..=148).contains(&v)).count() as f64 / n;
        assert!((near - 0.69).abs() < 0.02, "{near}");
    }

    #[test]
    fn no_deviation_is_no_change_and_the_ends_hold() {
        let mut values: Vec<u8> = (0..=255).collect();
        add_noise(&mut values, 0.0, 3);
        assert!(values.iter().copied().eq(0..=255));
        let mut black = vec![0_u8; 1000];
        add_noise(&mut black, 10.0, 3);
        assert!(black.iter().all(|&v| v < 40) && black.iter().filter(|&&v| v == 0).count() > 400);
    }
}
