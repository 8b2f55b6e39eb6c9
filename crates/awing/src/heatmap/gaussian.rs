use crate::geometry::Point;
use std::ops::Range;

/// The cells of a map that a drawing touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) x: Range<usize>,
    pub(crate) y: Range<usize>,
}

impl Window {
    /// All cells of a map.
    pub(crate) fn whole(size: usize) -> Self {
        Self { x: 0..size, y: 0..size }
    }
}

/// Draws exp(-r^2 / (2 sigma^2)) around `center` into the cells at most `radius` away in x and in y, and returns these.
/// The window is cut at the border; it is empty when the map has none of it.
pub(super) fn draw(map: &mut [f32], size: usize, center: Point, sigma: f64, radius: f64) -> Window {
    let range = |c: f64| {
        // Compared as f64, so that no center, however far, overflows an index.
        let first = (c - radius).ceil().max(0.0);
        let last = (c + radius).floor().min(size as f64 - 1.0);
        if first <= last && c.is_finite() { first as usize..last as usize + 1 } else { 0..0 }
    };
    let window = Window { x: range(center.x), y: range(center.y) };
    // A Gaussian in two dimensions is the product of two in one: 2 n exponentials instead of n squared.
    let profile = |cells: Range<usize>, c: f64| {
        cells.map(move |i| (-(i as f64 - c).powi(2) / (2.0 * sigma * sigma)).exp())
    };
    let row_profile: Vec<f64> = profile(window.x.clone(), center.x).collect();
    for (y, vertical) in window.y.clone().zip(profile(window.y.clone(), center.y)) {
        let row = map.iter_mut().skip(y * size + window.x.start);
        for (cell, horizontal) in row.zip(&row_profile) {
            *cell = (vertical * horizontal) as f32;
        }
    }
    window
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_kernel_has_its_golden_row() {
        let mut map = [0.0; 16 * 16];
        let window = draw(&mut map, 16, Point::new(7.0, 9.0), 1.75, 3.0);
        assert_eq!(window, Window { x: 4..11, y: 6..13 });
        let golden = [0.2301, 0.5204, 0.8494, 1.0, 0.8494, 0.5204, 0.2301];
        for (x, value) in (4..11).zip(golden) {
            assert!((map[9 * 16 + x] - value).abs() < 1e-4);
            assert!((map[(x + 2) * 16 + 7] - value).abs() < 1e-4);
        }
        // The corner is .2301 squared, and nothing is drawn beyond.
        assert!((map[12 * 16 + 10] - 0.053).abs() < 1e-4);
        assert_eq!(map[9 * 16 + 3], 0.0);
        assert_eq!(map.iter().filter(|v| **v > 0.0).count(), 49);
    }

    #[test]
    fn windows_are_cut_at_the_border_not_shifted() {
        let mut map = [0.0; 64];
        assert_eq!(draw(&mut map, 8, Point::new(0.0, 7.0), 1.75, 3.0), Window { x: 0..4, y: 4..8 });
        assert_eq!(map[7 * 8], 1.0);
        assert!((map[7 * 8 + 1] - 0.8494).abs() < 1e-4);
    }

    #[test]
    fn centers_outside_draw_what_reaches_in_or_nothing() {
        for far in [-5.0, 11.5, 1e300, -1e300, f64::INFINITY, f64::NAN] {
            let mut map = [0.0; 64];
            let window = draw(&mut map, 8, Point::new(far, 3.0), 1.0, 3.0);
            assert_eq!(window.x.len(), 0, "{far}");
            assert!(map.iter().all(|&v| v == 0.0));
        }
        let mut map = [0.0; 64];
        draw(&mut map, 8, Point::new(-2.0, 3.0), 1.0, 3.0);
        // exp(-2^2 / 2) at the border.
        assert!((map[3 * 8] - 0.1353).abs() < 1e-4);
    }
}
