//! Curves through landmarks: cubic splines over the chord length, as pieces of Bézier curves.

use crate::geometry::Point;

/// One cubic piece, as the four control points of its Bézier form; the curve lies within their hull.
pub(super) type Piece = [Point; 4];

/// Points nearer than this, in cells, count as one.
const SAME: f64 = 1e-6;

/// The curve through the points: their interpolating parametric cubic spline over the chord length with "not-a-knot"
/// ends (the third derivative is continuous at the second and the last but one point), which is a straight line
/// for two points and a parabola for three: the curve of FITPACK's `splprep`, which Wang et al. 2019 draw.
///
/// Points that repeat the one before are left out; a single point gives a piece of no length, no points give no pieces.
pub(super) fn pieces(points: &[Point]) -> Vec<Piece> {
    let mut nodes: Vec<Point> = Vec::with_capacity(points.len());
    for &p in points {
        if nodes.last().is_none_or(|last| last.distance(p) > SAME) {
            nodes.push(p);
        }
    }
    if let [only] = nodes[..] {
        return vec![[only; 4]];
    }
    let steps: Vec<f64> = nodes.array_windows().map(|[a, b]| a.distance(*b)).collect();
    let along_x: Vec<f64> = nodes.iter().map(|p| p.x).collect();
    let along_y: Vec<f64> = nodes.iter().map(|p| p.y).collect();
    let (dx, dy) = (slopes(&steps, &along_x), slopes(&steps, &along_y));
    let piece = |(i, h): (usize, &f64)| {
        let third = h / 3.0;
        let (a, b) = (nodes[i], nodes[i + 1]);
        let leaving = Point::new(a.x + third * dx[i], a.y + third * dy[i]);
        let arriving = Point::new(b.x - third * dx[i + 1], b.y - third * dy[i + 1]);
        [a, leaving, arriving, b]
    };
    steps.iter().enumerate().map(piece).collect()
}

/// The derivative at each of the `values`, which are `steps` apart.
fn slopes(steps: &[f64], values: &[f64]) -> Vec<f64> {
    let chords: Vec<f64> = values.array_windows().zip(steps).map(|([a, b], h)| (b - a) / h).collect();
    match (steps, &chords[..]) {
        ([], _) | (_, []) => vec![0.0; values.len()],
        (_, &[m]) => vec![m; 2],
        (&[h, k], &[m, n]) => {
            let middle = (k * m + h * n) / (h + k);
            vec![2.0 * m - middle, middle, 2.0 * n - middle]
        }
        _ => not_a_knot(steps, &chords),
    }
}

