//! What the shapes of a dataset have in common: the similarity that lays one shape on another, and the typical shape.

use crate::dataset::Sample;
use awing::{geometry::Point, scheme::Landmark};

/// Faces whose shapes are compared with each other to find one to start from.
const CANDIDATES: usize = 24;
/// Faces that each of them is compared with.
const COMPARED: usize = 60;
/// Times that all shapes are laid on the typical one and it is taken anew.
const ROUNDS: usize = 6;

/// The points of a face by the order of its scheme; `None` for one that is not annotated.
pub(super) type Shape = Vec<Option<Point>>;

/// The annotated points of a face.
pub(super) fn shape(sample: &Sample) -> Shape {
    sample.landmarks.iter().map(|l: &Landmark| l.position().filter(|p| p.is_finite())).collect()
}

/// Shift, turn and scale, without a mirror: q = s R p + t, as complex numbers q = a p + b.
#[derive(Clone, Copy, Debug)]
pub(super) struct Similarity {
    a: [f64; 2],
    b: [f64; 2],
}

impl Similarity {
    /// The one that lays `from` on `to`: the middle on the middle, the size made the same, turned for the least sum of squares. `None`
    /// for fewer than two common points.
    ///
    /// A size of least squares would shrink a shape the more the less it fits, in the end to a point that fits everything.
    pub(super) fn between(from: &[Option<Point>], to: &[Option<Point>]) -> Option<Self> {
        let pairs = || from.iter().zip(to).filter_map(|(p, q)| Some(((*p)?, (*q)?)));
        let (p0, q0) = (Point::mean(pairs().map(|p| p.0))?, Point::mean(pairs().map(|p| p.1))?);
        let (mut re, mut im, mut from_size, mut to_size) = (0.0, 0.0, 0.0, 0.0);
        for (p, q) in pairs() {
            let (px, py, qx, qy) = (p.x - p0.x, p.y - p0.y, q.x - q0.x, q.y - q0.y);
            // conj(p) q
            re += px * qx + py * qy;
            im += px * qy - py * qx;
            from_size += px * px + py * py;
            to_size += qx * qx + qy * qy;
        }
        let (fit, scale) = (re.hypot(im), (to_size / from_size).sqrt());
        if !(fit > 0.0 && scale.is_finite() && scale > 0.0) {
            return None;
        }
        let a = [scale * re / fit, scale * im / fit];
        let b = [q0.x - a[0] * p0.x + a[1] * p0.y, q0.y - a[0] * p0.y - a[1] * p0.x];
        Some(Self { a, b })
    }

    pub(super) fn apply(self, p: Point) -> Point {
        let Self { a, b } = self;
        Point::new(a[0] * p.x - a[1] * p.y + b[0], a[0] * p.y + a[1] * p.x + b[1])
    }

    /// The point that it lays here.
    pub(super) fn undo(self, q: Point) -> Point {
        let Self { a, b } = self;
        let (x, y, square) = (q.x - b[0], q.y - b[1], a[0] * a[0] + a[1] * a[1]);
        Point::new((a[0] * x + a[1] * y) / square, (a[0] * y - a[1] * x) / square)
    }

    pub(super) fn apply_all(self, shape: &[Option<Point>]) -> Shape {
        shape.iter().map(|p| p.map(|p| self.apply(p))).collect()
    }

    /// The turn in degrees, clockwise as seen in an image, from -180 to 180.
    pub(super) fn degrees(self) -> f64 {
        self.a[1].atan2(self.a[0]).to_degrees()
    }
}

/// Root of the mean squared distance between common points; `None` without any.
pub(super) fn distance(a: &[Option<Point>], b: &[Option<Point>]) -> Option<f64> {
    let squares = a.iter().zip(b).filter_map(|(p, q)| Some((*p)?.distance((*q)?).powi(2)));
    let (sum, count) = squares.fold((0.0, 0_usize), |(sum, count), s| (sum + s, count + 1));
    (count > 0).then(|| (sum / count as f64).sqrt())
}

/// Laid on `onto` by the best similarity, and how far it is then from it.
pub(super) fn laid_on(shape: &[Option<Point>], onto: &[Option<Point>]) -> Option<(Shape, f64, Similarity)> {
    let similarity = Similarity::between(shape, onto)?;
    let laid = similarity.apply_all(shape);
    let apart = distance(&laid, onto)?;
    Some((laid, apart, similarity))
}

/// The shape mirrored at a vertical line, points keeping their numbers: left and right are then mixed up.
pub(super) fn mirrored(shape: &[Option<Point>]) -> Shape {
    shape.iter().map(|p| p.map(|p| Point::new(-p.x, p.y))).collect()
}

/// The shape with x and y exchanged.
pub(super) fn transposed(shape: &[Option<Point>]) -> Shape {
    shape.iter().map(|p| p.map(|p| Point::new(p.y, p.x))).collect()
}

/// The typical shape: medians of all shapes laid on each other, its middle at (0, 0), its points at a distance of 1 from
/// it in the root of the mean square, upright as the faces are on the whole. Fewer than a half of the shapes being wrong
/// does not matter.
#[derive(Clone, Debug)]
pub(super) struct TypicalShape {
    /// Where each point is; `None` for one that no face has.
    pub(super) points: Shape,
}

