//! Everything that decides what is learnt, except the data.

pub(super) mod layers;
mod optimizer;
mod plan;
mod schedule;

pub use optimizer::OptimizerConfig;
pub use plan::Plan;
pub(super) use plan::{check, default_save_every};
pub use schedule::ScheduleConfig;

use crate::{augment::AugmentConfig, dataset::BoxChoice, loss::LossConfig};
use awing::{
    Result,
    geometry::CropRule,
    heatmap::{CodecConfig, Decoder},
    network::{ModelConfig, NetworkConfig},
    scheme::SharedScheme,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything that decides what a run learns, except the data: with it, the data and the seed the run can be repeated.
/// A run's `config.toml` is a recipe, and any part of one is a valid file of settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The network.
    pub network: NetworkConfig,
    /// Points to maps and back; its size follows from the network.
    pub heatmap: CodecConfig,
    /// The square around a face box that the network sees.
    pub crop: CropRule,
    /// How training faces are varied.
    pub augment: AugmentConfig,
    /// What is minimised.
    pub loss: LossConfig,
    /// By which steps.
    #[serde(alias = "optimiser")]
    pub optimizer: OptimizerConfig,
    /// How large the steps are along the run.
    pub schedule: ScheduleConfig,
    /// Length, batches, averages.
    pub training: TrainingConfig,
}

/// Length, batches, averages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Passes over the data; 1 to 1000000.
    pub epochs: usize,
    /// Where a limit of time is set, minutes of training, and `epochs` does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<f64>,
    /// Faces in a step; 2 or more, for batch normalization.
    pub batch: usize,
    /// Seed of the weights, the order and the variations.
    pub seed: u64,
    /// The boxes that training faces are cut by.
    pub boxes: BoxChoice,
    /// Decay of the moving average of the weights at each step; 0 turns it off.
    pub moving_average: f64,
    /// Largest joint L2 norm of the gradients; 0 turns clipping off.
    pub clip_norm: f64,
    /// Epochs between evaluations on the validation set, each followed by a checkpoint.
    pub evaluate_every: f64,
    /// Seconds between checkpoints where evaluations are further apart: the most work that a crash can cost, but for an evaluation that it
    /// falls into; 0 saves after each step.
    #[serde(default = "default_save_every")]
    pub save_every: f64,
    /// Threads that read, vary and draw the faces of coming steps, each one batch ahead; 1 to 64. One makes about a thousand faces
    /// of 256 px a second, more than a CPU learns from; a fast GPU may want more. Nothing but the time depends on it.
    #[serde(default = "workers")]
    pub workers: usize,
    /// Decoded photos that are kept in memory, in MiB, of each the part that training can show (a face 200 px wide takes up to
    /// 0.8 MiB); 0 keeps none and decodes each photo whenever it is needed. Nothing but the time depends on it.
    #[serde(default = "cache_mb")]
    pub cache_mb: usize,
}

/// Also of recipes from before the setting.
fn workers() -> usize {
    1
}

/// Also of recipes from before the setting.
fn cache_mb() -> usize {
    256
}

impl Recipe {
    /// The recipe of a preset: `paper` trains as Wang et al. 2019 did (RMSProp at 1e-4, a tenth at 1/3 and 2/3 of 240
    /// epochs, floored labels, quarter-shift decoding, no change of color); the others use AdamW with warm-up and cosine, a moving average
    /// and unrounded labels.
    ///
    /// # Errors
    /// [`Error::Invalid`](awing::Error::Invalid) listing the names.
    pub fn preset(name: &str) -> Result<Self> {
        let network = NetworkConfig::preset(name)?;
        let training = TrainingConfig {
            epochs: 60,
            minutes: None,
            batch: 16,
            seed: 1,
            boxes: BoxChoice::Landmarks,
            moving_average: 0.998,
            clip_norm: 1.0,
            evaluate_every: 1.0,
            save_every: default_save_every(),
            workers: workers(),
            cache_mb: cache_mb(),
        };
        let modern = Self {
            network,
            heatmap: CodecConfig { decoder: Decoder::Dark, ..CodecConfig::default() },
            crop: CropRule::default(),
            augment: AugmentConfig::default(),
            loss: LossConfig::default(),
            optimizer: OptimizerConfig::Adamw { learning_rate: 2e-3, weight_decay: 1e-4 },
            schedule: ScheduleConfig::Cosine { warm_up: 0.04, floor: 0.01 },
            training,
        };
        if name != "paper" {
            return Ok(modern);
        }
        Ok(Self {
            heatmap: CodecConfig::paper(),
            augment: AugmentConfig::paper(),
            optimizer: OptimizerConfig::Rmsprop { learning_rate: 1e-4, weight_decay: 1e-5 },
            schedule: ScheduleConfig::Step { at: vec![1.0 / 3.0, 2.0 / 3.0], factor: 0.1 },
            training: TrainingConfig {
                epochs: 240,
                batch: 8,
                moving_average: 0.0,
                clip_norm: 0.0,
                ..modern.training.clone()
            },
            ..modern
        })
    }

