//! A face's points, smoothed: what they all do together, and what the face does with them, each by itself.

use super::{Smoothing, one_euro::OneEuro};
use crate::geometry::Point;
use std::f64::consts::SQRT_2;

/// Smooths the points of one face.
///
/// The points of a face that moves move together, and where the whole face is can be told from all of them far more exactly than where each point is.
/// So the movement of the whole (its middle, its size and its turn in the picture) and the shape that moves along are filtered apart: each
/// point by itself would have to be let go to follow the face, and would tremble whenever it moves.
#[derive(Clone, Debug)]
pub(super) struct FaceFilter {
    smoothing: Smoothing,
    time: f64,
    /// The middle of the points.
    middle: OneEuro,
    /// The size in pixels times the cosine and the sine of the turn.
    turn: OneEuro,
    /// The points about their middle, in sizes of the face as it stood first.
    shape: Vec<OneEuro>,
}

impl FaceFilter {
    /// Begins at `points`.
    pub(super) fn new(smoothing: Smoothing, points: &[Point], time: f64) -> Self {
        let middle = middle_of(points);
        // The side of the square whose corners are as far out as the outermost point, however the face is turned.
        let size = SQRT_2 * points.iter().map(|p| p.distance(middle)).fold(0.0, f64::max);
        // Points in one place have no size; any will do.
        let turn = Point::new(if size > 0.0 { size } else { 1.0 }, 0.0);
        let shape = points.iter().map(|p| OneEuro::new(divided(relative(*p, middle), turn))).collect();
        Self { smoothing, time, middle: OneEuro::new(middle), turn: OneEuro::new(turn), shape }
    }

    /// The smoothed points of the face at `time`, as many as it began with.
    pub(super) fn smooth(&mut self, points: &[Point], time: f64) -> Vec<Point> {
        let step = time - self.time;
        self.time = time;
        let middle = middle_of(points);
        let turn = self.turn_of(points, middle).unwrap_or(self.turn.value());
        // Speeds of the movement are in sizes of the face, as those of the shape are.
        let Smoothing { min_cutoff, speed_gain } = self.smoothing;
        let whole = Smoothing { min_cutoff, speed_gain: speed_gain / turn.x.hypot(turn.y) };
        for (filter, point) in self.shape.iter_mut().zip(points) {
            filter.next(divided(relative(*point, middle), turn), step, self.smoothing);
        }
        let middle = self.middle.next(middle, step, whole);
        let turn = self.turn.next(turn, step, whole);
        let place = |filter: &OneEuro| {
            let p = times(filter.value(), turn);
            Point::new(middle.x + p.x, middle.y + p.y)
        };
        self.shape.iter().map(place).collect()
    }

    /// The size and turn that bring the shape nearest to the points, in the sense of least squares; `None` where the shape is a single place.
    fn turn_of(&self, points: &[Point], middle: Point) -> Option<Point> {
        let (mut sum, mut weight) = (Point::new(0.0, 0.0), 0.0);
        for (filter, point) in self.shape.iter().zip(points) {
            let q = filter.value();
            let p = times(relative(*point, middle), Point::new(q.x, -q.y));
            (sum.x, sum.y) = (sum.x + p.x, sum.y + p.y);
            weight += q.x * q.x + q.y * q.y;
        }
        let turn = Point::new(sum.x / weight, sum.y / weight);
        (turn.is_finite() && turn.x.hypot(turn.y) > 0.0).then_some(turn)
    }
}

fn middle_of(points: &[Point]) -> Point {
    Point::mean(points.iter().copied()).unwrap_or(Point::new(0.0, 0.0))
}

fn relative(p: Point, middle: Point) -> Point {
    Point::new(p.x - middle.x, p.y - middle.y)
}

/// The product of complex numbers: `p` turned by the angle of `q`, and as many times as long as `q` is.
fn times(p: Point, q: Point) -> Point {
    Point::new(p.x * q.x - p.y * q.y, p.x * q.y + p.y * q.x)
}

