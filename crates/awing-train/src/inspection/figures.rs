use super::pose::pose;
use crate::{
    dataset::{Dataset, Sample},
    evaluation::Normalizer,
};
use awing::scheme::Visibility;
use rayon::prelude::*;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

/// How a quantity is spread over the faces or images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// One in twenty is smaller.
    pub p5: f64,
    /// The middle one.
    pub median: f64,
    /// One in twenty is larger.
    pub p95: f64,
    /// The largest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

impl Spread {
    /// Of these values, those that are not finite left out; `None` of nothing.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |share: f64| values.get((share * last as f64).round() as usize).copied();
        Some(Self {
            min: at(0.0)?,
            p5: at(0.05)?,
            median: at(0.5)?,
            p95: at(0.95)?,
            max: at(1.0)?,
            mean: values.iter().sum::<f64>() / values.len() as f64,
        })
    }
}

/// How often a point is not annotated or hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PointFigures {
    /// Its name.
    pub name: String,
    /// In how many faces it is not annotated.
    pub missing: usize,
    /// In how many it is hidden.
    pub hidden: usize,
}

/// What is in a dataset.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Where it was read, FORMAT:PATH.
    pub data: String,
    /// The name of its scheme.
    pub scheme: String,
    /// Images with a usable face.
    pub images: usize,
    /// Usable faces.
    pub faces: usize,
    /// Annotations that were left out.
    pub left_out: usize,
    /// Images that cannot be read; they are in no figure of sizes.
    pub unreadable: usize,
    /// The most faces of one image.
    pub most_faces: usize,
    /// Points that are not annotated, in all faces together.
    pub missing: usize,
    /// Points that are hidden.
    pub hidden: usize,
    /// Faces that come with a box.
    pub boxes: usize,
    /// Faces of each subset.
    pub subsets: BTreeMap<String, usize>,
    /// Width of images in pixels.
    pub image_width: Option<Spread>,
    /// Height of images.
    pub image_height: Option<Spread>,
    /// The larger side of the box around the points, in pixels.
    pub face_side: Option<Spread>,
    /// The larger side of the boxes that come with faces.
    pub box_side: Option<Spread>,
    /// What errors are usually divided by: "inter-ocular".
    #[serde(rename = "normaliser")]
    pub normalizer: String,
    /// That distance, in pixels.
    pub distance: Option<Spread>,
    /// Turn in the plane of the image, in degrees, clockwise.
    pub roll: Option<Spread>,
    /// A rough estimate of the turn about the upright axis, in degrees, positive to the right of the image.
    pub yaw: Option<Spread>,
    /// Of each point of the scheme.
    pub points: Vec<PointFigures>,
    /// The values behind the spreads, by their names.
    #[serde(skip)]
    pub values: BTreeMap<&'static str, Vec<f64>>,
}

