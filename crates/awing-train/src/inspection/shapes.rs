//! Mistakes that shapes tell of: x and y exchanged, left and right mixed up, points that changed places or lie elsewhere.

use super::{
    finding::{Finding, FindingKind},
    shape::{Shape, TypicalShape, median, mirrored, shape, transposed},
    variation::{Laid, Variation},
};
use crate::dataset::{Dataset, Sample};
use awing::scheme::Scheme;
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
/// Points that were put back are at most this far from where the others say, in noises of a usual shape: for shapes that vary little, and
/// for the others. Nineteen in twenty faces of 300-W, WFLW and YouTube Faces have no point farther than 5, bodies 9.
const IN_PLACE: [f64; 2] = [6.0, 10.0];
/// Points farther from there are misplaced. The farthest of 2,000 faces are at 8 to 10, the farthest of bodies at 17.
const MISPLACED: [f64; 2] = [10.0, 20.0];
/// Misplaced points that a line names.
const MOST_TOLD: usize = 6;

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
    let look = |variation: &Variation| -> Vec<Option<Seen>> {
        shapes.par_iter().map(|shape| Seen::of(shape, variation, telling)).collect()
    };
    let seen = look(&variation);
    // Again, by what the others have in common: a wrong face teaches that such faces occur.
    let right = shapes.iter().zip(&seen).filter(|(_, seen)| seen.is_none()).map(|(shape, _)| shape);
    let right: Vec<Shape> = right.cloned().collect();
    let again = if (LEAST_FACES..shapes.len()).contains(&right.len()) {
        TypicalShape::of(&right).and_then(|typical| Some((Variation::of(&right, typical.clone())?, typical)))
    } else {
        None
    };
    let (seen, typical) = match again {
        Some((variation, typical)) => (look(&variation), Some(typical)),
        None => (seen, typical),
    };
    let turned_over =
        seen.iter().flatten().filter(|seen| matches!(seen, Seen::Swapped | Seen::Mirrored)).count();
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
            Some(Seen::Swapped | Seen::Mirrored) if too_many => {}
            Some(seen) => findings.push(seen.finding(sample, &dataset.scheme)),
            None => {}
        }
    }
    ShapeFindings { findings, skipped, typical }
}

/// What is wrong with one shape.
enum Seen {
    Swapped,
    Mirrored,
    Exchanged(Vec<[usize; 2]>),
    /// Points and how many pixels they are from their places.
    Misplaced(Vec<(usize, f64)>),
    /// Most points are misplaced.
    Strange,
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
        let of = |[little, much]: [f64; 2]| if telling { little } else { much };
        let pairs = exchanges(shape, variation, of(LEAST_GAIN), of(IN_PLACE));
        if !pairs.is_empty() {
            return Some(Self::Exchanged(pairs));
        }
        let misplaced = misplaced(shape, variation, of(MISPLACED));
        match misplaced.len() {
            0 => None,
            count if 2 * count > annotated => Some(Self::Strange),
            _ => Some(Self::Misplaced(misplaced)),
        }
    }

    fn finding(&self, sample: &Sample, scheme: &Scheme) -> Finding {
        let name = |i: usize| format!("{i} ({})", scheme.points.get(i).map_or("", String::as_str));
        let told = |each: Vec<String>| each.join(", ");
        let (kind, mut points, problem, mend) = match self {
            Self::Swapped => (
                FindingKind::SwappedCoordinates,
                Vec::new(),
                "x and y are exchanged: the shape is that of a face only when they are put back".into(),
                "exchange x and y of every point",
            ),
            Self::Mirrored => (
                FindingKind::MirroredFace,
                Vec::new(),
                "left and right are mixed up: the shape is that of a face only in the mirror".into(),
                "give the points of each mirror pair each other's places; if the image was mirrored, mirror the points with it",
            ),
            Self::Exchanged(pairs) => {
                let each = pairs.iter().map(|[i, j]| format!("{} and {}", name(*i), name(*j)));
                (
                    FindingKind::ExchangedPoints,
                    pairs.iter().flatten().copied().collect(),
                    format!("points {} changed places", told(each.collect())),
                    "give them each other's coordinates",
                )
            }
            Self::Misplaced(points) => {
                let each = points.iter().map(|(i, pixels)| format!("{} by {pixels:.0} pixels", name(*i)));
                let more = match points.len().saturating_sub(MOST_TOLD) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                (
                    FindingKind::MisplacedPoints,
                    points.iter().map(|(i, _)| *i).collect(),
                    format!(
                        "far from where the other points say: {}{more}",
                        told(each.take(MOST_TOLD).collect())
                    ),
                    "look at them",
                )
            }
            Self::Strange => (
                FindingKind::MisplacedPoints,
                Vec::new(),
                "most points are far from where the others say: no other face has this shape".into(),
                "look at it",
            ),
        };
        points.sort_unstable();
        points.dedup();
        Finding {
            kind,
            place: sample.place.clone(),
            face: Some(sample.name.clone()),
            points,
            problem,
            mend: mend.into(),
        }
    }
}

