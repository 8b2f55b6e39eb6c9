//! The task of boxes: scenes made of annotated faces, photos with boxes and photos without any face, to the detector that finds faces.

use super::{
    checkpoint::Fingerprint,
    measure::{Goal, Measure, MetricsRow, Table},
    recipe::{OptimizerConfig, Plan, ScheduleConfig, check, default_save_every, layers},
    samples::{Batches, SceneBatches, SceneMaker, SceneSources},
    task::{Data, Task},
};
use crate::{
    augment::AugmentConfig,
    dataset::BoxedPhoto,
    evaluation::Detections,
    loss::LossConfig,
    model::{StackedHourglass, TrainableDetector, write_model},
};
use awing::{
    Error, Result,
    detection::DetectorModel,
    network::{NetworkConfig, WeightType},
};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What counts as a face where no validation photos say what is best.
const LEAST_SCORE: f32 = 0.5;
/// Where they do, boxes down to this score are judged.
const LOW_SCORE: f32 = 0.2;

/// Everything that decides what a detector learns, except the photos. Any part of one, as TOML, is a valid file of settings.
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
    #[serde(alias = "optimiser")]
    pub optimizer: OptimizerConfig,
    /// How large the steps are along the run.
    pub schedule: ScheduleConfig,
    /// Length, batches, averages.
    pub training: DetectorTraining,
}

/// Length, batches, averages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorTraining {
    /// Optimizer steps; 1 or more.
    pub steps: usize,
    /// Where a limit of time is set, minutes of training, and `steps` does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<f64>,
    /// Scenes in a step; 2 or more, for batch normalization.
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
            save_every: default_save_every(),
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
            optimizer: OptimizerConfig::Adamw { learning_rate: 2e-3, weight_decay: 1e-4 },
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
        let base = |preset: Option<&str>| match preset {
            None => Ok(Self::default()),
            Some(_) => Err(Error::invalid("preset", "a detector has none; leave it out")),
        };
        let recipe: Self = layers::layered(base, file, settings)?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting.
    pub fn validate(&self) -> Result<()> {
        self.augment.validate()?;
        let NetworkConfig { coord_conv, boundary, .. } = self.network;
        if coord_conv || boundary {
            return Err(Error::invalid("network", "a detector has no coordinates and no boundary"));
        }
        let t = &self.training;
        check(t.steps > 0, "training.steps", t.steps, "must be 1 or more")?;
        check(t.evaluate_every > 0, "training.evaluate_every", t.evaluate_every, "must be 1 or more")?;
        self.plan().validate()
    }

    /// What the loop takes from the recipe.
    pub fn plan(&self) -> Plan {
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
            steps: t.steps,
            minutes: t.minutes,
            // No scene comes twice.
            epoch: None,
            evaluate_every: t.evaluate_every,
            save_every: t.save_every,
            workers: t.workers,
        }
    }
}

/// What there is to learn of boxes: what scenes are made of, the photos to choose the best checkpoint by, and how.
#[derive(Debug)]
pub struct Boxes {
    recipe: DetectorRecipe,
    maker: SceneMaker,
    validation: Vec<BoxedPhoto>,
}

impl Boxes {
    /// Learns from scenes made of `sources` by the recipe. `validation` are whole photos, some of them without faces, whose average precision
    /// chooses the best checkpoint, and whose F1 the score from which on a peak is a face; without any the last is the best, and the
    /// score 0.5.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting out of range, or missing photos.
    pub fn new(recipe: DetectorRecipe, sources: SceneSources, validation: Vec<BoxedPhoto>) -> Result<Self> {
        recipe.validate()?;
        let maker = SceneMaker::new(sources, recipe.augment, recipe.network.input)?;
        Ok(Self { recipe, maker, validation })
    }
}

impl Task for Boxes {
    type Model = TrainableDetector;

