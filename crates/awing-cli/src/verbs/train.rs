use super::run::{OPTIONS, Run, RunPlace, described};
use crate::{
    console::Console,
    data,
    device::DeviceChoice,
    failure::{Failure, OrUsage},
    model::ModelSource,
    style::examples,
};
use awing_train::{
    dataset::DataSource,
    model::TrainableModel,
    training::{Landmarks, Outcome, Recipe, TrainingSet},
};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Train a network on annotated faces.
///
/// Writes RUNS/train/NAME/ with config.toml, metrics.csv, curve.svg and .png, best/, last/ and, before it, previous/; older runs are never
/// overwritten. Ctrl-C and SIGTERM end the run cleanly, and --resume goes on with it, however it was ended.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing train --data 300w:faces/train --val 300w:faces/val --preset nano --minutes 30 --name mine",
    "awing train --data 300w:faces/train --val 300w:faces/val --name mine --resume --minutes 60",
    "awing train --data 300w:faces/train --from builtin --preset nano --set network.width=128 network.input=192",
    "awing train --data csv:cats/cats.csv --scheme cats.toml --preset small --set loss.kind=wing training.batch=8",
]))]
pub(crate) struct Train {
    /// Annotated faces, FORMAT:PATH with FORMAT one of 300w, wflw, cofw, aflw, ytf, mtfl, lspet, dlib, coco, csv
    #[arg(long, required = true, num_args = 1.., value_name = "FORMAT:PATH")]
    pub(crate) data: Vec<DataSource>,
    /// Faces that choose the best checkpoint; without them the last is the best
    #[arg(long, value_name = "FORMAT:PATH")]
    pub(crate) val: Option<DataSource>,
    /// What the points mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) scheme: Option<String>,
    #[command(flatten)]
    pub(crate) images: data::ImagesFolder,
    /// The settings to start from: paper, base, small or nano [default: small, or what --config says]
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Settings that differ from the preset, as TOML: any part of a run's config.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Single settings, such as loss.kind=mse or optimizer.learning_rate=1e-3
    #[arg(long, num_args = 1.., value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// A trained model (a folder, `builtin` or `builtin-open`) whose weights to start from, instead of random ones; it must be of the same size ([network]), its points may
    /// differ
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    pub(crate) from: Option<ModelSource>,
    /// Length in minutes of training
    #[arg(long, value_name = "M", conflicts_with = "epochs", allow_negative_numbers = true)]
    pub(crate) minutes: Option<f64>,
    /// Length in passes over the data
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<usize>,
    /// Name of the run's folder [default: the preset, numbered]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Folder of all runs
    #[arg(long, default_value = "runs", value_name = "DIR")]
    pub(crate) runs: PathBuf,
    /// Go on with the run that --name names, with the same --data, --val and --scheme; --epochs and --minutes may differ
    #[arg(long, requires = "name", conflicts_with_all = ["preset", "config", "set", "seed"])]
    pub(crate) resume: bool,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    pub(crate) device: DeviceChoice,
    /// Seed of weights, order and variations
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Print the outcome as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

impl Train {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let (json, again, test) = (self.json, self.resume_command(), self.val.as_ref().or(self.data.first()));
        let test = test.map(|source| quoted(&source.to_string())).unwrap_or_default();
        let scheme = self.scheme.as_deref().map(|s| format!(" --scheme {}", quoted(s))).unwrap_or_default();
        let (outcome, left_out) = self.train(console)?;
        let best = outcome.folder.join("best");
        if json {
            console.print_json(&json!({
                "folder": outcome.folder,
                "model": best,
                "steps": outcome.progress.step,
                "seconds": outcome.progress.seconds,
                "best_nme": outcome.progress.best,
                "interrupted": outcome.interrupted,
                "left_out": left_out,
            }))?;
        } else {
            let nme = outcome.progress.best.map(|nme| format!("best validation NME {nme:.2} %"));
            console.print(described(&outcome, nme.or(Some("no validation".to_owned()))))?;
        }
        if outcome.interrupted {
            let name = outcome.folder.file_name().unwrap_or_default().to_string_lossy();
            console.warn(format!(
                "stopped before the end; go on with: {again} --name {} --resume",
                quoted(&name)
            ));
            return Err(Failure::Told);
        }
        let best = quoted(&best.display().to_string());
        console.note(format!("next: awing eval --model {best} --data {test}{scheme}"));
        Ok(())
    }

