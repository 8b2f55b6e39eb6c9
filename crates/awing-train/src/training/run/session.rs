use super::{
    course::Course,
    keeper::{Keeper, WatchedKeeper},
    observer::Observer,
    run_folder::RunFolder,
};
use crate::{
    model::{StackedHourglass, transfer_weights, weights_are_finite},
    training::checkpoint::{self, Place},
    training::descent::{Progress, State},
    training::measure::MetricsRow,
    training::recipe::Plan,
    training::task::{Data, Task},
};
use awing::{Error, Result};
use burn::tensor::Device;
use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

/// A training run: what, where to, where from.
pub struct Session<'a, T> {
    /// What to learn, how and from what.
    pub task: T,
    /// The run's folder: `config.toml`, `metrics.csv`, `curve.svg` and `.png`, `best/`, `last/`, `previous/`.
    pub folder: PathBuf,
    /// A network whose weights the run starts from instead of random ones. It must be of the recipe's size; layers that
    /// predict maps start anew where the points differ.
    pub start: Option<StackedHourglass>,
    /// Whether to go on from `last/` in the folder, with the same data to learn from and to choose by; otherwise the folder must not hold a run.
    pub resume: bool,
    /// Where to compute; any device, with or without a tape.
    pub device: Device,
    /// Set it from anywhere to end the run cleanly after the step at hand, with a checkpoint.
    pub stop: &'a AtomicBool,
    /// What the model card says of the data and the command, in Markdown.
    pub card: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The run's folder.
    pub folder: PathBuf,
    /// How far it is.
    pub progress: Progress,
    /// Whether it was stopped before its end; it can be resumed.
    pub interrupted: bool,
}

/// Trains a network and leaves checkpoints in the run's folder: `last/` at the start, at each evaluation, every
/// [`Plan::save_every`] seconds and at the end, the one before it in `previous/`; `best/` when an evaluation beats all before.
///
/// A run that was ended in any way goes on from `last/`, or where that is damaged from `previous/`, and comes to the same weights, to the last
/// bit, as one that was never ended, where its length is in steps: the same seed, data and machine give the same run.
///
/// A step whose loss or gradient is not finite is skipped; ten in a row end the run.
///
/// # Errors
/// [`Error::Invalid`] for weights to start from of another size or not finite; [`Error::Model`] for a folder that holds a run or that another
/// process trains into, a resumed run that had other settings or data, or checkpoints that are damaged; [`Error::Io`] when the folder cannot
/// be made; [`Error::Training`] when it can no longer be written, or when the loss, the gradient or a weight stops being finite: the last
/// checkpoint stays.
pub fn train<T: Task>(session: Session<'_, T>, observer: &mut dyn Observer<T::Model>) -> Result<Outcome> {
    let Session { task, folder, start, resume, device, stop, card } = session;
    let device = if device.is_autodiff() { device } else { device.autodiff() };
    let plan = task.plan();
    plan.validate()?;
    let claimed = start_folder(&task, &plan, &folder, resume)?;
    let run = Run { task: &task, plan: &plan, folder: &claimed, device: &device };
    let fresh = StackedHourglass::new(&plan.network, task.points(), plan.seed, &device);
    let fresh = fresh.and_then(|fresh| begin_with(start.as_ref(), fresh));
    let result = fresh.and_then(|fresh| run.train(fresh, resume, stop, &card, observer));
    if result.is_err() && !resume {
        claimed.discard_unbegun();
    }
    let (progress, interrupted) = result?;
    Ok(Outcome { folder, progress, interrupted })
}

/// The weights of `start`, where there is one, but for the layers of maps that do not fit.
fn begin_with(start: Option<&StackedHourglass>, fresh: StackedHourglass) -> Result<StackedHourglass> {
    let Some(start) = start else { return Ok(fresh) };
    if !weights_are_finite(start) {
        let problem = "the weights to start from are not all finite numbers; give those of a whole model";
        return Err(Error::invalid("start", problem));
    }
    let (network, kept) = transfer_weights(start, fresh);
    match kept.iter().find(|name| !name.contains("maps.")) {
        Some(name) => {
            let problem =
                format!("{name} differs in shape from the model's to start from; give the run its [network]");
            Err(Error::invalid("network", problem))
        }
        None => Ok(network),
    }
}

