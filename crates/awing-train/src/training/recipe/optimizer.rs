use awing::{Error, Result};
use burn::optim::{AdamWConfig, ModuleOptimizer, RmsPropConfig, decay::WeightDecayConfig};
use serde::{Deserialize, Serialize};

/// The optimizer by name, with its constants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// RMSProp without momentum, its constants PyTorch's: smoothing 0.99, epsilon 1e-8 outside the root, weight decay
    /// added to the gradient. The paper's optimizer, at a learning rate of 1e-4 and a decay of 1e-5.
    Rmsprop {
        /// The highest learning rate.
        learning_rate: f64,
        /// L2 penalty.
        #[serde(default = "default_l2")]
        weight_decay: f64,
    },
    /// AdamW (Loshchilov and Hutter 2019), betas 0.9 and 0.999, epsilon 1e-8.
    Adamw {
        /// The highest learning rate.
        learning_rate: f64,
        /// Decoupled weight decay.
        #[serde(default = "default_decay")]
        weight_decay: f64,
    },
}

fn default_l2() -> f64 {
    1e-5
}
fn default_decay() -> f64 {
    1e-4
}

impl OptimizerConfig {
    /// The highest learning rate.
    pub fn learning_rate(&self) -> f64 {
        match *self {
            Self::Rmsprop { learning_rate, .. } | Self::Adamw { learning_rate, .. } => learning_rate,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting.
    pub fn validate(&self) -> Result<()> {
        let (Self::Rmsprop { learning_rate, weight_decay } | Self::Adamw { learning_rate, weight_decay }) =
            *self;
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            return Err(Error::invalid(
                "optimizer.learning_rate",
                format!("{learning_rate} must be a positive number"),
            ));
        }
        if !(0.0..1.0).contains(&weight_decay) {
            return Err(Error::invalid(
                "optimizer.weight_decay",
                format!("{weight_decay} is not within 0 to 1"),
            ));
        }
        Ok(())
    }

    pub(crate) fn init(&self) -> ModuleOptimizer {
        match *self {
            Self::Rmsprop { weight_decay, .. } => RmsPropConfig::new()
                .with_alpha(0.99)
                .with_momentum(0.0)
                .with_epsilon(1e-8)
                .with_weight_decay(Some(WeightDecayConfig::new(weight_decay as f32)))
                .init(),
            Self::Adamw { weight_decay, .. } => {
                AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(weight_decay as f32).init()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::{
        module::{Module, Param},
        optim::GradientsParams,
        tensor::{Device, Tensor},
    };

    #[derive(Module, Debug)]
    struct One {
        w: Param<Tensor<1>>,
    }

    /// Steps on the loss w² / 2 + 2 w, whose gradient is w + 2, from w = 1 at a rate of 0.1.
    fn steps(config: OptimizerConfig, count: usize) -> f32 {
        let device = Device::flex().autodiff();
        let mut one = One { w: Param::from_tensor(Tensor::from_data([1.0_f32], &device)) };
        let mut optimizer = config.init();
        for _ in 0..count {
            let w = one.w.val();
            let loss = w.clone() * w.clone() * 0.5 + w * 2.0;
            let gradients = GradientsParams::from_grads(loss.backward(), &one);
            one = optimizer.step(config.learning_rate(), one, gradients);
        }
        one.w.val().into_scalar()
    }

    #[test]
    fn rmsprop_is_pytorchs() {
        let config = OptimizerConfig::Rmsprop { learning_rate: 0.1, weight_decay: 0.5 };
        // Gradient 3 + 0.5 * 1 = 3.5; mean square 0.01 * 3.5²; step 0.1 * 3.5 / 0.35 = 1.
        assert!((steps(config, 1) - 0.0).abs() < 1e-5, "{}", steps(config, 1));
        // At 0: gradient 2; mean square 0.99 * 0.1225 + 0.01 * 4 = 0.161275; step 0.2 / 0.401591.
        assert!((steps(config, 2) + 0.498019).abs() < 1e-4, "{}", steps(config, 2));
    }

    #[test]
    fn adamw_decays_apart_from_the_gradient() {
        let config = OptimizerConfig::Adamw { learning_rate: 0.1, weight_decay: 0.5 };
        // Bias-corrected first step has size 1: 1 * (1 - 0.1 * 0.5) - 0.1.
        assert!((steps(config, 1) - 0.85).abs() < 1e-5, "{}", steps(config, 1));
    }

    /// Where w = 1 comes to in a step against a constant `gradient`, at a rate of 0.1 and without decay.
    fn one_step(config: OptimizerConfig, gradient: f64) -> f32 {
        let device = Device::flex().autodiff();
        let one = One { w: Param::from_tensor(Tensor::from_data([1.0_f32], &device)) };
        let gradients = GradientsParams::from_grads((one.w.val() * gradient).backward(), &one);
        config.init().step(config.learning_rate(), one, gradients).w.val().into_scalar()
    }

    #[test]
    fn epsilon_is_1e_8_and_outside_the_root() {
        // Gradient 1e-7: the root of the mean square 0.01 * 1e-14 is 1e-8, so the step is 0.1 * 1e-7 / (1e-8 + 1e-8) = 0.5.
        let rmsprop = OptimizerConfig::Rmsprop { learning_rate: 0.1, weight_decay: 0.0 };
        assert!((one_step(rmsprop, 1e-7) - 0.5).abs() < 1e-4, "{}", one_step(rmsprop, 1e-7));
        // Gradient 1e-8: bias-corrected, the moments are 1e-8 and its square, so the step is 0.1 * 1e-8 / (1e-8 + 1e-8) = 0.05.
        let adamw = OptimizerConfig::Adamw { learning_rate: 0.1, weight_decay: 0.0 };
        assert!((one_step(adamw, 1e-8) - 0.95).abs() < 1e-4, "{}", one_step(adamw, 1e-8));
    }

    #[test]
    fn a_bad_rate_is_named() {
        let config = OptimizerConfig::Adamw { learning_rate: f64::NAN, weight_decay: 0.0 };
        assert!(config.validate().unwrap_err().to_string().starts_with("optimizer.learning_rate: NaN"));
    }
}