    /// Trains; gives also the number of faces that were left out.
    pub(crate) fn train(self, console: &Console) -> Result<(Outcome, usize), Failure> {
        let device = self.device.device()?;
        let place = RunPlace::new(&self.runs, "train", self.name.as_deref(), self.resume)?;
        let recipe = self.recipe(&place)?;
        let scheme = data::scheme(self.scheme.as_deref())?;
        let open = |source: &DataSource| data::open(source, &self.images, scheme.as_ref(), console);
        let datasets = self.data.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let validation = self.val.as_ref().map(open).transpose()?;
        let left_out: usize = datasets.iter().chain(&validation).map(|d| d.problems.len()).sum();
        let failed = |e: awing::Error| Failure::work(&e, OPTIONS);
        let faces = TrainingSet::new(datasets, recipe.training.boxes).map_err(failed)?;
        console.warn_all(faces.problems().iter());
        let left_out = left_out + faces.problems().len();
        let load = |from: &ModelSource| Ok::<_, Failure>(TrainableModel::new(from.load()?, &device)?.network);
        let start = self.from.as_ref().map(load).transpose()?;
        let run = Run {
            task: Landmarks::new(recipe, faces, validation).map_err(failed)?,
            place: &place,
            usual_name: &self.usual_name(),
            start,
            device,
            card: self.card(),
            samples: "faces",
        };
        let (outcome, unread) = run.train(console)?;
        Ok((outcome, left_out + unread))
    }

    /// The settings, or those of the run that goes on.
    fn recipe(&self, place: &RunPlace) -> Result<Recipe, Failure> {
        let mut recipe = match place.config() {
            Some(config) => Recipe::load(&config)?,
            None => Recipe::layered(self.preset.as_deref(), self.config.as_deref(), &self.set)
                .map_err(|e| Failure::usage(&e, OPTIONS))?,
        };
        let training = &mut recipe.training;
        if let Some(epochs) = self.epochs {
            (training.epochs, training.minutes) = (epochs, None);
        }
        training.minutes = self.minutes.or(training.minutes);
        training.seed = self.seed.unwrap_or(training.seed);
        recipe.validate().or_usage("training")?;
        Ok(recipe)
    }

    /// What a run is called that has no name.
    fn usual_name(&self) -> String {
        let stem = self.config.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy());
        self.preset.clone().or(stem.map(String::from)).unwrap_or("small".to_owned())
    }

    /// What the model card says of where the model comes from.
    fn card(&self) -> String {
        let data: Vec<String> = self.data.iter().map(ToString::to_string).collect();
        let val = self.val.as_ref().map_or("none".to_owned(), ToString::to_string);
        let command: Vec<String> =
            std::env::args_os().skip(1).map(|arg| quoted(&arg.to_string_lossy())).collect();
        format!(
            "- Training data: {}\n- Validation data: {val}\n- Command: `awing {}`\n- Made with awing {}",
            data.join(", "),
            command.join(" "),
            env!("CARGO_PKG_VERSION")
        )
    }

    /// The command that goes on with this run, without its name.
    fn resume_command(&self) -> String {
        let data: Vec<String> = self.data.iter().map(|source| quoted(&source.to_string())).collect();
        let mut command = format!("awing train --data {}", data.join(" "));
        for (option, value) in [
            ("val", self.val.as_ref().map(ToString::to_string)),
            ("scheme", self.scheme.clone()),
            ("images", self.images.images.as_ref().map(|images| images.display().to_string())),
        ] {
            if let Some(value) = value {
                command += &format!(" --{option} {}", quoted(&value));
            }
        }
        command + &format!(" --runs {}", quoted(&self.runs.display().to_string()))
    }
}

/// An argument as a shell takes it.
pub(crate) fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_the_shell() {
        assert_eq!(quoted("300w:faces/a.b"), "300w:faces/a.b");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
