//! How good head poses are, on annotated faces: the angles of each subset, from annotated and from predicted points, and whether photos that
//! are turned or mirrored give the angles that they must.
//!
//! ```console
//! $ cargo run --release -p awing-train --example head_pose -- mtfl:faces/test
//! ```
//!
//! Points are predicted by the built-in model in boxes around the annotated ones; where only a few points are annotated, the photo is taken as
//! one face.

use awing::{
    Result,
    geometry::{Point, Rect, Transform, warp},
    prediction::{Aligner, HeadPose, HeadShape},
    scheme::Landmark,
};
use awing_train::dataset::{DataSource, Dataset, OpenOptions, Sample};
use image::{RgbImage, imageops::flip_horizontal};
use std::{collections::BTreeMap, io::Write};

/// Degrees that photos are turned clockwise by.
const TURN: f64 = 20.0;
/// Fewer points are too few for a box like those that the model was trained on.
const ENOUGH: usize = 29;

/// The poses of one face.
struct Poses {
    annotated: Option<HeadPose>,
    predicted: HeadPose,
    turned: HeadPose,
    mirrored: HeadPose,
}

fn main() -> Result<()> {
    let source: DataSource = std::env::args().nth(1).unwrap_or_default().parse()?;
    let dataset = Dataset::open(&source, &OpenOptions::default())?;
    let aligner = Aligner::builtin()?;
    let predicted = HeadShape::of(aligner.scheme())?;
    let annotated = HeadShape::of(&dataset.scheme)?;
    let mut groups: BTreeMap<String, Vec<Poses>> = BTreeMap::new();
    for sample in &dataset.samples {
        let Some(poses) = poses(sample, &aligner, &annotated, &predicted)? else { continue };
        let names = sample.subsets.join(", ");
        groups.entry(if names.is_empty() { "no subset".to_owned() } else { names }).or_default().push(poses);
    }
    tell(&groups).map_err(awing::Error::io("stdout", "write"))
}

fn poses(
    sample: &Sample,
    aligner: &Aligner,
    annotated: &HeadShape,
    shape: &HeadShape,
) -> Result<Option<Poses>> {
    let photo = sample.load_image()?;
    let Some(points) = sample.landmarks.iter().map(Landmark::position).collect::<Option<Vec<Point>>>() else {
        return Ok(None);
    };
    let find = |photo: &RgbImage, points: &[Point]| -> Result<HeadPose> {
        let face_box = Rect::around(points.iter().copied()).filter(|_| points.len() >= ENOUGH);
        let crop = match face_box {
            Some(face_box) => aligner.crop(photo, face_box),
            None => aligner.crop_whole(photo),
        };
        let whole = Rect::of_image(photo.width(), photo.height());
        let mut faces = aligner.align_crops(vec![crop], &[whole]);
        shape.pose(&faces.remove(0)?.landmarks)
    };
    // As large as the photo is along its longer side: what leaves it is black.
    let side = photo.width().max(photo.height());
    let middle = Rect::of_image(photo.width(), photo.height()).center();
    let turn = Transform::crop(middle, f64::from(side), side as usize, TURN, false);
    let turned: Vec<Point> = points.iter().map(|p| turn.apply(*p)).collect();
    let mirrored: Vec<Point> =
        points.iter().map(|p| Point::new(f64::from(photo.width()) - 1.0 - p.x, p.y)).collect();
    Ok(Some(Poses {
        annotated: annotated.pose(&points).ok(),
        predicted: find(&photo, &points)?,
        turned: find(&warp(&photo, &turn, side as usize), &turned)?,
        mirrored: find(&flip_horizontal(&*photo), &mirrored)?,
    }))
}

fn tell(groups: &BTreeMap<String, Vec<Poses>>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "medians in degrees\n{:40} {:>5} {:>23} {:>23} {:>8}",
        "", "faces", "annotated yaw pitch roll", "predicted yaw pitch roll", "|yaw|"
    )?;
    for (name, poses) in groups {
        let of = |poses: &[HeadPose]| {
            [|p: &HeadPose| p.yaw, |p: &HeadPose| p.pitch, |p: &HeadPose| p.roll]
                .map(|angle| format!("{:7.1}", median(poses.iter().map(angle))))
                .join(" ")
        };
        let annotated: Vec<HeadPose> = poses.iter().filter_map(|p| p.annotated).collect();
        let predicted: Vec<HeadPose> = poses.iter().map(|p| p.predicted).collect();
        let turned_away = median(predicted.iter().map(|p| p.yaw.abs()));
        writeln!(
            out,
            "{name:40} {:>5} {} {} {turned_away:8.1}",
            poses.len(),
            of(&annotated),
            of(&predicted)
        )?;
    }
    let all: Vec<&Poses> = groups.values().flatten().collect();
    let both: Vec<(&HeadPose, &HeadPose)> =
        all.iter().filter_map(|p| Some((p.annotated.as_ref()?, &p.predicted))).collect();
    let apart = |angle: fn(&HeadPose) -> f64| median(both.iter().map(|(a, b)| (angle(a) - angle(b)).abs()));
    writeln!(
        out,
        "\nmedian distance\n  annotated to predicted   yaw {:.2}  pitch {:.2}  roll {:.2}",
        apart(|p| p.yaw),
        apart(|p| p.pitch),
        apart(|p| p.roll)
    )?;
    let turned =
        |of: fn(&HeadPose, &HeadPose) -> f64| median(all.iter().map(|p| of(&p.predicted, &p.turned).abs()));
    writeln!(
        out,
        "  photo turned by {TURN}       yaw {:.2}  pitch {:.2}  roll - {TURN} {:.2}",
        turned(|a, b| b.yaw - a.yaw),
        turned(|a, b| b.pitch - a.pitch),
        turned(|a, b| (b.roll - a.roll - TURN + 540.0).rem_euclid(360.0) - 180.0)
    )?;
    let mirrored =
        |of: fn(&HeadPose, &HeadPose) -> f64| median(all.iter().map(|p| of(&p.predicted, &p.mirrored).abs()));
    writeln!(
        out,
        "  mirror image             yaw {:.2}  pitch {:.2}  roll {:.2}",
        mirrored(|a, b| a.yaw + b.yaw),
        mirrored(|a, b| a.pitch - b.pitch),
        mirrored(|a, b| a.roll + b.roll)
    )?;
    let classes = ["left profile", "left", "frontal", "right", "right profile"];
    if classes.iter().all(|class| groups.contains_key(*class)) {
        let pairs: Vec<(f64, f64)> = (-2..=2)
            .zip(classes)
            .flat_map(|(class, name)| groups[name].iter().map(move |p| (f64::from(class), p.predicted.yaw)))
            .collect();
        writeln!(out, "correlation of yaw with the five classes: {:.3}", correlation(&pairs))?;
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (a, b) = (mean(|p| p.0), mean(|p| p.1));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        ab += (x - a) * (y - b);
        aa += (x - a).powi(2);
        bb += (y - b).powi(2);
    }
    ab / (aa * bb).sqrt()
}
