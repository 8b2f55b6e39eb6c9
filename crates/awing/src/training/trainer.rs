use super::{
    MetricsRow, Observer, Progress, Recipe, TrainingSet,
    batch::Batcher,
    checkpoint::{self, Place, Since, State},
    descent::{MOST_SKIPPED, descend},
    loader,
    metrics::MetricsFile,
    run_folder::RunFolder,
};
use crate::{
    dataset::{BoxChoice, Dataset},
    error::{Error, Result},
    evaluation::{BoxSource, Normaliser, test_faces},
    model::{Model, StackedHourglass, WeightType, parameter_count, transfer_weights, weights_are_finite},
    prediction::Aligner,
    report::{TrainingRow, save_charts, training_charts},
    scheme::{Conversion, Scheme},
};
use burn::tensor::Device;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
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
    /// Whether to go on from `last/` in the folder, with the same faces; otherwise the folder must not hold a run.
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
    let run = Run { recipe: &recipe, faces: &faces, validation: validation.as_ref(), folder: &claimed };
    let fresh = StackedHourglass::new(&recipe.network, points, recipe.training.seed, &device);
    let fresh = fresh.and_then(|fresh| match &start {
        Some(start) => begin_with(start, fresh),
        None => Ok(fresh),
    });
    let result = fresh.and_then(|fresh| run.train(fresh, resume, &device, stop, &card, observer));
    if result.is_err() && !resume {
        claimed.discard_unbegun();
    }
    result
}

/// The weights of `start`, but for the layers of maps that do not fit.
pub(super) fn begin_with(start: &StackedHourglass, fresh: StackedHourglass) -> Result<StackedHourglass> {
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
        match (boxes.of(sample), normaliser.distance(&dataset.scheme, &sample.landmarks, None)) {
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

/// Takes a run's folder and writes the recipe there; that of a run that goes on must be the same but for `[training]`.
fn start_folder<'a>(path: &'a Path, recipe: &Recipe, points: usize, resume: bool) -> Result<RunFolder<'a>> {
    let folder = RunFolder::claim(path, resume)?;
    if resume {
        // Settings that a stranger wrote must not ask for more than their checkpoint holds.
        let (network, size) = checkpoint::whole_network(path)?;
        recipe.network.check_weights(points, &network, size)?;
        let config = path.join("config.toml");
        let old = Recipe::load(&config)?;
        if (Recipe { training: recipe.training.clone(), ..old }) != *recipe {
            return Err(Error::model(
                config,
                "recipe",
                "differs from the run's in more than [training]; start a new run",
            ));
        }
    }
    folder.write_config(&recipe.to_toml()?)?;
    Ok(folder)
}

/// What a run is made of.
struct Run<'a> {
    recipe: &'a Recipe,
    faces: &'a TrainingSet,
    validation: Option<&'a Dataset>,
    folder: &'a RunFolder<'a>,
}