/// The inverse of [`times`].
fn divided(p: Point, q: Point) -> Point {
    let length = q.x * q.x + q.y * q.y;
    let turned = times(p, Point::new(q.x, -q.y));
    Point::new(turned.x / length, turned.y / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FACE: [(f64, f64); 5] = [(0.0, 0.0), (90.0, 5.0), (45.0, 50.0), (15.0, 95.0), (80.0, 90.0)];

    fn face(change: impl Fn(Point) -> Point) -> Vec<Point> {
        FACE.iter().map(|(x, y)| change(Point::new(*x, *y))).collect()
    }

    /// The smoothed faces of all frames but the first, at 30 a second.
    fn smoothed(frames: &[Vec<Point>]) -> Vec<Vec<Point>> {
        let mut filter = FaceFilter::new(Smoothing::default(), &frames[0], 0.0);
        (1..).zip(&frames[1..]).map(|(i, points)| filter.smooth(points, f64::from(i) / 30.0)).collect()
    }

    /// How far apart two sets of points are at most.
    fn apart(a: &[Point], b: &[Point]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a.distance(*b)).fold(0.0, f64::max)
    }

    /// Frame `i` of points that tremble, each in its own way.
    fn tremble(i: usize, point: usize) -> f64 {
        ((i * 7919 + point * 104_729) as f64 * 0.7).sin()
    }

    #[test]
    fn a_face_at_rest_is_given_as_it_is() {
        let frames = vec![face(|p| p); 20];
        assert!(smoothed(&frames).iter().all(|points| apart(points, &frames[0]) < 1e-9));
    }

    #[test]
    fn a_face_that_moves_is_followed_and_trembles_no_more() {
        // Ten seconds, one face size a second, trembling by half a pixel.
        let at = |i: usize| face(|p| Point::new(p.x + 3.0 * i as f64, p.y));
        let frames: Vec<Vec<Point>> = (0..300)
            .map(|i| {
                let noisy = |(k, p): (usize, Point)| Point::new(p.x, p.y + 0.5 * tremble(i, k));
                at(i).into_iter().enumerate().map(noisy).collect()
            })
            .collect();
        let points = smoothed(&frames);
        let lag = at(299)[0].x - points[298][0].x;
        assert!(lag.abs() < 0.5, "{lag} pixels behind, of 3 a frame");
        let moved = |frames: &[Vec<Point>]| -> f64 {
            frames[100..].windows(2).map(|w| (w[0][0].y - w[1][0].y).abs()).sum()
        };
        assert!(moved(&points) < 0.7 * moved(&frames), "{} {}", moved(&points), moved(&frames));
    }

    #[test]
    fn a_point_that_moves_alone_is_followed() {
        // A lid that falls by 5 % of the face within three frames and stays down.
        let frame = |i: usize| {
            let mut points = face(|p| p);
            points[2].y += 5.0 * (i as f64 / 3.0).min(1.0);
            points
        };
        let frames: Vec<Vec<Point>> = (0..9).map(frame).collect();
        let points = smoothed(&frames);
        assert!(points[7][2].y > frames[0][2].y + 4.5, "{:?}", points[7][2]);
    }

    #[test]
    fn points_in_one_place_have_no_turn_and_stay_finite() {
        let mut filter = FaceFilter::new(Smoothing::default(), &[Point::new(5.0, 5.0); 3], 0.0);
        let points = filter.smooth(&[Point::new(6.0, 5.0); 3], 0.1);
        assert!(points.iter().all(|p| p.is_finite() && p.x > 5.0 && p.x <= 6.0 && p.y == 5.0), "{points:?}");
        // They come apart later.
        let points = filter.smooth(&face(|p| p)[..3], 0.2);
        assert!(points.iter().all(|p| p.is_finite()), "{points:?}");
        assert!(FaceFilter::new(Smoothing::default(), &[], 0.0).smooth(&[], 1.0).is_empty());
    }

    proptest! {
        /// A picture that is turned, enlarged and shifted gives points that are turned, enlarged and shifted.
        #[test]
        fn the_picture_may_be_turned_and_enlarged(
            moves in prop::collection::vec((-20.0..20.0_f64, -20.0..20.0_f64, -0.2..0.2_f64, -3.0..3.0_f64), 2..10),
            angle in -3.0..3.0_f64, size in 0.01..100.0_f64, shift in -500.0..500.0_f64,
        ) {
            let frames: Vec<Vec<Point>> = moves.iter().enumerate().map(|(i, (x, y, turn, noise))| {
                let moved = face(|p| times(p, Point::new(turn.cos(), turn.sin())));
                moved.into_iter().enumerate().map(|(k, p)| Point::new(p.x + x + noise * tremble(i, k), p.y + y)).collect()
            }).collect();
            let turn = Point::new(size * angle.cos(), size * angle.sin());
            let change = |points: &Vec<Point>| -> Vec<Point> {
                points.iter().map(|p| times(*p, turn)).map(|p| Point::new(p.x + shift, p.y - shift)).collect()
            };
            let straight: Vec<Vec<Point>> = smoothed(&frames).iter().map(change).collect();
            let turned = smoothed(&frames.iter().map(change).collect::<Vec<_>>());
            for (a, b) in straight.iter().zip(&turned) {
                prop_assert!(apart(a, b) < 1e-6 * size, "{}", apart(a, b));
            }
        }
    }
}
