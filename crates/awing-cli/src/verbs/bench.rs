use crate::{
    console::Console,
    data,
    failure::Failure,
    style::{examples, headed},
};
use awing::{Error, geometry::Rect};
use awing_train::{
    Device,
    benchmark::{BenchmarkFiles, Machine, Row, ScaleRow, Setting, Variation, Work, run, variations},
    dataset::DataSource,
    training::Recipe,
};
use clap::Args;
use serde_json::json;
use std::{
    ffi::OsString,
    fmt::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr,
};

/// The points of drawn faces.
const POINTS: usize = 68;

/// Measure this machine's speed, stage by stage.
///
/// Works: decode, sample, batch, copy, loss, train-step, train, predict, startup; and scale, a table of training
/// against the size of everything. Weights are random and faces drawn: no data is needed. Each work is done by a process of its own, so
/// that the peak of memory is its own.
///
/// With --json one object: version, machine {cpu, simd, cores, system}, threads, rows and scale. A row has work, network,
/// batch, threads, images (in a repeat), median_ms, first_quartile_ms, third_quartile_ms, min_ms, max_ms, repeats,
/// images_per_second and peak_memory_mib; a row of scale also varied, value, gmac and relative_cost.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing bench",
    "awing bench predict train-step --preset paper --batch 4 --seconds 10",
    "awing bench --json > speed.json",
]))]
pub(crate) struct Bench {
    /// What to measure [default: all but train and scale; prediction of one face and of a batch]
    #[arg(value_name = "WORK")]
    works: Vec<Part>,
    /// The network and the recipe: paper, base, small or nano
    #[arg(long, default_value = "small", value_name = "NAME")]
    preset: String,
    /// Hourglasses, instead of the preset's
    #[arg(long, value_name = "N")]
    stacks: Option<usize>,
    /// Channels, instead of the preset's
    #[arg(long, value_name = "N")]
    width: Option<usize>,
    /// Side of the input in pixels, instead of the preset's
    #[arg(long, value_name = "N")]
    input: Option<usize>,
    /// Faces in a batch, instead of the preset's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: Option<u16>,
    /// Train on so many photos, the same files again and again
    #[arg(long, value_name = "N")]
    photos: Option<usize>,
    /// Annotated faces to work on instead of drawn ones, as for `awing train`
    #[arg(long, value_name = "FORMAT:PATH")]
    data: Option<DataSource>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// Threads [default: all that the system offers]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// How long each work is repeated, in seconds; three times at least
    #[arg(long, default_value_t = 3.0, value_name = "S")]
    seconds: f64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Measure nothing: write drawn photos, their points and a model with random weights into a folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["works", "json"])]
    files: Option<PathBuf>,
    /// Measure in this process and print the row alone
    #[arg(long, hide = true)]
    alone: bool,
}

/// A work, or the table of all sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Work(Work),
    Scale,
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "scale" { Ok(Self::Scale) } else { text.parse().map(Self::Work) }
    }
}

