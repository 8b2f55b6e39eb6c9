use super::{
    MetricsRow, Observer, Progress, Recipe, TrainingSet,
    batch::Batcher,
    checkpoint::{self, Data, Place, State},
    course::Course,
    face_training::FaceTraining,
    fingerprint::Fingerprint,
    run_folder::RunFolder,
};
use crate::{
    dataset::{BoxChoice, Dataset},
    evaluation::{BoxSource, Normaliser},
    model::{StackedHourglass, TrainableModel, parameter_count, transfer_weights, weights_are_finite},
};
use awing::{
    Error, Result,
    scheme::{Conversion, Scheme},
};
use burn::tensor::Device;
use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

/// A training run: what, from what, where to.
pub struct Session<'a> {
    /// What to learn and how.
    pub recipe: Recipe,
    /// The faces to learn from.
    pub faces: TrainingSet,
    /// The faces that choose the best checkpoint, in the scheme of `faces` or one that converts to it. Without any,
    /// the last checkpoint is the best.
    pub validation: Option<Dataset>,
    /// The run's folder: `config.toml`, `metrics.csv`, `curve.svg` and `.png`, `best/`, `last/`, `previous/`.
    pub folder: PathBuf,
    /// A network whose weights the run starts from instead of random ones. It must be of the recipe's size; layers that
    /// predict maps start anew where the points differ.
    pub start: Option<StackedHourglass>,
    /// Whether to go on from `last/` in the folder, with the same faces to learn from and to choose by; otherwise the folder must not hold a run.
    pub resume: bool,
    /// Where to compute; any device, with or without a tape.
    pub device: Device,
    /// Set it from anywhere to end the run cleanly after the step at hand, with a checkpoint.
    pub stop: &'a AtomicBool,
    /// What the model card says of the data and the command, in Markdown.
    pub card: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The run's folder.
    pub folder: PathBuf,
    /// How far it is.
    pub progress: Progress,
    /// Whether it was stopped before its end; it can be resumed.
    pub interrupted: bool,
}

/// Trains a network and leaves checkpoints in the run's folder: `last/` at the start, at each evaluation, every
/// [`TrainingConfig::save_every`](super::TrainingConfig::save_every) seconds and at the end, the one before it in `previous/`; `best/` when an
/// evaluation beats all before.
///
/// A run that was ended in any way goes on from `last/`, or where that is damaged from `previous/`, and comes to the same weights, to the last
/// bit, as one that was never ended, where its length is in epochs: the same seed, faces and machine give the same run.
///
/// A step whose loss or gradient is not finite is skipped; ten in a row end the run.
///
/// # Errors
/// [`Error::Invalid`] for a setting out of range, weights to start from of another size or not finite, or a validation set that cannot be
/// scored; [`Error::Model`] for a folder that holds a run or that another process trains into, a resumed run that had other settings or
/// faces, or checkpoints that are damaged; [`Error::Io`] when the folder cannot be made; [`Error::Training`] when it can no longer be written, or
/// when the loss, the gradient or a weight stops being finite: the last checkpoint stays.
pub fn train(session: Session<'_>, observer: &mut dyn Observer) -> Result<Outcome> {
    let Session { mut recipe, faces, validation, folder, start, resume, device, stop, card } = session;
    recipe.validate()?;
    recipe.network.boundary &= !faces.scheme.lines.is_empty();
    if let Some(dataset) = &validation {
        check_validation(dataset, &faces, recipe.training.boxes)?;
    }
    let device = if device.is_autodiff() { device } else { device.autodiff() };
    let points = faces.scheme.len();
    let claimed = start_folder(&folder, &recipe, points, resume)?;
    let validation = validation.as_ref();
    let run = Run { recipe: &recipe, faces: &faces, validation, folder: &claimed, device: &device };
    let fresh = StackedHourglass::new(&recipe.network, points, recipe.training.seed, &device);
    let fresh = fresh.and_then(|fresh| begin_with(start.as_ref(), fresh));
    let result = fresh.and_then(|fresh| run.train(fresh, resume, stop, &card, observer));
    if result.is_err() && !resume {
        claimed.discard_unbegun();
    }
    result
}