/// Solves the tridiagonal system for four values or more. Inner rows: equal second derivatives on both sides of a node;
/// first and last row: equal third derivatives at the second and at the last but one node.
fn not_a_knot(steps: &[f64], chords: &[f64]) -> Vec<f64> {
    let last = steps.len();
    let end = |h: f64, k: f64, m: f64, n: f64| ((3.0 * h + 2.0 * k) * k * m + h * h * n) / (h + k);
    let row = |i: usize| match i {
        0 => (0.0, steps[1], steps[0] + steps[1], end(steps[0], steps[1], chords[0], chords[1])),
        _ if i == last => {
            let (h, k) = (steps[i - 1], steps[i - 2]);
            (h + k, k, 0.0, end(h, k, chords[i - 1], chords[i - 2]))
        }
        _ => {
            let (h, k) = (steps[i - 1], steps[i]);
            (k, 2.0 * (h + k), h, 3.0 * (k * chords[i - 1] + h * chords[i]))
        }
    };
    // Elimination without exchange of rows: every pivot stays above 0, since steps are.
    let (mut above, mut slopes) = (0.0, Vec::with_capacity(last + 1));
    let mut factors = Vec::with_capacity(last + 1);
    for i in 0..=last {
        let (below, diagonal, next, right) = row(i);
        let pivot = diagonal - below * above;
        let before = slopes.last().copied().unwrap_or(0.0);
        above = next / pivot;
        factors.push(above);
        slopes.push((right - below * before) / pivot);
    }
    for i in (0..last).rev() {
        slopes[i] -= factors[i] * slopes[i + 1];
    }
    slopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(list: &[(f64, f64)]) -> Vec<Point> {
        list.iter().map(|&(x, y)| Point::new(x, y)).collect()
    }

    #[test]
    fn two_points_give_a_straight_line() {
        let [piece] = pieces(&points(&[(0.0, 0.0), (3.0, 6.0)]))[..] else { panic!() };
        for (p, t) in piece.iter().zip([0.0, 1.0, 2.0, 3.0]) {
            assert!(p.distance(Point::new(t, 2.0 * t)) < 1e-12);
        }
    }

    /// Over equal steps h = 1 the values 0, 1, 4 are t^2: slopes 0, 2, 4.
    #[test]
    fn three_values_give_their_parabola() {
        assert_eq!(slopes(&[1.0, 1.0], &[0.0, 1.0, 4.0]), [0.0, 2.0, 4.0]);
    }

    /// A not-a-knot spline is exact on cubics, whatever the steps: t^3 at t = 0, 1, 3, 4, 6 has the slopes 3 t^2.
    #[test]
    fn a_cubic_is_its_own_spline() {
        let found = slopes(&[1.0, 2.0, 1.0, 2.0], &[0.0, 1.0, 27.0, 64.0, 216.0]);
        for (slope, t) in found.iter().zip([0.0_f64, 1.0, 3.0, 4.0, 6.0]) {
            assert!((slope - 3.0 * t * t).abs() < 1e-9);
        }
        let found = slopes(&[1.0, 2.0, 1.0], &[0.0, 1.0, 27.0, 64.0]);
        assert!((found[3] - 48.0).abs() < 1e-9);
    }

    /// The middles of the pieces, from scipy 1's `splprep(points, s=0, k=min(4, n) - 1)` and `splev`.
    #[test]
    fn the_curve_is_that_of_fitpack() {
        let nodes = points(&[(3.2, 10.1), (7.5, 4.0), (16.3, 2.2), (21.9, 9.8), (19.0, 15.4)]);
        let golden: [&[(f64, f64)]; 3] = [
            &[(5.008_29, 6.527_61), (11.405_04, 2.343_33)],
            &[(4.696_97, 6.644_31), (11.829_05, 2.184_4), (20.104_29, 4.582_79)],
            &[(4.702_04, 6.782_32), (11.822_15, 1.996_43), (20.127_37, 5.211_28), (21.350_67, 12.889_81)],
        ];
        for (count, golden) in (3..).zip(golden) {
            for ([a, b, c, d], &(x, y)) in pieces(&nodes[..count]).into_iter().zip(golden) {
                let middle =
                    Point::new((a.x + 3.0 * (b.x + c.x) + d.x) / 8.0, (a.y + 3.0 * (b.y + c.y) + d.y) / 8.0);
                assert!(middle.distance(Point::new(x, y)) < 1e-4, "{count}: {middle:?}");
            }
        }
    }

    #[test]
    fn repeated_points_are_one() {
        let twice = points(&[(1.0, 1.0), (1.0, 1.0), (5.0, 1.0), (5.0, 1.0)]);
        assert_eq!(pieces(&twice), pieces(&points(&[(1.0, 1.0), (5.0, 1.0)])));
        let dot = Point::new(2.0, 3.0);
        assert_eq!(pieces(&[dot; 3]), [[dot; 4]]);
        assert_eq!(pieces(&[]).len(), 0);
    }

    proptest! {
        #[test]
        fn the_curve_joins_its_points_without_a_kink(list in proptest::collection::vec((0.0..64.0, 0.0..64.0), 4..12)) {
            let nodes = points(&list);
            prop_assume!(nodes.array_windows().all(|[a, b]| a.distance(*b) > 0.5));
            let pieces = pieces(&nodes);
            for ([a, b], piece) in nodes.array_windows().zip(&pieces) {
                prop_assert_eq!((*a, *b), (piece[0], piece[3]));
                prop_assert!(piece.iter().all(|p| p.is_finite()));
            }
            let steps: Vec<f64> = nodes.array_windows().map(|[a, b]| a.distance(*b)).collect();
            for ([p, q], [h, k]) in pieces.array_windows().zip(steps.array_windows()) {
                let arriving = Point::new((p[3].x - p[2].x) / h, (p[3].y - p[2].y) / h);
                let leaving = Point::new((q[1].x - q[0].x) / k, (q[1].y - q[0].y) / k);
                prop_assert!(arriving.distance(leaving) < 1e-6 * (1.0 + arriving.distance(Point::default())));
            }
        }
    }
}
