//! Checkpoints of a run: `last/` is a model folder that also holds what it takes to go on, `previous/` the one before, `best/` the model
//! with the lowest validation NME.

use super::{
    OptimiserConfig,
    checkpoint_check::check,
    checksums::{verify_checksums, write_checksums},
    moving_average::MovingAverage,
};
use crate::{
    files::{move_folder, replace_folder, swap_folder, write_atomic},
    model::{StackedHourglass, weights_are_finite},
};
use awing::{
    Error, Result,
    files::{LONGEST_SETTINGS, LONGEST_WEIGHTS, read_bytes, read_text},
};
use burn::{
    module::Module,
    optim::ModuleOptimizer,
    store::ModuleRecord,
    tensor::{Bytes, Device},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const LAST: &str = "last";
const PREVIOUS: &str = "previous";
const BEST: &str = "best";
/// Where a `last/` goes that cannot be read.
const DAMAGED: &str = "damaged";
/// What a run's checkpoints are called.
pub(super) const FOLDERS: [&str; 3] = [LAST, PREVIOUS, BEST];

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimiser steps done.
    pub step: usize,
    /// Seconds of training so far, over all its parts.
    pub seconds: f64,
    /// Faces that the run learns from.
    pub faces: usize,
    /// The lowest validation NME so far, in per cent.
    pub best_nme: Option<f64>,
}

/// What has come together since the last line of the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Since {
    /// The sum of the losses.
    pub(super) loss: f64,
    /// Steps; skipped ones do not count.
    pub(super) steps: usize,
    /// Seconds of training, evaluations not counted.
    pub(super) seconds: f64,
    /// Of the last step.
    pub(super) learning_rate: f64,
}

impl Since {
    pub(super) fn add(&mut self, loss: f64, seconds: f64, learning_rate: f64) {
        self.loss += loss;
        self.steps += 1;
        self.seconds += seconds;
        self.learning_rate = learning_rate;
    }

    pub(super) fn mean_loss(&self) -> f64 {
        self.loss / self.steps as f64
    }
}

/// What a run learns from and chooses its best by, as fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Data {
    pub(super) training: String,
    pub(super) validation: Option<String>,
}

/// `progress.toml`.
#[derive(Serialize, Deserialize)]
struct ProgressFile {
    #[serde(flatten)]
    progress: Progress,
    #[serde(default)]
    since: Since,
    #[serde(default)]
    data: Data,
}

/// No run is longer, in steps: what a file says beyond it would overflow what is counted from it.
const MOST_STEPS: usize = 1 << 40;

impl ProgressFile {
    /// # Errors
    /// The field that no run can have written.
    fn check(&self) -> std::result::Result<(), &'static str> {
        let Self { progress, since, .. } = self;
        let number = |value: f64| value.is_finite() && value >= 0.0;
        for (good, field) in [
            (progress.step <= MOST_STEPS, "step"),
            (number(progress.seconds), "seconds"),
            (progress.best_nme.is_none_or(number), "best_nme"),
            (since.steps <= progress.step, "since.steps"),
            (since.loss.is_finite(), "since.loss"),
            (number(since.seconds), "since.seconds"),
            (number(since.learning_rate), "since.learning_rate"),
        ] {
            if !good {
                return Err(field);
            }
        }
        Ok(())
    }
}

/// What training goes on from.
pub(super) struct State {
    pub(super) progress: Progress,
    pub(super) since: Since,
    pub(super) data: Data,
    pub(super) network: StackedHourglass,
    pub(super) average: MovingAverage<StackedHourglass>,
    pub(super) optimiser: ModuleOptimizer,
    /// Steps in a row, up to now, that were skipped.
    pub(super) skipped: usize,
}

impl State {
    /// The state before the first step.
    pub(super) fn new(
        network: StackedHourglass,
        optimiser: &OptimiserConfig,
        decay: f64,
        faces: usize,
    ) -> Self {
        Self {
            progress: Progress { faces, ..Progress::default() },
            since: Since::default(),
            data: Data::default(),
            average: MovingAverage::new(&network, decay),
            network,
            optimiser: optimiser.init(),
            skipped: 0,
        }
    }

