//! What a run keeps: evaluations, checkpoints, the table of metrics and its curve.

use super::{metrics::MetricsFile, observer::Observer, run_folder::RunFolder};
use crate::{
    files::write_atomic,
    model::parameter_count,
    training::checkpoint::{self, save_best, save_state},
    training::descent::{Progress, Since, State},
    training::measure::{Figure, MetricsRow},
    training::recipe::Plan,
    training::task::{Data, Task},
};
use awing::{Error, Result};
use std::{collections::BTreeSet, path::Path};

/// Judges and saves what a run has learnt.
pub(crate) struct Keeper<'a, T> {
    pub(crate) task: &'a T,
    pub(crate) plan: &'a Plan,
    pub(crate) folder: &'a RunFolder<'a>,
    pub(crate) data: Data,
    /// What the model card says of the data and the command, in Markdown.
    pub(crate) note: &'a str,
}

impl<T: Task> Keeper<'_, T> {
    /// Writes `last/`, whose card tells what `row` says.
    pub(crate) fn save(&self, state: &State, row: &MetricsRow) -> Result<()> {
        self.check(state)?;
        self.save_last(state, &self.model(state)?, row)
    }

    /// The averaged model, not yet measured.
    fn model(&self, state: &State) -> Result<T::Model> {
        self.task.model(state.average.module().clone())
    }

    fn check(&self, state: &State) -> Result<()> {
        self.folder.check(state, self.plan.optimizer.learning_rate())
    }

    fn save_last(&self, state: &State, model: &T::Model, row: &MetricsRow) -> Result<()> {
        let recipe = self.task.recipe()?;
        let save = |folder: &Path| {
            self.save_model(model, row, folder)?;
            write_atomic(&folder.join(checkpoint::RECIPE), recipe.as_bytes())
        };
        save_state(self.folder.path, save, state, &self.data)
    }

    fn save_best(&self, progress: &Progress, model: &T::Model, row: &MetricsRow) -> Result<()> {
        save_best(self.folder.path, |folder| self.save_model(model, row, folder), progress)
    }

    fn save_model(&self, model: &T::Model, row: &MetricsRow, folder: &Path) -> Result<()> {
        let card = self.task.card(row, parameter_count(T::network(model)), self.note);
        self.task.save(model, folder, &card)
    }

    /// The averaged model, measured where there is something to measure it on.
    fn measured(&self, state: &State) -> Result<(T::Model, Vec<Figure>)> {
        let model = self.model(state)?;
        if !self.task.validates() {
            return Ok((model, Vec::new()));
        }
        let (model, values) = self.task.validate(model)?;
        let figures = T::TABLE.measures.iter().zip(values);
        Ok((model, figures.map(|(measure, value)| Figure { measure, value }).collect()))
    }
}

/// A keeper with those who hear of it.
pub(crate) struct WatchedKeeper<'a, T: Task> {
    keeper: Keeper<'a, T>,
    metrics: MetricsFile,
    observer: &'a mut dyn Observer<T::Model>,
    /// Problems that were told.
    told: BTreeSet<String>,
}

impl<'a, T: Task> WatchedKeeper<'a, T> {
    /// With the lines of `metrics.csv` up to the state's step.
    pub(crate) fn new(
        keeper: Keeper<'a, T>,
        state: &State,
        observer: &'a mut dyn Observer<T::Model>,
    ) -> Result<Self> {
        let path = keeper.folder.path.join("metrics.csv");
        let metrics = MetricsFile::open(&path, T::TABLE, state.progress.step)?;
        Ok(Self { keeper, metrics, observer, told: BTreeSet::new() })
    }

    /// Judges what was learnt since the last evaluation, a step at least, begins to count anew, and leaves a checkpoint as the last thing: a
    /// run that is killed before goes back to an earlier one and comes through here again, so that nothing is ever left out. Writes `best/`,
    /// `metrics.csv`, the curve and `last/`.
    ///
    /// `seconds` says how long the run has trained by now.
    pub(crate) fn evaluate(&mut self, state: &mut State, seconds: impl FnOnce() -> f64) -> Result<()> {
        let Self { keeper, metrics, observer, .. } = self;
        keeper.check(state)?;
        let (step, since) = (state.progress.step, state.since);
        // An evaluation that fails is told, and the run goes on.
        let (model, figures, failed) = match keeper.measured(state) {
            Ok((model, figures)) => (model, figures, false),
            Err(problem) => {
                observer.problem(&problem);
                (keeper.model(state)?, Vec::new(), true)
            }
        };
        let row = MetricsRow {
            step,
            epoch: keeper.plan.epoch.map_or(0.0, |steps| step as f64 / steps as f64),
            seconds: state.progress.seconds,
            learning_rate: since.learning_rate,
            loss: since.mean_loss(),
            figures,
            samples_per_second: (since.steps * keeper.plan.batch) as f64 / since.seconds.max(1e-9),
        };
        let missing = row.value().map(|value| T::TABLE.goal.missing(value));
        let best = match (missing, state.progress.best) {
            (Some(new), old) => old.is_none_or(|old| new < old),
            // Where nothing can be told of models, the last one counts.
            (None, _) => !failed,
        };
        if best {
            state.progress.best = missing;
            keeper.save_best(&state.progress, &model, &row)?;
        }
        if missing.is_some() {
            observer.measured(&row, &model);
        }
        state.progress.seconds = seconds();
        state.since = Since::default();
        metrics.push(&row)?;
        metrics.draw(&keeper.folder.path.join("curve"))?;
        keeper.save_last(state, &model, &row)?;
        observer.evaluated(&row, best);
        Ok(())
    }

    /// Leaves a checkpoint between evaluations. A run without a validation set that is `stopped` leaves its last model as the best.
    pub(crate) fn save(&mut self, state: &State, stopped: bool) -> Result<()> {
        let Progress { step, seconds, .. } = state.progress;
        let row = MetricsRow { step, seconds, ..MetricsRow::default() };
        self.keeper.check(state)?;
        let model = self.keeper.model(state)?;
        if stopped && !self.keeper.task.validates() {
            self.keeper.save_best(&state.progress, &model, &row)?;
        }
        self.keeper.save_last(state, &model, &row)
    }

    /// A step was made, with this loss, in so many seconds; `done` is the part of the run that is done.
    pub(crate) fn stepped(&mut self, step: usize, loss: f64, done: f64, seconds: f64) {
        self.observer.step(step, loss, done, self.keeper.plan.batch as f64 / seconds);
    }

    /// A step was left out because its loss or gradient is not finite.
    pub(crate) fn skipped(&mut self, step: usize, problem: &str) {
        self.observer.skipped(step, problem);
    }

    /// What was wrong with samples of a batch, which others stand for.
    pub(crate) fn problems(&mut self, problems: &[Error]) {
        for problem in problems {
            if self.told.insert(problem.to_string()) {
                self.observer.problem(problem);
            }
        }
    }
}
