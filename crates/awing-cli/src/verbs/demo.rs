use super::{answers::TextFormat, eval::Eval, predict::Predict, train::Train};
use crate::{console::Console, device::DeviceChoice, failure::Failure, folders, style::examples};
use awing_train::dataset::{DataSource, Dataset, Format, OpenOptions, write_drawn};
use clap::Args;
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    fmt::Write,
    path::{Path, PathBuf},
};

/// Faces to draw: folder, number, seed.
const FACES: [(&str, usize, u64); 3] = [("train", 400, 1), ("val", 40, 2), ("test", 60, 3)];
/// Photos that are drawn on.
const SHOWN: usize = 12;
/// What there is to look at.
const PICTURES: [(&str, &str); 5] = [
    ("predict/drawn_00000.png", "landmarks on a face the network never saw"),
    ("eval/sample.png", "the best, the middle and the worst beside the truth"),
    ("eval/ced.png", "how many faces have which error"),
    ("heatmaps/drawn_00000-face1.png", "what the network sees and answers"),
    ("train/drawn/curve.png", "how it learnt"),
];
/// A network and a schedule that learn drawn faces in a minute on two cores.
const SETTINGS: [&str; 12] = [
    "network.input=64",
    "network.width=32",
    "optimizer.learning_rate=4e-3",
    "training.batch=16",
    "training.moving_average=0.98",
    "training.evaluate_every=4",
    "augment.rotation=20",
    "augment.occlusion.probability=0",
    "augment.blur.probability=0",
    "augment.noise.probability=0",
    "augment.gray.probability=0",
    "augment.jpeg.probability=0",
];

/// See it work: draw faces, train on them for a minute, evaluate, predict, leave pictures.
///
/// Needs no data and no network connection. The faces are cartoons with 68 landmarks, so the model is good for nothing
/// else; everything else is what training on photos looks like.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing demo",
    "awing demo --minutes 5 --out cartoon-faces",
]))]
pub(crate) struct Demo {
    /// A folder for everything; numbered where it is taken
    #[arg(long, default_value = "demo", value_name = "DIR")]
    out: PathBuf,
    /// Minutes of training
    #[arg(long, default_value_t = 1.0, value_name = "M", allow_negative_numbers = true)]
    minutes: f64,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        if !(self.minutes.is_finite() && self.minutes > 0.0) {
            return Err(Failure::Usage(format!("--minutes: {} must be a positive number", self.minutes)));
        }
        let name = self.out.file_name().unwrap_or("demo".as_ref()).to_string_lossy();
        let parent = self.out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folders::numbered(parent, &name)?;
        // "./demo" is "demo" to people.
        let folder = folder.strip_prefix(".").map(Path::to_path_buf).unwrap_or(folder);
        let faces = folder.join("faces");
        let total: usize = FACES.iter().map(|(_, count, _)| count).sum();
        console.note(format!("1/4  drawing {total} faces into {}", faces.display()));
        for (part, count, seed) in FACES {
            write_drawn(&faces.join(part), count, seed)?;
        }

        console.note(format!("2/4  training a small network for {} min", self.minutes));
        let format: Format = "300w".parse()?;
        let part = |name: &str| DataSource { format, path: faces.join(name) };
        let (outcome, _) = self.training(&folder, part("train"), part("val")).train(console)?;
        if outcome.interrupted {
            console.warn("the demonstration was stopped");
            return Err(Failure::Told);
        }
        let model = outcome.folder.join("best");

        console.note("3/4  measuring it on drawn faces that it never saw");
        self.evaluation(&folder, &model, part("test")).run(console)?;

