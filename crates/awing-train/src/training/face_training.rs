//! The training of landmarks: what an evaluation of them is, and what a checkpoint holds.

use super::{
    MetricsRow, Observer, Progress, Recipe,
    checkpoint::{self, Since, State},
    course::{Clock, Training},
    metrics::MetricsFile,
    run_folder::RunFolder,
};
use crate::{
    dataset::Dataset,
    evaluation::{BoxSource, Normaliser, test_faces},
    files::write_atomic,
    model::{TrainableModel, save_model},
    report::{TrainingRow, save_charts, training_charts},
};
use awing::{Error, Result, network::WeightType, scheme::SharedScheme};
use std::{collections::BTreeSet, path::Path};

/// What evaluations and checkpoints of landmarks need.
pub(super) struct FaceTraining<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) scheme: &'a SharedScheme,
    pub(super) validation: Option<&'a Dataset>,
    pub(super) folder: &'a RunFolder<'a>,
    /// What the model card says, in Markdown.
    pub(super) card: String,
    pub(super) steps_per_epoch: usize,
}

/// The training with those who hear of it.
pub(super) struct WatchedTraining<'a> {
    training: FaceTraining<'a>,
    metrics: MetricsFile,
    observer: &'a mut dyn Observer,
    /// Problems that were told.
    told: BTreeSet<String>,
}

impl Training for WatchedTraining<'_> {
    /// Writes `best/`, `metrics.csv`, the curve and `last/`.
    fn evaluate(&mut self, state: &mut State, clock: &Clock) -> Result<()> {
        let Self { training, metrics, observer, .. } = self;
        let (step, since) = (state.progress.step, state.since);
        let row = MetricsRow {
            step,
            epoch: step as f64 / training.steps_per_epoch as f64,
            seconds: state.progress.seconds,
            learning_rate: since.learning_rate,
            loss: since.mean_loss(),
            val_nme: None,
            faces_per_second: (since.steps * training.recipe.training.batch) as f64 / since.seconds.max(1e-9),
        };
        let (row, best) = training.judge(state, row, *observer)?;
        state.progress.seconds = clock.seconds();
        state.since = Since::default();
        metrics.push(&row)?;
        training.draw(metrics)?;
        training.save(state, &row)?;
        observer.evaluated(&row, best);
        Ok(())
    }

    /// Where there is no validation set, a run that is stopped leaves its last model as the best.
    fn save(&mut self, state: &State, stopped: bool) -> Result<()> {
        let Progress { step, seconds, .. } = state.progress;
        let row = MetricsRow { step, seconds, ..MetricsRow::default() };
        if stopped && self.training.validation.is_none() {
            self.training.save_best(state, &row)?;
        }
        self.training.save(state, &row)
    }

    fn stepped(&mut self, step: usize, loss: f64, done: f64, seconds: f64) {
        self.observer.step(step, loss, done, self.training.recipe.training.batch as f64 / seconds);
    }

    fn skipped(&mut self, step: usize, problem: &str) {
        self.observer.skipped(step, problem);
    }

    fn problems(&mut self, problems: &[Error]) {
        for problem in problems {
            if self.told.insert(problem.to_string()) {
                self.observer.problem(problem);
            }
        }
    }
}

impl<'a> FaceTraining<'a> {
    /// The same with `observer`, and with the lines of `metrics.csv` up to the state's step.
    pub(super) fn watched(
        self,
        state: &State,
        observer: &'a mut dyn Observer,
    ) -> Result<WatchedTraining<'a>> {
        let metrics = MetricsFile::open(&self.folder.path.join("metrics.csv"), state.progress.step)?;
        Ok(WatchedTraining { training: self, metrics, observer, told: BTreeSet::new() })
    }

    /// Writes `last/`.
    pub(super) fn save(&self, state: &State, row: &MetricsRow) -> Result<()> {
        self.check(state)?;
        let (model, card, recipe) =
            (self.model(state).to_model(), self.model_card(row), self.recipe.to_toml()?);
        let save = |folder: &Path| {
            save_model(&model, folder, &card, WeightType::F32)?;
            write_atomic(&folder.join(checkpoint::RECIPE), recipe.as_bytes())
        };
        checkpoint::save_state(self.folder.path, save, state)
    }

    fn check(&self, state: &State) -> Result<()> {
        self.folder.check(state, self.recipe.optimiser.learning_rate())
    }

    /// Evaluates the averaged model, and writes `best/` where it is the best so far; without a validation set every
    /// model is. An evaluation that fails is told, and the run goes on.
    fn judge(
        &self,
        state: &mut State,
        mut row: MetricsRow,
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
            self.save_best(state, &row)?;
        }
        if row.val_nme.is_some() {
            observer.measured(&row, &model);
        }
        Ok((row, best))
    }

    fn save_best(&self, state: &State, row: &MetricsRow) -> Result<()> {
        let (model, card) = (self.model(state).to_model(), self.model_card(row));
        let save = |folder: &Path| save_model(&model, folder, &card, WeightType::F32);
        checkpoint::save_best(self.folder.path, save, &state.progress)
    }

    /// The averaged model.
    fn model(&self, state: &State) -> TrainableModel {
        TrainableModel {
            config: self.recipe.model_config(&self.scheme),
            calibration: None,
            network: state.average.module().clone(),
        }
    }

    /// NME in per cent on the validation set.
    fn validate(&self, model: &TrainableModel) -> Result<Option<f64>> {
        let Some(dataset) = self.validation else { return Ok(None) };
        let aligner = model.aligner()?.with_batch(self.recipe.training.batch);
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

    fn model_card(&self, row: &MetricsRow) -> String {
        let nme = row
            .val_nme
            .map_or_else(|| "not measured".to_owned(), |v| format!("{v:.2} % on the validation set"));
        let c = &self.recipe.network;
        format!(
            "# A landmark model of awing\n\n{} points (scheme {}), found by heatmap regression.\n\n\
             - Network: {} stacks, {} wide, {} px input\n- Loss: {}\n- Steps: {}, {:.0} s of training\n\
             - NME: {nme}\n{}\n\
             Whoever trained this model knows the terms of the images; weights made from research-only images (300-W, \
             WFLW, COFW, AFLW and others) must not be used in a commercial product.\n",
            self.scheme.len(),
            self.scheme.name,
            c.stacks,
            c.width,
            c.input,
            self.recipe.loss.describe(),
            row.step,
            row.seconds,
            self.card,
        )
    }
}
