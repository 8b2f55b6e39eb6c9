//! The mirror pairs of a scheme beside those that the typical face has.

use super::{
    finding::{Finding, FindingKind},
    shape::TypicalShape,
};
use awing::{geometry::Point, scheme::Scheme};

/// Axes that are tried, in a half turn.
const AXES: usize = 180;
/// A partner must be this many times farther from the mirror image than the point that is there...
const FARTHER: f64 = 3.0;
/// ...and by this much, the size of a face being 1.
const LEAST: f64 = 0.1;
/// How far mirror images are from the points they fall on, in the root of the mean square, for a shape to count as
/// symmetric.
const SYMMETRIC: f64 = 0.1;

/// A finding for the scheme, if its mirror pairs are not those of the typical face.
pub(super) fn check(scheme: &Scheme, typical: &TypicalShape) -> Option<Finding> {
    let points: Vec<(usize, Point)> =
        typical.points.iter().enumerate().filter_map(|(i, p)| Some((i, (*p)?))).collect();
    let (apart, mirror) = best_mirror(&points)?;
    if apart > SYMMETRIC {
        return None;
    }
    let nearest =
        |p: Point| points.iter().map(|(i, q)| (p.distance(*q), *i)).min_by(|a, b| a.0.total_cmp(&b.0));
    let image = |i: usize| typical.points.get(i).copied().flatten().map(&mirror);
    let mut wrong = Vec::new();
    for (i, p) in &points {
        let (there, own) = (nearest(mirror(*p)), scheme.mirror.get(*i));
        let (Some((distance, partner)), Some(&own)) = (there, own) else { continue };
        let back = image(partner).and_then(nearest).map(|(_, i)| i);
        let Some(Some(told)) = typical.points.get(own) else { continue };
        let off = mirror(*p).distance(*told);
        if partner != own
            && back == Some(*i)
            && off > FARTHER * distance
            && off - distance > LEAST
            && *i <= partner
        {
            wrong.push((*i, own, partner));
        }
    }
    if wrong.is_empty() {
        return None;
    }
    let name = |i: usize| format!("{i} ({})", scheme.points.get(i).map_or("", String::as_str));
    let told: Vec<String> = wrong
        .iter()
        .map(|(i, own, partner)| match (i == own, i == partner) {
            (true, _) => format!("{} is paired with none, the data say {}", name(*i), name(*partner)),
            (_, true) => format!("{} is paired with {}, the data say with none", name(*i), name(*own)),
            _ => format!("{} is paired with {}, the data say {}", name(*i), name(*own), name(*partner)),
        })
        .collect();
    let mut about: Vec<usize> = wrong.iter().flat_map(|(i, own, partner)| [*i, *own, *partner]).collect();
    about.sort_unstable();
    about.dedup();
    Some(Finding {
        kind: FindingKind::MirrorPairs,
        place: None,
        face: None,
        points: about,
        problem: format!("scheme `{}`: mirror: {}", scheme.name, told.join("; ")),
        mend: "mend the pairs of the scheme, or the order of the points in the data".into(),
    })
}

/// The mirror at a line through the middle that lays the points best on each other, and how far from it they still are.
fn best_mirror(points: &[(usize, Point)]) -> Option<(f64, impl Fn(Point) -> Point + use<>)> {
    let middle = Point::mean(points.iter().map(|(_, p)| *p))?;
    // At a line of this angle from upright, shifted by this much at right angles to it.
    let mirror = move |angle: f64, shift: f64| {
        move |p: Point| {
            let (sin, cos) = (2.0 * angle).sin_cos();
            let (x, y) = (p.x - middle.x, p.y - middle.y);
            let (sin1, cos1) = angle.sin_cos();
            let (dx, dy) = (2.0 * shift * cos1, 2.0 * shift * sin1);
            Point::new(middle.x - cos * x - sin * y + dx, middle.y - sin * x + cos * y + dy)
        }
    };
    let apart = |angle: f64, shift: f64| {
        let mirror = mirror(angle, shift);
        let nearest = |p: Point| points.iter().map(|(_, q)| p.distance(*q)).fold(f64::INFINITY, f64::min);
        let sum: f64 = points.iter().map(|(_, p)| nearest(mirror(*p)).powi(2)).sum();
        (sum / points.len() as f64).sqrt()
    };
    let step = std::f64::consts::PI / AXES as f64;
    let shifts = [-0.1, -0.05, 0.0, 0.05, 0.1];
    let all = (0..AXES).flat_map(|a| shifts.map(|shift| (a as f64 * step, shift)));
    let (best, angle, shift) =
        all.map(|(angle, shift)| (apart(angle, shift), angle, shift)).min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((best, mirror(angle, shift)))
}

#[cfg(test)]
mod tests {
    use super::{
        super::shape::{Shape, shape},
        *,
    };
    use crate::dataset::drawn_faces;
    use std::sync::Arc;

    fn drawn() -> (TypicalShape, Scheme) {
        let shapes: Vec<Shape> = drawn_faces(60, 64, 8).iter().map(shape).collect();
        let scheme = Arc::unwrap_or_clone(Scheme::builtin("300w-68").unwrap());
        (TypicalShape::of(&shapes).unwrap(), scheme)
    }

    #[test]
    fn right_pairs_are_no_finding_and_wrong_ones_are() {
        let (typical, mut scheme) = drawn();
        assert_eq!(check(&scheme, &typical), None);
        // Outer and inner eye corners paired the wrong way.
        for (i, j) in [(36, 42), (39, 45)] {
            (scheme.mirror[i], scheme.mirror[j]) = (j, i);
        }
        let finding = check(&scheme, &typical).unwrap();
        assert_eq!(finding.points, [36, 39, 42, 45]);
        assert!(
            finding.problem.contains("36 (left eye 1) is paired with 42 (right eye 1), the data say 45"),
            "{finding}"
        );
    }

    #[test]
    fn a_scheme_without_pairs_is_told() {
        let (typical, mut scheme) = drawn();
        scheme.mirror = (0..68).collect();
        let finding = check(&scheme, &typical).unwrap();
        assert!(
            finding.problem.contains("0 (jaw 1) is paired with none, the data say 16 (jaw 17)"),
            "{finding}"
        );
    }
}
