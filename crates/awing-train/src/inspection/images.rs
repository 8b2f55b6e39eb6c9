//! Mistakes that images tell of: broken files, the same bytes twice, points that lie elsewhere.

use super::{
    finding::{Finding, FindingKind},
    shape::median,
};
use crate::dataset::{Dataset, ImageSource, Sample, other_size};
use awing::{geometry::Point, scheme::Landmark};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::Hasher,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A point may lie this share of the face's size outside its image: labels guess at what the photo cuts off.
const SLACK: f64 = 0.5;

/// An image as it was found, with its faces.
pub(super) struct Seen<'a> {
    pub(super) faces: Vec<&'a Sample>,
    /// Width and height, or why it cannot be read.
    pub(super) size: Result<(u32, u32), String>,
    /// Length and a hash of its bytes.
    bytes: (u64, u64),
}

/// Decodes every image once.
pub(super) fn look<'a>(dataset: &'a Dataset, progress: &(dyn Fn(usize) + Sync)) -> Vec<Seen<'a>> {
    let mut by_image: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in &dataset.samples {
        by_image.entry(sample.image_name()).or_default().push(sample);
    }
    let done = AtomicUsize::new(0);
    let groups: Vec<Vec<&Sample>> = by_image.into_values().collect();
    groups
        .into_par_iter()
        .map(|faces| {
            let image = faces.first().map(|face| face.load_image());
            let size = match &image {
                Some(Ok(image)) => Ok(image.dimensions()),
                Some(Err(e)) => Err(e.to_string()),
                None => Err(String::new()),
            };
            let bytes = match (faces.first().map(|face| &face.image), &image) {
                (Some(ImageSource::File(path)), Some(Ok(_))) => {
                    std::fs::read(path).map(|b| sum(&b)).unwrap_or_default()
                }
                (_, Some(Ok(image))) => sum(image.as_raw()),
                _ => (0, 0),
            };
            progress(faces.len() + done.fetch_add(faces.len(), Ordering::Relaxed));
            Seen { faces, size, bytes }
        })
        .collect()
}

fn sum(bytes: &[u8]) -> (u64, u64) {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    (bytes.len() as u64, hasher.finish())
}

/// A finding for each image that cannot be read.
pub(super) fn broken(images: &[Seen<'_>]) -> Vec<Finding> {
    let each = images.iter().filter_map(|seen| Some((seen.size.as_ref().err()?, seen.faces.first()?)));
    each.map(|(problem, face)| Finding {
        kind: FindingKind::BrokenImage,
        place: face.place.clone(),
        face: Some(face.name.clone()),
        points: Vec::new(),
        problem: problem.clone(),
        mend: "replace the image, or remove its annotation".into(),
    })
    .collect()
}

/// A finding for each image whose size is not what an annotation says.
pub(super) fn of_other_size(images: &[Seen<'_>]) -> Vec<Finding> {
    let each = images.iter().filter_map(|seen| {
        let size = *seen.size.as_ref().ok()?;
        let wrong = |face: &&Sample| {
            Some((other_size(face.stated_size, size)?, face.place.clone(), face.name.clone()))
        };
        seen.faces.iter().find_map(wrong)
    });
    each.map(|((problem, mend), place, name)| Finding {
        kind: FindingKind::OtherSize,
        place,
        face: Some(name),
        points: Vec::new(),
        problem,
        mend,
    })
    .collect()
}

/// A finding for each image whose bytes an earlier one has.
pub(super) fn same(images: &[Seen<'_>]) -> Vec<Finding> {
    let mut first: BTreeMap<(u64, u64), &Sample> = BTreeMap::new();
    let mut findings = Vec::new();
    for seen in images.iter().filter(|seen| seen.size.is_ok()) {
        let Some(face) = seen.faces.first() else { continue };
        match first.get(&seen.bytes) {
            None => {
                first.insert(seen.bytes, face);
            }
            Some(other) => findings.push(Finding {
                kind: FindingKind::SameImage,
                place: face.place.clone(),
                face: Some(face.name.clone()),
                points: Vec::new(),
                problem: format!("the image is `{}` once more, byte for byte", other.image_name()),
                mend: "remove one of them: in training and test it would be learnt by heart".into(),
            }),
        }
    }
    findings
}

/// A finding for each face most of whose points lie in one place: zeros, or coordinates that were never placed.
pub(super) fn without_extent(images: &[Seen<'_>]) -> Vec<Finding> {
    let faces = images.iter().flat_map(|seen| &seen.faces);
    faces
        .filter_map(|face| {
            let (count, all, at) = heap(face)?;
            Some(Finding {
                kind: FindingKind::NoExtent,
                place: face.place.clone(),
                face: Some(face.name.clone()),
                points: Vec::new(),
                problem: format!(
                    "{count} of {all} points lie in one place, ({:.1}, {:.1}): this is no face",
                    at.x, at.y
                ),
                mend: "annotate the face again, or remove it".into(),
            })
        })
        .collect()
}

/// Whether most points lie within a pixel: how many, of how many, and where.
pub(super) fn heap(face: &Sample) -> Option<(usize, usize, Point)> {
    let points: Vec<Point> = face.landmarks.iter().filter_map(Landmark::position).collect();
    let middle = middle(&points)?;
    let count = points.iter().filter(|p| p.distance(middle) < 0.5).count();
    (points.len() > 2 && 2 * count > points.len()).then_some((count, points.len(), middle))
}

/// A finding for each face with points far outside its image.
pub(super) fn outside(images: &[Seen<'_>], names: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in images {
        let Ok((width, height)) = seen.size else { continue };
        for face in &seen.faces {
            let Some(size) = face_size(face) else { continue };
            let beyond = |v: f64, side: u32| (-0.5 - v).max(v - (f64::from(side) - 0.5)) > SLACK * size;
            let far = |p: Point| beyond(p.x, width) || beyond(p.y, height);
            let points: Vec<usize> = (face.landmarks.iter().enumerate())
                .filter(|(_, l)| l.position().is_some_and(far))
                .map(|(i, _)| i)
                .collect();
            let Some((first, at)) = points.first().and_then(|&i| Some((i, face.landmarks.get(i)?.point)))
            else {
                continue;
            };
            let named = format!("point {first} ({})", names.get(first).map_or("", String::as_str));
            let others = match points.len() {
                1 => String::new(),
                count => format!(" and {} others", count - 1),
            };
            findings.push(Finding {
                kind: FindingKind::PointOutside,
                place: face.place.clone(),
                face: Some(face.name.clone()),
                points,
                problem: format!(
                    "{named} at ({:.1}, {:.1}){others} far outside the image of {width} x {height} pixels",
                    at.x, at.y
                ),
                mend: "mend the coordinates, or annotate the point as missing".into(),
            });
        }
    }
    findings
}

/// About the larger side of the face in pixels, whatever a few points do.
pub(super) fn face_size(face: &Sample) -> Option<f64> {
    let points: Vec<Point> = face.landmarks.iter().filter_map(Landmark::position).collect();
    let middle = middle(&points)?;
    // Half of the points of a face lie within about 0.4 of its side.
    let reach = median(points.iter().map(|p| p.distance(middle)).collect())?;
    Some(2.5 * reach).filter(|size| *size > 0.0)
}

fn middle(points: &[Point]) -> Option<Point> {
    let of = |coordinate: fn(&Point) -> f64| median(points.iter().map(coordinate).collect());
    Some(Point::new(of(|p| p.x)?, of(|p| p.y)?))
}
