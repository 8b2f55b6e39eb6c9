use crate::{
    console::Console,
    data,
    detector::DetectorSource,
    device::DeviceChoice,
    failure::Failure,
    model::restriction,
    sources::{self, Found},
    style::{examples, headed},
};
use awing::{detection::FaceDetector, geometry::Rect};
use awing_train::{
    dataset::DataSource,
    evaluation::{DetectionFigures, Detections, FACE_OVERLAP, align},
};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use std::ffi::OsString;
use std::sync::Arc;

/// Find the faces in photos, or measure how well that works.
///
/// With SOURCE: prints a CSV line image,x0,y0,x1,y1,score for each face, which `awing predict --boxes` and `awing eval --boxes` read: a photo
/// without a line has no face. With
/// --data: recall, average precision and false alarms on photos whose faces are known.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing detect photo.jpg > boxes.csv",
    "awing detect --data wider:wider/val none:landscapes --detector builtin seetaface",
    "awing detect photos --detector exec:./my-detector --json",
]))]
pub(crate) struct Detect {
    /// Image files, folders, or quoted patterns such as 'photos/*.jpg'; @FILE for a list of them, one a line; - for an image on standard input
    #[arg(required_unless_present = "data", conflicts_with = "data", value_name = "SOURCE")]
    sources: Vec<OsString>,
    /// Photos to measure on, several times if you like: wider:PATH (WIDER FACE's boxes), none:PATH (photos without any face), or annotated landmarks FORMAT:PATH,
    /// all faces of each photo with the boxes around their points
    #[arg(long, num_args = 1.., value_name = "FORMAT:PATH")]
    data: Vec<DataSource>,
    /// What the points of annotated landmarks mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "sources")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// `builtin`, `builtin-open`, `seetaface`, the folder of a detector that `awing train-detector` made, or exec:PROGRAM, which is given the path of a PNG
    /// and prints [{"box": [x0, y0, x1, y1], "score": s}, …]; with --data several, to compare them
    #[arg(long, num_args = 1.., default_value = "builtin", value_name = "DETECTOR")]
    detector: Vec<DetectorSource>,
    /// Faces whose longer side is shorter are neither missed nor false alarms, in pixels
    #[arg(long, default_value_t = 40.0, value_name = "PIXELS")]
    least_side: f64,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Print one JSON array instead of lines or a table
    #[arg(long)]
    json: bool,
}

impl Detect {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let device = self.device.device()?;
        let detectors =
            self.detector.iter().map(|source| source.load(&device)).collect::<Result<Vec<_>, _>>()?;
        match &detectors[..] {
            detectors if !self.data.is_empty() => self.measure(detectors, console),
            [detector] => self.find(&**detector, console),
            _ => Err(Failure::Usage(
                "--detector: one finds faces; several are compared with --data".to_owned(),
            )),
        }
    }

    fn find(&self, detector: &dyn FaceDetector, console: &Console) -> Result<(), Failure> {
        let Found { photos, videos, problems, notes, .. } = sources::photos(&self.sources, None)?;
        if let Some(video) = videos.first() {
            let problem = "is a video; `awing predict` follows the faces of videos";
            return Err(Failure::Usage(format!("SOURCE: {} {problem}", video.display())));
        }
        let names: Vec<String> = self.detector.iter().map(ToString::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        notes.iter().for_each(|note| console.note(note));
        restriction(&names).iter().for_each(|restriction| console.note(restriction));
        console.warn_all(problems.iter());
        let mut failed = problems.len();
        let mut answers = Vec::new();
        if !self.json {
            console.print("image,x0,y0,x1,y1,score")?;
        }
        for photo in photos {
            let faces = match photo.load().and_then(|image| detector.detect(&image)) {
                Ok(faces) => faces,
                Err(problem) => {
                    console.warn(&problem);
                    failed += 1;
                    continue;
                }
            };
            let name = photo.path().to_string_lossy();
            if self.json {
                let faces: Vec<_> =
                    faces.iter().map(|f| json!({ "box": corners(f.face_box), "score": f.score })).collect();
                answers.push(json!({ "image": name, "faces": faces }));
                continue;
            }
            for face in faces {
                let [x0, y0, x1, y1] = corners(face.face_box);
                console.print(format!("{},{x0},{y0},{x1},{y1},{:.3}", cell(&name), face.score))?;
            }
        }
        if self.json {
            console.print_json(&answers)?;
        }
        if failed > 0 { Err(Failure::Told) } else { Ok(()) }
    }

    fn measure(&self, detectors: &[Arc<dyn FaceDetector>], console: &Console) -> Result<(), Failure> {
        let scheme = data::scheme(self.scheme.as_deref())?;
        let mut rows = Vec::new();
        for data in &self.data {
            let photos = data::photos(data, &self.images, scheme.as_ref(), console)?;
            for (source, detector) in self.detector.iter().zip(detectors) {
                let bar = console.bar(photos.len(), "{bar:30} {pos} of {len} photos  left {eta}");
                let each = &mut |done| bar.set_position(done as u64);
                let found = Detections::find(&**detector, &photos, each);
                bar.finish_and_clear();
                // Which score is enough is the detector's own choice.
                let figures = found?.figures(self.least_side, f32::MIN);
                rows.push(Row { data: data.to_string(), detector: source.to_string(), figures });
            }
        }
        if self.json { console.print_json(&rows) } else { console.print_styled(headed(&table(&rows))) }
    }
}

/// How well a detector does on a set of photos.
#[derive(Serialize)]
struct Row {
    data: String,
    detector: String,
    #[serde(flatten)]
    figures: DetectionFigures,
}

/// A cell of a CSV file.
fn cell(text: &str) -> String {
    let quoted = text.contains([',', '"', '\n']);
    if quoted { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn corners(r: Rect) -> [f64; 4] {
    [r.x0, r.y0, r.x1, r.y1].map(|v| (100.0 * v).round() / 100.0)
}

fn table(rows: &[Row]) -> String {
    let or_none = |number: Option<f64>, decimals: usize| {
        number.map_or("-".to_owned(), |number| format!("{number:.decimals$}"))
    };
    let precision = format!("AP@{FACE_OVERLAP}");
    let head = [
        "data",
        "detector",
        "photos",
        "faces",
        "recall %",
        &precision,
        "false alarms",
        "overlap",
        "ms",
        "annotated box in the found one",
    ];
    let mut lines = vec![head.map(String::from).to_vec()];
    lines.extend(rows.iter().map(|Row { data, detector, figures }| {
        vec![
            data.clone(),
            detector.clone(),
            figures.photos.to_string(),
            figures.faces.to_string(),
            or_none(figures.recall, 2),
            or_none(figures.average_precision, 4),
            figures.false_alarms.to_string(),
            or_none(figures.overlap, 3),
            format!("{:.1}", figures.milliseconds),
            figures.box_in_found.map_or("-".to_owned(), |place| place.map(|v| format!("{v:.3}")).join(" ")),
        ]
    }));
    align(&lines).trim_end().to_owned()
}
