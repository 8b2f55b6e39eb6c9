use super::nme::mean;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RESAMPLES: usize = 2000;
const SEED: u64 = 2019;

/// The 95 % confidence interval of the mean, by the percentile bootstrap: 2000 resamples with a fixed seed, so that the
/// same values give the same interval. `None` for fewer than two values.
///
/// It says how much the mean would move with other images of the same kind; a difference between two models on the
/// same images can be real although their intervals overlap.
pub fn mean_interval(values: &[f64]) -> Option<[f64; 2]> {
    if values.len() < 2 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut resample =
        || mean((0..values.len()).filter_map(|_| values.get(rng.random_range(0..values.len()))).copied());
    let mut means: Vec<f64> = (0..RESAMPLES).filter_map(|_| resample()).collect();
    means.sort_by(f64::total_cmp);
    Some([quantile(&means, 0.025)?, quantile(&means, 0.975)?])
}

/// The quantile of sorted values, interpolated between neighbours; `None` for no values.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let at = q * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted.get(at.floor() as usize)?, sorted.get(at.ceil() as usize)?);
    Some(low + (high - low) * at.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        // Positions 0 .. 4: 0.25 lies on the value 2, 0.375 half way between 2 and 4.
        assert_eq!(quantile(&[0.0, 2.0, 4.0, 8.0, 9.0], 0.25), Some(2.0));
        assert_eq!(quantile(&[0.0, 2.0, 4.0, 8.0, 9.0], 0.375), Some(3.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn two_values_can_be_drawn_all_alike() {
        // The mean of two draws from {0, 1} is 0 or 1 with a quarter each: both ends of the interval.
        assert_eq!(mean_interval(&[0.0, 1.0]), Some([0.0, 1.0]));
        assert_eq!(mean_interval(&[3.0, 3.0, 3.0]), Some([3.0, 3.0]));
        assert_eq!(mean_interval(&[3.0]), None);
    }

    #[test]
    fn the_interval_is_as_wide_as_the_standard_error_says() {
        // 0 .. 399 has the mean 199.5 and the deviation 400 / sqrt(12) = 115.5; the standard error is 115.5 / 20 = 5.77
        // and the interval about 199.5 +- 1.96 * 5.77 = 11.3.
        let values: Vec<f64> = (0..400).map(f64::from).collect();
        let [low, high] = mean_interval(&values).unwrap();
        assert!((199.5 - low - 11.3).abs() < 1.2, "{low}");
        assert!((high - 199.5 - 11.3).abs() < 1.2, "{high}");
        assert_eq!(mean_interval(&values), Some([low, high]));
    }
}
