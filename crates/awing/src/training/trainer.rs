use super::{
    MetricsRow, Observer, Progress, Recipe, TrainingSet, batch::Batcher, checkpoint, checkpoint::State,
    gradient_norm::clip, loader, metrics::MetricsFile, moving_average::MovingAverage,
};
use crate::{
    dataset::Dataset,
    error::{Error, Result},
    evaluation::{BoxSource, Normaliser, test_faces},
    files::write_atomic,
    loss::{PixelLoss, stacked_loss},
    model::{Model, StackedHourglass, parameter_count},
    prediction::Aligner,
    report::{TrainingRow, save_charts, training_charts},
};
use burn::{
    optim::GradientsParams,
    tensor::{Device, Tensor},
};
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
    /// The run's folder: `config.toml`, `metrics.csv`, `curve.svg` and `.png`, `best/`, `last/`.
    pub folder: PathBuf,
    /// Whether to go on from `last/` in the folder; otherwise the folder must not hold a run.
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

/// Trains a network and leaves checkpoints in the run's folder.
///
/// # Errors
/// [`Error::Invalid`] for a setting out of range or a folder that holds a run; [`Error::Io`] when the folder cannot be
/// written; [`Error::Training`] when the loss or the gradient stops being finite: the last checkpoint stays.
pub fn train(session: Session<'_>, observer: &mut dyn Observer) -> Result<Outcome> {
    let Session { recipe, faces, validation, folder, resume, device, stop, card } = session;
    let mut recipe = recipe;
    recipe.validate()?;
    recipe.network.boundary &= !faces.scheme.lines.is_empty();
    start_folder(&folder, &recipe, resume)?;
    let device = if device.is_autodiff() { device } else { device.autodiff() };
    let batcher = Batcher::new(&faces, &recipe)?;
    let fresh = StackedHourglass::new(&recipe.network, faces.scheme.len(), recipe.training.seed, &device)?;
    let parameters = parameter_count(&fresh);
    let state = if resume {
        let decay = recipe.training.moving_average;
        checkpoint::load_state(&folder.join("last"), fresh, recipe.optimiser.init(), decay, &device)?
    } else {
        State {
            progress: Progress::default(),
            average: MovingAverage::new(&fresh, recipe.training.moving_average),
            network: fresh,
            optimiser: recipe.optimiser.init(),
        }
    };
    let metrics = MetricsFile::open(&folder.join("metrics.csv"), state.progress.step)?;
    let steps_per_epoch = batcher.steps_per_epoch();
    observer.started(&folder, state.progress.step, steps_per_epoch);
    let run = Run {
        loss: recipe.loss.pixel_loss()?,
        total_steps: recipe.training.epochs * steps_per_epoch,
        evaluate_every: ((recipe.training.evaluate_every * steps_per_epoch as f64) as usize).max(1),
        steps_per_epoch,
        card: format!("{card}\n- Parameters: {parameters}\n- Faces: {}\n", faces.len()),
        recipe: &recipe,
        faces: &faces,
        validation: validation.as_ref(),
        folder: &folder,
        device: &device,
        stop,
        metrics,
    };
    let (progress, interrupted) = run.steps(state, &batcher, observer)?;
    Ok(Outcome { folder, progress, interrupted })
}

/// Writes the recipe into a new run's folder, or checks that a resumed run is there and has this recipe.
fn start_folder(folder: &Path, recipe: &Recipe, resume: bool) -> Result<()> {
    let config = folder.join("config.toml");
    if resume {
        let old = Recipe::load(&config)?;
        let same = Recipe { training: recipe.training.clone(), ..old.clone() } == *recipe;
        if !same {
            return Err(Error::model(
                config,
                "recipe",
                "differs from the run's in more than [training]; start a new run",
            ));
        }
    } else if config.exists() {
        return Err(Error::model(folder, "run", "is already there; choose another --name, or --resume it"));
    }
    write_atomic(&config, recipe.to_toml()?.as_bytes())
}

/// A run in progress.
struct Run<'a> {
    recipe: &'a Recipe,
    faces: &'a TrainingSet,
    validation: Option<&'a Dataset>,
    folder: &'a Path,
    device: &'a Device,
    stop: &'a AtomicBool,
    card: String,
    loss: PixelLoss,
    total_steps: usize,
    steps_per_epoch: usize,
    evaluate_every: usize,
    metrics: MetricsFile,
}

