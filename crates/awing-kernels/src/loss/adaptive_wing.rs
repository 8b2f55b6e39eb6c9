use super::error::LossError;

/// The Adaptive Wing loss of one pixel (Wang, Bo, Fuxin, ICCV 2019, equation 3).
///
/// With target y in [0, 1], prediction ŷ, d = |y - ŷ| and p = alpha - y:
///
/// ```text
/// d <  theta:  omega ln(1 + (d / epsilon)^p)
/// d >= theta:  A d - C
/// A = omega p (theta / epsilon)^(p - 1) / (epsilon (1 + (theta / epsilon)^p))
/// C = theta A - omega ln(1 + (theta / epsilon)^p)
/// ```
///
/// The exponent adapts to the target's pixel: near 2 on background (y = 0), where it behaves like MSE, and near 1 on
/// foreground (y = 1), where small errors keep a large gradient, as in the Wing loss. Value and first derivative are
/// continuous at theta, and the derivative at d = 0 is 0. Note that d is divided by epsilon, not by omega.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveWing {
    /// Exponent on background; above 2 so that the loss is smooth at zero for every target. Default 2.1.
    pub alpha: f64,
    /// Height. Default 14.
    pub omega: f64,
    /// Width of the curved part. Default 1.
    pub epsilon: f64,
    /// Error from which on the loss is linear. Default 0.5.
    pub theta: f64,
}

impl Default for AdaptiveWing {
    fn default() -> Self {
        Self { alpha: 2.1, omega: 14.0, epsilon: 1.0, theta: 0.5 }
    }
}

impl AdaptiveWing {
    /// The slope A and the offset C of the linear part for a target `y`.
    pub fn linear_part(&self, y: f64) -> (f64, f64) {
        let p = self.alpha - y;
        let r = self.theta / self.epsilon;
        let rp = r.powf(p);
        let slope = self.omega * p * r.powf(p - 1.0) / (self.epsilon * (1.0 + rp));
        (slope, self.theta * slope - self.omega * rp.ln_1p())
    }

    /// Loss and its derivative with respect to the prediction, for a target `y` in [0, 1].
    pub(super) fn value_and_gradient(&self, y: f64, prediction: f64) -> (f64, f64) {
        let d = (prediction - y).abs();
        // signum(0.0) is 1: the derivative at d = 0 has to come out as 0.
        let sign = if d == 0.0 { 0.0 } else { (prediction - y).signum() };
        if d < self.theta {
            let p = self.alpha - y;
            let x = d / self.epsilon;
            let xp = x.powf(p);
            let slope = self.omega * p * x.powf(p - 1.0) / (self.epsilon * (1.0 + xp));
            (self.omega * xp.ln_1p(), sign * slope)
        } else {
            let (slope, offset) = self.linear_part(y);
            (slope * d - offset, sign * slope)
        }
    }

    /// Checks that the constants give a loss that is smooth at zero and finite for every target in [0, 1].
    ///
    /// # Errors
    /// [`LossError`] naming the constant: alpha must exceed 2, omega, epsilon and theta must be positive and finite.
    pub fn validate(&self) -> Result<(), LossError> {
        LossError::unless(
            self.alpha > 2.0 && self.alpha.is_finite(),
            "alpha",
            self.alpha,
            "must be above 2, as in 2.1, for a gradient of zero at zero error on every target",
        )?;
        for (name, value) in [("omega", self.omega), ("epsilon", self.epsilon), ("theta", self.theta)] {
            LossError::unless(value > 0.0 && value.is_finite(), name, value, "must be a positive number")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published constants for the default parameters: y, A, C, loss at d = theta.
    const LINEAR: [[f64; 4]; 5] = [
        [0.0, 11.121421648, 2.625475738, 2.935235086],
        [0.2, 11.242290025, 2.297598343, 3.323546670],
        [0.5, 11.112673464, 1.565126572, 3.991210160],
        [0.8, 10.513276570, 0.484898638, 4.771739647],
        [1.0, 9.797849606, -0.461533206, 5.360458009],
    ];

    #[test]
    fn the_linear_part_has_the_golden_slope_and_offset() {
        let loss = AdaptiveWing::default();
        for [y, slope, offset, at_theta] in LINEAR {
            let (a, c) = loss.linear_part(y);
            assert!((a - slope).abs() < 1e-8 && (c - offset).abs() < 1e-8, "y = {y}: {a} {c}");
            assert!((loss.value_and_gradient(y, y + 0.5).0 - at_theta).abs() < 1e-8, "y = {y}");
        }
    }

    #[test]
    fn value_and_slope_are_continuous_where_the_loss_turns_linear() {
        let loss = AdaptiveWing::default();
        for step in 0..=100 {
            let y = f64::from(step) / 100.0;
            let (below, slope_below) = loss.value_and_gradient(y, y + 0.5 - 1e-9);
            let (above, slope_above) = loss.value_and_gradient(y, y + 0.5 + 1e-9);
            assert!((below - above).abs() < 1e-7, "y = {y}: {below} {above}");
            assert!((slope_below - slope_above).abs() < 1e-6, "y = {y}: {slope_below} {slope_above}");
        }
    }

    #[test]
    fn constants_that_break_the_loss_are_refused_by_name() {
        let loss = AdaptiveWing { alpha: 1.5, ..AdaptiveWing::default() };
        assert!(loss.validate().unwrap_err().to_string().starts_with("alpha = 1.5: "));
        let loss = AdaptiveWing { epsilon: f64::NAN, ..AdaptiveWing::default() };
        assert!(loss.validate().unwrap_err().to_string().starts_with("epsilon = NaN: "));
        assert!(AdaptiveWing::default().validate().is_ok());
    }
}
