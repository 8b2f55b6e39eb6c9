use crate::{
    console::Console,
    data,
    device::DeviceChoice,
    failure::{Failure, OrUsage},
    folders,
    model::ModelSource,
    sheets,
    style::{examples, headed},
};
use awing::scheme::Scheme;
use awing_train::{
    dataset::{BoxFile, DataSource, Dataset},
    evaluation::{BoxSource, EvaluationSummary, Normalizer, Reliability, Tested, test_faces},
    report::{ced_chart, reliability_chart, save_charts},
};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The end of the CED curve in per cent.
const CED_LIMIT: f64 = 10.0;

/// Measure a model on annotated faces: NME, failure rate, AUC, CED curve.
///
/// Writes results.json, faces.csv, ced.svg and .png, worst.png, sample.png and config.toml into OUT. Exits with 1 when
/// an annotation or a photo could not be read; the results of the others are printed all the same.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing eval --data 300w:faces/test",
    "awing eval --model runs/train/mine/best --data 300w:faces/test --boxes detector --json",
    "awing eval --data wflw:list_98pt_rect_attr_test.txt --norm inter-pupil --threshold 5",
]))]
pub(crate) struct Eval {
    /// `builtin`, `builtin-open` (`awing models` tells what they may be used for), or the folder of a trained model, such as runs/train/NAME/best
    #[arg(long, default_value = "builtin", value_name = "MODEL")]
    pub(crate) model: ModelSource,
    /// Annotated faces, FORMAT:PATH with FORMAT one of 300w, wflw, cofw, aflw, ytf, mtfl, lspet, dlib, coco, csv
    #[arg(long, value_name = "FORMAT:PATH")]
    pub(crate) data: DataSource,
    /// Where face boxes come from: gt (around the annotated points), jittered (the same, shifted by up to 10 % and scaled by 0.85 to
    /// 1.2 at random), detector (those that come with the annotation), or a CSV file image,x0,y0,x1,y1. A face without a box, or none of
    /// whose photo's boxes in the file shares half of the smaller one with it, was not found and counts as failed
    #[arg(long, default_value = "gt", value_name = "gt|jittered|detector|FILE")]
    pub(crate) boxes: String,
    /// What one hundred per cent is: inter-ocular, inter-pupil, box, diagonal, or a distance of the scheme [default:
    /// the scheme's usual one]
    #[arg(long, value_name = "NAME")]
    pub(crate) norm: Option<String>,
    /// What the points mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) scheme: Option<String>,
    #[command(flatten)]
    pub(crate) images: data::ImagesFolder,
    /// Also report failure rate and AUC at these per cents
    #[arg(long, num_args = 1.., value_name = "PERCENT", value_parser = per_cent, allow_negative_numbers = true)]
    pub(crate) threshold: Vec<f64>,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub(crate) json: bool,
    /// A new folder for the results [default: runs/eval/ and the name of the data, numbered]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    pub(crate) device: DeviceChoice,
    /// Look at each face's mirror image too: a slightly lower NME, twice the time
    #[arg(long)]
    pub(crate) mirror: bool,
    /// Faces that the network sees at a time
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) batch: u16,
    /// Whether results go to files alone.
    #[arg(skip)]
    pub(crate) silent: bool,
}

/// The results, as `--json` prints them.
#[derive(Serialize)]
struct Results<'a> {
    #[serde(flatten)]
    summary: EvaluationSummary,
    model: String,
    /// Whether the mirror images were looked at too.
    mirror: bool,
    data: String,
    scheme: &'a str,
    /// Annotations that could not be used.
    left_out: usize,
    /// Faces whose normalizer is not annotated.
    unscorable: usize,
    /// NME in per cent of the points of each line of the scheme.
    lines: Vec<LineError>,
    /// Whether expected errors are those that are made, where the model is calibrated for this normalizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    reliability: Option<Reliability>,
}