/// The weights of `start`, where there is one, but for the layers of maps that do not fit.
pub(super) fn begin_with(
    start: Option<&StackedHourglass>,
    fresh: StackedHourglass,
) -> Result<StackedHourglass> {
    let Some(start) = start else { return Ok(fresh) };
    if !weights_are_finite(start) {
        let problem = "the weights to start from are not all finite numbers; give those of a whole model";
        return Err(Error::invalid("start", problem));
    }
    let (network, kept) = transfer_weights(start, fresh);
    match kept.iter().find(|name| !name.contains("maps.")) {
        Some(name) => {
            let problem =
                format!("{name} differs in shape from the model's to start from; give the run its [network]");
            Err(Error::invalid("network", problem))
        }
        None => Ok(network),
    }
}

/// A validation set must give a figure, or the run would find out after its first epoch.
fn check_validation(dataset: &Dataset, faces: &TrainingSet, boxes: BoxChoice) -> Result<()> {
    let normaliser = Normaliser::usual(&dataset.scheme);
    let boxes = BoxSource::from(boxes);
    let mut problem = Error::invalid("--val", format!("{} holds no face", dataset.source));
    for sample in &dataset.samples {
        match (boxes.of(sample), normaliser.distance(&dataset.scheme, &sample.landmarks, sample.own_box)) {
            (Ok(_), Ok(_)) if Conversion::between(&dataset.scheme, &faces.scheme).is_some() => return Ok(()),
            (Ok(_), Ok(_)) if Conversion::between(&faces.scheme, &dataset.scheme).is_some() => return Ok(()),
            (Ok(_), Ok(_)) => {
                let (a, b) = (&dataset.scheme.name, &faces.scheme.name);
                return Err(Error::invalid(
                    "--val",
                    format!("its scheme {a} does not convert to {b} of --data"),
                ));
            }
            (Err(reason), _) => problem = Error::format(&sample.name, None, "box", reason),
            (_, Err(e)) => problem = e.about(&sample.name),
        }
    }
    Err(problem)
}

/// Takes a run's folder, and writes the recipe of a new run there; that of a run that goes on must be the same but for `[training]`, and is written when
/// its faces are known to be the same.
fn start_folder<'a>(path: &'a Path, recipe: &Recipe, points: usize, resume: bool) -> Result<RunFolder<'a>> {
    let folder = RunFolder::claim(path, resume)?;
    if resume {
        // Settings that a stranger wrote must not ask for more than their checkpoint holds.
        let checkpoint = checkpoint::whole(path)?;
        recipe.network.check_weights(points, &checkpoint.network, checkpoint.size)?;
        let old = Recipe::load(&checkpoint.recipe)?;
        if (Recipe { training: recipe.training.clone(), ..old }) != *recipe {
            let problem = "differs from the recipe of the run's checkpoint in more than [training]; put it back, or start a new run";
            return Err(Error::model(path.join("config.toml"), "recipe", problem));
        }
    }
    if !resume {
        folder.write_config(&recipe.to_toml()?)?;
    }
    Ok(folder)
}

/// What a run is made of.
struct Run<'a> {
    recipe: &'a Recipe,
    faces: &'a TrainingSet,
    validation: Option<&'a Dataset>,
    folder: &'a RunFolder<'a>,
    device: &'a Device,
}

