use crate::{console::Console, data, failure::Failure};
use awing::{
    dataset::{BoxedPhoto, DataSource, Dataset, ImageSource, load_image, read_wider},
    detection::{FaceDetector, SeetaFace},
    evaluation::{DetectionFigures, FACE_OVERLAP, align, test_detector},
    geometry::Rect,
    prediction::expand_sources,
};
use clap::Args;
use serde_json::json;
use std::{collections::BTreeMap, path::PathBuf};

/// Find the faces in photos, or measure how well that works.
///
/// With SOURCE: prints a CSV line image,x0,y0,x1,y1,score for each face, which `awing predict --boxes` and `awing eval --boxes` read. With
/// --data: recall, average precision and false alarms on photos whose faces are known.
#[derive(Args, Debug)]
pub(crate) struct Detect {
    /// Image files, folders, or quoted patterns such as 'photos/*.jpg'
    #[arg(required_unless_present = "data", conflicts_with = "data", value_name = "SOURCE")]
    sources: Vec<String>,
    /// Photos to measure on: wider:PATH (WIDER FACE's boxes), none:PATH (photos without any face), or annotated landmarks FORMAT:PATH, a
    /// face a photo, whose box is the one around its points
    #[arg(long, value_name = "FORMAT:PATH")]
    data: Option<String>,
    /// Faces whose longer side is shorter are neither missed nor false alarms, in pixels
    #[arg(long, default_value_t = 40.0, value_name = "PIXELS")]
    least_side: f64,
    /// Print one JSON object instead of lines or a table
    #[arg(long)]
    json: bool,
}

impl Detect {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let detector = SeetaFace::builtin()?;
        match &self.data {
            Some(data) => self.measure(data, &detector, console),
            None => self.find(&detector, console),
        }
    }

    fn find(&self, detector: &dyn FaceDetector, console: &Console) -> Result<(), Failure> {
        let (photos, problems) = expand_sources(&self.sources);
        console.warn_all(problems.iter());
        let mut failed = problems.len();
        let mut answers = Vec::new();
        if !self.json {
            console.print("image,x0,y0,x1,y1,score")?;
        }
        for photo in photos {
            let faces = match load_image(&photo).and_then(|image| detector.detect(&image)) {
                Ok(faces) => faces,
                Err(problem) => {
                    console.warn(&problem);
                    failed += 1;
                    continue;
                }
            };
            let name = photo.to_string_lossy();
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

    fn measure(&self, data: &str, detector: &dyn FaceDetector, console: &Console) -> Result<(), Failure> {
        let photos = photos(data, console)?;
        let bar = console.bar(photos.len(), "{bar:30} {pos} of {len} photos  left {eta}");
        let figures =
            test_detector(detector, &photos, self.least_side, &mut |done| bar.set_position(done as u64));
        bar.finish_and_clear();
        let figures = figures?;
        if self.json { console.print_json(&figures) } else { console.print(table(&figures)) }
    }
}

/// A cell of a CSV file.
fn cell(text: &str) -> String {
    let quoted = text.contains([',', '"', '\n']);
    if quoted { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn corners(r: Rect) -> [f64; 4] {
    [r.x0, r.y0, r.x1, r.y1].map(|v| (100.0 * v).round() / 100.0)
}

fn photos(data: &str, console: &Console) -> Result<Vec<BoxedPhoto>, Failure> {
    match data.split_once(':') {
        Some(("wider", path)) => Ok(read_wider(&PathBuf::from(path))?),
        Some(("none", path)) => {
            let (photos, problems) = expand_sources(&[path.to_owned()]);
            if let Some(problem) = problems.into_iter().next() {
                return Err(problem.into());
            }
            let empty = |path| BoxedPhoto { path, faces: Vec::new(), ignored: Vec::new() };
            Ok(photos.into_iter().map(empty).collect())
        }
        _ => {
            let source: DataSource = data.parse().map_err(|e: awing::Error| {
                Failure::Usage(format!("--data: {e}; or wider:PATH, none:PATH"))
            })?;
            Ok(by_photo(data::open(&source, None, console)?))
        }
    }
}

/// All faces of each photo; those inside another file are left out.
fn by_photo(dataset: Dataset) -> Vec<BoxedPhoto> {
    let mut photos: BTreeMap<PathBuf, Vec<Rect>> = BTreeMap::new();
    for sample in dataset.samples {
        let face = sample.landmark_box();
        if let ImageSource::File(path) = sample.image {
            photos.entry(path).or_default().extend(face);
        }
    }
    photos.into_iter().map(|(path, faces)| BoxedPhoto { path, faces, ignored: Vec::new() }).collect()
}

fn table(figures: &DetectionFigures) -> String {
    let or_none = |number: Option<f64>, decimals: usize| {
        number.map_or("-".to_owned(), |number| format!("{number:.decimals$}"))
    };
    let place =
        figures.box_in_found.map_or("-".to_owned(), |place| place.map(|v| format!("{v:.3}")).join(" "));
    align(&[
        vec!["photos".to_owned(), figures.photos.to_string()],
        vec!["faces".to_owned(), figures.faces.to_string()],
        vec!["recall %".to_owned(), or_none(figures.recall, 2)],
        vec![format!("average precision at overlap {FACE_OVERLAP}"), or_none(figures.average_precision, 4)],
        vec!["false alarms".to_owned(), figures.false_alarms.to_string()],
        vec!["mean overlap".to_owned(), or_none(figures.overlap, 3)],
        vec!["annotated box in the found one: left top right bottom".to_owned(), place],
        vec!["ms a photo".to_owned(), format!("{:.1}", figures.milliseconds)],
    ])
}