        console.note("4/4  finding landmarks and drawing them");
        let boxes = folder.join("boxes.csv");
        let photos = write_boxes(&boxes, &part("test"))?;
        prediction(&folder, &model, photos.into_iter().map(OsString::from).collect(), boxes).run(console)?;
        if self.json {
            let path = folder.join("eval/results.json");
            let text = std::fs::read(&path).map_err(|e| Failure::Work(format!("{}: {e}", path.display())))?;
            let evaluation: Value = serde_json::from_slice(&text)
                .map_err(|e| Failure::Work(format!("{}: {e}", path.display())))?;
            let pictures = PICTURES.map(|(picture, _)| folder.join(picture));
            return console.print_json(&json!({
                "folder": folder, "model": model, "evaluation": evaluation, "pictures": pictures,
            }));
        }
        console.print(closing(&folder, &model))
    }

    fn training(&self, folder: &Path, data: DataSource, val: DataSource) -> Train {
        Train {
            data: vec![data],
            val: Some(val),
            scheme: None,
            images: crate::data::ImagesFolder::default(),
            preset: Some("nano".to_owned()),
            config: None,
            set: SETTINGS.map(str::to_owned).to_vec(),
            minutes: Some(self.minutes),
            epochs: None,
            name: Some("drawn".to_owned()),
            runs: folder.to_path_buf(),
            from: None,
            resume: false,
            device: DeviceChoice::Cpu,
            seed: None,
            json: false,
        }
    }

    fn evaluation(&self, folder: &Path, model: &Path, data: DataSource) -> Eval {
        Eval {
            model: model.into(),
            mirror: false,
            data,
            boxes: "gt".to_owned(),
            norm: None,
            scheme: None,
            images: crate::data::ImagesFolder::default(),
            threshold: vec![],
            json: false,
            out: Some(folder.join("eval")),
            device: DeviceChoice::Cpu,
            batch: 16,
            silent: self.json,
        }
    }
}

fn prediction(folder: &Path, model: &Path, sources: Vec<OsString>, boxes: PathBuf) -> Predict {
    Predict {
        sources,
        list: None,
        coco_images: None,
        sheet: None,
        pose: false,
        model: model.into(),
        mirror: false,
        face_box: vec![],
        boxes: Some(boxes),
        whole_image: false,
        detector: None,
        out: Some(folder.join("predict")),
        format: TextFormat::Jsonl,
        draw: true,
        heatmaps: Some(folder.join("heatmaps")),
        device: DeviceChoice::Cpu,
        batch: None,
        video: Default::default(),
        json: false,
        silent: true,
    }
}

/// Writes the face boxes of the first photos as a detector would give them; gives the photos.
fn write_boxes(path: &Path, source: &DataSource) -> Result<Vec<String>, Failure> {
    let dataset = Dataset::open(source, &OpenOptions::default())?;
    let mut text = "image,x0,y0,x1,y1\n".to_owned();
    let mut photos = Vec::new();
    for sample in dataset.samples.iter().take(SHOWN) {
        let Some(b) = sample.landmark_box() else { continue };
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{},{:.1},{:.1},{:.1},{:.1}", sample.name, b.x0, b.y0, b.x1, b.y1);
        photos.push(source.path.join(&sample.name).display().to_string());
    }
    std::fs::write(path, text).map_err(|e| Failure::file(path, e))?;
    Ok(photos)
}

fn closing(folder: &Path, model: &Path) -> String {
    let (folder, model) = (folder.display(), model.display());
    let longest = PICTURES.iter().map(|(picture, _)| picture.len()).max().unwrap_or(0);
    let width = folder.to_string().len() + 1 + longest;
    let pictures =
        PICTURES.map(|(picture, shows)| format!("  {:width$} {shows}\n", format!("{folder}/{picture}")));
    format!(
        "\nLook at\n{}\n\
         The same with your own photos\n  \
         awing train --data 300w:FOLDER --val 300w:FOLDER --minutes 30    a folder of images with .pts files; or csv:, coco:, dlib:, …\n  \
         awing eval --model runs/train/small/best --data 300w:FOLDER\n  \
         awing predict PHOTOS --model runs/train/small/best --boxes boxes.csv --draw\n\n\
         This model is in {model}; it knows drawn faces alone.",
        pictures.concat()
    )
}