#[derive(Serialize)]
struct LineError {
    name: String,
    nme: Option<f64>,
}

/// What was evaluated and how: config.toml.
#[derive(Serialize)]
struct Config<'a> {
    version: &'a str,
    model: String,
    mirror: bool,
    data: String,
    boxes: String,
    #[serde(rename = "normaliser")]
    normalizer: String,
    scheme: &'a str,
    threshold: &'a [f64],
    batch: usize,
}

impl Eval {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let device = self.device.device()?;
        let boxes = self.boxes()?;
        let scheme = data::scheme(self.scheme.as_deref())?;
        let aligner = self.model.aligner(&device)?.with_batch(usize::from(self.batch));
        let aligner = if self.mirror { aligner.with_mirror()? } else { aligner };
        let dataset = data::open(&self.data, &self.images, scheme.as_ref(), console)?;
        if matches!(boxes, BoxSource::Detector) && dataset.samples.iter().all(|s| s.detector_box.is_none()) {
            let data = &self.data;
            return Err(Failure::Work(format!(
                "{data}: no face comes with a detector's box; use --boxes gt or a file"
            )));
        }
        let normalizer = self.normalizer(&dataset.scheme, aligner.scheme())?;
        let folder = match &self.out {
            Some(out) => folders::named(out, "choose another --out")?,
            None => folders::numbered(Path::new("runs/eval"), &self.name())?,
        };
        let bar = console.bar(dataset.samples.len(), "{bar:30} {pos} of {len} faces  left {eta}");
        let tested =
            test_faces(&aligner, &dataset, &boxes, &normalizer, &mut |done| bar.set_position(done as u64));
        bar.finish_and_clear();
        let mut tested = tested.inspect_err(|_| folders::release(&folder))?;
        tested.evaluation = tested.evaluation.with_thresholds(&self.threshold).or_usage("--threshold")?;

        let results = Results {
            summary: tested.evaluation.summary(),
            model: self.model.to_string(),
            mirror: self.mirror,
            data: self.data.to_string(),
            scheme: &tested.scheme.name,
            left_out: dataset.problems.len(),
            unscorable: tested.unscorable.len(),
            lines: (tested.evaluation.by_line(&tested.scheme).into_iter())
                .map(|(name, nme)| LineError { name, nme })
                .collect(),
            // Errors by another distance than the calibration's cannot be compared with it.
            reliability: tested.reliability(aligner.calibration()).ok().flatten(),
        };
        let failed = tell_failures(&tested, console);
        self.save(&folder, &results, &tested, &dataset, &boxes)?;
        if self.silent {
            // Whoever called reads the files.
        } else if self.json {
            console.print_json(&results)?;
        } else {
            console.print_styled(table(&results, &dataset))?;
        }
        console.note(format!("written to {}", folder.display()));
        if failed + dataset.problems.len() > 0 { Err(Failure::Told) } else { Ok(()) }
    }

    fn boxes(&self) -> Result<BoxSource, Failure> {
        match self.boxes.as_str() {
            "gt" => Ok(BoxSource::Landmarks),
            "jittered" => Ok(BoxSource::Jittered),
            "detector" => Ok(BoxSource::Detector),
            path if !Path::new(path).is_file() => Err(Failure::Usage(format!(
                "--boxes: `{path}` is neither gt, nor jittered, nor detector, nor a file"
            ))),
            path => Ok(BoxSource::File { name: path.to_owned(), boxes: BoxFile::load(path.as_ref())? }),
        }
    }

    fn normalizer(&self, data: &Scheme, model: &Scheme) -> Result<Normalizer, Failure> {
        let Some(name) = self.norm.as_deref() else { return Ok(Normalizer::usual(data)) };
        let known = data.normalizers.iter().chain(&model.normalizers).map(|(name, _)| name.as_str());
        let mut known: Vec<&str> = known.chain(["box", "diagonal"]).collect();
        if known.contains(&name) {
            let Ok(normalizer) = name.parse();
            return Ok(normalizer);
        }
        known.sort_unstable();
        known.dedup();
        let known = known.join(", ");
        Err(Failure::Usage(format!("--norm: `{name}` is unknown; this data can be measured by {known}")))
    }

    /// What the folder of results is called: after the data.
    fn name(&self) -> String {
        let format = self.data.format.to_string();
        match self.data.path.file_stem().map(|stem| stem.to_string_lossy()) {
            Some(stem) if stem != format => format!("{format}-{stem}"),
            _ => format,
        }
    }

    fn save(
        &self,
        folder: &Path,
        results: &Results<'_>,
        tested: &Tested,
        dataset: &Dataset,
        boxes: &BoxSource,
    ) -> Result<(), Failure> {
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text + "\n").map_err(|e| Failure::file(&path, e))
        };
        let json = serde_json::to_string_pretty(results).map_err(|e| Failure::Work(format!("JSON: {e}")))?;
        write("results.json", json)?;
        let config = Config {
            version: env!("CARGO_PKG_VERSION"),
            model: self.model.to_string(),
            mirror: self.mirror,
            data: self.data.to_string(),
            boxes: boxes.to_string(),
            normalizer: tested.evaluation.normalizer().to_string(),
            scheme: &tested.scheme.name,
            threshold: &self.threshold,
            batch: usize::from(self.batch),
        };
        let config = toml::to_string(&config).map_err(|e| Failure::Work(format!("config.toml: {e}")))?;
        write("config.toml", config.trim_end().to_owned())?;
        tested.evaluation.write_csv(&folder.join("faces.csv"))?;
        save_charts(&[ced_chart(&tested.evaluation, CED_LIMIT)], &folder.join("ced"))?;
        if let Some(reliability) = &results.reliability {
            let chart = reliability_chart(reliability, &tested.evaluation.normalizer().quantity());
            save_charts(&[chart], &folder.join("reliability"))?;
        }
        sheets::save(folder, tested, dataset, boxes)
    }
}

