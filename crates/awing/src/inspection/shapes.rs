//! Mistakes that shapes tell of: x and y exchanged, left and right mixed up, points that changed places.

use super::{
    finding::{Finding, FindingKind},
    shape::{Shape, TypicalShape, median, mirrored, shape, transposed},
    variation::Variation,
};
use crate::{
    dataset::{Dataset, Sample},
    scheme::Scheme,
};
use rayon::prelude::*;

/// Fewer faces say too little about what is typical.
pub(super) const LEAST_FACES: usize = 20;
/// The mirror images of most shapes must fit this many times worse than they do, for them to tell anything. The faces of 300-W, WFLW, YouTube
/// Faces and MTFL have 15 to 35 here, the bodies of Leeds Sports Pose 2.
const TELLING: f64 = 6.0;
/// A face is wrong the way it is when its misfit is this many times the usual...
const WRONG: f64 = 3.0;
/// ...and that of its mirror image this many times smaller. Right faces have 0.2 at most in those four sets.
const BETTER: f64 = 3.0;
/// A mended face fits like others: its misfit is at most this many times the usual.
const FITS: f64 = 8.0;
/// Where more than this share of the faces look mirrored, it is the way the points are meant.
const MOST_MIRRORED: f64 = 0.1;
/// What an exchange of two points must bring, in squares of the noise times the usual misfit: for shapes that vary little, and for the
/// others.
const LEAST_GAIN: [f64; 2] = [35.0, 55.0];
/// The share of a face's misfit that must go with its exchanges.
const LEAST_SHARE: f64 = 0.2;
/// Two points are not told apart when they are less than this many times their noise from each other.
const LEAST_APART: f64 = 2.0;
/// Of one face.
const MOST_EXCHANGES: usize = 12;

/// What the shapes of the dataset say.
pub(super) struct ShapeFindings {
    pub(super) findings: Vec<Finding>,
    /// What was not looked for, and why.
    pub(super) skipped: Vec<String>,
    pub(super) typical: Option<TypicalShape>,
}

/// Looks at the shapes of all faces.
pub(super) fn look(dataset: &Dataset) -> ShapeFindings {
    let shapes: Vec<Shape> = dataset.samples.iter().map(shape).collect();
    let skip = |why: String, typical| ShapeFindings { findings: Vec::new(), skipped: vec![why], typical };
    if shapes.len() < LEAST_FACES || dataset.scheme.len() < 4 {
        let why = format!(
            "shapes are not compared: {} faces of {} points, {LEAST_FACES} faces of 4 points are the least",
            shapes.len(),
            dataset.scheme.len()
        );
        return skip(why, None);
    }
    let typical = TypicalShape::of(&shapes);
    let variation = typical.clone().and_then(|typical| Variation::of(&shapes, typical));
    let Some(variation) = variation else {
        return skip("shapes are not compared: the faces have too few points in common".into(), typical);
    };
    let contrast = shapes.par_iter().filter_map(|shape| {
        let (as_it_is, mirror) = (variation.lay(shape)?, variation.lay(&mirrored(shape))?);
        Some(mirror.misfit / as_it_is.misfit.max(1e-9))
    });
    let contrast = median(contrast.collect()).unwrap_or(0.0);
    let telling = contrast >= TELLING;
    let mut skipped = Vec::new();
    if !telling {
        skipped.push(format!(
            "x and y exchanged, left and right mixed up: shapes vary so much, as those of moving bodies do, that most fit only {contrast:.1} times worse in the mirror"
        ));
    }
    let seen: Vec<Option<Seen>> =
        shapes.par_iter().map(|shape| Seen::of(shape, &variation, telling)).collect();
    let turned_over = seen.iter().flatten().filter(|seen| !matches!(seen, Seen::Exchanged(_))).count();
    let too_many = turned_over as f64 > MOST_MIRRORED * shapes.len() as f64;
    if too_many {
        skipped.push(format!(
            "left and right mixed up: {turned_over} of {} shapes look mirrored; that is how the points are meant (persons seen from behind), or a whole part of the set is wrong",
            shapes.len()
        ));
    }
    let mut findings = Vec::new();
    for (sample, seen) in dataset.samples.iter().zip(seen) {
        match seen {
            Some(Seen::Exchanged(pairs)) => findings.push(exchanged(sample, &dataset.scheme, &pairs)),
            Some(seen) if !too_many => findings.push(seen.finding(sample)),
            _ => {}
        }
    }
    ShapeFindings { findings, skipped, typical }
}