    /// Whether the run at `folder` learns from what it did, and chooses by what it did, from here on.
    pub(super) fn goes_on_with(&mut self, data: Data, folder: &Path) -> Result<()> {
        if self.data.training != data.training {
            let problem = "the run has learnt from others, or with other points or boxes; resume it with the same --data";
            return Err(Error::model(folder, "faces", problem));
        }
        // A run without validation may get one; with another, or none, its best could not be told from what comes.
        if self.data.validation.is_some() && self.data.validation != data.validation {
            let problem = "the run's best was chosen by others; resume it with the same --val";
            return Err(Error::model(folder, "validation faces", problem));
        }
        self.data = data;
        Ok(())
    }

    /// Whether all its weights are finite numbers.
    pub(super) fn is_finite(&self) -> bool {
        weights_are_finite(&self.network) && weights_are_finite(self.average.module())
    }
}

/// Saves the averaged model, which `model` writes, as the best, with the figure that made it so.
pub(super) fn save_best(
    run: &Path,
    model: impl FnOnce(&Path) -> Result<()>,
    progress: &Progress,
) -> Result<()> {
    replace_folder(&run.join(BEST), |new| {
        model(new)?;
        let file =
            ProgressFile { progress: progress.clone(), since: Since::default(), data: Data::default() };
        write_progress(new, &file)
    })
}

/// Saves the averaged model, which `model` writes, with everything that training goes on from.
pub(super) fn save_state(run: &Path, model: impl FnOnce(&Path) -> Result<()>, state: &State) -> Result<()> {
    let folder = run.join(LAST);
    // The validation snapshot takes in the last update of the running statistics.
    let record = state.network.valid().into_record();
    let bytes = |field: &str, bytes: std::result::Result<Bytes, burn::store::RecordError>| {
        bytes.map_err(|e| Error::model(&folder, field, e.to_string()))
    };
    let network = bytes("network.bpk", record.into_bytes())?;
    let optimiser = bytes("optimiser.bpk", state.optimiser.into_bytes())?;
    swap_folder(&folder, &run.join(PREVIOUS), |new| {
        model(new)?;
        write_atomic(&new.join("network.bpk"), &network)?;
        write_atomic(&new.join("optimiser.bpk"), &optimiser)?;
        let State { progress, since, data, .. } = state;
        write_progress(new, &ProgressFile { progress: progress.clone(), since: *since, data: data.clone() })?;
        write_checksums(new)
    })
}

fn write_progress(folder: &Path, file: &ProgressFile) -> Result<()> {
    let path = folder.join("progress.toml");
    let text = toml::to_string(file).map_err(|e| Error::model(&path, "progress", e.to_string()))?;
    write_atomic(&path, text.as_bytes())
}

fn read_progress(folder: &Path) -> Result<ProgressFile> {
    let path = folder.join("progress.toml");
    let text = read_text(&path, LONGEST_SETTINGS)?;
    let file: ProgressFile =
        toml::from_str(&text).map_err(|e| Error::model(&path, "progress", e.message().to_owned()))?;
    match file.check() {
        Ok(()) => Ok(file),
        Err(field) => Err(Error::model(path, field, "is not a number that a run has")),
    }
}

/// The recipe of a checkpoint: the run's own `config.toml` may have been edited since.
pub(super) const RECIPE: &str = "recipe.toml";

/// A checkpoint whose files are what was written.
pub(super) struct Whole {
    pub(super) recipe: PathBuf,
    /// The file of the network.
    pub(super) network: PathBuf,
    /// Its size in bytes.
    pub(super) size: u64,
}

/// The checkpoint that a run goes on from; none of its weights are held in memory.
pub(super) fn whole(run: &Path) -> Result<Whole> {
    let whole = |name: &str| {
        let folder = run.join(name);
        if !folder.is_dir() {
            return Err(Error::model(folder, "folder", "is not there"));
        }
        verify_checksums(&folder).map(|()| folder)
    };
    let folder = whole(LAST).or_else(|damage| whole(PREVIOUS).map_err(|_| none_is_whole(damage)))?;
    let (network, recipe) = (folder.join("network.bpk"), folder.join(RECIPE));
    if !recipe.exists() {
        let problem = "is not there: an earlier release made this checkpoint; start a new run";
        return Err(Error::model(recipe, "file", problem));
    }
    let size = std::fs::metadata(&network).map_err(Error::io(&network, "read"))?.len();
    Ok(Whole { recipe, network, size })
}

fn none_is_whole(damage: Error) -> Error {
    unusable(damage, "and there is no whole checkpoint before it; start a new run")
}

/// Whether a run has something to go on from.
pub(crate) fn has_checkpoint(run: &Path) -> bool {
    [LAST, PREVIOUS].iter().any(|name| run.join(name).is_dir())
}

