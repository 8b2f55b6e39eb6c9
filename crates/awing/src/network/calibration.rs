use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Knots of the curve, at most.
const KNOTS: usize = 24;
/// No error of a face is larger, in per cent, and no factor.
const LARGEST: f64 = 1e6;
/// A point's factor is drawn towards 1 as if this many observations said so.
const PRIOR: f64 = 50.0;

/// What the height of a peak says of the error: from a point's score to its expected error, learnt on faces that the model was not trained
/// on. The expectation is a falling curve over the score, the same for all points, times a factor of each point: along the jaw the same
/// peak means a larger error than at a corner of an eye.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// What errors are divided by: `inter-ocular`.
    #[serde(alias = "normaliser")]
    pub normalizer: String,
    /// Scores, rising.
    scores: Vec<f64>,
    /// The expected error at each of these scores, in per cent of the normalizer; not rising.
    errors: Vec<f64>,
    /// The factor of each point.
    factors: Vec<f64>,
}

impl Calibration {
    /// Learns from observations: for each point of the scheme its (score, error) on each face, the error in per cent of `normalizer`.
    ///
    /// The curve is the isotonic regression (pool adjacent violators) of errors over scores; curve and factors are fitted in turns.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no observation, or one is not finite.
    pub fn fit(normalizer: &str, observations: &[Vec<(f32, f64)>]) -> Result<Self> {
        let all = || {
            observations.iter().enumerate().flat_map(|(point, seen)| seen.iter().map(move |s| (point, *s)))
        };
        if all().next().is_none() {
            return Err(Error::invalid("calibration", "there is no annotated point to learn from"));
        }
        if !all().all(|(_, (score, error))| score.is_finite() && error.is_finite() && error >= 0.0) {
            return Err(Error::invalid("calibration", "a score or an error is not a finite number"));
        }
        let mut fitted = Self {
            normalizer: normalizer.to_owned(),
            scores: Vec::new(),
            errors: Vec::new(),
            factors: vec![1.0; observations.len()],
        };
        for _ in 0..4 {
            let scaled =
                all().map(|(point, (score, error))| (f64::from(score), error / fitted.factors[point]));
            (fitted.scores, fitted.errors) = falling_curve(scaled.collect());
            let factors = observations.iter().map(|seen| {
                let expected: f64 = seen.iter().map(|(score, _)| fitted.curve(f64::from(*score))).sum();
                let mean = expected / seen.len().max(1) as f64;
                let error: f64 = seen.iter().map(|(_, error)| error).sum();
                (error + PRIOR * mean) / (expected + PRIOR * mean).max(1e-12)
            });
            fitted.factors = factors.map(|f| if f > 0.0 { f } else { 1.0 }).collect();
        }
        // More decimals than faces can tell would only fill the file.
        for value in fitted.scores.iter_mut().chain(&mut fitted.errors).chain(&mut fitted.factors) {
            *value = (1e4 * *value).round() / 1e4;
        }
        Ok(fitted)
    }

    /// The expected error of a point with this score, in per cent of the normalizer; 0 for a point that the model does not have.
    pub fn expected(&self, point: usize, score: f32) -> f64 {
        self.factors.get(point).map_or(0.0, |factor| factor * self.curve(f64::from(score)))
    }

    /// The number of points.
    pub fn points(&self) -> usize {
        self.factors.len()
    }

    /// Linear between the knots, constant beyond.
    fn curve(&self, score: f64) -> f64 {
        let after = self.scores.partition_point(|s| *s < score);
        let at = |i: usize| Some((*self.scores.get(i)?, *self.errors.get(i)?));
        match (after.checked_sub(1).and_then(at), at(after)) {
            (Some((s0, e0)), Some((s1, e1))) => e0 + (e1 - e0) * (score - s0) / (s1 - s0).max(1e-12),
            (Some((_, e)), None) | (None, Some((_, e))) => e,
            (None, None) => 0.0,
        }
    }

    /// The text of `calibration.toml`.
    ///
    /// # Errors
    /// [`Error::Model`] when it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::model("calibration.toml", "calibration", e.to_string()))
    }

    pub(super) fn from_toml(text: &str, path: &Path, points: usize) -> Result<Self> {
        let read: Self =
            toml::from_str(text).map_err(|e| Error::model(path, "calibration", e.message().to_owned()))?;
        read.check(points).map_err(|problem| Error::model(path, "calibration", problem))?;
        Ok(read)
    }

    /// Checks what was read from a file; `points` is what the model has.
    fn check(&self, points: usize) -> Result<(), String> {
        let fine = |values: &[f64]| values.iter().all(|v| (0.0..=LARGEST).contains(v));
        if self.factors.len() != points {
            return Err(format!("has {} factors for {points} points", self.factors.len()));
        }
        if self.scores.is_empty() || self.scores.len() != self.errors.len() {
            return Err("needs as many errors as scores, one or more".to_owned());
        }
        if !self.scores.is_sorted() || !self.scores.iter().all(|s| s.abs() <= LARGEST) {
            return Err("its scores do not rise, or are no scores".to_owned());
        }
        if fine(&self.errors) && fine(&self.factors) {
            Ok(())
        } else {
            Err(format!("a number is negative, above {LARGEST} or none"))
        }
    }
}