    const TABLE: &'static Table = &Table {
        columns: &["step", "seconds", "loss", "average_precision", "recall", "false_alarms"],
        measures: &[
            Measure { name: "average precision", column: "average_precision", digits: 5, percent: false },
            Measure { name: "recall", column: "recall", digits: 5, percent: true },
            Measure { name: "false alarms", column: "false_alarms", digits: 0, percent: false },
        ],
        goal: Goal::One,
    };

    const MAY_DIFFER: &'static str = "its length";

    fn plan(&self) -> Plan {
        self.recipe.plan()
    }

    fn recipe(&self) -> Result<String> {
        layers::to_toml(&self.recipe)
    }

    fn continues(&self, recipe: &Path) -> Result<bool> {
        let mut old = DetectorRecipe::layered(Some(recipe), &[])?;
        (old.training.steps, old.training.minutes) =
            (self.recipe.training.steps, self.recipe.training.minutes);
        Ok(old == self.recipe)
    }

    fn points(&self) -> usize {
        DetectorModel::MAPS
    }

    fn faces(&self) -> usize {
        self.maker.faces()
    }

    /// The photos without faces are told by their number: their names say nothing.
    fn data(&self) -> Result<Data> {
        let sources = self.maker.sources();
        let all = sources.faces.iter().fold(Fingerprint::new(), |all, face| all.face(face, None));
        let training = sources.photos.iter().fold(all, Fingerprint::photo).finish();
        let chosen = self.validation.iter().fold(Fingerprint::new(), Fingerprint::photo).finish();
        Ok(Data {
            training: format!("{training}-{}", sources.backgrounds.len()),
            validation: self.validates().then_some(chosen),
        })
    }

    fn batches(&self) -> Result<Box<dyn Batches + '_>> {
        let training = &self.recipe.training;
        Ok(Box::new(SceneBatches::new(&self.maker, training.batch, training.seed)))
    }

    fn validates(&self) -> bool {
        !self.validation.is_empty()
    }

    fn model(&self, network: StackedHourglass) -> Result<TrainableDetector> {
        let config = self.recipe.network.clone();
        Ok(TrainableDetector { config, least_score: LEAST_SCORE, network })
    }

    /// Average precision over all boxes; recall and false alarms of the score with the best F1, which the detector shall use.
    fn validate(&self, model: TrainableDetector) -> Result<(TrainableDetector, Vec<Option<f64>>)> {
        let detector = model.detector()?.with_least_score(LOW_SCORE)?;
        let found = Detections::find(&detector, &self.validation, &mut |_| {})?;
        let all = found.figures(0.0, LOW_SCORE);
        let least = all.best_score.unwrap_or(LEAST_SCORE);
        let shown = found.figures(0.0, least);
        let figures = vec![all.average_precision, shown.recall, Some(shown.false_alarms as f64)];
        Ok((TrainableDetector { least_score: least, ..model }, figures))
    }

    fn card(&self, row: &MetricsRow, parameters: usize, note: &str) -> String {
        let network = &self.recipe.network;
        format!(
            "# A face detector of awing\n\nA scale space of faces as {} heatmaps.\n\n- Network: {} stacks, {} wide, {parameters} parameters\n\
             - Loss: {}\n- Steps: {} of {} scenes, {:.0} s of training, {} faces\n{note}\n\n\
             Whoever trained this detector knows the terms of the images; weights made from research-only images (300-W, WIDER FACE and \
             others) must not be used in a commercial product.\n",
            DetectorModel::MAPS,
            network.stacks,
            network.width,
            self.recipe.loss.describe(),
            row.step,
            self.recipe.training.batch,
            row.seconds,
            self.maker.faces(),
        )
    }

    fn save(&self, model: &TrainableDetector, folder: &Path, card: &str) -> Result<()> {
        write_model(&model.to_model().to_files(folder, WeightType::F32)?, folder, card)
    }

    fn load(folder: &Path, device: &Device) -> Result<TrainableDetector> {
        TrainableDetector::load(folder, device)
    }

    fn network(model: &TrainableDetector) -> &StackedHourglass {
        &model.network
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dataset::drawn_faces,
        training::{Observer, Outcome, Session, train},
    };
    use std::sync::atomic::AtomicBool;

    struct Workplace(tempfile::TempDir);

    #[derive(Default)]
    struct Losses(Vec<f64>);

    impl Observer<TrainableDetector> for Losses {
        fn evaluated(&mut self, row: &MetricsRow, _: bool) {
            // One photo without faces.
            let values: Vec<Option<f64>> = row.figures.iter().map(|figure| figure.value).collect();
            assert!(matches!(values[..], [None, None, Some(_)]), "{values:?}");
            self.0.push(row.loss);
        }
    }

    impl Workplace {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let wall = image::RgbImage::from_pixel(200, 160, image::Rgb([20, 60, 90]));
            wall.save(folder.path().join("wall.png")).unwrap();
            Self(folder)
        }

        /// Trains to this many steps; gives the outcome and the losses that were told.
        fn train(&self, name: &str, steps: usize, resume: bool) -> Result<(Outcome, Vec<f64>)> {
            let training = DetectorTraining {
                steps,
                batch: 2,
                evaluate_every: 4,
                moving_average: 0.5,
                ..DetectorTraining::default()
            };
            let network = NetworkConfig { input: 64, width: 8, ..DetectorRecipe::default().network };
            let wall = self.0.path().join("wall.png");
            let mut losses = Losses::default();
            let recipe = DetectorRecipe { network, training, ..DetectorRecipe::default() };
            let sources = SceneSources {
                faces: drawn_faces(4, 96, 1),
                photos: vec![],
                backgrounds: vec![wall.clone()],
            };
            let validation = vec![BoxedPhoto { path: wall, faces: vec![], ignored: vec![] }];
            let session = Session {
                task: Boxes::new(recipe, sources, validation)?,
                folder: self.0.path().join(name),
                start: None,
                resume,
                device: Device::flex(),
                stop: &AtomicBool::new(false),
                card: "- Made by a test".to_owned(),
            };
            let outcome = train(session, &mut losses)?;
            Ok((outcome, losses.0))
        }

        fn weights(&self, name: &str) -> Vec<u8> {
            std::fs::read(self.0.path().join(name).join("last/model.safetensors")).unwrap()
        }
    }

    #[test]
    fn a_run_can_be_repeated_and_goes_on_from_its_checkpoint() {
        let place = Workplace::new();
        let (whole, losses) = place.train("whole", 12, false).unwrap();
        assert_eq!((whole.progress.step, whole.interrupted, losses.len()), (12, false, 3));
        assert!(losses[2] < losses[0], "{losses:?}");
        let problem = place.train("whole", 12, false).unwrap_err().to_string();
        assert!(problem.contains("run: is already there"), "{problem}");
        let (again, _) = place.train("again", 12, false).unwrap();
        assert_eq!(again.progress.step, 12);
        assert!(place.weights("whole") == place.weights("again"));
        let (longer, losses) = place.train("again", 16, true).unwrap();
        assert_eq!((longer.progress.step, losses.len()), (16, 1));
        assert!(place.weights("whole") != place.weights("again"));
        let metrics = std::fs::read_to_string(place.0.path().join("again/metrics.csv")).unwrap();
        assert_eq!(metrics.lines().count(), 1 + 4, "{metrics}");
        let best = place.0.path().join("again/best");
        assert!(DetectorModel::load(&best).is_ok());
        let card = std::fs::read_to_string(best.join("README.md")).unwrap();
        assert!(
            card.contains("must not be used in a commercial product") && card.contains("- Made by a test"),
            "{card}"
        );
    }

    #[test]
    fn there_must_be_something_to_go_on_from() {
        let place = Workplace::new();
        let problem = place.train("nothing", 4, true).unwrap_err().to_string();
        assert!(problem.contains("nothing/config.toml: cannot read"), "{problem}");
        assert!(!place.0.path().join("nothing").exists());
        place.train("whole", 4, false).unwrap();
        for folder in ["last", "previous"] {
            std::fs::remove_dir_all(place.0.path().join("whole").join(folder)).unwrap();
        }
        let problem = place.train("whole", 8, true).unwrap_err().to_string();
        assert!(problem.contains("has no checkpoint to go on from"), "{problem}");
    }
}