impl Run<'_> {
    fn steps(
        mut self,
        state: State,
        batcher: &Batcher<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(Progress, bool)> {
        let begun = Instant::now();
        let seconds_before = state.progress.seconds;
        let mut state = state;
        let mut told = BTreeSet::new();
        std::thread::scope(|scope| {
            let batches = loader::batches(scope, batcher, state.progress.step..usize::MAX);
            // Since the last line of the metrics: losses, steps, seconds of training.
            let (mut sum, mut count, mut busy) = (0.0, 0, 0.0);
            let mut learning_rate = 0.0;
            loop {
                state.progress.seconds = seconds_before + begun.elapsed().as_secs_f64();
                let done = self.done(&state.progress);
                let stopped = self.stop.load(Ordering::Relaxed);
                let ends = done >= 1.0 || stopped;
                if count > 0 && (ends || state.progress.step.is_multiple_of(self.evaluate_every)) {
                    let batch = self.recipe.training.batch;
                    let row = MetricsRow {
                        step: state.progress.step,
                        epoch: state.progress.step as f64 / self.steps_per_epoch as f64,
                        seconds: state.progress.seconds,
                        learning_rate,
                        loss: sum / count as f64,
                        val_nme: None,
                        faces_per_second: (count * batch) as f64 / f64::max(busy, 1e-9),
                    };
                    self.checkpoint(&mut state, row, begun, seconds_before, observer)?;
                    (sum, count, busy) = (0.0, 0, 0.0);
                }
                if ends {
                    return Ok((state.progress, done < 1.0));
                }
                let started = Instant::now();
                let batch = batches.recv().map_err(|_| self.stopped(&state, "the loader ended"))??;
                for problem in &batch.problems {
                    if told.insert(problem.to_string()) {
                        observer.problem(problem);
                    }
                }
                let images = Tensor::<4>::from_data(batch.images, self.device);
                let target = Tensor::<4>::from_data(batch.targets, self.device);
                let weight = Tensor::<4>::from_data(batch.weights, self.device);
                let outputs = state.network.forward(images);
                let loss = stacked_loss(outputs, &target, &weight, &self.loss);
                let value = f64::from(loss.clone().into_scalar::<f32>());
                if !value.is_finite() {
                    return Err(self.stopped(&state, &format!("the loss is {value}")));
                }
                let mut gradients = GradientsParams::from_grads(loss.backward(), &state.network);
                let limit = self.recipe.training.clip_norm;
                let norm =
                    clip(&state.network, &mut gradients, if limit > 0.0 { limit } else { f64::INFINITY });
                if !norm.is_finite() {
                    return Err(self.stopped(&state, &format!("the gradient's norm is {norm}")));
                }
                learning_rate = self.recipe.optimiser.learning_rate() * self.recipe.schedule.factor(done);
                state.network = state.optimiser.step(learning_rate, state.network, gradients);
                state.progress.step += 1;
                state.average.update(&state.network, state.progress.step);
                let took = started.elapsed().as_secs_f64();
                (sum, count, busy) = (sum + value, count + 1, busy + took);
                let speed = self.recipe.training.batch as f64 / took;
                observer.step(state.progress.step, value, self.done(&state.progress), speed);
            }
        })
    }

    /// The part of the run that is done.
    fn done(&self, progress: &Progress) -> f64 {
        match self.recipe.training.minutes {
            Some(minutes) => progress.seconds / (60.0 * minutes),
            None => progress.step as f64 / self.total_steps as f64,
        }
    }

    fn stopped(&self, state: &State, what: &str) -> Error {
        Error::Training {
            step: state.progress.step,
            problem: format!(
                "{what}. The checkpoint in {} is kept. Try a lower learning rate (--set optimiser.learning_rate={:e}), \
                 a longer warm-up, or training.clip_norm=1; `--resume` goes on from the checkpoint",
                self.folder.join("last").display(),
                self.recipe.optimiser.learning_rate() / 10.0
            ),
        }
    }

    /// Evaluates the averaged model, writes a line of metrics, the curve, `last/`, and `best/` if it is the best.
    fn checkpoint(
        &mut self,
        state: &mut State,
        mut row: MetricsRow,
        begun: Instant,
        seconds_before: f64,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let model = Model {
            config: self.recipe.network.clone(),
            crop: self.recipe.crop,
            heatmap: self.recipe.heatmap.clone(),
            scheme: self.faces.scheme.clone(),
            network: state.average.module().clone(),
        };
        row.val_nme = self.validate(&model)?;
        let best = match (row.val_nme, state.progress.best_nme) {
            (Some(new), Some(old)) => new < old,
            _ => true,
        };
        if best {
            state.progress.best_nme = row.val_nme;
        }
        state.progress.seconds = seconds_before + begun.elapsed().as_secs_f64();
        let card = self.model_card(&row);
        checkpoint::save_state(&self.folder.join("last"), &model, &card, state)?;
        if best {
            checkpoint::save_model(&self.folder.join("best"), &model, &card)?;
        }
        self.metrics.push(row.clone())?;
        let rows: Vec<TrainingRow> = self
            .metrics
            .rows()
            .iter()
            .map(|r| TrainingRow { step: r.step, loss: r.loss, val_nme: r.val_nme })
            .collect();
        save_charts(&training_charts(&rows), &self.folder.join("curve"))?;
        observer.evaluated(&row, best);
        Ok(())
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

    fn model_card(&self, row: &MetricsRow) -> String {
        let nme =
            row.val_nme.map(|v| format!("{v:.2} % on the validation set")).unwrap_or("not measured".into());
        let c = &self.recipe.network;
        format!(
            "# A landmark model of awing\n\n{} points (scheme {}), found by heatmap regression.\n\n\
             - Network: {} stacks, {} wide, {} px input\n- Loss: {}\n- Steps: {}, {:.1} epochs, {:.0} s of training\n\
             - NME: {nme}\n{}\n\
             Whoever trained this model knows the terms of the images; weights made from research-only images (300-W, \
             WFLW, COFW, AFLW and others) must not be used in a commercial product.\n",
            self.faces.scheme.len(),
            self.faces.scheme.name,
            c.stacks,
            c.width,
            c.input,
            self.recipe.loss.describe(),
            row.step,
            row.epoch,
            row.seconds,
            self.card,
        )
    }
}
