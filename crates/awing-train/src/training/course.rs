//! The loop of every training: a batch, a step, and now and then an evaluation or a checkpoint.

use super::{
    OptimiserConfig, Outcome, Progress, ScheduleConfig,
    batch::Batch,
    checkpoint::State,
    descent::{MOST_SKIPPED, descend},
    loader,
    run_folder::RunFolder,
};
use crate::loss::PixelLoss;
use awing::{Error, Result};
use burn::tensor::Device;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// How a run goes through its steps.
pub(super) struct Course<'a> {
    pub(super) folder: &'a RunFolder<'a>,
    pub(super) optimiser: &'a OptimiserConfig,
    pub(super) schedule: &'a ScheduleConfig,
    pub(super) loss: PixelLoss,
    /// The joint norm of the gradients is cut to this; 0 turns that off.
    pub(super) clip_norm: f64,
    /// Steps of the whole run, where it is not given minutes.
    pub(super) steps: usize,
    pub(super) minutes: Option<f64>,
    /// Steps from one evaluation to the next.
    pub(super) evaluate_every: usize,
    /// Seconds to the next checkpoint where no evaluation comes first.
    pub(super) save_every: f64,
    pub(super) workers: usize,
    pub(super) device: &'a Device,
    /// Ends the run after the step at hand.
    pub(super) stop: &'a AtomicBool,
}

/// What one kind of training does on its course.
pub(super) trait Training {
    /// Judges what was learnt since the last evaluation, a step at least, begins to count anew, and leaves a checkpoint as the last thing: a run
    /// that is killed before goes back to an earlier one and comes through here again, so that nothing is ever left out.
    fn evaluate(&mut self, state: &mut State, clock: &Clock) -> Result<()>;

    /// Leaves a checkpoint between evaluations; the run ends after it where it is `stopped`.
    fn save(&mut self, state: &State, stopped: bool) -> Result<()>;

    /// A step was made, with this loss, in so many seconds; `done` is the part of the run that is done.
    fn stepped(&mut self, _step: usize, _loss: f64, _done: f64, _seconds: f64) {}

    /// A step was left out because its loss or gradient is not finite.
    fn skipped(&mut self, step: usize, problem: &str);

    /// What was wrong with samples of a batch, which others stand for.
    fn problems(&mut self, _problems: &[Error]) {}
}

/// Seconds of training, over all parts of a run.
pub(super) struct Clock {
    begun: Instant,
    before: f64,
}

impl Clock {
    pub(super) fn seconds(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }
}

impl Course<'_> {
    /// Goes on from `state`, of which there is a checkpoint, to the end of the run; `worker` gives each thread what makes the batch of a step.
    pub(super) fn run<'w, W>(
        &self,
        mut state: State,
        worker: impl Fn() -> W,
        training: &mut dyn Training,
    ) -> Result<Outcome>
    where
        W: FnMut(usize) -> Result<Batch> + Send + 'w,
    {
        let clock = Clock { begun: Instant::now(), before: state.progress.seconds };
        // The step of the last checkpoint, and when it was written.
        let mut saved = (state.progress.step, Instant::now());
        std::thread::scope(|scope| {
            let mut batches = loader::batches(scope, worker, state.progress.step.., self.workers);
            loop {
                state.progress.seconds = clock.seconds();
                let step = state.progress.step;
                let done = self.done(&state.progress);
                let stopped = self.stop.load(Ordering::Relaxed);
                let ends = done >= 1.0 || stopped;
                // Whoever stops a run before its end does not wait for an evaluation; the run makes it when it goes on.
                let evaluates = done >= 1.0 || !stopped && step.is_multiple_of(self.evaluate_every);
                let overdue = saved.1.elapsed().as_secs_f64() > self.save_every;
                let written = if state.since.steps > 0 && evaluates {
                    Some(training.evaluate(&mut state, &clock))
                } else {
                    // Steps that were skipped count, so that a run that goes on does not make them again.
                    (step > saved.0 && (ends || overdue)).then(|| training.save(&state, stopped))
                };
                if let Some(written) = written {
                    written.map_err(|problem| self.folder.unwritten(step, problem))?;
                    saved = (step, Instant::now());
                }
                if ends {
                    let folder = self.folder.path.to_path_buf();
                    return Ok(Outcome { folder, progress: state.progress, interrupted: done < 1.0 });
                }
                let started = Instant::now();
                let batch = batches.next().map_err(|_| self.diverged(step, "the loader ended"))??;
                training.problems(&batch.problems);
                let rate = self.optimiser.learning_rate() * self.schedule.factor(done);
                let made;
                (state, made) = descend(state, batch, &self.loss, rate, self.clip_norm, self.device);
                match made {
                    Ok(value) => {
                        let took = started.elapsed().as_secs_f64();
                        state.since.add(value, took, rate);
                        training.stepped(state.progress.step, value, self.done(&state.progress), took);
                    }
                    Err(problem) if state.skipped < MOST_SKIPPED => training.skipped(step, &problem),
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
        match self.minutes {
            Some(minutes) => progress.seconds / (60.0 * minutes),
            None => progress.step as f64 / self.steps as f64,
        }
    }

    fn diverged(&self, step: usize, what: &str) -> Error {
        self.folder.diverged(step, what, self.optimiser.learning_rate())
    }
}
