use super::{progress::Progress, train::quoted};
use crate::{
    console::Console,
    data,
    device::DeviceChoice,
    failure::{Failure, Options, OrUsage},
    folders,
    interrupt::stoppable,
    style::examples,
};
use awing::Error;
use awing_train::{
    ablation::{
        MAX_SEEDS, RunRecord, Study, StudyObserver, StudyReport, Variant, finished_runs, study, write_report,
    },
    benchmark::Machine,
    dataset::{BoxChoice, DataSource},
    evaluation::BoxSource,
    model::TrainableModel,
    training::{MetricsRow, Observer, Recipe},
};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The options behind the fields of a study's errors.
const OPTIONS: &Options = &[
    ("data", "--data"),
    ("faces", "--data"),
    ("validation", "--val"),
    ("setting", "--set"),
    ("training", "the same command goes on"),
];

/// Measure what each loss and each part of the method brings.
///
/// Trains the same network on the same faces for the same number of steps: with MSE, L1, Wing and Adaptive Wing; with the weight map, the
/// boundary and CoordConv; and with wrongly annotated points; each with several seeds. Writes a report with tables and plots. It takes
/// hours; Ctrl-C stops it, and the same command goes on.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing ablate --data 300w:faces/train --val 300w:faces/val --test 300w:faces/test",
    "awing ablate --data 300w:faces/train --val 300w:faces/val --test 300w:faces/test --rows mse aw-map --seeds 1 --epochs 5",
]))]
pub(crate) struct Ablate {
    /// Annotated faces to learn from, FORMAT:PATH with FORMAT one of 300w, wflw, cofw, aflw, ytf, mtfl, lspet, dlib, coco, csv
    #[arg(long, value_name = "FORMAT:PATH")]
    data: DataSource,
    /// Faces for the learning curves
    #[arg(long, value_name = "FORMAT:PATH")]
    val: DataSource,
    /// Faces that the figures are of
    #[arg(long, value_name = "FORMAT:PATH")]
    test: DataSource,
    /// What the points mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// The settings that all rows share: paper, base, small or nano
    #[arg(long, default_value = "nano", value_name = "NAME")]
    preset: String,
    /// Settings that differ from the preset, as for `awing train`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Single settings, such as optimizer.learning_rate=1e-3
    #[arg(long, num_args = 1.., value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Passes over the data of each run [default: 15, or training.epochs where it is set]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Runs of each row, with the seeds 1 to N
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_SEEDS))]
    seeds: u64,
    /// Only these rows, such as mse aw-map [default: all]
    #[arg(long, num_args = 1.., value_name = "ROW")]
    rows: Vec<String>,
    /// Name of the study's folder; the runs that are finished there are not done again
    #[arg(long, default_value = "ablation", value_name = "NAME")]
    name: String,
    /// Folder of all runs
    #[arg(long, default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
    /// Where the report of all finished runs of the study is written, the plots beside it; one that is there is replaced [default:
    /// ABLATION.md in the study's folder]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Print the finished runs as one JSON object
    #[arg(long)]
    json: bool,
}

