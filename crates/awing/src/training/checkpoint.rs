//! Checkpoints of a run: `last/` is a model folder that also holds what it takes to go on, `best/` the model with the
//! lowest validation NME.

use super::moving_average::MovingAverage;
use crate::{
    error::{Error, Result},
    files::write_atomic,
    model::{Model, StackedHourglass, load_weights},
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

/// Writes a whole folder beside `folder`, then swaps: at every moment either `folder` or its `.old` neighbour is
/// whole.
fn swap_in(folder: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (new, old) = (neighbour(folder, "new"), neighbour(folder, "old"));
    remove(&new)?;
    write(&new)?;
    if folder.exists() {
        remove(&old)?;
        fs::rename(folder, &old).map_err(Error::io(folder, "move aside"))?;
    }
    fs::rename(&new, folder).map_err(Error::io(folder, "move into place"))?;
    remove(&old)
}

fn neighbour(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!("{name}.{suffix}"))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(Error::io(folder, "remove")) } else { Ok(()) }
}

/// Saves the averaged model alone.
pub(super) fn save_model(folder: &Path, model: &Model, card: &str) -> Result<()> {
    swap_in(folder, |new| model.save(new, card))
}

/// Saves the averaged model with everything that training goes on from.
pub(super) fn save_state(folder: &Path, model: &Model, card: &str, state: &State) -> Result<()> {
    // The validation snapshot takes in the last update of the running statistics.
    let record = state.network.valid().into_record();
    let bytes = |field: &str, bytes: std::result::Result<Bytes, burn::store::RecordError>| {
        bytes.map_err(|e| Error::model(folder, field, e.to_string()))
    };
    let network = bytes("network.bpk", record.into_bytes())?;
    let optimiser = bytes("optimiser.bpk", state.optimiser.into_bytes())?;
    let progress =
        toml::to_string(&state.progress).map_err(|e| Error::model(folder, "progress.toml", e.to_string()))?;
    swap_in(folder, |new| {
        model.save(new, card)?;
        write_atomic(&new.join("network.bpk"), &network)?;
        write_atomic(&new.join("optimiser.bpk"), &optimiser)?;
        write_atomic(&new.join("progress.toml"), progress.as_bytes())
    })
}

/// Reads back what [`save_state`] wrote into `fresh`, a network of the same shape on the training device. Where a
/// crash fell between the two renames, the neighbour that was moved aside is read.
pub(super) fn load_state(
    folder: &Path,
    fresh: StackedHourglass,
    optimiser: ModuleOptimizer,
    decay: f64,
    device: &Device,
) -> Result<State> {
    let old = neighbour(folder, "old");
    let folder = if !folder.exists() && old.exists() { old.as_path() } else { folder };
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(Error::io(&path, "read")).map(|bytes| (path, bytes))
    };
    let (path, text) = read("progress.toml")?;
    let progress: Progress = toml::from_str(&String::from_utf8_lossy(&text))
        .map_err(|e| Error::model(path, "progress", e.message().to_owned()))?;
    let (path, bytes) = read("network.bpk")?;
    let bad =
        |path: PathBuf| move |e: burn::store::RecordError| Error::model(path, "checkpoint", e.to_string());
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(bad(path.clone()))?;
    // The average keeps its own tensors: load it from the model's weights before the network takes the record.
    let average = load_weights(fresh.clone().valid(), &folder.join("model.safetensors"))?;
    let network = fresh.try_load_record(record).map_err(bad(path))?;
    let (path, bytes) = read("optimiser.bpk")?;
    let optimiser = optimiser.from_bytes(Bytes::from_bytes_vec(bytes)).map_err(bad(path))?;
    let network = network.fork(device);
    Ok(State { progress, network, average: MovingAverage::resume(average, decay), optimiser })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_swapped_whole_or_not_at_all() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("last");
        let write = |text: &'static str| move |new: &Path| write_atomic(&new.join("a"), text.as_bytes());
        swap_in(&folder, write("one")).unwrap();
        swap_in(&folder, write("two")).unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"two");
        let failed = swap_in(&folder, |new| {
            write_atomic(&new.join("a"), b"three")?;
            Err(Error::Interrupted)
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"two");
        swap_in(&folder, write("four")).unwrap();
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
    }
}