/// Counts and measures. Of images the heads are read. `progress` is told how many faces have been looked at.
pub fn figures(dataset: &Dataset, progress: &(dyn Fn(usize) + Sync)) -> Figures {
    let (scheme, samples) = (&dataset.scheme, &dataset.samples);
    let mut by_image: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        by_image.entry(sample.image_name()).or_default().push(sample);
    }
    let done = AtomicUsize::new(0);
    let sizes: Vec<Option<(u32, u32)>> = by_image
        .par_iter()
        .map(|(_, faces)| {
            let size = faces.first().and_then(|face| face.image_size().ok());
            progress(faces.len() + done.fetch_add(faces.len(), Ordering::Relaxed));
            size
        })
        .collect();
    let with = |v: Visibility, i: usize| {
        samples.iter().filter(|s| s.landmarks.get(i).is_some_and(|l| l.visibility == v)).count()
    };
    let points: Vec<PointFigures> = (scheme.points.iter().enumerate())
        .map(|(i, name)| PointFigures {
            name: name.clone(),
            missing: with(Visibility::Missing, i),
            hidden: with(Visibility::Occluded, i),
        })
        .collect();
    let mut subsets = BTreeMap::new();
    for subset in samples.iter().flat_map(|sample| &sample.subsets) {
        *subsets.entry(subset.clone()).or_default() += 1;
    }
    let normalizer = Normalizer::usual(scheme);
    let poses: Vec<_> = samples.iter().filter_map(|s| pose(scheme, &s.landmarks)).collect();
    let sides = |rects: &mut dyn Iterator<Item = awing::geometry::Rect>| {
        rects.map(|r| r.width().max(r.height())).collect::<Vec<f64>>()
    };
    let distance = |s: &Sample| normalizer.distance(scheme, &s.landmarks, s.normalizing_box()).ok();
    let values = BTreeMap::from([
        ("image_width", sizes.iter().flatten().map(|size| f64::from(size.0)).collect()),
        ("image_height", sizes.iter().flatten().map(|size| f64::from(size.1)).collect()),
        ("face_side", sides(&mut samples.iter().filter_map(Sample::landmark_box))),
        ("box_side", sides(&mut samples.iter().filter_map(|s| s.detector_box))),
        ("distance", samples.iter().filter_map(distance).collect()),
        ("roll", poses.iter().map(|pose| pose.roll).collect()),
        ("yaw", poses.iter().filter_map(|pose| pose.yaw).collect::<Vec<f64>>()),
    ]);
    let spread = |name: &str| values.get(name).and_then(|values| Spread::of(values));
    Figures {
        data: dataset.source.to_string(),
        scheme: scheme.name.clone(),
        images: by_image.len(),
        faces: samples.len(),
        left_out: dataset.problems.len(),
        unreadable: sizes.iter().filter(|size| size.is_none()).count(),
        most_faces: by_image.values().map(Vec::len).max().unwrap_or(0),
        missing: points.iter().map(|p| p.missing).sum(),
        hidden: points.iter().map(|p| p.hidden).sum(),
        boxes: samples.iter().filter(|s| s.detector_box.is_some()).count(),
        subsets,
        image_width: spread("image_width"),
        image_height: spread("image_height"),
        face_side: spread("face_side"),
        box_side: spread("box_side"),
        normalizer: normalizer.to_string(),
        distance: spread("distance"),
        roll: spread("roll"),
        yaw: spread("yaw"),
        points,
        values,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::drawn_faces;
    use awing::{
        geometry::Rect,
        scheme::{Landmark, Scheme},
    };

    #[test]
    fn a_spread_is_of_the_values_in_their_order() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let spread = Spread::of(&values).unwrap();
        assert_eq!(spread, Spread { min: 0.0, p5: 5.0, median: 50.0, p95: 95.0, max: 100.0, mean: 50.0 });
        assert_eq!(Spread::of(&[f64::NAN]), None);
    }

    #[test]
    fn faces_and_their_points_are_counted() {
        let mut samples = drawn_faces(6, 64, 1);
        samples[0].landmarks[3] = Landmark::missing();
        samples[1].landmarks[3].visibility = Visibility::Occluded;
        samples[1].landmarks[4].visibility = Visibility::Occluded;
        samples[2].detector_box = Some(Rect::new(0.0, 0.0, 30.0, 20.0));
        samples[3].subsets = vec!["blur".into()];
        samples[5] = Sample { name: "drawn/00004#2".into(), ..samples[4].clone() };
        let source = "300w:drawn".parse().unwrap();
        let scheme = Scheme::builtin("300w-68").unwrap();
        let found = figures(&Dataset::new(source, scheme, samples), &|_| ());
        assert_eq!((found.images, found.faces, found.most_faces), (5, 6, 2));
        assert_eq!((found.missing, found.hidden, found.boxes, found.unreadable), (1, 2, 1, 0));
        assert_eq!(found.points[3], PointFigures { name: "jaw 4".into(), missing: 1, hidden: 1 });
        assert_eq!(found.subsets, BTreeMap::from([("blur".to_string(), 1)]));
        assert_eq!(found.image_width.unwrap().median, 64.0);
        assert_eq!(found.box_side.unwrap().max, 30.0);
        assert_eq!(found.normalizer, "inter-ocular");
        assert!(found.roll.unwrap().min.abs() < 60.0 && found.yaw.is_some());
        let json = serde_json::to_value(&found).unwrap();
        assert!(json["values"].is_null() && json["face_side"]["median"].is_number());
    }
}
