use super::run::{OPTIONS, Run, RunPlace, described};
use crate::{
    console::Console,
    data,
    detector::DetectorSource,
    device::DeviceChoice,
    failure::{Failure, OrUsage},
    photo_list::expand_sources,
    style::examples,
};
use awing_train::{
    dataset::{BoxedPhoto, DataSource},
    report::{box_sheet, save_picture},
    training::{Boxes, DetectorRecipe, Goal, SceneMaker, SceneSources},
};
use clap::Args;
use serde_json::json;
use std::ffi::OsString;
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
    /// What the points of the faces mean, those of --val too: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// Photos with a box around every face: wider:PATH
    #[arg(long, num_args = 1.., value_name = "wider:PATH")]
    photos: Vec<DataSource>,
    /// Photos without any face: files, folders, or quoted patterns
    #[arg(long, required = true, num_args = 1.., value_name = "SOURCE")]
    backgrounds: Vec<OsString>,
    /// Photos that choose the best checkpoint, as for `awing detect --data`: wider:PATH, none:PATH, FORMAT:PATH
    #[arg(long, num_args = 1.., value_name = "FORMAT:PATH")]
    val: Vec<DataSource>,
    /// Settings that differ from the defaults, as TOML: any part of a run's config.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Single settings, such as network.width=64 or training.batch=16
    #[arg(long, num_args = 1.., value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A trained detector (a folder, `builtin` or `builtin-open`) whose weights to start from, instead of random ones; of the same size ([network])
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
        let place = RunPlace::new(&self.runs, "detector", self.name.as_deref(), self.resume)?;
        let recipe = self.recipe(&place)?;
        let failed = |e: awing::Error| Failure::work(&e, OPTIONS);
        let sources = self.sources(console)?;
        if let Some(path) = &self.preview {
            let maker = SceneMaker::new(sources, recipe.augment, recipe.network.input).map_err(failed)?;
            let scenes = (0..24).map(|seed| maker.scene(seed)).collect::<Result<Vec<_>, _>>()?;
            let pictures = scenes.iter().map(|s| (&s.picture, &s.faces[..], &s.ignored[..]));
            save_picture(path, &box_sheet(&pictures.collect::<Vec<_>>(), 6))?;
            let told = json!({ "preview": path });
            return if self.json { console.print_json(&told) } else { console.print(path.display()) };
        }
        let validation = self.photos(&self.val, console)?;
        let device = self.device.device()?;
        let start = self.from.as_ref().map(|from| from.load_trained(&device)).transpose()?;
        let run = Run {
            task: Boxes::new(recipe, sources, validation).map_err(failed)?,
            place: &place,
            usual_name: "detector",
            start,
            device,
            card: self.card(),
            samples: "scenes",
        };
        let (outcome, _) = run.train(console)?;
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
            let best = progress.best.map(|m| format!("best average precision {:.4}", Goal::One.value(m)));
            console.print(described(&outcome, best))?;
        }
        if outcome.interrupted {
            console.warn("stopped before the end; go on with the same command, --name and --resume");
            return Err(Failure::Told);
        }
        Ok(())
    }

    fn recipe(&self, place: &RunPlace) -> Result<DetectorRecipe, Failure> {
        let mut recipe = match place.config() {
            Some(config) => DetectorRecipe::layered(Some(&config), &[])?,
            None => DetectorRecipe::layered(self.config.as_deref(), &self.set)
                .map_err(|e| Failure::usage(&e, OPTIONS))?,
        };
        let training = &mut recipe.training;
        if let Some(steps) = self.steps {
            (training.steps, training.minutes) = (steps, None);
        }
        training.minutes = self.minutes.or(training.minutes);
        recipe.validate().or_usage("training")?;
        Ok(recipe)
    }

    fn sources(&self, console: &Console) -> Result<SceneSources, Failure> {
        let scheme = data::scheme(self.scheme.as_deref())?;
        let mut faces = Vec::new();
        for source in &self.data {
            faces.extend(data::open(source, &self.images, scheme.as_ref(), console)?.samples);
        }
        faces.retain(|face| face.landmark_box().is_some());
        let backgrounds = expand_sources(&self.backgrounds);
        backgrounds.notes().iter().for_each(|note| console.note(note));
        if let Some(problem) = backgrounds.problems.into_iter().next() {
            return Err(problem.into());
        }
        let backgrounds = backgrounds.photos;
        Ok(SceneSources { faces, photos: self.photos(&self.photos, console)?, backgrounds })
    }

    /// Photos with all their faces.
    fn photos(&self, all: &[DataSource], console: &Console) -> Result<Vec<BoxedPhoto>, Failure> {
        let scheme = data::scheme(self.scheme.as_deref())?;
        let photos = all.iter().map(|source| data::photos(source, &self.images, scheme.as_ref(), console));
        Ok(photos.collect::<Result<Vec<_>, _>>()?.concat())
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
            self.backgrounds.iter().map(|source| source.to_string_lossy()).collect::<Vec<_>>().join(", "),
            if val.is_empty() { "none".to_owned() } else { val.join(", ") },
            env!("CARGO_PKG_VERSION")
        )
    }
}
