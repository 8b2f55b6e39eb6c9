//! The loop of every training: a batch, a step, and now and then an evaluation or a checkpoint.

use super::{keeper::WatchedKeeper, run_folder::RunFolder};
use crate::{
    training::descent::{MOST_SKIPPED, Progress, State, descend},
    training::recipe::Plan,
    training::samples::{Batches, Loader},
    training::task::Task,
};
use awing::{Error, Result};
use burn::tensor::Device;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// How a run goes through its steps.
pub(crate) struct Course<'a> {
    pub(crate) folder: &'a RunFolder<'a>,
    pub(crate) plan: &'a Plan,
    pub(crate) device: &'a Device,
    /// Ends the run after the step at hand.
    pub(crate) stop: &'a AtomicBool,
}

impl Course<'_> {
    /// Goes on from `state`, of which there is a checkpoint, to the end of the run. Gives how far it came, and whether it was stopped before
    /// its end.
    pub(crate) fn run<T: Task>(
        &self,
        mut state: State,
        batches: &dyn Batches,
        mut keeper: WatchedKeeper<'_, T>,
    ) -> Result<(Progress, bool)> {
        let plan = self.plan;
        let loss = plan.loss.pixel_loss()?;
        let (begun, before) = (Instant::now(), state.progress.seconds);
        // Seconds of training, over all parts of the run.
        let seconds = || before + begun.elapsed().as_secs_f64();
        // The step of the last checkpoint, and when it was written.
        let mut saved = (state.progress.step, Instant::now());
        std::thread::scope(|scope| {
            let mut loader = Loader::start(scope, batches, state.progress.step.., plan.workers);
            loop {
                state.progress.seconds = seconds();
                let step = state.progress.step;
                let done = self.done(&state.progress);
                let stopped = self.stop.load(Ordering::Relaxed);
                let ends = done >= 1.0 || stopped;
                // Whoever stops a run before its end does not wait for an evaluation; the run makes it when it goes on.
                let evaluates = done >= 1.0 || !stopped && step.is_multiple_of(plan.evaluate_every);
                let overdue = saved.1.elapsed().as_secs_f64() > plan.save_every;
                let written = if state.since.steps > 0 && evaluates {
                    Some(keeper.evaluate(&mut state, seconds))
                } else {
                    // Steps that were skipped count, so that a run that goes on does not make them again.
                    (step > saved.0 && (ends || overdue)).then(|| keeper.save(&state, stopped))
                };
                if let Some(written) = written {
                    written.map_err(|problem| self.folder.unwritten(step, problem))?;
                    saved = (step, Instant::now());
                }
                if ends {
                    return Ok((state.progress, done < 1.0));
                }
                let started = Instant::now();
                let batch = loader.next().map_err(|_| self.diverged(step, "the loader ended"))??;
                keeper.problems(&batch.problems);
                let rate = plan.optimizer.learning_rate() * plan.schedule.factor(done);
                let made;
                (state, made) = descend(state, batch, &loss, rate, plan.clip_norm, self.device);
                match made {
                    Ok(value) => {
                        let took = started.elapsed().as_secs_f64();
                        state.since.add(value, took, rate);
                        keeper.stepped(state.progress.step, value, self.done(&state.progress), took);
                    }
                    Err(problem) if state.skipped < MOST_SKIPPED => keeper.skipped(step, &problem),
                    Err(problem) => {
                        let what = format!("{problem}, and {MOST_SKIPPED} steps in a row had to be skipped");
                        return Err(self.diverged(step, &what));
                    }
                }
            }
        })
    }

    /// The part of the run that is done.
    fn done(&self, progress: &Progress) -> f64 {
        match self.plan.minutes {
            Some(minutes) => progress.seconds / (60.0 * minutes),
            None => progress.step as f64 / self.plan.steps as f64,
        }
    }

    fn diverged(&self, step: usize, what: &str) -> Error {
        self.folder.diverged(step, what, self.plan.optimizer.learning_rate())
    }
}