/// The pairs of points that changed places, in the order of what putting them back brings; empty when the face, or one of these points,
/// does not fit with them put back, or as many single points that lie elsewhere explain more: such a point fits a little better in many
/// a place.
fn exchanges(shape: &Shape, variation: &Variation, least_gain: f64, in_place: f64) -> Vec<[usize; 2]> {
    let Some(before) = variation.lay(shape) else { return Vec::new() };
    let (given, mut shape) = (shape, shape.clone());
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
    let laid = variation.lay(&shape);
    let fits = |i: usize| {
        let off = laid.as_ref().and_then(|laid| off(variation, laid, i));
        off.is_none_or(|off| off < in_place)
    };
    let mended = after < FITS * variation.usual
        && after < (1.0 - LEAST_SHARE) * before.misfit
        && pairs.iter().flatten().all(|i| fits(*i));
    let explained = || {
        let mut moved = Moved { shape: given.clone(), points: Vec::new() };
        for _ in &pairs {
            let _ = moved.next(variation, 0.0);
        }
        variation.lay(&moved.shape).is_none_or(|laid| after < laid.misfit)
    };
    if mended && explained() { pairs } else { Vec::new() }
}

/// A shape with some of its points put where the others say that they should be.
struct Moved {
    shape: Shape,
    /// These points, and how far that was in pixels.
    points: Vec<(usize, f64)>,
}

impl Moved {
    /// Moves the point that is farthest from its place, if that is farther than `least`.
    fn next(&mut self, variation: &Variation, least: f64) -> Option<()> {
        let laid = variation.lay(&self.shape)?;
        let (_, i) = (0..self.shape.len())
            .filter(|i| self.points.iter().all(|(moved, _)| moved != i))
            .filter_map(|i| Some((off(variation, &laid, i)?, i)))
            .filter(|(off, _)| *off > least)
            .max_by(|a, b| a.0.total_cmp(&b.0))?;
        let (place, point) = (variation.place(&laid, i)?, self.shape.get_mut(i)?);
        self.points.push((i, point.replace(place)?.distance(place)));
        Some(())
    }
}

/// The points that are farther than `least` from where the others say that they should be, the farthest first, and how far in pixels; when
/// they are more than a half, those that it took to see it.
fn misplaced(shape: &Shape, variation: &Variation, least: f64) -> Vec<(usize, f64)> {
    let annotated = shape.iter().flatten().count();
    let mut moved = Moved { shape: shape.clone(), points: Vec::new() };
    // One after the other, each put in its place: where several are wrong they hide each other and accuse the right ones.
    while 2 * moved.points.len() <= annotated && moved.next(variation, least).is_some() {}
    moved.points
}

/// How far a point is from where the others say, in noises of a usual shape.
fn off(variation: &Variation, laid: &Laid, point: usize) -> Option<f64> {
    variation.off(laid, point).map(|[x, y]| x.hypot(y) / variation.usual.sqrt())
}