/// Scores and errors of at most [`KNOTS`] groups of as many observations, errors made falling: a group with a larger error than one of
/// lower scores is pooled with it.
fn falling_curve(mut seen: Vec<(f64, f64)>) -> (Vec<f64>, Vec<f64>) {
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = seen.len().div_ceil(KNOTS).max(1);
    // Sums of score and error, and a count.
    let mut groups: Vec<(f64, f64, f64)> = Vec::new();
    for part in seen.chunks(size) {
        let mut group = part.iter().fold((0.0, 0.0, 0.0), |g, (s, e)| (g.0 + s, g.1 + e, g.2 + 1.0));
        while let Some(before) = groups.pop() {
            if before.1 / before.2 > group.1 / group.2 {
                groups.push(before);
                break;
            }
            group = (before.0 + group.0, before.1 + group.1, before.2 + group.2);
        }
        groups.push(group);
    }
    groups.iter().map(|(score, error, count)| (score / count, error / count)).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn groups_that_rise_are_pooled() {
        // Up to 24 observations each are a group. 8 and 2 fall; 4 rises above 2 and both become 3; 1 falls.
        let (scores, errors) = falling_curve(vec![(0.4, 4.0), (0.1, 8.0), (0.2, 2.0), (0.9, 1.0)]);
        assert_eq!(errors, [8.0, 3.0, 1.0]);
        assert!(scores.iter().zip([0.1, 0.3, 0.9]).all(|(a, b)| (a - b).abs() < 1e-12), "{scores:?}");
    }

    #[test]
    fn between_knots_it_is_linear_and_beyond_them_constant() {
        let calibration = Calibration {
            normalizer: "inter-ocular".to_owned(),
            scores: vec![0.2, 0.6],
            errors: vec![10.0, 2.0],
            factors: vec![1.0, 0.5],
        };
        assert_eq!(calibration.expected(0, 0.0), 10.0);
        assert!((calibration.expected(0, 0.5) - 4.0).abs() < 1e-6);
        assert!((calibration.expected(1, 0.5) - 2.0).abs() < 1e-6);
        assert_eq!(calibration.expected(1, 0.9), 1.0);
        assert_eq!(calibration.expected(2, 0.9), 0.0);
    }

    /// Errors are 10 (1 - score) for one point, three times as much for the other: with 1000 observations each, the prior's 50 hardly count.
    #[test]
    fn curve_and_factors_are_found() {
        let seen = |factor: f64| -> Vec<(f32, f64)> {
            (0..1000).map(|i| f64::from(i) / 1000.0).map(|s| (s as f32, factor * 10.0 * (1.0 - s))).collect()
        };
        let calibration = Calibration::fit("inter-ocular", &[seen(1.0), seen(3.0)]).unwrap();
        for (point, score, error) in [(0, 0.5, 5.0), (1, 0.5, 15.0), (0, 0.8, 2.0), (1, 0.2, 24.0)] {
            let found = calibration.expected(point, score);
            assert!((found / error - 1.0).abs() < 0.08, "{point} {score}: {found} {error}");
        }
        assert!(calibration.check(2).is_ok());
        assert_eq!(calibration.check(3).unwrap_err(), "has 2 factors for 3 points");
    }

    #[test]
    fn it_survives_its_file_and_a_damaged_one_is_named() {
        let calibration = Calibration::fit("box", &[vec![(0.25, 3.0), (0.75, 1.0)], vec![]]).unwrap();
        let (path, text) = (Path::new("best/calibration.toml"), calibration.to_toml().unwrap());
        assert_eq!(Calibration::from_toml(&text, path, 2).unwrap(), calibration);
        let problem = Calibration::from_toml(&text.replace("0.25", "0.95"), path, 2).unwrap_err().to_string();
        assert!(problem.contains("calibration.toml: calibration: its scores do not rise"), "{problem}");
    }

    #[test]
    fn nothing_to_learn_from_is_an_error() {
        assert!(Calibration::fit("inter-ocular", &[vec![], vec![]]).is_err());
        assert!(Calibration::fit("inter-ocular", &[vec![(0.5, f64::NAN)]]).is_err());
    }

    proptest! {
        #[test]
        fn a_higher_peak_never_means_a_larger_error(seen in prop::collection::vec((0.0..1.0_f32, 0.0..50.0_f64), 1..300)) {
            let calibration = Calibration::fit("inter-ocular", &[seen]).unwrap();
            let expected: Vec<f64> = (0..=50).map(|i| calibration.expected(0, i as f32 / 50.0)).collect();
            prop_assert!(expected.iter().all(|e| e.is_finite() && *e >= 0.0));
            prop_assert!(expected.windows(2).all(|w| w[0] >= w[1] - 1e-9), "{:?}", expected);
        }
    }
}