/// The step of a run's checkpoint, where it can be read.
pub(super) fn saved_step(run: &Path) -> Option<usize> {
    read_progress(&run.join(LAST)).ok().map(|file| file.progress.step)
}

/// Whether a run may hold work: more than the checkpoint from before its first step.
pub(super) fn has_steps(run: &Path) -> bool {
    has_checkpoint(run) && (run.join(PREVIOUS).exists() || saved_step(run) != Some(0))
}

/// Where a run's state is read into.
pub(super) struct Place<'a> {
    /// A network of the same shape, on the training device.
    pub(super) fresh: StackedHourglass,
    pub(super) optimiser: &'a OptimiserConfig,
    pub(super) decay: f64,
    pub(super) device: &'a Device,
}

/// Reads back what [`save_state`] wrote; `average` reads the averaged network from a folder. Where `last/` is missing or damaged, the run
/// goes on from `previous/`, and `told` hears what was wrong; so it does of a `best/` that is damaged, which the next evaluation then
/// replaces.
pub(super) fn load_state(
    run: &Path,
    place: &Place<'_>,
    average: &mut dyn FnMut(&Path) -> Result<StackedHourglass>,
    told: &mut dyn FnMut(&Error),
) -> Result<State> {
    let [last, previous, best] = FOLDERS.map(|name| run.join(name));
    let mut state = match read_state(&last, place, average) {
        Ok(state) => state,
        Err(damage) => {
            let Ok(state) = read_state(&previous, place, average) else {
                return Err(none_is_whole(damage));
            };
            // Out of the way: else the next checkpoint would put it where the whole one is.
            if last.exists() {
                move_folder(&last, &run.join(DAMAGED))?;
            }
            move_folder(&previous, &last)?;
            let step = state.progress.step;
            let kept = if run.join(DAMAGED).exists() { "; it is kept in damaged/" } else { "" };
            told(&unusable(damage, &format!("going on from the checkpoint before it, step {step}{kept}")));
            state
        }
    };
    // A run that is killed between an evaluation and its checkpoint has a `best/` that is ahead of `last/`.
    state.progress.best_nme = match average(&best).and_then(|_| read_progress(&best)) {
        Ok(file) => {
            [state.progress.best_nme, file.progress.best_nme].into_iter().flatten().min_by(f64::total_cmp)
        }
        Err(damage) => {
            if best.exists() {
                told(&unusable(damage, "the next evaluation counts as the best"));
            }
            None
        }
    };
    Ok(state)
}

/// The error of a folder with what is done about it.
fn unusable(damage: Error, done: &str) -> Error {
    match damage {
        Error::Model { path, field, problem, .. } => Error::model(path, field, format!("{problem}; {done}")),
        Error::Io { path, action, source } => {
            Error::model(path, "file", format!("cannot {action}: {source}; {done}"))
        }
        other => other,
    }
}

fn read_state(
    folder: &Path,
    place: &Place<'_>,
    average: &mut dyn FnMut(&Path) -> Result<StackedHourglass>,
) -> Result<State> {
    if !folder.is_dir() {
        return Err(Error::model(folder, "folder", "is not there"));
    }
    verify_checksums(folder)?;
    let ProgressFile { progress, since, data } = read_progress(folder)?;
    let read = |name: &str| {
        let path = folder.join(name);
        read_bytes(&path, LONGEST_WEIGHTS).map(|bytes| (path, Bytes::from_bytes_vec(bytes)))
    };
    let bad =
        |path: PathBuf| move |e: burn::store::RecordError| Error::model(path, "checkpoint", e.to_string());
    let (path, network) = read("network.bpk")?;
    let (optimiser_path, optimiser) = read("optimiser.bpk")?;
    check(&network, &optimiser).map_err(|problem| Error::model(folder, "checkpoint", problem))?;
    let record = ModuleRecord::from_bytes(network).map_err(bad(path.clone()))?;
    let network = place.fresh.clone().try_load_record(record).map_err(bad(path))?.fork(place.device);
    let optimiser = place.optimiser.init().from_bytes(optimiser).map_err(bad(optimiser_path))?;
    let average = MovingAverage::resume(average(folder)?, place.decay);
    let state = State { progress, since, data, network, average, optimiser, skipped: 0 };
    if state.is_finite() {
        return Ok(state);
    }
    Err(Error::model(folder, "network.bpk", "holds a number that is not finite"))
}
