/// FR@t: the share of images whose NME is above `threshold`. Both are fractions; an image without a prediction has an
/// infinite NME. 0 for no images.
pub fn failure_rate(nmes: &[f64], threshold: f64) -> f64 {
    nmes.iter().filter(|nme| nme.is_nan() || **nme > threshold).count() as f64 / nmes.len().max(1) as f64
}

/// AUC@t: the area under the cumulative error distribution from 0 to `threshold`, divided by `threshold`; in [0, 1].
///
/// Exact, not sampled: the mean over images of max(0, 1 − NME / t). So AUC@t ≥ 1 − mean NME / t, with equality only
/// when FR@t is 0. 0 for no images or a threshold that is not positive.
pub fn auc(nmes: &[f64], threshold: f64) -> f64 {
    if threshold.is_nan() || threshold <= 0.0 {
        return 0.0;
    }
    nmes.iter().map(|nme| (1.0 - nme / threshold).max(0.0)).sum::<f64>() / nmes.len().max(1) as f64
}

/// The cumulative error distribution as the corners of its staircase, (NME, share of images with at most that NME),
/// from (0, 0) to `limit`.
pub fn ced(nmes: &[f64], limit: f64) -> Vec<(f64, f64)> {
    let mut sorted: Vec<f64> = nmes.iter().copied().filter(|&nme| nme <= limit).collect();
    sorted.sort_by(f64::total_cmp);
    let share = |count: usize| count as f64 / nmes.len().max(1) as f64;
    let mut corners = vec![(0.0, 0.0)];
    for (i, &nme) in sorted.iter().enumerate() {
        corners.extend([(nme, share(i)), (nme, share(i + 1))]);
    }
    corners.push((limit, share(sorted.len())));
    corners
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn four_images_by_hand() {
        // At t = 0.08: 0.02 and 0.04 give 0.75 and 0.5, 0.08 gives 0 and is no failure, the lost face is one.
        let nmes = [0.04, 0.08, f64::INFINITY, 0.02];
        assert_eq!(failure_rate(&nmes, 0.08), 0.25);
        assert!((auc(&nmes, 0.08) - 1.25 / 4.0).abs() < 1e-15);
        assert_eq!(
            ced(&nmes, 0.05),
            [(0.0, 0.0), (0.02, 0.0), (0.02, 0.25), (0.04, 0.25), (0.04, 0.5), (0.05, 0.5)]
        );
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!((failure_rate(&[], 0.08), auc(&[], 0.08), auc(&[0.01], 0.0)), (0.0, 0.0, 0.0));
        assert_eq!(auc(&[0.01], f64::NAN), 0.0);
    }

    proptest! {
        #[test]
        fn auc_is_at_least_one_minus_nme_over_t(
            nmes in prop::collection::vec(0.0..0.3_f64, 1..60), t in 0.01..0.3_f64,
        ) {
            let bound = 1.0 - nmes.iter().sum::<f64>() / nmes.len() as f64 / t;
            let (auc, fr) = (auc(&nmes, t), failure_rate(&nmes, t));
            prop_assert!(auc >= bound - 1e-12);
            prop_assert!((0.0..=1.0).contains(&auc));
            // The gap is the mean excess of the failures over t.
            let excess = nmes.iter().map(|n| (n / t - 1.0).max(0.0)).sum::<f64>() / nmes.len() as f64;
            prop_assert!((auc - bound - excess).abs() < 1e-9);
            prop_assert_eq!(fr == 0.0, excess == 0.0);
        }

        #[test]
        fn more_tolerance_never_means_more_failures(
            nmes in prop::collection::vec(0.0..0.3_f64, 0..60), a in 0.01..0.3_f64, b in 0.01..0.3_f64,
        ) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(failure_rate(&nmes, high) <= failure_rate(&nmes, low));
            prop_assert!(auc(&nmes, high) >= auc(&nmes, low) - 1e-12);
        }

        #[test]
        fn the_area_under_the_staircase_is_the_auc(
            nmes in prop::collection::vec(0.0..0.3_f64, 1..60), t in 0.01..0.3_f64,
        ) {
            let corners = ced(&nmes, t);
            let area: f64 = corners.windows(2).map(|w| (w[1].0 - w[0].0) * w[0].1).sum();
            prop_assert!((area / t - auc(&nmes, t)).abs() < 1e-9);
        }
    }
}
