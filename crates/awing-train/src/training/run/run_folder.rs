use crate::{
    files::{lock, tidy, write_atomic},
    training::checkpoint::{FOLDERS, has_checkpoint, has_steps, saved_step},
    training::descent::State,
};
use awing::{Error, Result};
use std::{
    fs::{self, File},
    path::Path,
};

const CONFIG: &str = "config.toml";
const METRICS: &str = "metrics.csv";
const LOCK: &str = "run.lock";

/// The folder of a run, held by this process alone.
pub(crate) struct RunFolder<'a> {
    pub(crate) path: &'a Path,
    _lock: File,
}

impl<'a> RunFolder<'a> {
    /// Takes the folder for a new run, which must be the first there, or for one that goes on.
    pub(crate) fn claim(path: &'a Path, resume: bool) -> Result<Self> {
        let config = path.join(CONFIG);
        if resume {
            // Before anything is made there.
            fs::metadata(&config).map_err(Error::io(&config, "read"))?;
        }
        let was_locked = path.join(LOCK).exists();
        let Some(lock) = lock(path, LOCK)? else {
            let problem = "another process is training into it; wait for it, or take another folder";
            return Err(Error::model(path, "run", problem));
        };
        if resume && !has_checkpoint(path) {
            let problem = "has no checkpoint to go on from; a run that was ended before its first begins anew, it cannot be resumed";
            return Err(Error::model(path, "run", problem));
        }
        // Settings alone, beside a lock, are left by a run that was ended before its first checkpoint; without the lock they are somebody's own.
        let work = [METRICS].iter().chain(&FOLDERS).any(|name| path.join(name).exists());
        if !resume && (work || config.exists() && !was_locked) {
            let problem = "is already there; take another folder, or resume it, or delete it";
            return Err(Error::model(path, "run", problem));
        }
        tidy(path, &FOLDERS)?;
        Ok(Self { path, _lock: lock })
    }

    /// Writes the recipe that the run goes by from now on.
    pub(crate) fn write_config(&self, text: &str) -> Result<()> {
        write_atomic(&self.path.join(CONFIG), text.as_bytes())
    }

    /// Before anything is written: all weights are finite, and the folder is still the run's. Written to after somebody took it away, it would
    /// come back as half a run.
    pub(crate) fn check(&self, state: &State, learning_rate: f64) -> Result<()> {
        if !state.is_finite() {
            return Err(self.diverged(state.progress.step, "a weight is not finite", learning_rate));
        }
        if self.path.join(CONFIG).exists() {
            return Ok(());
        }
        let problem = "its folder was moved or removed during training; put it back and resume the run";
        Err(Error::model(self.path, "run", problem))
    }

    /// Removes what a run leaves that never saved a step, so that nothing is in the way of the next try.
    pub(crate) fn discard_unbegun(self) {
        if has_steps(self.path) {
            return;
        }
        for name in FOLDERS {
            let _ = fs::remove_dir_all(self.path.join(name));
        }
        for name in [CONFIG, METRICS, LOCK] {
            let _ = fs::remove_file(self.path.join(name));
        }
        // Fails, as it should, when there is something else in it.
        let _ = fs::remove_dir(self.path);
    }

    /// What is safe, in words.
    fn kept(&self) -> String {
        match saved_step(self.path) {
            None | Some(0) => "there was no checkpoint yet".to_owned(),
            Some(step) => format!("{} holds the checkpoint of step {step}", self.path.join("last").display()),
        }
    }

    /// Ends a run whose numbers have gone wild at `step`.
    pub(crate) fn diverged(&self, step: usize, what: &str, learning_rate: f64) -> Error {
        let kept = self.kept();
        let problem = format!(
            "{what}; {kept}. Start a new run with a lower learning rate (optimizer.learning_rate={:e}), a longer warm-up \
             or training.clip_norm=1",
            learning_rate / 10.0
        );
        Error::Training { step, problem }
    }

    /// Ends a run that cannot write what it came to by `step`.
    pub(crate) fn unwritten(&self, step: usize, problem: Error) -> Error {
        match problem {
            Error::Io { .. } => {
                let kept = self.kept();
                let problem = format!(
                    "{problem}; {kept}: see to it that the folder can be written, then resume the run"
                );
                Error::Training { step, problem }
            }
            other => other,
        }
    }
}
