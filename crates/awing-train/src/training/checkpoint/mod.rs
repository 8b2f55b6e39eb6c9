//! Checkpoints of a run: `last/` is a model folder that also holds what it takes to go on, `previous/` the one before, `best/` the model
//! that validation found best.

mod check;
mod checksums;
mod fingerprint;

pub(crate) use fingerprint::Fingerprint;

use self::{
    check::check,
    checksums::{verify_checksums, write_checksums},
};
use crate::{
    files::{move_folder, replace_folder, swap_folder, write_atomic},
    model::StackedHourglass,
    training::descent::{MovingAverage, Progress, Since, State},
    training::recipe::OptimizerConfig,
    training::task::Data,
};
use awing::{
    Error, Result,
    files::{LONGEST_SETTINGS, LONGEST_WEIGHTS, read_bytes, read_text},
};
use burn::{
    module::Module,
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
pub(crate) const FOLDERS: [&str; 3] = [LAST, PREVIOUS, BEST];

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
            (progress.best.is_none_or(number), "best_nme"),
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

/// Saves the averaged model, which `model` writes, as the best, with the figure that made it so.
pub(crate) fn save_best(
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
pub(crate) fn save_state(
    run: &Path,
    model: impl FnOnce(&Path) -> Result<()>,
    state: &State,
    data: &Data,
) -> Result<()> {
    let folder = run.join(LAST);
    // The validation snapshot takes in the last update of the running statistics.
    let record = state.network.valid().into_record();
    let bytes = |field: &str, bytes: std::result::Result<Bytes, burn::store::RecordError>| {
        bytes.map_err(|e| Error::model(&folder, field, e.to_string()))
    };
    let network = bytes("network.bpk", record.into_bytes())?;
    let optimizer = bytes("optimiser.bpk", state.optimizer.into_bytes())?;
    swap_folder(&folder, &run.join(PREVIOUS), |new| {
        model(new)?;
        write_atomic(&new.join("network.bpk"), &network)?;
        write_atomic(&new.join("optimiser.bpk"), &optimizer)?;
        let (progress, since, data) = (state.progress.clone(), state.since, data.clone());
        write_progress(new, &ProgressFile { progress, since, data })?;
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
pub(crate) const RECIPE: &str = "recipe.toml";

/// A checkpoint whose files are what was written.
pub(crate) struct Whole {
    pub(crate) recipe: PathBuf,
    /// The file of the network.
    pub(crate) network: PathBuf,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// The checkpoint that a run goes on from; none of its weights are held in memory.
pub(crate) fn whole(run: &Path) -> Result<Whole> {
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
pub(crate) fn saved_step(run: &Path) -> Option<usize> {
    read_progress(&run.join(LAST)).ok().map(|file| file.progress.step)
}

/// Whether a run may hold work: more than the checkpoint from before its first step.
pub(crate) fn has_steps(run: &Path) -> bool {
    has_checkpoint(run) && (run.join(PREVIOUS).exists() || saved_step(run) != Some(0))
}

/// Where a run's state is read into.
pub(crate) struct Place<'a> {
    /// A network of the same shape, on the training device.
    pub(crate) fresh: StackedHourglass,
    pub(crate) optimizer: &'a OptimizerConfig,
    pub(crate) decay: f64,
    pub(crate) device: &'a Device,
}

/// Reads back what [`save_state`] wrote; `average` reads the averaged network from a folder. Where `last/` is missing or damaged, the run
/// goes on from `previous/`, and `told` hears what was wrong; so it does of a `best/` that is damaged, which the next evaluation then
/// replaces.
pub(crate) fn load_state(
    run: &Path,
    place: &Place<'_>,
    average: &mut dyn FnMut(&Path) -> Result<StackedHourglass>,
    told: &mut dyn FnMut(&Error),
) -> Result<(State, Data)> {
    let [last, previous, best] = FOLDERS.map(|name| run.join(name));
    let (mut state, data) = match read_state(&last, place, average) {
        Ok(read) => read,
        Err(damage) => {
            let Ok(read) = read_state(&previous, place, average) else {
                return Err(none_is_whole(damage));
            };
            // Out of the way: else the next checkpoint would put it where the whole one is.
            if last.exists() {
                move_folder(&last, &run.join(DAMAGED))?;
            }
            move_folder(&previous, &last)?;
            let step = read.0.progress.step;
            let kept = if run.join(DAMAGED).exists() { "; it is kept in damaged/" } else { "" };
            told(&unusable(damage, &format!("going on from the checkpoint before it, step {step}{kept}")));
            read
        }
    };
    // A run that is killed between an evaluation and its checkpoint has a `best/` that is ahead of `last/`.
    state.progress.best = match average(&best).and_then(|_| read_progress(&best)) {
        Ok(file) => [state.progress.best, file.progress.best].into_iter().flatten().min_by(f64::total_cmp),
        Err(damage) => {
            if best.exists() {
                told(&unusable(damage, "the next evaluation counts as the best"));
            }
            None
        }
    };
    Ok((state, data))
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
) -> Result<(State, Data)> {
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
    let (optimizer_path, optimizer) = read("optimiser.bpk")?;
    check(&network, &optimizer).map_err(|problem| Error::model(folder, "checkpoint", problem))?;
    let record = ModuleRecord::from_bytes(network).map_err(bad(path.clone()))?;
    let network = place.fresh.clone().try_load_record(record).map_err(bad(path))?.fork(place.device);
    let optimizer = place.optimizer.init().from_bytes(optimizer).map_err(bad(optimizer_path))?;
    let average = MovingAverage::resume(average(folder)?, place.decay);
    let state = State { progress, since, network, average, optimizer, skipped: 0 };
    if state.is_finite() {
        return Ok((state, data));
    }
    Err(Error::model(folder, "network.bpk", "holds a number that is not finite"))
}