impl Run<'_> {
    fn train(
        &self,
        fresh: StackedHourglass,
        resume: bool,
        stop: &AtomicBool,
        card: &str,
        observer: &mut dyn Observer,
    ) -> Result<Outcome> {
        let (training, folder) = (&self.recipe.training, self.folder.path);
        let batcher = Batcher::new(self.faces, self.recipe)?;
        let steps_per_epoch = batcher.steps_per_epoch();
        let card = format!(
            "{card}\n- Parameters: {}\n- Faces: {}, cut by {}\n",
            parameter_count(&fresh),
            self.faces.len(),
            match training.boxes {
                BoxChoice::Landmarks => "the tight boxes around their points",
                BoxChoice::Detector => "the boxes that came with them",
            }
        );
        let data = self.data()?;
        let state = if resume {
            self.resumed(fresh, data, observer)?
        } else {
            let (optimiser, decay) = (&self.recipe.optimiser, training.moving_average);
            State { data, ..State::new(fresh, optimiser, decay, self.faces.len()) }
        };
        let keeper = FaceTraining {
            recipe: self.recipe,
            scheme: &self.faces.scheme,
            validation: self.validation,
            folder: self.folder,
            card,
            steps_per_epoch,
        };
        if !resume {
            // From here on there is always something to go on from.
            keeper.save(&state, &MetricsRow::default())?;
        }
        observer.started(folder, state.progress.step, steps_per_epoch);
        let mut watched = keeper.watched(&state, observer)?;
        let course = Course {
            folder: self.folder,
            optimiser: &self.recipe.optimiser,
            schedule: &self.recipe.schedule,
            loss: self.recipe.loss.pixel_loss()?,
            clip_norm: training.clip_norm,
            steps: training.epochs.saturating_mul(steps_per_epoch),
            minutes: training.minutes,
            evaluate_every: ((training.evaluate_every * steps_per_epoch as f64) as usize).max(1),
            save_every: training.save_every,
            workers: training.workers,
            device: self.device,
            stop,
        };
        let worker = || {
            let mut worker = batcher.worker();
            move |step| worker.make(step)
        };
        course.run(state, worker, &mut watched)
    }

    /// What the run learns from and chooses by.
    fn data(&self) -> Result<Data> {
        let faces = Fingerprint::new().scheme(&self.faces.scheme)?;
        let faces =
            self.faces.faces.iter().fold(faces, |all, (sample, place)| all.face(sample, Some(*place)));
        let validation = self.validation.map(|data| {
            let all = Fingerprint::new().scheme(&data.scheme)?;
            Ok(data.samples.iter().fold(all, |all, sample| all.face(sample, sample.detector_box)).finish())
        });
        Ok(Data { training: faces.finish(), validation: validation.transpose()? })
    }

    /// The state of the run so far, checked to be of these faces.
    fn resumed(&self, fresh: StackedHourglass, data: Data, observer: &mut dyn Observer) -> Result<State> {
        let (optimiser, decay) = (&self.recipe.optimiser, self.recipe.training.moving_average);
        let mut scheme = None;
        let place = Place { fresh, optimiser, decay, device: self.device };
        let mut average = |folder: &Path| {
            let model = TrainableModel::load(folder, &self.device.clone().without_autodiff())?;
            scheme = Some(model.config.scheme);
            Ok(model.network)
        };
        let told = &mut |damage: &Error| observer.damaged(damage);
        let mut state = checkpoint::load_state(self.folder.path, &place, &mut average, told)?;
        let differs = |field: &str, problem: String| Err(Error::model(self.folder.path, field, problem));
        let mended = "resume it with the same --data and --scheme";
        if let Some(scheme) =
            scheme.filter(|scheme| scheme.landmarks_only() != self.faces.scheme.landmarks_only())
        {
            let name = |scheme: &Scheme| format!("the scheme {} of {} points", scheme.name, scheme.len());
            let (old, new) = (name(&scheme), name(&self.faces.scheme));
            return differs("scheme", format!("the run has {old}, and the data now {new}; {mended}"));
        }
        let (old, new) = (state.progress.faces, self.faces.len());
        if old != new {
            return differs("faces", format!("the run has {old} faces, and the data now {new}; {mended}"));
        }
        state.goes_on_with(data, self.folder.path)?;
        self.folder.write_config(&self.recipe.to_toml()?)?;
        Ok(state)
    }
}
