use super::Tested;
use awing::{Error, Result, network::Calibration};
use serde::Serialize;

/// Groups of points with like expectations.
const GROUPS: usize = 10;

/// Whether the errors that a model expects are those that it makes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reliability {
    /// Points that were compared.
    pub points: usize,
    /// Mean expected error in per cent.
    pub expected: f64,
    /// Mean error in per cent.
    pub measured: f64,
    /// Mean distance between the two over the groups, in points of per cent.
    pub gap: f64,
    /// Spearman's correlation between expected and measured errors of single points, from -1 to 1.
    pub rank_correlation: f64,
    /// Ten groups of as many points by rising expectation: mean expected and mean measured error in per cent.
    pub groups: Vec<[f64; 2]>,
}

impl Tested {
    /// For each point of the common scheme, its score and error in per cent on each face where it is annotated.
    pub fn observations(&self) -> Vec<Vec<(f32, f64)>> {
        let mut seen = vec![Vec::new(); self.scheme.len()];
        self.each_point(|point, score, _, error| {
            if let Some(seen) = seen.get_mut(point) {
                seen.push((score, error));
            }
        });
        seen
    }

    /// Learns what the model's scores say of its errors.
    ///
    /// # Errors
    /// Those of [`Calibration::fit`].
    pub fn calibrate(&self) -> Result<Calibration> {
        Calibration::fit(&self.evaluation.normalizer().to_string(), &self.observations())
    }

    /// Compares expected and measured errors; `None` where the model is not calibrated.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the errors were divided by something else than what the model was calibrated for.
    pub fn reliability(&self, calibration: Option<&Calibration>) -> Result<Option<Reliability>> {
        let Some(calibration) = calibration else { return Ok(None) };
        let normalizer = self.evaluation.normalizer().to_string();
        if calibration.normalizer != normalizer {
            let problem =
                format!("the model expects errors by {}, not by {normalizer}", calibration.normalizer);
            return Err(Error::invalid("calibration", problem));
        }
        let mut pairs = Vec::new();
        self.each_point(|_, _, expected, error| pairs.extend(expected.map(|expected| (expected, error))));
        Ok(reliability(pairs))
    }

    /// Point, score, expected error and error in per cent of every annotated point of every face.
    fn each_point(&self, mut each: impl FnMut(usize, f32, Option<f64>, f64)) {
        let results = self.evaluation.faces().iter().filter_map(|result| result.errors.as_ref().ok());
        for (errors, tested) in results.zip(&self.faces) {
            for (point, (error, score)) in errors.iter().zip(&tested.face.scores).enumerate() {
                if let Some(error) = error {
                    each(point, *score, tested.face.expected_errors.get(point).copied(), 100.0 * error);
                }
            }
        }
    }
}

fn reliability(mut pairs: Vec<(f64, f64)>) -> Option<Reliability> {
    if pairs.is_empty() {
        return None;
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mean = |values: &[(f64, f64)]| {
        let sum = values.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        [sum.0 / values.len() as f64, sum.1 / values.len() as f64]
    };
    let groups: Vec<[f64; 2]> = pairs.chunks(pairs.len().div_ceil(GROUPS)).map(mean).collect();
    let [expected, measured] = mean(&pairs);
    Some(Reliability {
        points: pairs.len(),
        expected,
        measured,
        gap: groups.iter().map(|[e, m]| (e - m).abs()).sum::<f64>() / groups.len() as f64,
        rank_correlation: correlation(&ranks(&pairs, |p| p.0), &ranks(&pairs, |p| p.1)),
        groups,
    })
}

/// The rank of each, counted from 0; equal ones share the mean of theirs.
fn ranks(pairs: &[(f64, f64)], of: impl Fn(&(f64, f64)) -> f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by(|a, b| of(&pairs[*a]).total_cmp(&of(&pairs[*b])));
    let mut ranks = vec![0.0; pairs.len()];
    let mut first = 0;
    for equal in order.chunk_by(|a, b| of(&pairs[*a]) == of(&pairs[*b])) {
        let rank = first as f64 + (equal.len() - 1) as f64 / 2.0;
        equal.iter().for_each(|i| ranks[*i] = rank);
        first += equal.len();
    }
    ranks
}

/// Pearson's; 0 where one of the two does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(b).map(|(x, y)| f(x - ma, y - mb)).sum::<f64>();
    let spread = (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
    if spread > 0.0 { sum(&|x, y| x * y) / spread } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_gap_and_correlation_by_hand() {
        // 20 points, two a group: expected 1, 1, 2, 2, …, measured always half a point more.
        let pairs: Vec<(f64, f64)> =
            (0..20).map(|i| f64::from(i / 2 + 1)).map(|e| (e, e + 0.5)).rev().collect();
        let found = reliability(pairs).unwrap();
        assert_eq!((found.points, found.expected, found.measured, found.gap), (20, 5.5, 6.0, 0.5));
        assert_eq!(found.groups[0], [1.0, 1.5]);
        assert_eq!(found.groups.len(), 10);
        assert!((found.rank_correlation - 1.0).abs() < 1e-12);
        // Ranks 0 1 2 against 2 1 0.
        assert!(
            (reliability(vec![(1.0, 9.0), (2.0, 5.0), (3.0, 1.0)]).unwrap().rank_correlation + 1.0).abs()
                < 1e-12
        );
        assert_eq!(reliability(vec![(1.0, 2.0), (1.0, 3.0)]).unwrap().rank_correlation, 0.0);
        assert!(reliability(vec![]).is_none());
    }

    #[test]
    fn equal_values_share_their_rank() {
        let pairs = [(5.0, 0.0), (1.0, 0.0), (5.0, 0.0), (0.5, 0.0)];
        assert_eq!(ranks(&pairs, |p| p.0), [2.5, 1.0, 2.5, 0.0]);
    }
}
