use crate::{model::TrainableModel, training::measure::MetricsRow};
use awing::Error;
use std::path::Path;

/// Who is told how a run goes that writes models of the kind `M`: the command draws a progress bar, an application whatever it likes. All
/// methods do nothing unless they are written.
pub trait Observer<M = TrainableModel> {
    /// The run starts, or goes on at `step`, into `folder`; a pass over the data takes so many steps, where the task has passes.
    fn started(&mut self, _folder: &Path, _step: usize, _steps_per_epoch: Option<usize>) {}
    /// A step is done: its loss, the part of the run that is done, from 0 to 1, the samples a second since the last call.
    fn step(&mut self, _step: usize, _loss: f64, _progress: f64, _samples_per_second: f64) {}
    /// A step was left out because its loss or gradient is not finite, as `_problem` says; the weights are as before.
    fn skipped(&mut self, _step: usize, _problem: &str) {}
    /// The model that an evaluation has just measured, before the checkpoint: what is written from here is written again where the run is
    /// killed in between.
    fn measured(&mut self, _row: &MetricsRow, _model: &M) {}
    /// An evaluation and a checkpoint are done; `best` when it is the best so far.
    fn evaluated(&mut self, _row: &MetricsRow, _best: bool) {}
    /// A sample could not be read, told once a sample, or an evaluation could not be made.
    fn problem(&mut self, _problem: &Error) {}
    /// A checkpoint of the run that goes on is damaged, as `_damage` says; it says also what the run does about it.
    fn damaged(&mut self, _damage: &Error) {}
}

/// An observer that says nothing.
pub struct Quiet;

impl<M> Observer<M> for Quiet {}