/// Takes a run's folder, and writes the recipe of a new run there; that of a run that goes on must be the same but for what may differ, and is
/// written when its data is known to be the same.
fn start_folder<'a, T: Task>(task: &T, plan: &Plan, path: &'a Path, resume: bool) -> Result<RunFolder<'a>> {
    let folder = RunFolder::claim(path, resume)?;
    if !resume {
        folder.write_config(&task.recipe()?)?;
        return Ok(folder);
    }
    // Settings that a stranger wrote must not ask for more than their checkpoint holds.
    let checkpoint = checkpoint::whole(path)?;
    plan.network.check_weights(task.points(), &checkpoint.network, checkpoint.size)?;
    if !task.continues(&checkpoint.recipe)? {
        let problem = format!(
            "differs from the recipe of the run's checkpoint in more than {}; put it back, or start a new run",
            T::MAY_DIFFER
        );
        return Err(Error::model(path.join("config.toml"), "recipe", problem));
    }
    Ok(folder)
}

/// What a run is made of.
struct Run<'a, T> {
    task: &'a T,
    plan: &'a Plan,
    folder: &'a RunFolder<'a>,
    device: &'a Device,
}

impl<T: Task> Run<'_, T> {
    /// To the end, or until it is stopped, which is told with the progress.
    fn train(
        &self,
        fresh: StackedHourglass,
        resume: bool,
        stop: &AtomicBool,
        note: &str,
        observer: &mut dyn Observer<T::Model>,
    ) -> Result<(Progress, bool)> {
        let Self { task, plan, folder, device } = *self;
        let batches = task.batches()?;
        let data = task.data()?;
        let state = if resume {
            self.resumed(fresh, &data, observer)?
        } else {
            State::new(fresh, &plan.optimizer, plan.moving_average, task.faces())
        };
        let keeper = Keeper { task, plan, folder, data, note };
        if !resume {
            // From here on there is always something to go on from.
            keeper.save(&state, &MetricsRow::default())?;
        }
        observer.started(folder.path, state.progress.step, plan.epoch);
        let keeper = WatchedKeeper::new(keeper, &state, observer)?;
        Course { folder, plan, device, stop }.run(state, &*batches, keeper)
    }

    /// The state of the run so far, checked to be of this data.
    fn resumed(
        &self,
        fresh: StackedHourglass,
        data: &Data,
        observer: &mut dyn Observer<T::Model>,
    ) -> Result<State> {
        let Self { task, plan, folder, device } = *self;
        let (optimizer, decay) = (&plan.optimizer, plan.moving_average);
        let mut model = None;
        let mut average = |folder: &Path| {
            let loaded = T::load(folder, &device.clone().without_autodiff())?;
            let network = T::network(&loaded).clone();
            model = Some(loaded);
            Ok(network)
        };
        let place = Place { fresh, optimizer, decay, device };
        let told = &mut |damage: &Error| observer.damaged(damage);
        let (state, old) = checkpoint::load_state(folder.path, &place, &mut average, told)?;
        if let Some(model) = model {
            task.accepts(&model, folder.path)?;
        }
        let (faces, now) = (state.progress.faces, task.faces());
        let differs = |field: &str, problem: &str| Err(Error::model(folder.path, field, problem));
        if faces != now {
            let problem =
                format!("the run has {faces} faces, and the data now {now}; resume it with the same ones");
            return differs("faces", &problem);
        }
        if old.training != data.training {
            let problem =
                "the run has learnt from others, or with other points or boxes; resume it with the same ones";
            return differs("faces", problem);
        }
        // A run without validation may get one; with another, or none, its best could not be told from what comes.
        if old.validation.is_some() && old.validation != data.validation {
            return differs(
                "validation",
                "the run's best was chosen by others; resume it with the same ones",
            );
        }
        folder.write_config(&task.recipe()?)?;
        Ok(state)
    }
}
