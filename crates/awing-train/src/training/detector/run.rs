use super::{DetectorRecipe, SceneMaker, SceneSources};
use crate::{
    dataset::BoxedPhoto,
    evaluation::{DetectionFigures, Detections},
    files::write_atomic,
    model::{StackedHourglass, detector_on, parameter_count, place_weights, weights_of, write_model},
    training::Outcome,
    training::batch::{Batch, mix},
    training::buffers::Buffers,
    training::checkpoint::{self, Data, Place, Since, State},
    training::course::{Clock, Course, Training},
    training::fingerprint::Fingerprint,
    training::run_folder::RunFolder,
    training::step_table::StepTable,
    training::trainer::begin_with,
};
use awing::{Error, Result, detection::DetectorModel, network::WeightType};
use burn::{module::Module, tensor::Device};
use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

/// What counts as a face where no validation photos say what is best.
const LEAST_SCORE: f32 = 0.5;
/// Where they do, boxes down to this score are judged.
const LOW_SCORE: f32 = 0.2;

/// A detector's training run.
pub struct DetectorSession<'a> {
    /// What to learn and how.
    pub recipe: DetectorRecipe,
    /// What scenes are made of.
    pub sources: SceneSources,
    /// Whole photos, some of them without faces, whose average precision chooses the best checkpoint, and whose F1 the score from which on a
    /// peak is a face; without any the last is the best, and the score 0.5.
    pub validation: Vec<BoxedPhoto>,
    /// The run's folder: `config.toml`, `metrics.csv`, `best/`, `last/`.
    pub folder: PathBuf,
    /// A network whose weights the run starts from instead of random ones; of the recipe's size.
    pub start: Option<StackedHourglass>,
    /// Whether to go on from `last/` in the folder, with the same photos to learn from and to choose by; otherwise the folder must not hold a run.
    pub resume: bool,
    /// Where to compute.
    pub device: Device,
    /// Set it from anywhere to end the run cleanly after the step at hand, with a checkpoint.
    pub stop: &'a AtomicBool,
    /// What the card says of the data and the command, in Markdown.
    pub card: String,
    /// Who is told how it goes.
    pub watcher: &'a mut dyn DetectorWatcher,
}

/// Who is told how a detector's training goes. All methods do nothing unless they are written.
pub trait DetectorWatcher {
    /// An evaluation and a checkpoint are done: the step, the mean loss since the last one, and the figures on the validation photos.
    fn evaluated(&mut self, _step: usize, _loss: f64, _figures: Option<&DetectionFigures>) {}
    /// A step was left out because its loss or gradient is not finite, as `_problem` says; the weights are as before.
    fn skipped(&mut self, _step: usize, _problem: &str) {}
    /// A checkpoint of the run that goes on is damaged, as `_damage` says; it says also what the run does about it.
    fn damaged(&mut self, _damage: &Error) {}
}

/// Trains a detector and leaves checkpoints in the run's folder, as [`crate::training::train`] does. In the outcome's progress
/// `best_nme` is per cent of average precision that is missing to 1.
///
/// # Errors
/// [`Error::Invalid`] for a setting out of range, missing photos, or weights to start from of another size; [`Error::Model`] for a folder that holds a run or that another process
/// trains into, a resumed run that had other settings, or damaged checkpoints; [`Error::Io`] when a photo cannot be read or the folder cannot
/// be made; [`Error::Training`] when it can no longer be written, or when the loss, a gradient or a weight stops being finite: the last
/// checkpoint stays.
pub fn train_detector(session: DetectorSession<'_>) -> Result<Outcome> {
    let DetectorSession { recipe, sources, validation, folder, start, resume, device, stop, card, watcher } =
        session;
    recipe.validate()?;
    let device = if device.is_autodiff() { device } else { device.autodiff() };
    let data = data(&sources, &validation);
    let maker = SceneMaker::new(sources, recipe.augment, recipe.network.input)?;
    let claimed = start_folder(&folder, &recipe, resume)?;
    let run = Run {
        recipe: &recipe,
        maker: &maker,
        validation: &validation,
        folder: &claimed,
        card: &card,
        watcher,
    };
    let fresh = StackedHourglass::new(&recipe.network, DetectorModel::MAPS, recipe.training.seed, &device);
    let fresh = fresh.and_then(|fresh| begin_with(start.as_ref(), fresh));
    let result = fresh.and_then(|fresh| run.train(fresh, data, resume, &device, stop));
    if result.is_err() && !resume {
        claimed.discard_unbegun();
    }
    result
}

