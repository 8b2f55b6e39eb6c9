use super::progress::{duration, skipped_step};
use crate::photo_list::expand_sources;
use crate::{
    console::Console,
    data,
    detector::DetectorSource,
    device::DeviceChoice,
    failure::{Failure, OrUsage},
    folders,
    interrupt::stoppable,
    style::examples,
};
use awing::Error;
use awing_train::{
    dataset::{BoxedPhoto, DataSource},
    evaluation::DetectionFigures,
    report::{box_sheet, save_picture},
    training::{DetectorRecipe, DetectorSession, DetectorWatcher, SceneMaker, SceneSources, train_detector},
};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Train a face detector on annotated faces, photos with boxes and photos without faces.
///
/// The faces are pasted on the backgrounds, so that a few photos make many scenes. Writes RUNS/detector/NAME/ with config.toml, metrics.csv,
/// best/ and last/; `awing detect` and `awing predict` take the folder best/ as their --detector.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing train-detector --data 300w:faces/train --photos wider:wider/train --backgrounds landscapes --minutes 60",
    "awing train-detector --data 300w:faces/train --backgrounds landscapes --preview scenes.png",
]))]
pub(crate) struct TrainDetector {
    /// Annotated faces, one a photo, FORMAT:PATH as for `awing train`
    #[arg(long, required = true, num_args = 1.., value_name = "FORMAT:PATH")]
    data: Vec<DataSource>,
    /// Photos with a box around every face: wider:PATH
    #[arg(long, num_args = 1.., value_name = "wider:PATH")]
    photos: Vec<DataSource>,
    /// Photos without any face: files, folders, or quoted patterns
    #[arg(long, required = true, num_args = 1.., value_name = "SOURCE")]
    backgrounds: Vec<String>,
    /// Photos that choose the best checkpoint, as for `awing detect --data`: wider:PATH, none:PATH, FORMAT:PATH
    #[arg(long, num_args = 1.., value_name = "FORMAT:PATH")]
    val: Vec<DataSource>,
    /// Settings that differ from the defaults, as TOML: any part of a run's config.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Single settings, such as network.width=64 or training.batch=16
    #[arg(long, num_args = 1.., value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A trained detector (a folder, or `builtin`) whose weights to start from, instead of random ones; of the same size ([network])
    #[arg(long, value_name = "DETECTOR", conflicts_with = "resume")]
    from: Option<DetectorSource>,
    /// Length in minutes of training
    #[arg(long, value_name = "M", conflicts_with = "steps")]
    minutes: Option<f64>,
    /// Length in steps
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Name of the run's folder [default: detector, numbered]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Folder of all runs
    #[arg(long, default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
    /// Go on with the run that --name names, with the same photos, --val too; --steps and --minutes may differ
    #[arg(long, requires = "name", conflicts_with_all = ["config", "set"])]
    resume: bool,
    /// Draw 24 scenes with their boxes into a PNG, and train nothing
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    preview: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Print the outcome as one JSON object
    #[arg(long)]
    json: bool,
}