impl Bench {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let recipe = self.recipe()?;
        if let Some(folder) = &self.files {
            BenchmarkFiles::write(folder, &recipe)?;
            return console.print(folder.display());
        }
        if self.alone {
            return self.alone(recipe, console);
        }
        let machine = Machine::this();
        let threads = self.threads.map_or(machine.cores, usize::from);
        let (mut rows, mut measured) = (Vec::new(), Vec::new());
        if !self.json {
            console.print_styled(headed(&heading(&machine, threads)))?;
        }
        for (work, batch) in self.rows(recipe.training.batch) {
            let row = self.child(work, &with_batch(&recipe, batch), self.photos, threads)?;
            if !self.json {
                console.print(line(&row))?;
            }
            rows.push(row);
        }
        if self.works.contains(&Part::Scale) {
            for variation in variations(&recipe, threads) {
                let Variation { recipe, photos, threads, .. } = &variation;
                let row = self.child(Work::Train, recipe, Some(*photos), *threads)?;
                console.note(format!("{} {}", variation.varied, variation.value));
                measured.push((variation, row));
            }
        }
        let scale = ScaleRow::of(measured, POINTS);
        if self.json {
            let version = env!("CARGO_PKG_VERSION");
            let object = json!({ "version": version, "machine": machine, "threads": threads, "rows": rows, "scale": scale });
            return console.print_json(&object);
        }
        if scale.is_empty() { Ok(()) } else { console.print(scale_table(&scale)) }
    }

    fn recipe(&self) -> Result<Recipe, Failure> {
        let sizes = [
            ("network.stacks", self.stacks),
            ("network.width", self.width),
            ("network.input", self.input),
            ("training.batch", self.batch.map(usize::from).filter(|batch| *batch > 1)),
        ];
        let set: Vec<String> =
            sizes.iter().filter_map(|(key, value)| value.map(|value| format!("{key}={value}"))).collect();
        let mut recipe =
            Recipe::layered(Some(&self.preset), None, &set).map_err(|e| Failure::Usage(e.to_string()))?;
        if let Some(batch) = self.batch {
            recipe.training.batch = usize::from(batch);
        }
        Ok(recipe)
    }

    /// The works and their batches.
    fn rows(&self, batch: usize) -> Vec<(Work, usize)> {
        let usual = Work::ALL.into_iter().filter(|work| *work != Work::Train);
        let asked = self.works.iter().filter_map(|part| match part {
            Part::Work(work) => Some((*work, batch)),
            Part::Scale => None,
        });
        if !self.works.is_empty() {
            return asked.collect();
        }
        let sizes =
            |work| if work == Work::Predict && self.batch.is_none() { vec![1, batch] } else { vec![batch] };
        usual.flat_map(|work| sizes(work).into_iter().map(move |batch| (work, batch))).collect()
    }

    /// Measures in a process of its own.
    fn child(
        &self,
        work: Work,
        recipe: &Recipe,
        photos: Option<usize>,
        threads: usize,
    ) -> Result<Row, Failure> {
        let network = &recipe.network;
        let numbers = [
            ("--stacks", Some(network.stacks)),
            ("--width", Some(network.width)),
            ("--input", Some(network.input)),
            ("--batch", Some(recipe.training.batch)),
            ("--photos", photos),
        ];
        let mut arguments: Vec<OsString> =
            ["bench", work.name(), "--alone", "--preset", &self.preset].map(Into::into).to_vec();
        for (name, value) in numbers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            arguments.extend([name.into(), value.to_string().into()]);
        }
        arguments.extend(["--seconds".into(), self.seconds.to_string().into()]);
        if let Some(data) = &self.data {
            arguments.extend(["--data".into(), data.to_string().into()]);
            if let Some(images) = &self.images.images {
                arguments.extend(["--images".into(), images.into()]);
            }
        }
        let output = Command::new(this_command()?)
            .args(arguments)
            .env("RAYON_NUM_THREADS", threads.to_string())
            .stdin(Stdio::null())
            .output()
            .map_err(|e| Failure::Work(format!("{work}: cannot start a process of its own: {e}")))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            let message = message.trim().trim_start_matches("awing: ");
            let told =
                if message.is_empty() { format!("ended with {}", output.status) } else { message.to_owned() };
            return Err(Failure::Work(format!("{work}: {told}")));
        }
        serde_json::from_slice(&output.stdout).map_err(|e| Failure::Work(format!("{work}: its answer: {e}")))
    }

    fn alone(&self, recipe: Recipe, console: &Console) -> Result<(), Failure> {
        let data =
            self.data.as_ref().map(|source| data::open(source, &self.images, None, console)).transpose()?;
        let setting = Setting {
            recipe,
            data,
            photos: self.photos,
            seconds: self.seconds,
            device: Device::flex(),
            process: predict_one,
        };
        match self.works.first() {
            Some(Part::Work(work)) => console.print_json(&run(*work, setting)?),
            _ => Err(Failure::Usage("--alone: name one work".to_owned())),
        }
    }
}

fn with_batch(recipe: &Recipe, batch: usize) -> Recipe {
    let mut recipe = recipe.clone();
    recipe.training.batch = batch;
    recipe
}

/// This command, to find the landmarks of one photo in a given box.
fn predict_one(photo: &Path, model: &Path, face_box: Rect) -> Command {
    let Rect { x0, y0, x1, y1 } = face_box;
    let mut command = Command::new(std::env::current_exe().unwrap_or_else(|_| "awing".into()));
    command.arg("predict").arg(photo).arg("--model").arg(model).arg(format!("--box={x0},{y0},{x1},{y1}"));
    command
}

fn this_command() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|e| Failure::Work(format!("cannot tell where this command is: {e}")))
}

fn heading(machine: &Machine, threads: usize) -> String {
    let (version, simd) = (env!("CARGO_PKG_VERSION"), machine.simd.join(" "));
    format!(
        "awing {version}, {} ({simd}), {threads} of {} threads, {}\n\n{:11} {:>6} {:>22} {:>5} {:>10} {:>19} {:>8} {:>9}",
        machine.cpu,
        machine.cores,
        machine.system,
        "work",
        "images",
        "network",
        "",
        "median ms",
        "quartiles",
        "images/s",
        "peak MiB"
    )
}

fn line(row: &Row) -> String {
    let (n, t) = (&row.network, &row.timing);
    format!(
        "{:11} {:>6} {:>22} {:>5} {:>10.2} {:>19} {:>8.1} {:>9}",
        row.work,
        row.images,
        format!("{} x {} wide, {} px", n.stacks, n.width, n.input),
        if row.threads == 1 { "1 thr".to_owned() } else { String::new() },
        t.median_ms,
        format!("{:.2} to {:.2}", t.first_quartile_ms, t.third_quartile_ms),
        row.images_per_second,
        mebibytes(row.peak_memory_mib),
    )
}

fn mebibytes(memory: Option<f64>) -> String {
    memory.map_or("?".to_owned(), |mib| format!("{mib:.0}"))
}

fn scale_table(rows: &[ScaleRow]) -> String {
    let mut text = format!(
        "\ntraining with batches made beside; cost: time for the same work, relative to the first of its kind\n\n\
         {:8} {:>7} {:>10} {:>9} {:>8} {:>9} {:>6}",
        "varied", "value", "GMAC/step", "median ms", "images/s", "peak MiB", "cost"
    );
    for r in rows {
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "\n{:8} {:>7} {:>10.2} {:>9.1} {:>8.1} {:>9} {:>6.2}",
            r.varied,
            r.value,
            r.gmac,
            r.row.timing.median_ms,
            r.row.images_per_second,
            mebibytes(r.row.peak_memory_mib),
            r.relative_cost
        );
    }
    text
}
