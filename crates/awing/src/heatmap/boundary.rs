//! The boundary map: how near each cell is to the lines of a face (Wang et al. 2019).

use super::{
    distance_transform::squared_distances,
    spline::{Piece, pieces},
};
use crate::geometry::Point;

/// A curve is halved until its control polygon is at most this long, in cells: no cell on it is skipped.
const STEP: f64 = 0.5;
/// No more halvings than this, for points that are absurdly far away.
const HALVINGS: u32 = 64;

/// Draws exp(-D^2 / (2 sigma^2)) for D < 3 sigma, else 0, where D is the distance from a cell to the nearest cell on a
/// line; all lines in one map of `size` x `size`. Each line is given by its points, unrounded, in cells.
///
/// Lines outside the map count as far as they reach in: distances are measured on a grid with a margin of 3 sigma.
pub(super) fn draw(map: &mut [f32], size: usize, lines: impl IntoIterator<Item = Vec<Point>>, sigma: f64) {
    // At most 48: sigma is at most 16.
    let margin = (3.0 * sigma).ceil() as usize;
    let width = size + 2 * margin;
    let mut raster = Raster { marked: vec![false; width * width], width, margin: margin as f64 };
    for line in lines {
        for piece in pieces(&line) {
            raster.mark(piece);
        }
    }
    let squared = squared_distances(&raster.marked, width, margin as u8);
    // Squared distances are whole numbers: one height for each.
    let height = |d2: u16| (-f64::from(d2) / (2.0 * sigma * sigma)).exp() as f32;
    let near = |d2: &u16| f64::from(*d2) < 9.0 * sigma * sigma;
    let heights: Vec<f32> = (0..).take_while(near).map(height).collect();
    let rows = squared.chunks_exact(width).skip(margin);
    for (out, row) in map.chunks_exact_mut(size).zip(rows) {
        for (cell, &d2) in out.iter_mut().zip(&row[margin..]) {
            *cell = heights.get(usize::from(d2)).copied().unwrap_or(0.0);
        }
    }
}

/// The cells on the lines, and those of a margin around the map.
struct Raster {
    marked: Vec<bool>,
    width: usize,
    margin: f64,
}

impl Raster {
    /// Marks the cells on the curve, its ends included. Parts whose hull misses the grid are dropped whole, so the
    /// work is bounded by the length inside.
    fn mark(&mut self, piece: Piece) {
        let mut parts = vec![(piece, HALVINGS)];
        while let Some((part, halvings)) = parts.pop() {
            if !part.iter().all(|p| p.is_finite()) || self.misses(&part) {
                continue;
            }
            let length: f64 = part.array_windows().map(|[a, b]| length(*a, *b)).sum();
            if length > STEP && halvings > 0 {
                let (first, second) = halve(part);
                parts.extend([(first, halvings - 1), (second, halvings - 1)]);
            } else {
                self.mark_cell(part[0]);
                self.mark_cell(part[3]);
            }
        }
    }

    fn misses(&self, part: &Piece) -> bool {
        let (low, high) = (-0.5 - self.margin, self.width as f64 - 0.5 - self.margin);
        part.iter().all(|p| p.x < low)
            || part.iter().all(|p| p.x > high)
            || part.iter().all(|p| p.y < low)
            || part.iter().all(|p| p.y > high)
    }

    fn mark_cell(&mut self, p: Point) {
        let (x, y) = ((p.x + self.margin).round(), (p.y + self.margin).round());
        let inside = 0.0..self.width as f64;
        if inside.contains(&x) && inside.contains(&y) {
            self.marked[y as usize * self.width + x as usize] = true;
        }
    }
}

/// The distance, infinite a little earlier than [`Point::distance`] and several times as fast.
fn length(a: Point, b: Point) -> f64 {
    ((a.x - b.x).powi(2) + (a.y - b.y).powi(2)).sqrt()
}