/// Takes a run's folder, and writes the recipe of a new run there; that of a run that goes on must be the same but for its length, and is written when its
/// photos are known to be the same.
fn start_folder<'a>(path: &'a Path, recipe: &DetectorRecipe, resume: bool) -> Result<RunFolder<'a>> {
    let folder = RunFolder::claim(path, resume)?;
    if resume {
        // Settings that a stranger wrote must not ask for more than their checkpoint holds.
        let checkpoint = checkpoint::whole(path)?;
        recipe.network.check_weights(DetectorModel::MAPS, &checkpoint.network, checkpoint.size)?;
        let mut old = DetectorRecipe::layered(Some(&checkpoint.recipe), &[])?;
        (old.training.steps, old.training.minutes) = (recipe.training.steps, recipe.training.minutes);
        if old != *recipe {
            let problem = "differs from the recipe of the run's checkpoint in more than its length; put it back, or start a new run";
            return Err(Error::model(path.join("config.toml"), "recipe", problem));
        }
    }
    if !resume {
        folder.write_config(&text_of(recipe)?)?;
    }
    Ok(folder)
}

fn text_of(recipe: &DetectorRecipe) -> Result<String> {
    toml::to_string(recipe).map_err(|e| Error::invalid("recipe", e.to_string()))
}

/// What a run learns from and chooses by. The photos without faces are told by their number: their names say nothing.
fn data(sources: &SceneSources, validation: &[BoxedPhoto]) -> Data {
    let all = sources.faces.iter().fold(Fingerprint::new(), |all, face| all.face(face, None));
    let training = sources.photos.iter().fold(all, Fingerprint::photo).finish();
    let chosen = validation.iter().fold(Fingerprint::new(), Fingerprint::photo).finish();
    Data {
        training: format!("{training}-{}", sources.backgrounds.len()),
        validation: (!validation.is_empty()).then_some(chosen),
    }
}

/// The scenes of each step.
struct Scenes<'a> {
    maker: &'a SceneMaker,
    buffers: Buffers,
    batch: usize,
    seed: u64,
}

impl Scenes<'_> {
    fn make(&self, step: usize) -> Result<Batch> {
        let (side, size, maps) = (self.maker.side(), self.maker.side() / 4, DetectorModel::MAPS);
        let [image_len, maps_len] = [3 * side * side, maps * size * size];
        let take = |len: usize| self.buffers.take(self.batch * len);
        let (mut images, mut targets, mut weights) = (take(image_len), take(maps_len), take(maps_len));
        for i in 0..self.batch {
            let part = |len: usize| i * len..(i + 1) * len;
            self.maker.write(
                mix(self.seed, (step * self.batch + i) as u64),
                &mut images.values_mut()[part(image_len)],
                &mut targets.values_mut()[part(maps_len)],
                &mut weights.values_mut()[part(maps_len)],
            )?;
        }
        Ok(Batch {
            images: images.into_data([self.batch, 3, side, side]),
            targets: targets.into_data([self.batch, maps, size, size]),
            weights: weights.into_data([self.batch, maps, size, size]),
            problems: Vec::new(),
        })
    }
}

const HEADER: &str = "step,seconds,loss,average_precision,recall,false_alarms";

struct Run<'a> {
    recipe: &'a DetectorRecipe,
    maker: &'a SceneMaker,
    validation: &'a [BoxedPhoto],
    folder: &'a RunFolder<'a>,
    card: &'a str,
    watcher: &'a mut dyn DetectorWatcher,
}

/// A run with its `metrics.csv`.
struct Measured<'a> {
    run: Run<'a>,
    metrics: StepTable,
}

impl Run<'_> {
    fn train(
        self,
        fresh: StackedHourglass,
        data: Data,
        resume: bool,
        device: &Device,
        stop: &AtomicBool,
    ) -> Result<Outcome> {
        let Self { recipe, maker, folder, .. } = self;
        let (training, optimiser, decay) =
            (&recipe.training, &recipe.optimiser, recipe.training.moving_average);
        let state = if resume {
            let place = Place { fresh, optimiser, decay, device };
            let mut average = |folder: &Path| {
                let DetectorModel { network, weights, .. } = DetectorModel::load(folder)?;
                place_weights(
                    StackedHourglass::new(
                        &network,
                        DetectorModel::MAPS,
                        0,
                        &device.clone().without_autodiff(),
                    )?,
                    weights,
                )
            };
            let told = &mut |damage: &Error| self.watcher.damaged(damage);
            let mut state = checkpoint::load_state(folder.path, &place, &mut average, told)?;
            state.goes_on_with(data, folder.path)?;
            folder.write_config(&text_of(recipe)?)?;
            state
        } else {
            let state = State { data, ..State::new(fresh, optimiser, decay, maker.faces()) };
            // From here on there is always something to go on from.
            self.save(&state, LEAST_SCORE)?;
            state
        };
        let (metrics, _) = StepTable::open(&folder.path.join("metrics.csv"), HEADER, state.progress.step)?;
        let scenes =
            Scenes { maker, buffers: Buffers::default(), batch: training.batch, seed: training.seed };
        let course = Course {
            folder,
            optimiser,
            schedule: &recipe.schedule,
            loss: recipe.loss.pixel_loss()?,
            clip_norm: training.clip_norm,
            steps: training.steps,
            minutes: training.minutes,
            evaluate_every: training.evaluate_every,
            save_every: training.save_every,
            workers: training.workers,
            device,
            stop,
        };
        course.run(state, || |step| scenes.make(step), &mut Measured { run: self, metrics })
    }

    fn detector(&self, state: &State, least_score: f32) -> DetectorModel {
        DetectorModel {
            network: self.recipe.network.clone(),
            least_score,
            weights: weights_of(state.average.module(), "model"),
        }
    }

    fn check(&self, state: &State) -> Result<()> {
        self.folder.check(state, self.recipe.optimiser.learning_rate())
    }

    /// Writes `last/`.
    fn save(&self, state: &State, least_score: f32) -> Result<()> {
        self.check(state)?;
        let (detector, recipe) = (self.detector(state, least_score), text_of(self.recipe)?);
        let save = |folder: &Path| {
            write_model(&detector.to_files(folder, WeightType::F32)?, folder, &self.card(state))?;
            write_atomic(&folder.join(checkpoint::RECIPE), recipe.as_bytes())
        };
        checkpoint::save_state(self.folder.path, save, state)
    }

    fn card(&self, state: &State) -> String {
        let network = &self.recipe.network;
        format!(
            "# A face detector of awing\n\nA scale space of faces as {} heatmaps.\n\n- Network: {} stacks, {} wide, {} parameters\n\
             - Loss: {}\n- Steps: {} of {} scenes, {:.0} s of training, {} faces\n{}\n\n\
             Whoever trained this detector knows the terms of the images; weights made from research-only images (300-W, WIDER FACE and \
             others) must not be used in a commercial product.\n",
            DetectorModel::MAPS,
            network.stacks,
            network.width,
            parameter_count(&state.network),
            self.recipe.loss.describe(),
            state.progress.step,
            self.recipe.training.batch,
            state.progress.seconds,
            self.maker.faces(),
            self.card,
        )
    }
}

