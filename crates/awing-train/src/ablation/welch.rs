//! How far two rows are apart, and what the seeds leave open of it.

/// Parts of the integral that a quantile is found by: enough for five digits.
const PARTS: usize = 4096;
/// How sure an interval is.
const CONFIDENCE: f64 = 0.95;

/// The difference of two means with Welch's 95 % interval: the spreads may differ, and few values make it wide. It takes the values of
/// a row to be spread normally.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Difference {
    /// Mean of the first less mean of the second.
    pub(super) mean: f64,
    /// The interval's lower end.
    pub(super) low: f64,
    /// The interval's upper end.
    pub(super) high: f64,
}

impl Difference {
    /// First less second; `None` where either has fewer than two values.
    pub(super) fn of(first: &[f64], second: &[f64]) -> Option<Self> {
        let [(a, count_a), (b, count_b)] =
            [first, second].map(|values| (moments(values), values.len() as f64));
        let ((mean_a, variance_a), (mean_b, variance_b)) = (a?, b?);
        let (mean, [of_a, of_b]) = (mean_a - mean_b, [variance_a / count_a, variance_b / count_b]);
        let variance = of_a + of_b;
        if variance == 0.0 {
            return Some(Self { mean, low: mean, high: mean });
        }
        // Welch and Satterthwaite: between the smaller count less 1 and the sum of both less 2.
        let degrees = variance * variance / (of_a * of_a / (count_a - 1.0) + of_b * of_b / (count_b - 1.0));
        let reach = student_t(degrees) * variance.sqrt();
        Some(Self { mean, low: mean - reach, high: mean + reach })
    }

    /// The same, second less first.
    pub(super) fn turned(self) -> Self {
        Self { mean: -self.mean, low: -self.high, high: -self.low }
    }

    /// Whether there may be no difference.
    pub(super) fn holds_zero(self) -> bool {
        self.low <= 0.0 && 0.0 <= self.high
    }
}

/// Mean and variance (n - 1); `None` of fewer than two.
fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (values.len() > 1).then(|| (mean, squares / (count - 1.0)))
}

/// How far from 0 Student's t lies at the most with a probability of 95 %; `degrees` of freedom, 1 or more, need not be whole.
///
/// With t = sqrt(degrees) / tan(u) the density is that of sin(u)^(degrees - 1) over u from 0 to a right angle, where the tail begins at
/// u = 0: so 5 % of the integral end at the answer, and its whole stands in for the gamma functions. u = s^2 makes it smooth at both ends.
fn student_t(degrees: f64) -> f64 {
    let width = std::f64::consts::FRAC_PI_2.sqrt() / PARTS as f64;
    let density = |part: usize| {
        let s = (part as f64 + 0.5) * width;
        2.0 * s * (s * s).sin().powf(degrees - 1.0)
    };
    let mut tail = (1.0 - CONFIDENCE) * (0..PARTS).map(density).sum::<f64>();
    let mut part = 0;
    while density(part) < tail {
        tail -= density(part);
        part += 1;
    }
    let s = (part as f64 + tail / density(part)) * width;
    degrees.sqrt() / (s * s).tan()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, by: f64) {
        assert!((a - b).abs() < by, "{a} is not {b}");
    }

    /// The tables' column for 0.975 on one side, which is 95 % on both.
    #[test]
    fn students_t_is_that_of_the_tables() {
        for (degrees, t) in [
            (1.0, 12.706),
            (2.0, 4.303),
            (3.0, 3.182),
            (4.0, 2.776),
            (5.0, 2.571),
            (10.0, 2.228),
            (30.0, 2.042),
            (60.0, 2.000),
            (120.0, 1.980),
        ] {
            near(student_t(degrees), t, 6e-4);
        }
        // By the incomplete beta function, to thirty digits with mpmath.
        for (degrees, t) in [(1.5, 6.016_663), (2.5, 3.574_655), (99.5, 1.984_094), (198.0, 1.972_017)] {
            near(student_t(degrees), t, 3e-5);
        }
        // Of two degrees there is a formula: 0.95 sqrt(2 / (1 - 0.95^2)).
        near(student_t(2.0), 0.95 * (2.0_f64 / (1.0 - 0.95 * 0.95)).sqrt(), 1e-5);
    }

    /// Means 6 and 5, variances 0.04 and 0.01: 0.04 / 3 + 0.01 / 3 = 1 / 60 is the variance of the difference, a deviation of 0.12910.
    /// Degrees: (1 / 60)^2 / ((0.04 / 3)^2 / 2 + (0.01 / 3)^2 / 2) = 50 / 17 = 2.9412, of which t is 3.21876; times 0.12910 is 0.41554.
    #[test]
    fn welchs_interval_by_hand() {
        let found = Difference::of(&[5.8, 6.0, 6.2], &[4.9, 5.0, 5.1]).unwrap();
        near(found.mean, 1.0, 1e-12);
        near(found.low, 0.584_46, 1e-5);
        near(found.high, 1.415_54, 1e-5);
        assert!(!found.holds_zero());
        let turned = found.turned();
        assert_eq!((turned.mean, turned.low, turned.high), (-found.mean, -found.high, -found.low));
    }

    /// Of equal counts and variances it is Student's own: 2 n - 2 degrees. 0.1 apart, variances 0.01: sqrt(0.02 / 3) 2.7764 = 0.22670.
    #[test]
    fn equal_spreads_have_the_degrees_of_both() {
        let found = Difference::of(&[1.0, 1.1, 1.2], &[0.9, 1.0, 1.1]).unwrap();
        near(found.high - found.mean, 0.226_70, 1e-5);
        assert!(found.holds_zero());
    }

    #[test]
    fn one_value_has_no_spread_and_equal_ones_leave_nothing_open() {
        assert_eq!(Difference::of(&[1.0], &[2.0, 3.0]), None);
        assert_eq!(Difference::of(&[2.0, 3.0], &[]), None);
        let found = Difference::of(&[3.0, 3.0], &[2.0, 2.0]).unwrap();
        assert_eq!(found, Difference { mean: 1.0, low: 1.0, high: 1.0 });
        // One row that does not vary leaves the degrees of the other: sqrt(0.5 / 2) 12.706 = 6.353.
        let found = Difference::of(&[3.0, 4.0], &[2.0, 2.0]).unwrap();
        near(found.high - found.mean, 6.3531, 1e-3);
    }
}
