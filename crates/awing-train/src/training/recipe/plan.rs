use super::{OptimizerConfig, ScheduleConfig};
use crate::loss::LossConfig;
use awing::{Error, Result, network::NetworkConfig};
use std::fmt::Display;

/// What the loop takes from a recipe, whatever the task.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The network.
    pub network: NetworkConfig,
    /// What is minimized, over all stacks.
    pub loss: LossConfig,
    /// By which steps.
    pub optimizer: OptimizerConfig,
    /// How large the steps are along the run.
    pub schedule: ScheduleConfig,
    /// Seed of the weights.
    pub seed: u64,
    /// Samples in a step.
    pub batch: usize,
    /// Decay of the moving average of the weights at each step; 0 turns it off.
    pub moving_average: f64,
    /// The joint L2 norm of the gradients is cut to this; 0 turns that off.
    pub clip_norm: f64,
    /// Steps of the whole run, where it is not given minutes.
    pub steps: usize,
    /// Minutes of training; `steps` does not count where they are given.
    pub minutes: Option<f64>,
    /// Steps of a pass over the samples, where the task has passes.
    pub epoch: Option<usize>,
    /// Steps from one evaluation to the next.
    pub evaluate_every: usize,
    /// Seconds to the next checkpoint where no evaluation comes first; 0 saves after each step.
    pub save_every: f64,
    /// Threads that make batches.
    pub workers: usize,
}

impl Plan {
    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting.
    pub fn validate(&self) -> Result<()> {
        self.network.validate()?;
        self.loss.pixel_loss()?;
        self.optimizer.validate()?;
        self.schedule.validate()?;
        check(self.steps > 0, "training.steps", self.steps, "must be 1 or more")?;
        check(
            self.minutes.is_none_or(|m| m > 0.0 && m.is_finite()),
            "training.minutes",
            self.minutes.unwrap_or_default(),
            "must be a positive number",
        )?;
        check(
            (2..=4096).contains(&self.batch),
            "training.batch",
            self.batch,
            "must be from 2 to 4096: batch normalization needs more than one face",
        )?;
        check((1..=64).contains(&self.workers), "training.workers", self.workers, "must be from 1 to 64")?;
        check(
            (0.0..1.0).contains(&self.moving_average),
            "training.moving_average",
            self.moving_average,
            "must be from 0 to below 1",
        )?;
        check(
            self.clip_norm >= 0.0 && self.clip_norm.is_finite(),
            "training.clip_norm",
            self.clip_norm,
            "must be 0 or a positive number",
        )?;
        check(self.evaluate_every > 0, "training.evaluate_every", self.evaluate_every, "must be 1 or more")?;
        check(
            self.save_every >= 0.0 && self.save_every.is_finite(),
            "training.save_every",
            self.save_every,
            "must be 0 or a positive number of seconds",
        )
    }
}

/// Seconds between checkpoints where a recipe does not say.
pub(crate) fn default_save_every() -> f64 {
    300.0
}

/// An error about `field` unless its `value` is `good`.
pub(crate) fn check(good: bool, field: &str, value: impl Display, rule: &str) -> Result<()> {
    if good { Ok(()) } else { Err(Error::invalid(field, format!("{value} {rule}"))) }
}
