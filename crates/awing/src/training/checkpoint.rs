//! Checkpoints of a run: `last/` is a model folder that also holds what it takes to go on, `best/` the model with the
//! lowest validation NME.

use super::moving_average::MovingAverage;
use crate::{
    error::{Error, Result},
    files::{swap_folder, whole_folder, write_atomic},
    model::StackedHourglass,
};
use burn::{
    module::Module,
    optim::ModuleOptimizer,
    store::ModuleRecord,
    tensor::{Bytes, Device},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};

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

/// What training goes on from.
pub(super) struct State {
    pub(super) progress: Progress,
    pub(super) network: StackedHourglass,
    pub(super) average: MovingAverage<StackedHourglass>,
    pub(super) optimiser: ModuleOptimizer,
}

/// Saves the averaged model, which `model` writes, as the best, with the figure that made it so.
pub(super) fn save_best(
    folder: &Path,
    model: impl FnOnce(&Path) -> Result<()>,
    progress: &Progress,
) -> Result<()> {
    swap_folder(folder, |new| {
        model(new)?;
        write_progress(new, progress)
    })
}

/// Saves the averaged model, which `model` writes, with everything that training goes on from.
pub(super) fn save_state(
    folder: &Path,
    model: impl FnOnce(&Path) -> Result<()>,
    state: &State,
) -> Result<()> {
    // The validation snapshot takes in the last update of the running statistics.
    let record = state.network.valid().into_record();
    let bytes = |field: &str, bytes: std::result::Result<Bytes, burn::store::RecordError>| {
        bytes.map_err(|e| Error::model(folder, field, e.to_string()))
    };
    let network = bytes("network.bpk", record.into_bytes())?;
    let optimiser = bytes("optimiser.bpk", state.optimiser.into_bytes())?;
    swap_folder(folder, |new| {
        model(new)?;
        write_atomic(&new.join("network.bpk"), &network)?;
        write_atomic(&new.join("optimiser.bpk"), &optimiser)?;
        write_progress(new, &state.progress)
    })
}

fn write_progress(folder: &Path, progress: &Progress) -> Result<()> {
    let path = folder.join("progress.toml");
    let text = toml::to_string(progress).map_err(|e| Error::model(&path, "progress", e.to_string()))?;
    write_atomic(&path, text.as_bytes())
}

fn read_progress(folder: &Path) -> Result<Progress> {
    let path = folder.join("progress.toml");
    let text = fs::read_to_string(&path).map_err(Error::io(&path, "read"))?;
    toml::from_str(&text).map_err(|e| Error::model(path, "progress", e.message().to_owned()))
}

/// Reads back what [`save_state`] wrote into the folder `last` of a run; `fresh` is a network of the same shape on the
/// training device, and `average` reads the averaged network from the folder.
pub(super) fn load_state(
    run: &Path,
    fresh: StackedHourglass,
    optimiser: ModuleOptimizer,
    decay: f64,
    device: &Device,
    average: impl FnOnce(&Path) -> Result<StackedHourglass>,
) -> Result<State> {
    let folder = whole_folder(&run.join("last"));
    let mut progress = read_progress(&folder)?;
    // `best` is written after `last`: after a crash in between it knows a better figure.
    if let Ok(best) = read_progress(&whole_folder(&run.join("best"))) {
        let nmes = [progress.best_nme, best.best_nme].into_iter().flatten();
        progress.best_nme = nmes.min_by(f64::total_cmp);
    }
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(Error::io(&path, "read")).map(|bytes| (path, Bytes::from_bytes_vec(bytes)))
    };
    let bad =
        |path: PathBuf| move |e: burn::store::RecordError| Error::model(path, "checkpoint", e.to_string());
    let (path, bytes) = read("network.bpk")?;
    let record = ModuleRecord::from_bytes(bytes).map_err(bad(path.clone()))?;
    let network = fresh.try_load_record(record).map_err(bad(path))?.fork(device);
    let (path, bytes) = read("optimiser.bpk")?;
    let optimiser = optimiser.from_bytes(bytes).map_err(bad(path))?;
    let average = MovingAverage::resume(average(&folder)?, decay);
    Ok(State { progress, network, average, optimiser })
}