impl Run<'_> {
    fn train(
        &self,
        fresh: StackedHourglass,
        resume: bool,
        device: &Device,
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
        let mut state = if resume {
            self.resumed(fresh, device, observer)?
        } else {
            State::new(fresh, &self.recipe.optimiser, training.moving_average, self.faces.len())
        };
        if !resume {
            // From here on there is always something to go on from.
            self.save(&state, &MetricsRow::default(), &card)?;
        }
        let mut metrics = MetricsFile::open(&folder.join("metrics.csv"), state.progress.step)?;
        observer.started(folder, state.progress.step, steps_per_epoch);
        let loss = self.recipe.loss.pixel_loss()?;
        let total_steps = training.epochs.saturating_mul(steps_per_epoch);
        let evaluate_every = ((training.evaluate_every * steps_per_epoch as f64) as usize).max(1);
        let (begun, seconds_before) = (Instant::now(), state.progress.seconds);
        let seconds = || seconds_before + begun.elapsed().as_secs_f64();
        let mut saved = Instant::now();
        let mut told = BTreeSet::new();
        std::thread::scope(|scope| {
            let worker = || {
                let mut worker = batcher.worker();
                move |step| worker.make(step)
            };
            let mut batches = loader::batches(scope, worker, state.progress.step.., training.workers);
            loop {
                state.progress.seconds = seconds();
                let (step, since) = (state.progress.step, state.since);
                let done = self.done(&state.progress, total_steps);
                let stopped = stop.load(Ordering::Relaxed);
                let ends = done >= 1.0 || stopped;
                // Whoever stops a run before its end does not wait for an evaluation; the run makes it when it goes on.
                let evaluates = done >= 1.0 || !stopped && step.is_multiple_of(evaluate_every);
                let unsaved = saved.elapsed().as_secs_f64();
                if since.steps > 0 && evaluates {
                    let row = MetricsRow {
                        step,
                        epoch: step as f64 / steps_per_epoch as f64,
                        seconds: state.progress.seconds,
                        learning_rate: since.learning_rate,
                        loss: since.mean_loss(),
                        val_nme: None,
                        faces_per_second: (since.steps * training.batch) as f64 / since.seconds.max(1e-9),
                    };
                    let (row, best) = self
                        .evaluate(&mut state, row, &card, &mut metrics, &seconds, observer)
                        .map_err(|problem| self.folder.unwritten(step, problem))?;
                    observer.evaluated(&row, best);
                    saved = Instant::now();
                } else if since.steps > 0 && (stopped || unsaved > training.save_every) {
                    self.save_between(&state, stopped, &card)
                        .map_err(|problem| self.folder.unwritten(step, problem))?;
                    saved = Instant::now();
                }
                if ends {
                    return Ok(Outcome {
                        folder: folder.to_path_buf(),
                        progress: state.progress,
                        interrupted: done < 1.0,
                    });
                }
                let started = Instant::now();
                let batch = batches.next().map_err(|_| self.diverged(step, "the loader ended"))??;
                for problem in &batch.problems {
                    if told.insert(problem.to_string()) {
                        observer.problem(problem);
                    }
                }
                let rate = self.recipe.optimiser.learning_rate() * self.recipe.schedule.factor(done);
                let made;
                (state, made) = descend(state, batch, &loss, rate, training.clip_norm, device);
                match made {
                    Ok(value) => {
                        let took = started.elapsed().as_secs_f64();
                        state.since.add(value, took, rate);
                        let done = self.done(&state.progress, total_steps);
                        observer.step(state.progress.step, value, done, training.batch as f64 / took);
                    }
                    Err(problem) if state.skipped < MOST_SKIPPED => observer.skipped(step, &problem),
                    Err(problem) => {
                        let what = format!("{problem}, and {MOST_SKIPPED} steps in a row had to be skipped");
                        return Err(self.diverged(step, &what));
                    }
                }
            }
        })
    }

    /// The state of the run so far, checked to be of these faces.
    fn resumed(
        &self,
        fresh: StackedHourglass,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<State> {
        let (optimiser, decay) = (&self.recipe.optimiser, self.recipe.training.moving_average);
        let mut scheme = None;
        let place = Place { fresh, optimiser, decay, device };
        let mut average = |folder: &Path| {
            let model = Model::load(folder, &device.clone().without_autodiff())?;
            scheme = Some(model.scheme);
            Ok(model.network)
        };
        let told = &mut |damage: &Error| observer.damaged(damage);
        let state = checkpoint::load_state(self.folder.path, &place, &mut average, told)?;
        let differs = |field: &str, old: String, new: String| {
            let problem = format!(
                "the run has {old}, and the data now {new}; resume it with the same --data and --scheme"
            );
            Err(Error::model(self.folder.path, field, problem))
        };
        if let Some(scheme) = scheme.filter(|scheme| scheme.marks() != self.faces.scheme.marks()) {
            let name = |scheme: &Scheme| format!("the scheme {} of {} points", scheme.name, scheme.len());
            return differs("scheme", name(&scheme), name(&self.faces.scheme));
        }
        if state.progress.faces != self.faces.len() {
            return differs("faces", format!("{} faces", state.progress.faces), self.faces.len().to_string());
        }
        Ok(state)
    }

    /// The part of the run that is done.
    fn done(&self, progress: &Progress, total_steps: usize) -> f64 {
        match self.recipe.training.minutes {
            Some(minutes) => progress.seconds / (60.0 * minutes),
            None => progress.step as f64 / total_steps as f64,
        }
    }

    /// Before anything is written: the weights are finite, the folder is there.
    fn check(&self, state: &State) -> Result<()> {
        if !state.is_finite() {
            return Err(self.diverged(state.progress.step, "a weight is not finite"));
        }
        self.folder.check()
    }

    fn diverged(&self, step: usize, what: &str) -> Error {
        self.folder.diverged(step, what, self.recipe.optimiser.learning_rate())
    }

    /// Writes `last/`.
    fn save(&self, state: &State, row: &MetricsRow, card: &str) -> Result<()> {
        self.check(state)?;
        let (model, card) = (self.model(state), self.model_card(row, card));
        let save = |folder: &Path| model.save(folder, &card, WeightType::F32);
        checkpoint::save_state(self.folder.path, save, state)
    }

    /// Writes `last/` between evaluations. Where there is no validation set, a run that is `stopped` leaves its last model as the best.
    fn save_between(&self, state: &State, stopped: bool, card: &str) -> Result<()> {
        let Progress { step, seconds, .. } = state.progress;
        let row = MetricsRow { step, seconds, ..MetricsRow::default() };
        if stopped && self.validation.is_none() {
            self.save_best(state, &row, card)?;
        }
        self.save(state, &row, card)
    }

    /// Evaluates, and writes `best/`, `metrics.csv`, the curve and `last/`. The checkpoint comes last: a run that is killed before goes back to
    /// an earlier one and comes through here again, so that nothing is ever left out.
    fn evaluate(
        &self,
        state: &mut State,
        row: MetricsRow,
        card: &str,
        metrics: &mut MetricsFile,
        seconds: &dyn Fn() -> f64,
        observer: &mut dyn Observer,
    ) -> Result<(MetricsRow, bool)> {
        let (row, best) = self.judge(state, row, card, observer)?;
        state.progress.seconds = seconds();
        state.since = Since::default();
        metrics.push(&row)?;
        self.draw(metrics)?;
        self.save(state, &row, card)?;
        Ok((row, best))
    }

    /// Evaluates the averaged model, and writes `best/` where it is the best so far; without a validation set every
    /// model is. An evaluation that fails is told, and the run goes on.
    fn judge(
        &self,
        state: &mut State,
        mut row: MetricsRow,
        card: &str,
        observer: &mut dyn Observer,
    ) -> Result<(MetricsRow, bool)> {
        self.check(state)?;
        let model = self.model(state);
        row.val_nme = self.validate(&model).unwrap_or_else(|problem| {
            observer.problem(&problem);
            None
        });
        let best = match (row.val_nme, state.progress.best_nme) {
            (Some(new), old) => old.is_none_or(|old| new < old),
            (None, _) => self.validation.is_none(),
        };
        if best {
            state.progress.best_nme = row.val_nme;
            self.save_best(state, &row, card)?;
        }
        if row.val_nme.is_some() {
            observer.measured(&row, &model);
        }
        Ok((row, best))
    }

    fn save_best(&self, state: &State, row: &MetricsRow, card: &str) -> Result<()> {
        let (model, card) = (self.model(state), self.model_card(row, card));
        let save = |folder: &Path| model.save(folder, &card, WeightType::F32);
        checkpoint::save_best(self.folder.path, save, &state.progress)
    }

    /// The averaged model.
    fn model(&self, state: &State) -> Model {
        Model {
            config: self.recipe.network.clone(),
            crop: self.recipe.crop,
            heatmap: self.recipe.heatmap.clone(),
            scheme: self.faces.scheme.clone(),
            network: state.average.module().clone(),
            calibration: None,
        }
    }

    /// NME in per cent on the validation set.
    fn validate(&self, model: &Model) -> Result<Option<f64>> {
        let Some(dataset) = self.validation else { return Ok(None) };
        let aligner = Aligner::new(model.clone())?.with_batch(self.recipe.training.batch);
        let boxes = BoxSource::from(self.recipe.training.boxes);
        let normaliser = Normaliser::usual(&dataset.scheme);
        let tested = test_faces(&aligner, dataset, &boxes, &normaliser, &mut |_| {})?;
        Ok(tested.evaluation.summary().all.nme)
    }

    /// Draws the learning curve.
    fn draw(&self, metrics: &MetricsFile) -> Result<()> {
        let rows = metrics.rows().iter();
        let rows: Vec<TrainingRow> =
            rows.map(|r| TrainingRow { step: r.step, loss: r.loss, val_nme: r.val_nme }).collect();
        save_charts(&training_charts(&rows), &self.folder.path.join("curve"))
    }

    fn model_card(&self, row: &MetricsRow, card: &str) -> String {
        let nme = row
            .val_nme
            .map_or_else(|| "not measured".to_owned(), |v| format!("{v:.2} % on the validation set"));
        let c = &self.recipe.network;
        format!(
            "# A landmark model of awing\n\n{} points (scheme {}), found by heatmap regression.\n\n\
             - Network: {} stacks, {} wide, {} px input\n- Loss: {}\n- Steps: {}, {:.0} s of training\n\
             - NME: {nme}\n{card}\n\
             Whoever trained this model knows the terms of the images; weights made from research-only images (300-W, \
             WFLW, COFW, AFLW and others) must not be used in a commercial product.\n",
            self.faces.scheme.len(),
            self.faces.scheme.name,
            c.stacks,
            c.width,
            c.input,
            self.recipe.loss.describe(),
            row.step,
            row.seconds,
        )
    }
}