impl TrainDetector {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        if let Some(name) = self.name.as_deref().filter(|name| !folders::is_name(name)) {
            return Err(Failure::Usage(format!("--name: `{name}` cannot name a folder; give a plain word")));
        }
        let recipe = self.recipe()?;
        let sources = self.sources(console)?;
        if let Some(path) = &self.preview {
            let maker = SceneMaker::new(sources, recipe.augment, recipe.network.input)?;
            let scenes = (0..24).map(|seed| maker.scene(seed)).collect::<Result<Vec<_>, _>>()?;
            let pictures = scenes.iter().map(|s| (&s.picture, &s.faces[..], &s.ignored[..]));
            save_picture(path, &box_sheet(&pictures.collect::<Vec<_>>(), 6))?;
            let told = json!({ "preview": path });
            return if self.json { console.print_json(&told) } else { console.print(path.display()) };
        }
        let validation = photos(&self.val, console)?;
        let parent = self.runs.join("detector");
        let folder = match &self.name {
            Some(name) if self.resume => parent.join(name),
            Some(name) => folders::named_run(&parent.join(name), "choose another --name, or --resume it")?,
            None => folders::numbered(&parent, "detector")?,
        };
        let device = self.device.device()?;
        let start = self.from.as_ref().map(|from| from.load_trained(&device)).transpose()?;
        console.note(format!("training into {}", folder.display()));
        let outcome = stoppable(console, "after this step with a checkpoint", |stop| {
            train_detector(DetectorSession {
                recipe,
                sources,
                validation,
                folder: folder.clone(),
                start,
                resume: self.resume,
                device,
                stop,
                card: self.card(),
                watcher: &mut Watcher { console },
            })
        });
        if outcome.is_err() && !self.resume {
            folders::release(&folder);
        }
        let outcome = outcome?;
        let progress = &outcome.progress;
        if self.json {
            console.print_json(&json!({
                "folder": outcome.folder,
                "model": outcome.folder.join("best"),
                "steps": progress.step,
                "seconds": progress.seconds,
                "interrupted": outcome.interrupted,
            }))?;
        } else {
            console.print(format!(
                "{}: {} steps in {}",
                outcome.folder.display(),
                progress.step,
                duration(progress.seconds)
            ))?;
        }
        if outcome.interrupted {
            console.warn("stopped before the end; go on with the same command, --name and --resume");
            return Err(Failure::Told);
        }
        Ok(())
    }

    fn recipe(&self) -> Result<DetectorRecipe, Failure> {
        let path = match (&self.name, self.resume) {
            (Some(name), true) => Some(self.runs.join("detector").join(name).join("config.toml")),
            _ => self.config.clone(),
        };
        let mut recipe = DetectorRecipe::layered(path.as_deref(), &self.set).or_usage("settings")?;
        let training = &mut recipe.training;
        if let Some(steps) = self.steps {
            (training.steps, training.minutes) = (steps, None);
        }
        training.minutes = self.minutes.or(training.minutes);
        recipe.validate().or_usage("training")?;
        Ok(recipe)
    }

    fn sources(&self, console: &Console) -> Result<SceneSources, Failure> {
        let mut faces = Vec::new();
        for source in &self.data {
            faces.extend(data::open(source, None, console)?.samples);
        }
        faces.retain(|face| face.landmark_box().is_some());
        let backgrounds = expand_sources(&self.backgrounds);
        backgrounds.notes().iter().for_each(|note| console.note(note));
        if let Some(problem) = backgrounds.problems.into_iter().next() {
            return Err(problem.into());
        }
        let backgrounds = backgrounds.photos;
        Ok(SceneSources { faces, photos: photos(&self.photos, console)?, backgrounds })
    }

    /// What the card says of where the detector comes from.
    fn card(&self) -> String {
        let data: Vec<String> = self.data.iter().chain(&self.photos).map(ToString::to_string).collect();
        let val: Vec<String> = self.val.iter().map(ToString::to_string).collect();
        let start = self.from.as_ref().map(|from| format!("- Started from the weights of {from}\n"));
        format!(
            "{}- Training data: {}; backgrounds: {}\n- Validation: {}\n- Made with awing {}",
            start.unwrap_or_default(),
            data.join(", "),
            self.backgrounds.join(", "),
            if val.is_empty() { "none".to_owned() } else { val.join(", ") },
            env!("CARGO_PKG_VERSION")
        )
    }
}

fn photos(all: &[DataSource], console: &Console) -> Result<Vec<BoxedPhoto>, Failure> {
    let photos = all.iter().map(|source| data::photos(source, None, console));
    Ok(photos.collect::<Result<Vec<_>, _>>()?.concat())
}

/// A line for each evaluation.
struct Watcher<'a> {
    console: &'a Console,
}

impl DetectorWatcher for Watcher<'_> {
    fn evaluated(&mut self, step: usize, loss: f64, figures: Option<&DetectionFigures>) {
        let measured = figures.map_or_else(String::new, |f| {
            let number = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.4}"));
            format!(
                "  average precision {}  recall % {}  false alarms {}",
                number(f.average_precision),
                number(f.recall),
                f.false_alarms
            )
        });
        self.console.note(format!("step {step}  loss {loss:.5}{measured}"));
    }

    fn skipped(&mut self, step: usize, problem: &str) {
        self.console.warn(skipped_step(step, problem));
    }

    fn damaged(&mut self, damage: &Error) {
        self.console.warn(damage);
    }
}