/// A line for each face that failed; gives their number.
fn tell_failures(tested: &Tested, console: &Console) -> usize {
    let mut failed = 0;
    for face in tested.evaluation.faces() {
        if let Err(reason) = &face.errors {
            failed += 1;
            let named = reason.contains(&face.name);
            console.warn(if named { reason.clone() } else { format!("{}: {reason}", face.name) });
        }
    }
    if let Some((name, reason)) = tested.unscorable.first() {
        let count = tested.unscorable.len();
        console.remark(format!(
            "{count} faces cannot be scored and are in no figure; the first, {name}: {reason}"
        ));
    }
    failed
}

fn table(results: &Results<'_>, dataset: &Dataset) -> String {
    let all = &results.summary.all;
    let rows = [
        ("model", format!("{}{}", results.model, if results.mirror { ", with mirror images" } else { "" })),
        ("data", format!("{}, {} points ({})", results.data, dataset.scheme.len(), dataset.scheme.name)),
        ("boxes", all.boxes.clone()),
        ("normalizer", all.normalizer.clone()),
        ("failed", format!("{} of {} faces", all.failed, all.images)),
    ];
    // Left-aligned values, unlike a table of numbers.
    let head: String = rows.iter().map(|(name, value)| format!("{name:<10}  {value}\n")).collect();
    let left_out = match results.left_out {
        0 => String::new(),
        count => format!("{:<10}  {count} annotations\n", "left out"),
    };
    let reliability = results.reliability.as_ref().map_or_else(String::new, |r| {
        format!(
            "\n\nexpected errors of points: mean {:.2} % where {:.2} % is measured, {:.2} apart in ten groups, rank correlation {:.2}",
            r.expected, r.measured, r.gap, r.rank_correlation
        )
    });
    format!("{head}{left_out}\n{}{reliability}", headed(results.summary.table().trim_end()))
}

fn per_cent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("give a positive number of per cent".to_owned()),
    }
}