/// De Casteljau's construction in the middle.
fn halve([a, b, c, d]: Piece) -> (Piece, Piece) {
    let middle = |p: Point, q: Point| Point::new(f64::midpoint(p.x, q.x), f64::midpoint(p.y, q.y));
    let (ab, bc, cd) = (middle(a, b), middle(b, c), middle(c, d));
    let (abc, bcd) = (middle(ab, bc), middle(bc, cd));
    let center = middle(abc, bcd);
    ([a, ab, abc, center], [center, bcd, cd, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(size: usize, lines: &[&[(f64, f64)]]) -> Vec<f32> {
        let mut map = vec![9.0; size * size];
        let points = |line: &&[(f64, f64)]| line.iter().map(|&(x, y)| Point::new(x, y)).collect();
        draw(&mut map, size, lines.iter().map(points), 1.0);
        map
    }

    #[test]
    fn a_straight_line_has_gaussian_sides() {
        let map = drawn(12, &[&[(2.0, 5.0), (8.0, 5.0)]]);
        // exp(-D^2 / 2) for D = 0, 1, 2, and 0 from D = 3 on; ends included.
        for (y, value) in [(5, 1.0), (4, 0.606_53), (6, 0.606_53), (7, 0.135_34), (8, 0.0), (2, 0.0)] {
            for x in 2..=8 {
                assert!((map[y * 12 + x] - value).abs() < 1e-5, "{x} {y}");
            }
        }
        // One cell beyond the end, and diagonally beyond: D^2 = 1 and 2.
        assert!((map[5 * 12 + 9] - 0.606_53).abs() < 1e-5);
        assert!((map[6 * 12 + 9] - 0.367_88).abs() < 1e-5);
    }

    #[test]
    fn a_closed_curve_has_no_gap_and_an_empty_middle() {
        // A circle of radius 20 around (32, 32) through 12 points and back to the first.
        let circle: Vec<(f64, f64)> = (0..=12)
            .map(|i| {
                let (sin, cos) = (f64::from(i) * 30.0_f64).to_radians().sin_cos();
                (32.0 + 20.0 * cos, 32.0 + 20.0 * sin)
            })
            .collect();
        let map = drawn(64, &[&circle]);
        for degrees in 0..360 {
            let (sin, cos) = f64::from(degrees).to_radians().sin_cos();
            let at = |r: f64| map[(32.0 + r * sin).round() as usize * 64 + (32.0 + r * cos).round() as usize];
            // On the circle a cell is on the line or beside it; 3.5 cells off it, none is near.
            assert!(at(20.0) >= 0.6, "{degrees}: {}", at(20.0));
            assert!(at(15.5) == 0.0 && at(24.5) == 0.0, "{degrees}");
        }
    }

    #[test]
    fn lines_merge_by_the_nearest() {
        let (a, b): (&[_], &[_]) = (&[(3.0, 2.0), (3.0, 9.0)], &[(1.0, 5.2), (10.0, 7.7), (5.0, 11.0)]);
        let merged = drawn(12, &[a, b]);
        for ((m, x), y) in merged.iter().zip(drawn(12, &[a])).zip(drawn(12, &[b])) {
            assert_eq!(*m, x.max(y));
        }
        assert!(drawn(12, &[]).iter().all(|v| *v == 0.0));
        assert_eq!(drawn(12, &[&[(4.0, 4.0), (4.0, 4.0)]])[4 * 12 + 4], 1.0);
    }

    #[test]
    fn a_line_just_outside_is_felt_inside() {
        let map = drawn(12, &[&[(-1.0, 0.0), (-1.0, 11.0)]]);
        assert!((map[5 * 12] - 0.606_53).abs() < 1e-5);
        assert!((map[5 * 12 + 1] - 0.135_34).abs() < 1e-5);
        let part = drawn(12, &[&[(-30.0, 6.0), (40.0, 6.0)]]);
        assert!((0..12).all(|x| part[6 * 12 + x] == 1.0));
    }

    #[test]
    fn absurd_points_are_drawn_quickly_or_not_at_all() {
        for far in [1e6, 1e12, 1e150, 1e300, f64::MAX, f64::INFINITY, f64::NAN] {
            let line = [(-far, 6.0), (3.0, 6.0), (5.0, far), (far, -far), (6.0, 2.0), (far, 6.0)];
            let map = drawn(12, &[&line, &line[..2], &line[..3]]);
            assert!(map.iter().all(|v| (0.0..=1.0).contains(v)));
        }
        let straight = drawn(12, &[&[(-1e9, 6.0), (1e9, 6.0)]]);
        assert!((0..12).all(|x| straight[6 * 12 + x] == 1.0));
    }

    proptest! {
        /// A window of a larger map is the map of the shifted lines: borders change nothing.
        #[test]
        fn the_border_changes_nothing(line in proptest::collection::vec((-20.0..30.0, -20.0..30.0), 2..8)) {
            let shifted: Vec<_> = line.iter().map(|(x, y)| (x + 24.0, y + 24.0)).collect();
            let (small, large) = (drawn(12, &[&line]), drawn(60, &[&shifted]));
            for (i, value) in small.iter().enumerate() {
                prop_assert_eq!(*value, large[(i / 12 + 24) * 60 + i % 12 + 24]);
            }
        }

        /// Each point of a line is on it, and neighbours along the curve touch: a walk of cells of value 1 joins them.
        #[test]
        fn no_cell_on_the_line_is_skipped(line in proptest::collection::vec((20.0..43.0, 20.0..43.0), 2..6)) {
            let map = drawn(64, &[&line]);
            let cell = |p: (f64, f64)| (p.0.round() as i64, p.1.round() as i64);
            let within = |i: i64| (0..64).contains(&i);
            let on = |x: i64, y: i64| within(x) && within(y) && map[(y * 64 + x) as usize] == 1.0;
            // Only curves that stay inside can be walked.
            let points: Vec<_> = line.iter().map(|&(x, y)| Point::new(x, y)).collect();
            let inside = |p: &Point| (0.0..63.0).contains(&p.x) && (0.0..63.0).contains(&p.y);
            prop_assume!(pieces(&points).iter().flatten().all(inside));
            let (mut seen, mut todo) = (vec![cell(line[0])], vec![cell(line[0])]);
            while let Some((x, y)) = todo.pop() {
                for (u, v) in (-1..=1).flat_map(|i| (-1..=1).map(move |j| (x + i, y + j))) {
                    if on(u, v) && !seen.contains(&(u, v)) {
                        seen.push((u, v));
                        todo.push((u, v));
                    }
                }
            }
            for p in line {
                prop_assert!(on(cell(p).0, cell(p).1) && seen.contains(&cell(p)));
            }
        }
    }
}