impl Ablate {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let device = self.device.device()?;
        if !folders::is_name(&self.name) {
            return Err(Failure::Usage(format!(
                "--name: `{}` cannot name a folder; give a plain word",
                self.name
            )));
        }
        let all: Vec<Variant> = Variant::of_the_paper().into_iter().chain(Variant::of_robustness()).collect();
        let variants = self.variants(&all)?;
        let recipe = self.recipe()?;
        let scheme = data::scheme(self.scheme.as_deref())?;
        let [train, validation, test] = [&self.data, &self.val, &self.test]
            .map(|source| data::open(source, &self.images, scheme.as_ref(), console));
        let (train, validation, test) = (train?, validation?, test?);
        let folder = self.runs.join("ablate").join(&self.name);
        std::fs::create_dir_all(&folder).map_err(|e| Failure::file(&folder, e))?;
        let mut progress = StudyProgress { console, run: None };
        let finished = stoppable(console, "after this step with a checkpoint", |stop| {
            let of = Study {
                recipe: recipe.clone(),
                variants,
                seeds: self.seeds,
                train: &train,
                validation: &validation,
                test: &test,
                folder: folder.clone(),
                device,
                stop,
                card: format!("- Training data: {}\n- A row of a study by `awing ablate`", self.data),
            };
            study(&of, &mut progress)
        })
        .map_err(|e| Failure::work(&e, OPTIONS))?;
        if finished.interrupted {
            console.warn("stopped before the end; the same command goes on");
            return Err(Failure::Told);
        }
        let path = self.report.clone().unwrap_or_else(|| folder.join("ABLATION.md"));
        let boxes = BoxSource::from(recipe.training.boxes);
        let faces = [&train, &test].map(|data| data.samples.iter().filter(|s| boxes.of(s).is_ok()).count());
        let setting = self.setting(&recipe, faces);
        let records = finished_runs(&folder, &all)?;
        write_report(&StudyReport { variants: &all, records: &records, setting: &setting }, &path)?;
        if self.json {
            console.print_json(&json!({ "report": path, "runs": finished.records }))?;
        } else {
            console.print(path.display())?;
        }
        Ok(())
    }

    fn variants(&self, all: &[Variant]) -> Result<Vec<Variant>, Failure> {
        let known = |name: &&String| !all.iter().any(|v| v.name == **name);
        if let Some(name) = self.rows.iter().find(known) {
            let names: Vec<&str> = all.iter().map(|v| v.name.as_str()).collect();
            return Err(Failure::Usage(format!(
                "--rows: there is no `{name}`; there are {}",
                names.join(", ")
            )));
        }
        let chosen = |v: &&Variant| self.rows.is_empty() || self.rows.contains(&v.name);
        Ok(all.iter().filter(chosen).cloned().collect())
    }

    fn recipe(&self) -> Result<Recipe, Failure> {
        let recipe = Recipe::layered(Some(&self.preset), self.config.as_deref(), &self.set);
        let mut recipe = recipe.map_err(|e| Failure::usage(&e, OPTIONS))?;
        let plain = Recipe::preset(&self.preset).map_err(|e| Failure::Usage(e.to_string()))?;
        let decided = [
            ("loss", recipe.loss != plain.loss),
            (
                "heatmap.weight_map.enabled",
                recipe.heatmap.weight_map.enabled != plain.heatmap.weight_map.enabled,
            ),
            ("network.boundary", recipe.network.boundary != plain.network.boundary),
            ("network.coord_conv", recipe.network.coord_conv != plain.network.coord_conv),
            ("training.seed", recipe.training.seed != plain.training.seed),
            ("training.minutes", recipe.training.minutes.is_some()),
        ];
        if let Some((key, _)) = decided.iter().find(|(_, set)| *set) {
            let why = "each row has its own, and all the same number of epochs";
            return Err(Failure::Usage(format!("{key}: cannot be set here: {why}; leave it out")));
        }
        let set = (recipe.training.epochs != plain.training.epochs).then_some(recipe.training.epochs);
        recipe.training.epochs = self.epochs.or(set).unwrap_or(15);
        recipe.validate().or_usage("training")?;
        Ok(recipe)
    }

    /// What the report says of how it was made.
    fn setting(&self, recipe: &Recipe, [faces, test]: [usize; 2]) -> String {
        let (n, machine) = (&recipe.network, Machine::this());
        let command: Vec<String> =
            std::env::args_os().skip(1).map(|arg| quoted(&shown(&arg.to_string_lossy()))).collect();
        format!(
            "Written by `awing {}`.\n\nEach row is the same network ({} stack{}, {} wide, {} px input), trained from nothing on the same {faces} \
             faces for {} epoch{} in batches of {} (otherwise the `{}` preset and what the command sets), and measured at the end of its schedule on {test} test faces: \
             nothing is chosen by them. Rows differ in what their name says and in nothing else; mean ± standard deviation over seeds. NME by \
             the scheme's usual normalizer, boxes {}.\n\nMachine: {}, awing {}.\n",
            command.join(" "),
            n.stacks,
            if n.stacks == 1 { "" } else { "s" },
            n.width,
            n.input,
            recipe.training.epochs,
            if recipe.training.epochs == 1 { "" } else { "s" },
            recipe.training.batch,
            self.preset,
            match recipe.training.boxes {
                BoxChoice::Landmarks => "around the annotated points",
                BoxChoice::Detector => "that came with the annotations",
            },
            machine.cpu,
            env!("CARGO_PKG_VERSION"),
        )
    }
}

/// A path without the folders that are this machine's own.
fn shown(argument: &str) -> String {
    if let Some((option, value)) = argument.split_once('=').filter(|(option, _)| option.starts_with("--")) {
        return format!("{option}={}", shown(value));
    }
    let short = |path: &str| {
        let parts: Vec<_> = Path::new(path).iter().map(|part| part.to_string_lossy()).collect();
        parts[parts.len().saturating_sub(2)..].join("/")
    };
    match argument.split_once(':') {
        Some((format, path)) if format.parse::<awing_train::dataset::Format>().is_ok() => {
            format!("{format}:{}", short(path))
        }
        _ if Path::new(argument).is_absolute() => short(argument),
        _ => argument.to_owned(),
    }
}

/// A bar for the run at hand, a line for each that is finished.
struct StudyProgress<'a> {
    console: &'a Console,
    run: Option<Progress<'a>>,
}

impl Observer for StudyProgress<'_> {
    fn step(&mut self, step: usize, loss: f64, progress: f64, faces_per_second: f64) {
        if let Some(run) = &mut self.run {
            Observer::<TrainableModel>::step(run, step, loss, progress, faces_per_second);
        }
    }

    fn evaluated(&mut self, row: &MetricsRow, best: bool) {
        if let Some(run) = &mut self.run {
            Observer::<TrainableModel>::evaluated(run, row, best);
        }
    }

    fn skipped(&mut self, step: usize, problem: &str) {
        if let Some(run) = &mut self.run {
            Observer::<TrainableModel>::skipped(run, step, problem);
        }
    }

    fn damaged(&mut self, damage: &Error) {
        self.console.warn(damage);
    }

    fn problem(&mut self, problem: &Error) {
        self.console.warn(problem);
    }
}

impl StudyObserver for StudyProgress<'_> {
    fn run(&mut self, place: usize, count: usize, variant: &Variant, seed: u64) {
        self.console.note(format!("run {} of {count}: {}, seed {seed}", place + 1, variant.label));
        self.run = Some(Progress::new(self.console, "faces"));
    }

    fn finished(&mut self, record: &RunRecord) {
        if let Some(run) = self.run.take() {
            run.finish();
        }
        let nme = record.figures("all").map_or("-".to_owned(), |f| format!("{:.2} %", f.nme));
        self.console.note(format!("{}, seed {}: NME {nme}", record.variant, record.seed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_this_machine_are_not_told() {
        for (given, told) in [
            ("300w:/home/me/faces/train/300w", "300w:train/300w"),
            ("--data=300w:/home/me/faces/train/300w", "--data=300w:train/300w"),
            ("/home/me/a/docs/ABLATION.md", "docs/ABLATION.md"),
            ("docs/ABLATION.md", "docs/ABLATION.md"),
            ("training.evaluate_every=3", "training.evaluate_every=3"),
        ] {
            assert_eq!(shown(given), told);
        }
    }
}
