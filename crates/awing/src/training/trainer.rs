use super::{
    MetricsRow, Observer, Progress, Recipe, TrainingSet,
    batch::{Batch, Batcher},
    checkpoint,
    checkpoint::State,
    descent::descend,
    loader,
    metrics::MetricsFile,
    moving_average::MovingAverage,
};
use crate::{
    dataset::{BoxChoice, Dataset},
    error::{Error, Result},
    evaluation::{BoxSource, Normaliser, test_faces},
    files::{whole_folder, write_atomic},
    loss::PixelLoss,
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
    time::{Duration, Instant},
};

/// The longest time that work can be lost for.
const SAVE_EVERY: Duration = Duration::from_secs(300);

/// A training run: what, from what, where to.
pub struct Session<'a> {
    /// What to learn and how.
    pub recipe: Recipe,
    /// The faces to learn from.
    pub faces: TrainingSet,
    /// The faces that choose the best checkpoint, in the scheme of `faces` or one that converts to it. Without any,
    /// the last checkpoint is the best.
    pub validation: Option<Dataset>,
    /// The run's folder: `config.toml`, `metrics.csv`, `curve.svg` and `.png`, `best/`, `last/`.
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

/// Trains a network and leaves checkpoints in the run's folder: `last/` at each evaluation, every few minutes and at the
/// end; `best/` when an evaluation beats all before.
///
/// # Errors
/// [`Error::Invalid`] for a setting out of range, weights to start from of another size, or a validation set that cannot be
/// scored; [`Error::Model`] for a
/// folder that holds a run, or a resumed run that had other settings or faces; [`Error::Io`] when the folder cannot be
/// written; [`Error::Training`] when the loss, the gradient or a weight stops being finite: the last checkpoint stays.
pub fn train(session: Session<'_>, observer: &mut dyn Observer) -> Result<Outcome> {
    let Session { mut recipe, faces, validation, folder, start, resume, device, stop, card } = session;
    recipe.validate()?;
    recipe.network.boundary &= !faces.scheme.lines.is_empty();
    if let Some(dataset) = &validation {
        check_validation(dataset, &faces, recipe.training.boxes)?;
    }
    let device = if device.is_autodiff() { device } else { device.autodiff() };
    let mut fresh =
        StackedHourglass::new(&recipe.network, faces.scheme.len(), recipe.training.seed, &device)?;
    if let Some(start) = start {
        fresh = begin_with(&start, fresh)?;
    }
    start_folder(&folder, &recipe, resume)?;
    let run = Run { recipe: &recipe, faces: &faces, validation: validation.as_ref(), folder: &folder };
    let result = run.train(fresh, resume, &device, stop, &card, observer);
    if result.is_err() && !resume && !folder.join("last").exists() {
        // A run that never came to a checkpoint leaves nothing that would be in the way of the next try.
        for name in ["config.toml", "metrics.csv"] {
            let _ = std::fs::remove_file(folder.join(name));
        }
        let _ = std::fs::remove_dir(&folder);
    }
    result
}

/// The weights of `start`, but for the layers of maps that do not fit.
pub(super) fn begin_with(start: &StackedHourglass, fresh: StackedHourglass) -> Result<StackedHourglass> {
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

/// Writes the recipe into a run's folder; a new run must be the first there, a resumed one have the same recipe but
/// for `[training]`.
fn start_folder(folder: &Path, recipe: &Recipe, resume: bool) -> Result<()> {
    let config = folder.join("config.toml");
    if resume {
        if config.exists() && !whole_folder(&folder.join("last")).exists() {
            let problem = "was ended before its first checkpoint, there is nothing to go on from; delete the folder and start again";
            return Err(Error::model(folder, "run", problem));
        }
        let old = Recipe::load(&config)?;
        if (Recipe { training: recipe.training.clone(), ..old }) != *recipe {
            return Err(Error::model(
                config,
                "recipe",
                "differs from the run's in more than [training]; start a new run",
            ));
        }
    } else if config.exists() {
        return Err(Error::model(
            folder,
            "run",
            "is already there; choose another --name, or --resume it, or delete it",
        ));
    }
    write_atomic(&config, recipe.to_toml()?.as_bytes())
}

/// What a run is made of.
pub(super) struct Run<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) faces: &'a TrainingSet,
    pub(super) validation: Option<&'a Dataset>,
    pub(super) folder: &'a Path,
}

