use crate::{
    console::Console, data, detector::DetectorSource, device::DeviceChoice, failure::Failure,
    model::ModelSource, style::examples,
};
use awing::tracking::{Smoothing, TrackerConfig};
use awing_train::{
    dataset::DataSource,
    evaluation::align,
    video::{Motion, TrackingFigures, test_tracking},
};
use clap::{Args, ValueEnum};
use serde::Serialize;

/// Measure how well faces are followed on video: jitter, lag, error, lost faces, changed numbers.
///
/// Makes clips of two seconds from annotated photos by movements that are known: rest, pan, dash, zoom, turn, changing light, something before the face,
/// a cut to another face; each with the noise of a sensor. Every clip is taken frame by frame like photos ("alone"), followed ("followed"), and followed
/// with smoothed points ("smoothed"), as `awing predict` does it. Jitter and NME are in per cent of the scheme's usual distance.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing eval-video --data 300w:faces/test",
    "awing eval-video --data 300w:faces/test --motion rest pan --faces 8 --json",
]))]
pub(crate) struct EvalVideo {
    /// Annotated faces, FORMAT:PATH as for `awing eval`
    #[arg(long, value_name = "FORMAT:PATH")]
    data: DataSource,
    /// What the points mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// `builtin`, `builtin-open` (`awing models` tells what they may be used for), or the folder of a trained model, such as runs/train/NAME/best
    #[arg(long, default_value = "builtin", value_name = "MODEL")]
    model: ModelSource,
    /// Who finds the faces, as for `awing predict` [default: that of the model that ships inside, else builtin]
    #[arg(long, value_name = "DETECTOR")]
    detector: Option<DetectorSource>,
    /// Photos that clips are made of, spread over the data
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    faces: u32,
    /// Only these clips: rest, pan, dash, zoom, turn, light, hidden, cut [default: all]
    #[arg(long, num_args = 1.., value_name = "NAME")]
    motion: Vec<Motion>,
    /// Only these ways: alone, followed, smoothed [default: all]
    #[arg(long, num_args = 1.., value_enum, value_name = "NAME")]
    way: Vec<Way>,
    /// Look for new faces at every so many frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    detect_every: Option<u32>,
    /// Cutoff of the smoothing for a point at rest in Hz, instead of the usual one: lower is steadier
    #[arg(long, value_name = "HZ")]
    min_cutoff: Option<f64>,
    /// By how many Hz the cutoff rises when a point moves by one face size a second: higher follows movement more closely
    #[arg(long, value_name = "HZ")]
    speed_gain: Option<f64>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Print one JSON array instead of the table
    #[arg(long)]
    json: bool,
}

/// How faces are found in the frames of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Way {
    /// In each frame as in a photo
    Alone,
    /// By the tracker, points as the network finds them
    Followed,
    /// By the tracker, points smoothed over time
    Smoothed,
}

/// The figures of one way through clips of one kind.
#[derive(Serialize)]
struct Row {
    motion: &'static str,
    way: Way,
    #[serde(flatten)]
    figures: TrackingFigures,
}

impl EvalVideo {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let device = self.device.device()?;
        let scheme = data::scheme(self.scheme.as_deref())?;
        let detector = self.detector.clone().unwrap_or_else(|| DetectorSource::of(&self.model));
        let aligner = self.model.aligner(&device)?.with_detector(detector.load(&device)?);
        let dataset = data::open(&self.data, &self.images, scheme.as_ref(), console)?;
        let usual = TrackerConfig::default();
        let smoothing = usual.smoothing.unwrap_or_default();
        let smoothing = Smoothing {
            min_cutoff: self.min_cutoff.unwrap_or(smoothing.min_cutoff),
            speed_gain: self.speed_gain.unwrap_or(smoothing.speed_gain),
        };
        let detect_every = self.detect_every.map_or(usual.detect_every, |frames| frames as usize);
        let smoothed = TrackerConfig { detect_every, smoothing: Some(smoothing), ..usual };
        smoothed.validate().map_err(|e| Failure::Usage(e.to_string()))?;
        let followed = TrackerConfig { smoothing: None, ..smoothed };
        let ways = if self.way.is_empty() { Way::value_variants() } else { &self.way };
        let clips = (self.faces as usize).min(dataset.samples.len());
        let motions = if self.motion.is_empty() { Motion::ALL.to_vec() } else { self.motion };
        if dataset.samples.len() < 2 && motions.contains(&Motion::Cut) {
            let problem = "a cut goes from one face to another, and the data has a single one; name other clips with --motion";
            return Err(Failure::Usage(format!("--data: {problem}")));
        }
        let bar =
            console.bar(clips * motions.len() * ways.len(), "{bar:30} {pos} of {len} clips  left {eta}");
        let mut rows = Vec::new();
        for motion in motions {
            for way in ways {
                let config = match way {
                    Way::Alone => None,
                    Way::Followed => Some(followed),
                    Way::Smoothed => Some(smoothed),
                };
                let figures = test_tracking(&aligner, &dataset, clips, config, motion, &mut |_| bar.inc(1))?;
                rows.push(Row { motion: motion.name(), way: *way, figures });
            }
        }
        bar.finish_and_clear();
        if self.json { console.print_json(&rows) } else { console.print(table(&rows)) }
    }
}

fn table(rows: &[Row]) -> String {
    let head = [
        "clips",
        "faces are",
        "frames",
        "jitter %",
        "lag in frames",
        "NME %",
        "lost",
        "others",
        "changed numbers",
        "detector in %",
        "ms",
    ];
    let or_none = |number: Option<f64>, decimals: usize| {
        number.map_or("-".to_owned(), |number| format!("{number:.decimals$}"))
    };
    let mut lines = vec![head.map(String::from).to_vec()];
    lines.extend(rows.iter().map(|Row { motion, way, figures: f }| {
        let changes = if *way == Way::Alone { "-".to_owned() } else { f.number_changes.to_string() };
        vec![
            (*motion).to_owned(),
            format!("{way:?}").to_lowercase(),
            f.frames.to_string(),
            or_none(f.jitter, 3),
            or_none(f.lag, 2),
            or_none(f.nme, 2),
            f.lost.to_string(),
            f.others.to_string(),
            changes,
            format!("{:.1}", f.detections),
            format!("{:.1}", f.milliseconds),
        ]
    }));
    align(&lines).trim_end().to_owned()
}
