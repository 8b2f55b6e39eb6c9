//! What the verbs that train have in common: the run's folder, signals, progress, and how it ended.

use super::progress::{Progress, duration};
use crate::{
    console::Console,
    failure::{Failure, Options},
    folders,
    interrupt::stoppable,
};
use awing_train::{
    Device,
    model::StackedHourglass,
    training::{Outcome, Session, Task, train},
};
use std::path::{Path, PathBuf};

/// The options behind the fields of a training's errors.
pub(crate) const OPTIONS: &Options = &[
    ("data", "--data"),
    ("faces", "--data"),
    ("backgrounds", "--backgrounds"),
    ("validation", "--val"),
    ("scheme", "--data and --scheme"),
    ("setting", "--set"),
    ("start", "--from"),
    ("run", "another --name takes another folder, --resume goes on with this one"),
    ("training", "--resume goes on with the run, --set changes settings of a new one"),
];

/// Where a run lies.
pub(crate) struct RunPlace {
    /// The folder of all runs of the verb.
    parent: PathBuf,
    /// The run's name, where it has one.
    name: Option<String>,
    /// Whether it goes on.
    resume: bool,
}

impl RunPlace {
    /// In the verb's part of the folder of all runs.
    pub(crate) fn new(runs: &Path, verb: &str, name: Option<&str>, resume: bool) -> Result<Self, Failure> {
        if let Some(name) = name.filter(|name| !folders::is_name(name)) {
            return Err(Failure::Usage(format!("--name: `{name}` cannot name a folder; give a plain word")));
        }
        Ok(Self { parent: runs.join(verb), name: name.map(str::to_owned), resume })
    }

    /// The recipe of the run that goes on.
    pub(crate) fn config(&self) -> Option<PathBuf> {
        let name = self.name.as_ref().filter(|_| self.resume)?;
        Some(self.parent.join(name).join("config.toml"))
    }

    /// The folder; a new one is made, called `usual` and numbered where the run has no name.
    fn folder(&self, usual: &str) -> Result<PathBuf, Failure> {
        match &self.name {
            Some(name) if self.resume => Ok(self.parent.join(name)),
            Some(name) => {
                folders::named_run(&self.parent.join(name), "choose another --name, or --resume it")
            }
            None => folders::numbered(&self.parent, usual),
        }
    }
}

/// A run as it is asked for.
pub(crate) struct Run<'a, T> {
    pub(crate) task: T,
    pub(crate) place: &'a RunPlace,
    /// What the run is called where it has no name.
    pub(crate) usual_name: &'a str,
    pub(crate) start: Option<StackedHourglass>,
    pub(crate) device: Device,
    pub(crate) card: String,
    /// What it learns from, as people call it.
    pub(crate) samples: &'static str,
}

impl<T: Task> Run<'_, T> {
    /// Trains; gives also the number of samples that could not be read.
    pub(crate) fn train(self, console: &Console) -> Result<(Outcome, usize), Failure> {
        let Self { task, place, usual_name, start, device, card, samples } = self;
        let folder = place.folder(usual_name)?;
        if !task.validates() {
            console.note("no --val: the last checkpoint will count as the best");
        }
        let mut progress = Progress::new(console, samples);
        let (run, resume) = (folder.clone(), place.resume);
        let outcome = stoppable(console, "after this step with a checkpoint", |stop| {
            train(Session { task, folder: run, start, resume, device, stop, card }, &mut progress)
        });
        let unread = progress.finish();
        if outcome.is_err() && !resume {
            folders::release(&folder);
        }
        Ok((outcome.map_err(|e| Failure::work(&e, OPTIONS))?, unread))
    }
}

/// A run in a line, with what its best model was measured to be.
pub(crate) fn described(outcome: &Outcome, best: Option<String>) -> String {
    let Outcome { folder, progress, .. } = outcome;
    let best = best.map(|best| format!(", {best}")).unwrap_or_default();
    format!("{}: {} steps in {}{best}", folder.display(), progress.step, duration(progress.seconds))
}
