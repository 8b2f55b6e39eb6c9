use super::{adaptive_wing::AdaptiveWing, error::LossError};

/// The loss of one heatmap pixel, with d = |target - prediction|.
///
/// Targets are clamped to [0, 1] first, for every loss: the Adaptive Wing loss is not defined outside, and the others
/// are compared with it on the same targets. A NaN stays a NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PixelLoss {
    /// d².
    Mse,
    /// d.
    L1,
    /// d² / (2 beta) for d < beta, d - beta / 2 beyond (Girshick 2015).
    SmoothL1 {
        /// Error from which on the loss is linear.
        beta: f64,
    },
    /// omega ln(1 + d / epsilon) for d < omega, d - C beyond (Feng et al., CVPR 2018).
    Wing {
        /// Error from which on the loss is linear, and the height of the curved part.
        omega: f64,
        /// Width of the curved part.
        epsilon: f64,
    },
    /// The Adaptive Wing loss.
    AdaptiveWing(AdaptiveWing),
}

impl From<AdaptiveWing> for PixelLoss {
    fn from(loss: AdaptiveWing) -> Self {
        Self::AdaptiveWing(loss)
    }
}

impl PixelLoss {
    /// The loss and its derivative with respect to the prediction, in f64: the definition that every kernel is tested
    /// against. The derivative at d = 0 is 0 for every loss.
    ///
    /// ```
    /// use awing_kernels::loss::{AdaptiveWing, PixelLoss};
    /// let (loss, gradient) = PixelLoss::from(AdaptiveWing::default()).value_and_gradient(1.0, 0.7);
    /// assert!((loss - 3.301745698).abs() < 1e-8 && (gradient + 10.784730063).abs() < 1e-8);
    /// ```
    pub fn value_and_gradient(&self, target: f64, prediction: f64) -> (f64, f64) {
        let y = target.clamp(0.0, 1.0);
        let error = prediction - y;
        let d = error.abs();
        let sign = if d == 0.0 { 0.0 } else { error.signum() };
        match *self {
            Self::Mse => (d * d, 2.0 * error),
            Self::L1 => (d, sign),
            Self::SmoothL1 { beta } if d < beta => (0.5 * d * d / beta, error / beta),
            Self::SmoothL1 { beta } => (d - 0.5 * beta, sign),
            Self::Wing { omega, epsilon } if d < omega => {
                (omega * (d / epsilon).ln_1p(), sign * omega / (epsilon + d))
            }
            Self::Wing { omega, epsilon } => (d - (omega - omega * (omega / epsilon).ln_1p()), sign),
            Self::AdaptiveWing(loss) => loss.value_and_gradient(y, prediction),
        }
    }

    /// Checks the constants.
    ///
    /// # Errors
    /// [`LossError`] naming the constant that makes no sense.
    pub fn validate(&self) -> Result<(), LossError> {
        let positive = |name, value: f64| {
            LossError::unless(value > 0.0 && value.is_finite(), name, value, "must be a positive number")
        };
        match *self {
            Self::Mse | Self::L1 => Ok(()),
            Self::SmoothL1 { beta } => positive("beta", beta),
            Self::Wing { omega, epsilon } => positive("omega", omega).and(positive("epsilon", epsilon)),
            Self::AdaptiveWing(loss) => loss.validate(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) const ALL: [PixelLoss; 5] = [
        PixelLoss::Mse,
        PixelLoss::L1,
        PixelLoss::SmoothL1 { beta: 0.3 },
        PixelLoss::Wing { omega: 10.0, epsilon: 2.0 },
        PixelLoss::AdaptiveWing(AdaptiveWing { alpha: 2.1, omega: 14.0, epsilon: 1.0, theta: 0.5 }),
    ];

    #[test]
    fn values_worked_out_by_hand() {
        let cases = [
            (PixelLoss::Mse, 0.25, 0.75, 0.25, 1.0),
            (PixelLoss::L1, 0.75, 0.5, 0.25, -1.0),
            // 0.2² / (2 * 0.4) = 0.05, slope 0.2 / 0.4; beyond: 0.6 - 0.2.
            (PixelLoss::SmoothL1 { beta: 0.4 }, 0.0, 0.2, 0.05, 0.5),
            (PixelLoss::SmoothL1 { beta: 0.4 }, 0.0, 0.6, 0.4, 1.0),
            // 10 ln 1.5 with slope 10 / 3; beyond omega: 12 - (10 - 10 ln 6).
            (PixelLoss::Wing { omega: 10.0, epsilon: 2.0 }, 0.0, 1.0, 10.0 * 1.5_f64.ln(), 10.0 / 3.0),
            (PixelLoss::Wing { omega: 10.0, epsilon: 2.0 }, 0.0, -12.0, 2.0 + 10.0 * 6.0_f64.ln(), -1.0),
        ];
        for (loss, target, prediction, value, gradient) in cases {
            let (v, g) = loss.value_and_gradient(target, prediction);
            assert!((v - value).abs() < 1e-12 && (g - gradient).abs() < 1e-12, "{loss:?}: {v} {g}");
        }
    }

    #[test]
    fn targets_are_clamped() {
        for loss in ALL {
            assert_eq!(loss.value_and_gradient(1.7, 0.4), loss.value_and_gradient(1.0, 0.4));
            assert_eq!(loss.value_and_gradient(-3.0, 0.4), loss.value_and_gradient(0.0, 0.4));
        }
    }

    #[test]
    fn the_gradient_at_zero_error_is_zero() {
        for loss in ALL {
            for y in [0.0, 0.3, 1.0] {
                assert_eq!(loss.value_and_gradient(y, y), (0.0, 0.0), "{loss:?} at {y}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_gradient_is_the_slope_of_the_value(which in 0..5_usize, y in 0.0..=1.0_f64, d in -3.0..3.0_f64) {
            // Central differences are blind within h of the kinks of L1, Wing and the second derivative at zero.
            prop_assume!(d.abs() > 1e-3);
            let (loss, h) = (ALL[which], 1e-6);
            let slope = (loss.value_and_gradient(y, y + d + h).0 - loss.value_and_gradient(y, y + d - h).0) / (2.0 * h);
            let (_, gradient) = loss.value_and_gradient(y, y + d);
            prop_assert!((slope - gradient).abs() < 1e-4 * (1.0 + gradient.abs()), "{loss:?}: {slope} {gradient}");
        }

        #[test]
        fn every_finite_prediction_has_a_finite_loss(which in 0..5_usize, y in 0.0..=1.0_f64, p in prop::num::f32::NORMAL) {
            let (value, gradient) = ALL[which].value_and_gradient(y, f64::from(p));
            prop_assert!(value.is_finite() && value >= 0.0 && gradient.is_finite());
        }
    }
}