impl Training for Measured<'_> {
    /// Measures the averaged detector, and writes `best/` where it is the best so far, the line of metrics, and `last/`.
    fn evaluate(&mut self, state: &mut State, _: &Clock) -> Result<()> {
        let Self { run, metrics } = self;
        run.check(state)?;
        let loss = state.since.mean_loss();
        let mut least = LEAST_SCORE;
        let mut figures = None;
        if !run.validation.is_empty() {
            let device = state.average.module().devices().first().cloned().unwrap_or_default();
            let detector = detector_on(run.detector(state, LOW_SCORE), &device.without_autodiff())?;
            let found = Detections::find(&detector, run.validation, &mut |_| {})?;
            let all = found.figures(0.0, LOW_SCORE);
            least = all.best_score.unwrap_or(LEAST_SCORE);
            // Average precision is over all boxes, recall and false alarms are what the detector will show.
            let average_precision = all.average_precision;
            figures = Some(DetectionFigures { average_precision, ..found.figures(0.0, least) });
        }
        let precision = figures.as_ref().and_then(|figures| figures.average_precision);
        let missing = precision.map(|precision| 100.0 * (1.0 - precision));
        let best = match (missing, state.progress.best_nme) {
            (Some(new), old) => old.is_none_or(|old| new < old),
            (None, _) => true,
        };
        if best {
            state.progress.best_nme = missing;
            let detector = run.detector(state, least);
            let save = |folder: &Path| {
                write_model(&detector.to_files(folder, WeightType::F32)?, folder, &run.card(state))
            };
            checkpoint::save_best(run.folder.path, save, &state.progress)?;
        }
        let number = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.5}"));
        metrics.push(&format!(
            "{},{:.1},{loss:.6},{},{},{}",
            state.progress.step,
            state.progress.seconds,
            number(precision),
            number(figures.as_ref().and_then(|f| f.recall)),
            figures.as_ref().map_or_else(String::new, |f| f.false_alarms.to_string()),
        ))?;
        state.since = Since::default();
        run.save(state, least)?;
        run.watcher.evaluated(state.progress.step, loss, figures.as_ref());
        Ok(())
    }

    fn save(&mut self, state: &State, _stopped: bool) -> Result<()> {
        self.run.save(state, LEAST_SCORE)
    }

    fn skipped(&mut self, step: usize, problem: &str) {
        self.run.watcher.skipped(step, problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dataset::drawn_faces, training::DetectorTraining};
    use awing::network::NetworkConfig;

    struct Workplace(tempfile::TempDir);

    #[derive(Default)]
    struct Losses(Vec<f64>);

    impl DetectorWatcher for Losses {
        fn evaluated(&mut self, _: usize, loss: f64, figures: Option<&DetectionFigures>) {
            assert_eq!(figures.unwrap().photos, 1);
            self.0.push(loss);
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
            let outcome = train_detector(DetectorSession {
                recipe: DetectorRecipe { network, training, ..DetectorRecipe::default() },
                sources: SceneSources {
                    faces: drawn_faces(4, 96, 1),
                    photos: vec![],
                    backgrounds: vec![wall.clone()],
                },
                validation: vec![BoxedPhoto { path: wall, faces: vec![], ignored: vec![] }],
                folder: self.0.path().join(name),
                start: None,
                resume,
                device: Device::flex(),
                stop: &AtomicBool::new(false),
                card: "- Made by a test".to_owned(),
                watcher: &mut losses,
            })?;
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
