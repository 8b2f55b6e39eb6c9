use crate::{
    augment::AugmentConfig,
    loss::LossConfig,
    training::recipe::save_every,
    training::settings::{lay_over, setting},
    training::{OptimiserConfig, ScheduleConfig},
};
use awing::{
    Error, Result,
    files::{LONGEST_SETTINGS, read_text},
    network::NetworkConfig,
};
use serde::{Deserialize, Serialize};
use std::path::Path;
use toml::Table;

/// Everything that decides what a detector learns, except the photos. Any part of one, as TOML, is a valid `--config` file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorRecipe {
    /// The network; `input` is the side of the scenes that it learns from, it looks at photos of any size.
    pub network: NetworkConfig,
    /// The effects on a scene's pixels; its geometry is the scene maker's.
    pub augment: AugmentConfig,
    /// What is minimised.
    pub loss: LossConfig,
    /// By which steps.
    pub optimiser: OptimiserConfig,
    /// How large the steps are along the run.
    pub schedule: ScheduleConfig,
    /// Length, batches, averages.
    pub training: DetectorTraining,
}

/// Length, batches, averages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorTraining {
    /// Optimiser steps; 1 or more.
    pub steps: usize,
    /// Where a limit of time is set, minutes of training, and `steps` does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<f64>,
    /// Scenes in a step; 2 or more, for batch normalisation.
    pub batch: usize,
    /// Seed of the weights and the scenes.
    pub seed: u64,
    /// Decay of the moving average of the weights at each step; 0 turns it off.
    pub moving_average: f64,
    /// Largest joint L2 norm of the gradients; 0 turns clipping off.
    pub clip_norm: f64,
    /// Steps between evaluations on the validation photos, each followed by a checkpoint.
    pub evaluate_every: usize,
    /// Seconds between checkpoints where evaluations are further apart: the most work that a crash can cost; 0 saves after each step.
    pub save_every: f64,
    /// Threads that make scenes; 1 to 64.
    pub workers: usize,
}

impl Default for DetectorTraining {
    fn default() -> Self {
        Self {
            steps: 10_000,
            minutes: None,
            batch: 8,
            seed: 1,
            moving_average: 0.998,
            clip_norm: 1.0,
            evaluate_every: 500,
            save_every: save_every(),
            workers: 1,
        }
    }
}

impl Default for DetectorRecipe {
    fn default() -> Self {
        Self {
            network: NetworkConfig { input: 320, stacks: 1, width: 48, boundary: false, coord_conv: false },
            augment: AugmentConfig::default(),
            loss: LossConfig::default(),
            optimiser: OptimiserConfig::Adamw { learning_rate: 2e-3, weight_decay: 1e-4 },
            schedule: ScheduleConfig::Cosine { warm_up: 0.04, floor: 0.01 },
            training: DetectorTraining::default(),
        }
    }
}

impl DetectorRecipe {
    /// The defaults, then a file with any part of a recipe, then `key=value` pairs.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Format`] for the file, [`Error::Invalid`] for a key that does not exist or a value out of range.
    pub fn layered(file: Option<&Path>, settings: &[String]) -> Result<Self> {
        let mut table =
            Table::try_from(Self::default()).map_err(|e| Error::invalid("recipe", e.to_string()))?;
        if let Some(path) = file {
            let text = read_text(path, LONGEST_SETTINGS)?;
            let over = toml::from_str(&text)
                .map_err(|e| Error::format(path, None, "toml", e.message().to_owned()))?;
            lay_over(&mut table, over);
        }
        for text in settings {
            lay_over(&mut table, setting(text)?);
        }
        let recipe: Self = table
            .try_into()
            .map_err(|e: toml::de::Error| Error::invalid("settings", e.message().to_owned()))?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting.
    pub fn validate(&self) -> Result<()> {
        self.network.validate()?;
        self.augment.validate()?;
        self.loss.pixel_loss()?;
        self.optimiser.validate()?;
        self.schedule.validate()?;
        let t = &self.training;
        let check = |good: bool, field: &str, rule: &str| {
            if good { Ok(()) } else { Err(Error::invalid(field, rule)) }
        };
        check(
            !self.network.coord_conv && !self.network.boundary,
            "network",
            "a detector has no coordinates and no boundary",
        )?;
        check(t.steps > 0, "training.steps", "must be 1 or more")?;
        check(t.minutes.is_none_or(|m| m > 0.0 && m.is_finite()), "training.minutes", "must be positive")?;
        check((2..=4096).contains(&t.batch), "training.batch", "must be from 2 to 4096")?;
        check(
            (0.0..1.0).contains(&t.moving_average),
            "training.moving_average",
            "must be from 0 to below 1",
        )?;
        check(t.clip_norm >= 0.0 && t.clip_norm.is_finite(), "training.clip_norm", "must be 0 or more")?;
        check(t.evaluate_every > 0, "training.evaluate_every", "must be 1 or more")?;
        check(t.save_every >= 0.0 && t.save_every.is_finite(), "training.save_every", "must be 0 or more")?;
        check((1..=64).contains(&t.workers), "training.workers", "must be from 1 to 64")
    }
}
