use super::{AdaptiveWing, PixelLoss};
use awing::{Error, Result};
use serde::{Deserialize, Serialize};

/// The pixel loss by name, with its constants; in a file `kind = "adaptive-wing"` and, where they differ from the
/// defaults, `alpha`, `omega`, `epsilon`, `theta`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LossConfig {
    /// Squared error.
    Mse {},
    /// Absolute error.
    L1 {},
    /// Squared below `beta`, absolute beyond.
    SmoothL1 {
        /// Error from which on the loss is linear; default 0.1.
        #[serde(default = "default_beta")]
        beta: f64,
    },
    /// Wing (Feng et al., CVPR 2018).
    Wing {
        /// Error from which on the loss is linear; default 10.
        #[serde(default = "default_wing_omega")]
        omega: f64,
        /// Width of the curved part; default 2.
        #[serde(default = "default_wing_epsilon")]
        epsilon: f64,
    },
    /// Adaptive Wing (Wang et al., ICCV 2019).
    AdaptiveWing {
        /// Exponent on background; default 2.1.
        #[serde(default = "default_alpha")]
        alpha: f64,
        /// Height; default 14.
        #[serde(default = "default_omega")]
        omega: f64,
        /// Width of the curved part; default 1.
        #[serde(default = "default_epsilon")]
        epsilon: f64,
        /// Error from which on the loss is linear; default 0.5.
        #[serde(default = "default_theta")]
        theta: f64,
    },
}

fn default_beta() -> f64 {
    0.1
}
fn default_wing_omega() -> f64 {
    10.0
}
fn default_wing_epsilon() -> f64 {
    2.0
}
fn default_alpha() -> f64 {
    AdaptiveWing::default().alpha
}
fn default_omega() -> f64 {
    AdaptiveWing::default().omega
}
fn default_epsilon() -> f64 {
    AdaptiveWing::default().epsilon
}
fn default_theta() -> f64 {
    AdaptiveWing::default().theta
}

impl Default for LossConfig {
    fn default() -> Self {
        let AdaptiveWing { alpha, omega, epsilon, theta } = AdaptiveWing::default();
        Self::AdaptiveWing { alpha, omega, epsilon, theta }
    }
}

impl LossConfig {
    /// The loss in a few words, for model cards: "Adaptive Wing (alpha 2.1, omega 14, epsilon 1, theta 0.5)".
    pub fn describe(&self) -> String {
        match self {
            Self::Mse {} => "MSE".to_owned(),
            Self::L1 {} => "L1".to_owned(),
            Self::SmoothL1 { beta } => format!("smooth L1 (beta {beta})"),
            Self::Wing { omega, epsilon } => format!("Wing (omega {omega}, epsilon {epsilon})"),
            Self::AdaptiveWing { alpha, omega, epsilon, theta } => {
                format!("Adaptive Wing (alpha {alpha}, omega {omega}, epsilon {epsilon}, theta {theta})")
            }
        }
    }

    /// The loss, its constants checked.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the constant.
    pub fn pixel_loss(&self) -> Result<PixelLoss> {
        let loss = match *self {
            Self::Mse {} => PixelLoss::Mse,
            Self::L1 {} => PixelLoss::L1,
            Self::SmoothL1 { beta } => PixelLoss::SmoothL1 { beta },
            Self::Wing { omega, epsilon } => PixelLoss::Wing { omega, epsilon },
            Self::AdaptiveWing { alpha, omega, epsilon, theta } => {
                PixelLoss::AdaptiveWing(AdaptiveWing { alpha, omega, epsilon, theta })
            }
        };
        loss.validate()
            .map_err(|e| Error::invalid(format!("loss.{}", e.name), format!("{} {}", e.value, e.problem)))?;
        Ok(loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_left_out_are_the_papers() {
        let loss: LossConfig = toml::from_str("kind = 'adaptive-wing'\nomega = 10.0").unwrap();
        assert_eq!(loss, LossConfig::AdaptiveWing { alpha: 2.1, omega: 10.0, epsilon: 1.0, theta: 0.5 });
        let loss: LossConfig = toml::from_str("kind = 'mse'").unwrap();
        assert_eq!(loss.pixel_loss().unwrap(), PixelLoss::Mse);
        assert!(toml::from_str::<LossConfig>("kind = 'mse'\nomega = 1.0").is_err());
    }

    #[test]
    fn a_bad_constant_is_named() {
        let loss = LossConfig::SmoothL1 { beta: 0.0 };
        assert!(loss.pixel_loss().unwrap_err().to_string().starts_with("loss.beta: 0 must be"));
    }
}