    /// Layers of settings: the preset, then a file of the same form with any part left out, then `key=value` pairs.
    /// The file may name its `preset`; the argument wins, and `small` is the default.
    ///
    /// # Errors
    /// [`Error::Io`](awing::Error::Io) or [`Error::Format`](awing::Error::Format) for the file,
    /// [`Error::Invalid`](awing::Error::Invalid) for a key that does not exist or a value
    /// out of range.
    pub fn layered(preset: Option<&str>, file: Option<&Path>, settings: &[String]) -> Result<Self> {
        let base = |named: Option<&str>| Self::preset(preset.or(named).unwrap_or("small"));
        let recipe: Self = layers::layered(base, file, settings)?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// Reads the recipe of an earlier run.
    ///
    /// # Errors
    /// [`Error::Io`](awing::Error::Io) or [`Error::Format`](awing::Error::Format).
    pub fn load(path: &Path) -> Result<Self> {
        let recipe: Self = layers::load(path)?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The recipe as TOML.
    ///
    /// # Errors
    /// [`Error::Invalid`](awing::Error::Invalid) when a number does not fit TOML.
    pub fn to_toml(&self) -> Result<String> {
        layers::to_toml(self)
    }

    /// What a model of this recipe is, of these landmarks.
    pub fn model_config(&self, scheme: &SharedScheme) -> ModelConfig {
        ModelConfig {
            network: self.network.clone(),
            crop: self.crop,
            heatmap: self.heatmap.clone(),
            scheme: scheme.clone(),
        }
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`Error::Invalid`](awing::Error::Invalid) naming the setting.
    pub fn validate(&self) -> Result<()> {
        self.network.validate()?;
        self.heatmap.clone().for_maps(self.network.map_size(), self.network.boundary).check()?;
        self.crop.validate()?;
        self.augment.validate()?;
        let t = &self.training;
        check((1..=1_000_000).contains(&t.epochs), "training.epochs", t.epochs, "must be from 1 to 1000000")?;
        check(
            t.evaluate_every > 0.0 && t.evaluate_every.is_finite(),
            "training.evaluate_every",
            t.evaluate_every,
            "must be a positive number of epochs",
        )?;
        check(t.cache_mb <= 1 << 20, "training.cache_mb", t.cache_mb, "must be from 0 to 1048576 MiB")?;
        self.plan(1).validate()
    }

    /// What the loop takes from the recipe, where a pass over the faces has so many steps.
    pub fn plan(&self, steps_per_epoch: usize) -> Plan {
        let t = &self.training;
        Plan {
            network: self.network.clone(),
            loss: self.loss,
            optimizer: self.optimizer,
            schedule: self.schedule.clone(),
            seed: t.seed,
            batch: t.batch,
            moving_average: t.moving_average,
            clip_norm: t.clip_norm,
            steps: t.epochs.saturating_mul(steps_per_epoch),
            minutes: t.minutes,
            epoch: Some(steps_per_epoch),
            evaluate_every: ((t.evaluate_every * steps_per_epoch as f64) as usize).max(1),
            save_every: t.save_every,
            workers: t.workers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid_and_survives_toml() {
        for name in NetworkConfig::PRESETS {
            let recipe = Recipe::preset(name).unwrap();
            recipe.validate().unwrap();
            assert_eq!(toml::from_str::<Recipe>(&recipe.to_toml().unwrap()).unwrap(), recipe, "{name}");
        }
    }

    #[test]
    fn paper_learns_at_the_papers_rates() {
        let recipe = Recipe::preset("paper").unwrap();
        // 3148 faces in batches of 8.
        let plan = recipe.plan(393);
        assert_eq!((plan.steps, plan.moving_average, plan.clip_norm), (240 * 393, 0.0, 0.0));
        assert!(matches!(plan.optimizer, OptimizerConfig::Rmsprop { weight_decay: 1e-5, .. }));
        let rate = |step: usize| {
            plan.optimizer.learning_rate() * plan.schedule.factor(step as f64 / plan.steps as f64)
        };
        for (first, last, expected) in [(0, 79, 1e-4), (80, 159, 1e-5), (160, 239, 1e-6)] {
            for step in [first * 393, last * 393 + 392] {
                assert!((rate(step) / expected - 1.0).abs() < 1e-9, "step {step}: {}", rate(step));
            }
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_the_preset() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, "preset = 'nano'\n[training]\nbatch = 4\nseed = 9\n[loss]\nkind = 'mse'\n")
            .unwrap();
        let set = ["training.seed=5".to_owned(), "optimizer.learning_rate=0.5".to_owned()];
        let recipe = Recipe::layered(None, Some(&path), &set).unwrap();
        assert_eq!(recipe.network, NetworkConfig::preset("nano").unwrap());
        assert_eq!((recipe.training.batch, recipe.training.seed), (4, 5));
        assert_eq!(recipe.loss, LossConfig::Mse {});
        assert_eq!(recipe.optimizer, OptimizerConfig::Adamw { learning_rate: 0.5, weight_decay: 1e-4 });
        assert_eq!(Recipe::layered(Some("small"), Some(&path), &[]).unwrap().network.input, 256);
    }

    #[test]
    fn unknown_keys_and_bad_values_are_named() {
        let error = |set: &str| Recipe::layered(None, None, &[set.to_owned()]).unwrap_err().to_string();
        assert!(error("training.bach=3").contains("unknown field `bach`"), "{}", error("training.bach=3"));
        assert!(error("training.batch=1").starts_with("training.batch: 1 must be"));
        assert!(error("network.input=100").starts_with("network.input: 100"));
        assert!(error("training.batch=many").contains("batch"), "{}", error("training.batch=many"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.toml");
        std::fs::write(&path, "[training]\nbatch = = 3\n").unwrap();
        let error = Recipe::layered(None, Some(&path), &[]).unwrap_err().to_string();
        assert!(error.contains("bad.toml:2: toml:"), "{error}");
    }
}