/// What is wrong with one shape.
enum Seen {
    Swapped,
    Mirrored,
    Exchanged(Vec<[usize; 2]>),
}

impl Seen {
    /// `telling`: whether the mirror image of a shape says anything.
    fn of(shape: &Shape, variation: &Variation, telling: bool) -> Option<Self> {
        let annotated = shape.iter().flatten().count();
        // Few points fit to anything.
        if annotated < 4 || 2 * annotated < shape.len() {
            return None;
        }
        let laid = variation.lay(shape)?;
        let usual = variation.usual;
        if telling && laid.misfit > WRONG * usual {
            let mirror = variation.lay(&mirrored(shape))?;
            if mirror.misfit * BETTER < laid.misfit && mirror.misfit < FITS * usual {
                // Exchanged coordinates are a mirror image too, a quarter turn from the other.
                let swapped = variation.lay(&transposed(shape))?.similarity.degrees().abs();
                let swapped = swapped < mirror.similarity.degrees().abs();
                return Some(if swapped { Self::Swapped } else { Self::Mirrored });
            }
        }
        let [little, much] = LEAST_GAIN;
        let pairs = exchanges(shape, variation, if telling { little } else { much });
        (!pairs.is_empty()).then_some(Self::Exchanged(pairs))
    }

    fn finding(&self, sample: &Sample) -> Finding {
        let (kind, problem, mend) = match self {
            Self::Swapped => (
                FindingKind::SwappedCoordinates,
                "x and y are exchanged: the shape is that of a face only when they are put back",
                "exchange x and y of every point",
            ),
            _ => (
                FindingKind::MirroredFace,
                "left and right are mixed up: the shape is that of a face only in the mirror",
                "give the points of each mirror pair each other's places; if the image was mirrored, mirror the points with it",
            ),
        };
        Finding {
            kind,
            place: sample.place.clone(),
            face: Some(sample.name.clone()),
            points: Vec::new(),
            problem: problem.into(),
            mend: mend.into(),
        }
    }
}

/// The pairs of points that changed places, in the order of what putting them back brings; empty when the face does
/// not fit with them put back.
fn exchanges(shape: &Shape, variation: &Variation, least_gain: f64) -> Vec<[usize; 2]> {
    let Some(before) = variation.lay(shape) else { return Vec::new() };
    let mut shape = shape.clone();
    let mut pairs: Vec<[usize; 2]> = Vec::new();
    let mut after = before.misfit;
    while pairs.len() < MOST_EXCHANGES {
        let Some(laid) = variation.lay(&shape) else { break };
        let far = |i: usize, j: usize| {
            let (Some(Some(p)), Some(Some(q))) = (laid.points.get(i), laid.points.get(j)) else {
                return false;
            };
            p.distance(*q) > LEAST_APART * (variation.noise(i) + variation.noise(j))
        };
        let all = (0..shape.len()).flat_map(|i| (0..i).map(move |j| [j, i]));
        let best = all
            .filter(|[i, j]| far(*i, *j))
            .filter_map(|[i, j]| Some((variation.gain(&laid, i, j)?, [i, j])))
            .filter(|(gain, _)| *gain > least_gain * variation.usual)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, [i, j])) = best else { break };
        shape.swap(i, j);
        pairs.push([i, j]);
        after = variation.lay(&shape).map_or(after, |laid| laid.misfit);
    }
    let mended = after < FITS * variation.usual && after < (1.0 - LEAST_SHARE) * before.misfit;
    if mended { pairs } else { Vec::new() }
}

fn exchanged(sample: &Sample, scheme: &Scheme, pairs: &[[usize; 2]]) -> Finding {
    let name = |i: usize| format!("{i} ({})", scheme.points.get(i).map_or("", String::as_str));
    let told: Vec<String> = pairs.iter().map(|[i, j]| format!("{} and {}", name(*i), name(*j))).collect();
    let mut points: Vec<usize> = pairs.iter().flatten().copied().collect();
    points.sort_unstable();
    points.dedup();
    Finding {
        kind: FindingKind::ExchangedPoints,
        place: sample.place.clone(),
        face: Some(sample.name.clone()),
        points,
        problem: format!("points {} changed places", told.join(", ")),
        mend: "give them each other's coordinates".into(),
    }
}
