//! From annotated points of one's own to a model: trains on a CSV file with a scheme that says what its points are, measures the best
//! checkpoint on faces that it was not trained on, and finds the points of one of them. Without arguments it draws its faces itself.
//!
//! ```console
//! $ cargo run --release -p awing-train --example own_points
//! $ cargo run --release -p awing-train --example own_points -- faces/annotations.csv faces/scheme.toml
//! ```

#![expect(clippy::print_stdout, reason = "the example prints its answers")]

use awing::{Error, Result, prediction::Aligner, scheme::Scheme};
use awing_train::{
    Device,
    dataset::{BoxChoice, Dataset, Images, OpenOptions, convert, drawn_faces},
    evaluation::{BoxSource, Normalizer, test_faces},
    training::{Landmarks, MetricsRow, Observer, Recipe, Session, TrainingSet, train},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

/// The scheme of the drawn faces. Its points have the names that they have among the 68 of 300-W.
const SCHEME: &str = r#"
name = "own-4"
points = ["left eye 1", "right eye 4", "nose bridge 4", "jaw 9"]   # in the order of the annotation
mirror = [[0, 1]]                                                  # the pair that changes places in a mirror

[[normalizers]]                                                    # what errors are divided by
name = "inter-ocular"
between = [[0], [1]]
"#;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [csv, scheme] = match arguments.as_slice() {
        [] => drawn("runs/own_points".as_ref())?,
        [csv, scheme] => [csv.clone(), scheme.clone()],
        _ => return Err(Error::invalid("arguments", "name a CSV file and a scheme file, or nothing")),
    };

    // Read: a line that makes no sense is left out and told, with file, line and field.
    let scheme = Arc::new(Scheme::load(&scheme)?);
    let options = OpenOptions { scheme: Some(scheme.clone()), ..OpenOptions::default() };
    let mut faces = Dataset::open(&format!("csv:{}", csv.display()).parse()?, &options)?;
    faces.problems.iter().for_each(|problem| println!("left out: {problem}"));

    // Every fifth face is for measuring. Where people come more than once, `dataset::split` keeps each on one side.
    let (mut kept, mut held) = (Vec::new(), Vec::new());
    for (i, sample) in faces.samples.drain(..).enumerate() {
        if i % 5 == 0 { held.push(sample) } else { kept.push(sample) }
    }
    let part = |samples| Dataset::new(faces.source.clone(), scheme.clone(), samples);
    let (faces, held) = (part(kept), part(held));
    println!("{} faces to learn from, {} to measure by", faces.samples.len(), held.samples.len());

    // Train: a preset, and what differs from it, by the same keys as in a run's config.toml. Use a longer run and the whole network for work.
    let settings =
        ["network.input=64", "network.stacks=1", "training.epochs=30", "training.evaluate_every=5"];
    let recipe = Recipe::layered(Some("nano"), None, &settings.map(str::to_owned))?;
    let run = csv.with_file_name("run");
    let session = Session {
        // A data set of its own in the place of `None` chooses the best checkpoint.
        task: Landmarks::new(recipe, TrainingSet::new(vec![faces], BoxChoice::Landmarks)?, None)?,
        folder: run.clone(),
        start: None,
        // Started again, the example goes on with its run, which must have the same faces.
        resume: run.exists(),
        device: Device::flex(),
        // Set it from another thread to end the run after the step at hand, with a checkpoint.
        stop: &AtomicBool::new(false),
        card: "Trained by the example `own_points`.".to_owned(),
    };
    train(session, &mut Told)?;

    // Evaluate: NME in per cent of the scheme's distance, boxes around the annotated points.
    let aligner = Aligner::load(run.join("best"))?;
    let tested =
        test_faces(&aligner, &held, &BoxSource::Landmarks, &Normalizer::usual(&scheme), &mut |_| {})?;
    let figures = tested.evaluation.summary().all;
    println!(
        "NME {:.2} % on {} faces, {} failed",
        figures.nme.unwrap_or(f64::NAN),
        figures.images,
        figures.failed
    );

    // Predict: the box may come from anywhere; `Aligner::align` uses a detector of human faces.
    let Some((sample, face_box)) =
        held.samples.iter().find_map(|sample| Some((sample, sample.landmark_box()?)))
    else {
        return Ok(());
    };
    for face in aligner.align_in_boxes(&*sample.load_image()?, &[face_box]) {
        for (name, point) in scheme.points.iter().zip(face?.landmarks) {
            println!("{}: {name} at {:.1} {:.1}", sample.name, point.x, point.y);
        }
    }
    println!("the model is {}", run.join("best").display());
    Ok(())
}

/// Who is told how the run goes.
struct Told;

impl Observer for Told {
    fn evaluated(&mut self, row: &MetricsRow, _best: bool) {
        println!("step {:4}  loss {:.4}  {:.0} faces/s", row.step, row.loss, row.samples_per_second);
    }
}

/// Draws cartoon faces of 68 points and keeps four of them: `faces.csv`, the photos and `scheme.toml`, as data of one's own would lie there.
fn drawn(folder: &Path) -> Result<[PathBuf; 2]> {
    let (csv, scheme) = (folder.join("faces.csv"), folder.join("scheme.toml"));
    if !scheme.exists() {
        let mut samples = drawn_faces(200, 128, 1);
        samples.iter_mut().for_each(|sample| sample.name += ".png");
        let (source, all) = (format!("csv:{}", csv.display()).parse()?, Scheme::builtin("300w-68")?);
        let faces = Dataset::new("300w:memory".parse()?, all, samples);
        // Points are chosen by their names.
        let faces = faces.in_scheme(&Arc::new(Scheme::from_toml(SCHEME, &scheme)?))?;
        convert(&faces, &source, Images::Copy)?;
        fs::write(&scheme, SCHEME).map_err(Error::io(&scheme, "write"))?;
    }
    Ok([csv, scheme])
}