impl TypicalShape {
    /// Of these shapes; `None` when there is none with two points.
    pub(super) fn of(shapes: &[Shape]) -> Option<Self> {
        let mut typical = normal(most_central(shapes)?)?;
        let length = typical.len();
        for _ in 0..ROUNDS {
            let laid: Vec<(Shape, Similarity)> = shapes
                .iter()
                .filter_map(|shape| laid_on(shape, &typical))
                .map(|(laid, _, similarity)| (laid, similarity))
                .collect();
            let at = |i: usize, of: fn(Point) -> f64| {
                median(laid.iter().filter_map(|(shape, _)| shape.get(i).copied().flatten()).map(of).collect())
            };
            let next: Shape =
                (0..length).map(|i| Some(Point::new(at(i, |p| p.x)?, at(i, |p| p.y)?))).collect();
            // Shapes are laid down by the turn that undoes theirs: turned back by the median turn it stands upright.
            let turn = median(laid.iter().map(|(_, similarity)| similarity.degrees()).collect())?;
            typical = normal(&turned(&next, -turn))?;
        }
        Some(Self { points: typical })
    }
}

/// The shape with the least median distance to others: a wrong one cannot be it.
fn most_central(shapes: &[Shape]) -> Option<&Shape> {
    let every = |count: usize| shapes.iter().step_by(shapes.len().div_ceil(count).max(1));
    let full = |shape: &&Shape| shape.iter().filter(|p| p.is_some()).count();
    let apart = |shape: &Shape| {
        let onto = normal(shape)?;
        median(every(COMPARED).filter_map(|other| Some(laid_on(other, &onto)?.1)).collect())
    };
    let judged = every(CANDIDATES).filter_map(|shape| Some((full(&shape), apart(shape)?, shape)));
    // A shape with more points first: those that it lacks would start from nowhere.
    judged.min_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1))).map(|(_, _, shape)| shape)
}

/// Middle at (0, 0), size 1.
fn normal(shape: &[Option<Point>]) -> Option<Shape> {
    let middle = Point::mean(shape.iter().copied().flatten())?;
    let centred: Shape =
        shape.iter().map(|p| p.map(|p| Point::new(p.x - middle.x, p.y - middle.y))).collect();
    let origin: Shape = vec![Some(Point::default()); shape.len()];
    let size = distance(&centred, &origin).filter(|size| *size > 0.0)?;
    Some(centred.iter().map(|p| p.map(|p| Point::new(p.x / size, p.y / size))).collect())
}

fn turned(shape: &[Option<Point>], degrees: f64) -> Shape {
    let (sin, cos) = degrees.to_radians().sin_cos();
    shape.iter().map(|p| p.map(|p| Point::new(cos * p.x - sin * p.y, sin * p.x + cos * p.y))).collect()
}

/// The middle value, the lower of two; `None` of nothing.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::drawn_faces;

    fn points(list: &[(f64, f64)]) -> Shape {
        list.iter().map(|&(x, y)| Some(Point::new(x, y))).collect()
    }

    #[test]
    fn a_similarity_is_found_again() {
        let from = points(&[(0.0, 0.0), (2.0, 0.0), (0.0, 1.0)]);
        // A quarter turn clockwise (x to y), three times the size, then by (5, 7).
        let to = points(&[(5.0, 7.0), (5.0, 13.0), (2.0, 7.0)]);
        let found = Similarity::between(&from, &to).unwrap();
        let length = found.apply(Point::new(1.0, 0.0)).distance(found.apply(Point::default()));
        assert!((length - 3.0).abs() < 1e-12 && (found.degrees() - 90.0).abs() < 1e-9);
        assert!(distance(&found.apply_all(&from), &to).unwrap() < 1e-12);
        assert!(found.undo(Point::new(2.0, 7.0)).distance(Point::new(0.0, 1.0)) < 1e-12);
        // A mirror image cannot be laid on it.
        assert!(laid_on(&mirrored(&from), &to).unwrap().1 > 0.5);
        assert!(Similarity::between(&from[..1], &to).is_none());
        assert!(Similarity::between(&points(&[(1.0, 1.0), (1.0, 1.0)]), &to).is_none());
    }

    #[test]
    fn the_typical_shape_stands_upright_and_wrong_shapes_do_not_matter() {
        let mut shapes: Vec<Shape> = drawn_faces(40, 64, 3).iter().map(shape).collect();
        let clean = TypicalShape::of(&shapes).unwrap();
        for (i, wrong) in shapes.iter_mut().enumerate() {
            *wrong = match i % 8 {
                0 => mirrored(wrong),
                1 => transposed(wrong),
                _ => continue,
            };
        }
        let spoilt = TypicalShape::of(&shapes).unwrap();
        // A quarter of wrong ones may lean it a little; its form stays.
        let (_, apart, lean) = laid_on(&spoilt.points, &clean.points).unwrap();
        assert!(apart < 0.1 && lean.degrees().abs() < 20.0, "{apart} {}", lean.degrees());
        // Eyes above the mouth, the left eye to the left.
        let at = |i: usize| clean.points[i].unwrap();
        assert!(at(36).x < at(45).x && (at(36).y - at(45).y).abs() < 0.4 && at(8).y > at(30).y);
    }

    #[test]
    fn missing_points_are_taken_from_other_faces() {
        let mut shapes: Vec<Shape> = drawn_faces(20, 64, 4).iter().map(shape).collect();
        for (i, shape) in shapes.iter_mut().enumerate() {
            shape[i] = None;
            shape[67] = None;
        }
        let typical = TypicalShape::of(&shapes).unwrap();
        assert_eq!(typical.points.iter().filter(|p| p.is_none()).count(), 1);
        assert!(TypicalShape::of(&[vec![None; 3]]).is_none());
    }
}