/// Sums since the last line of the metrics.
#[derive(Default)]
struct Since {
    loss: f64,
    steps: usize,
    /// Seconds of training, evaluations not counted.
    seconds: f64,
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
        let training = &self.recipe.training;
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
            self.resumed(fresh, device)?
        } else {
            State {
                progress: Progress { faces: self.faces.len(), ..Progress::default() },
                average: MovingAverage::new(&fresh, training.moving_average),
                network: fresh,
                optimiser: self.recipe.optimiser.init(),
            }
        };
        let mut metrics = MetricsFile::open(&self.folder.join("metrics.csv"), state.progress.step)?;
        observer.started(self.folder, state.progress.step, steps_per_epoch);
        let loss = self.recipe.loss.pixel_loss()?;
        let total_steps = training.epochs.saturating_mul(steps_per_epoch);
        let evaluate_every = ((training.evaluate_every * steps_per_epoch as f64) as usize).max(1);
        let (begun, seconds_before) = (Instant::now(), state.progress.seconds);
        let seconds = || seconds_before + begun.elapsed().as_secs_f64();
        let mut saved = Instant::now();
        let mut told = BTreeSet::new();
        let mut since = Since::default();
        let mut learning_rate = 0.0;
        std::thread::scope(|scope| {
            let worker = || {
                let mut worker = batcher.worker();
                move |step| worker.make(step)
            };
            let mut batches = loader::batches(scope, worker, state.progress.step.., training.workers);
            loop {
                state.progress.seconds = seconds();
                let done = self.done(&state.progress, total_steps);
                let stopped = stop.load(Ordering::Relaxed);
                let ends = done >= 1.0 || stopped;
                if since.steps > 0 && (ends || state.progress.step.is_multiple_of(evaluate_every)) {
                    let row = MetricsRow {
                        step: state.progress.step,
                        epoch: state.progress.step as f64 / steps_per_epoch as f64,
                        seconds: state.progress.seconds,
                        learning_rate,
                        loss: since.loss / since.steps as f64,
                        val_nme: None,
                        faces_per_second: (since.steps * training.batch) as f64 / since.seconds.max(1e-9),
                    };
                    self.check_weights(&state)?;
                    // Whoever stops a run before its end does not wait for an evaluation.
                    let cut = stopped && done < 1.0 && self.validation.is_some();
                    let (row, best) =
                        if cut { (row, false) } else { self.judge(&mut state, row, &card, observer)? };
                    state.progress.seconds = seconds();
                    // Saved last: a run that is killed before goes back to an earlier checkpoint and comes through here again, so that
                    // no evaluation is ever left out.
                    metrics.push(row.clone())?;
                    self.save(&state, &row, &card)?;
                    self.draw(&metrics)?;
                    observer.evaluated(&row, best);
                    (since, saved) = (Since::default(), Instant::now());
                } else if since.steps > 0 && saved.elapsed() > SAVE_EVERY {
                    let row = MetricsRow {
                        step: state.progress.step,
                        seconds: state.progress.seconds,
                        ..MetricsRow::default()
                    };
                    self.save(&state, &row, &card)?;
                    saved = Instant::now();
                }
                if ends {
                    return Ok(Outcome {
                        folder: self.folder.to_path_buf(),
                        progress: state.progress,
                        interrupted: done < 1.0,
                    });
                }
                let started = Instant::now();
                let batch =
                    batches.next().map_err(|_| self.stopped(state.progress.step, "the loader ended"))??;
                for problem in &batch.problems {
                    if told.insert(problem.to_string()) {
                        observer.problem(problem);
                    }
                }
                learning_rate = self.recipe.optimiser.learning_rate() * self.recipe.schedule.factor(done);
                let value;
                (state, value) = self.step(state, batch, &loss, learning_rate, device)?;
                let took = started.elapsed().as_secs_f64();
                since =
                    Since { loss: since.loss + value, steps: since.steps + 1, seconds: since.seconds + took };
                let done = self.done(&state.progress, total_steps);
                observer.step(state.progress.step, value, done, training.batch as f64 / took);
            }
        })
    }

    /// The state of the run so far, checked to be of these faces.
    fn resumed(&self, fresh: StackedHourglass, device: &Device) -> Result<State> {
        let decay = self.recipe.training.moving_average;
        let mut scheme = None;
        let optimiser = self.recipe.optimiser.init();
        let state = checkpoint::load_state(self.folder, fresh, optimiser, decay, device, |last| {
            let model = Model::load(last, &device.clone().without_autodiff())?;
            scheme = Some(model.scheme);
            Ok(model.network)
        })?;
        let differs = |field: &str, old: String, new: String| {
            let problem = format!(
                "the run has {old}, and the data now {new}; resume it with the same --data and --scheme"
            );
            Err(Error::model(self.folder, field, problem))
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

    /// One optimiser step; gives its loss.
    pub(super) fn step(
        &self,
        state: State,
        batch: Batch,
        loss: &PixelLoss,
        learning_rate: f64,
        device: &Device,
    ) -> Result<(State, f64)> {
        let step = state.progress.step;
        descend(state, batch, loss, learning_rate, self.recipe.training.clip_norm, device)
            .map_err(|problem| self.stopped(step, &problem))
    }

    /// The part of the run that is done.
    fn done(&self, progress: &Progress, total_steps: usize) -> f64 {
        match self.recipe.training.minutes {
            Some(minutes) => progress.seconds / (60.0 * minutes),
            None => progress.step as f64 / total_steps as f64,
        }
    }

    fn stopped(&self, step: usize, what: &str) -> Error {
        let last = self.folder.join("last");
        let kept = if last.exists() {
            format!("{} holds the last good checkpoint", last.display())
        } else {
            "there was no checkpoint yet".to_owned()
        };
        Error::Training {
            step,
            problem: format!(
                "{what}; {kept}. Start a new run with a lower learning rate (--set \
                 optimiser.learning_rate={:e}), a longer warm-up or training.clip_norm=1",
                self.recipe.optimiser.learning_rate() / 10.0
            ),
        }
    }

    fn check_weights(&self, state: &State) -> Result<()> {
        let finite = weights_are_finite(&state.network) && weights_are_finite(state.average.module());
        if finite { Ok(()) } else { Err(self.stopped(state.progress.step, "a weight is not finite")) }
    }

    /// Writes `last/`.
    fn save(&self, state: &State, row: &MetricsRow, card: &str) -> Result<()> {
        self.check_weights(state)?;
        let (model, card) = (self.model(state), self.model_card(row, card));
        let save = |folder: &Path| model.save(folder, &card, WeightType::F32);
        checkpoint::save_state(&self.folder.join("last"), save, state)
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
            let card = self.model_card(&row, card);
            let save = |folder: &Path| model.save(folder, &card, WeightType::F32);
            checkpoint::save_best(&self.folder.join("best"), save, &state.progress)?;
        }
        Ok((row, best))
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
        save_charts(&training_charts(&rows), &self.folder.join("curve"))
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
