//! A small painter: polygons and strokes with soft edges, in floating-point colors.

use awing::geometry::Point;
use image::{Rgb, RgbImage};
use std::ops::Range;

/// Red, green and blue, 0 to 255.
pub(super) type Color = [f32; 3];

/// a + t (b - a) for every channel.
pub(super) fn mix(a: Color, b: Color, t: f32) -> Color {
    [0, 1, 2].map(|c| a[c] + t * (b[c] - a[c]))
}

/// How bright a color is to the eye, 0 to 255.
pub(super) fn luma([r, g, b]: Color) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

/// A square picture in the making.
pub(super) struct Canvas {
    size: usize,
    pixels: Vec<Color>,
}

impl Canvas {
    pub(super) fn new(size: usize, color: impl Fn(Point) -> Color) -> Self {
        let mut canvas = Self { size, pixels: vec![[0.0; 3]; size * size] };
        canvas.change(|p, _| color(p));
        canvas
    }

    /// Every pixel anew, from its place and its color.
    pub(super) fn change(&mut self, mut new: impl FnMut(Point, Color) -> Color) {
        for (y, row) in self.pixels.chunks_exact_mut(self.size).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = new(Point::new(x as f64, y as f64), *pixel);
            }
        }
    }

    /// Lays paint over what the mask covers; `opacity` 0 to 1.
    pub(super) fn paint(&mut self, mask: &Mask, opacity: f32, color: impl Fn(Point) -> Color) {
        let width = mask.columns.len();
        for (row, y) in mask.rows.clone().enumerate() {
            for (column, x) in mask.columns.clone().enumerate() {
                let cover = mask.cover[row * width + column] * opacity;
                if cover > 0.0 {
                    let pixel = &mut self.pixels[y * self.size + x];
                    *pixel = mix(*pixel, color(Point::new(x as f64, y as f64)), cover);
                }
            }
        }
    }

    /// [`Self::paint`] with one color.
    pub(super) fn fill(&mut self, mask: &Mask, opacity: f32, color: Color) {
        self.paint(mask, opacity, |_| color);
    }

    pub(super) fn into_image(self) -> RgbImage {
        let size = self.size;
        RgbImage::from_fn(size as u32, size as u32, |x, y| {
            // The cast saturates at both ends.
            Rgb(self.pixels[y as usize * size + x as usize].map(|v| (v + 0.5) as u8))
        })
    }
}

/// How much of each pixel a shape covers, 0 to 1, within the shape's box.
pub(super) struct Mask {
    columns: Range<usize>,
    rows: Range<usize>,
    cover: Vec<f32>,
}

impl Mask {
    /// An empty mask for what lies within `reach` of the points, cut at the border of a picture of `size` pixels.
    fn around(size: usize, points: &[Point], reach: f64) -> Self {
        let range = |pick: fn(&Point) -> f64| {
            let low = points.iter().map(pick).fold(f64::INFINITY, f64::min) - reach;
            let high = points.iter().map(pick).fold(f64::NEG_INFINITY, f64::max) + reach;
            // Casts saturate at 0.
            let start = (low.floor() as usize).min(size);
            start..((high.ceil() + 1.0) as usize).clamp(start, size)
        };
        let (columns, rows) = (range(|p| p.x), range(|p| p.y));
        let cover = vec![0.0; columns.len() * rows.len()];
        Self { columns, rows, cover }
    }

    /// The inside of a closed polygon (even-odd rule). Four lines a pixel row, exact along each.
    pub(super) fn polygon(size: usize, corners: &[Point]) -> Self {
        const LINES: usize = 4;
        let mut mask = Self::around(size, corners, 1.0);
        let (left, width) = (mask.columns.start as f64, mask.columns.len());
        if width == 0 {
            return mask;
        }
        let mut crossings = Vec::new();
        for (row, y) in mask.rows.clone().enumerate() {
            let cover = &mut mask.cover[row * width..][..width];
            for line in 0..LINES {
                let y = y as f64 + (line as f64 + 0.5) / LINES as f64 - 0.5;
                crossings.clear();
                for (a, b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
                    if (a.y <= y) != (b.y <= y) {
                        crossings.push(a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x));
                    }
                }
                crossings.sort_by(f64::total_cmp);
                for span in crossings.as_chunks::<2>().0 {
                    // Pixel edges lie at half numbers; counted from the left edge of the mask, at whole ones.
                    let [start, end] = span.map(|x| (x - left + 0.5).clamp(0.0, width as f64));
                    for (column, cover) in
                        cover.iter_mut().enumerate().take(end.ceil() as usize).skip(start as usize)
                    {
                        let overlap = end.min(column as f64 + 1.0) - start.max(column as f64);
                        *cover += overlap.max(0.0) as f32 / LINES as f32;
                    }
                }
            }
        }
        mask
    }

    /// A line through points with a radius at each, with round ends. The edge fades over `softness` pixels (at least one).
    pub(super) fn stroke(size: usize, line: &[(Point, f64)], softness: f64) -> Self {
        let softness = softness.max(1.0);
        let points: Vec<Point> = line.iter().map(|&(p, _)| p).collect();
        let reach = line.iter().fold(0.0_f64, |r, &(_, radius)| r.max(radius)) + softness;
        let mut mask = Self::around(size, &points, reach);
        let width = mask.columns.len();
        for segment in line.windows(2) {
            let [(a, ra), (b, rb)] = [segment[0], segment[1]];
            let part = Self::around(size, &[a, b], reach);
            let squared = (b.x - a.x).powi(2) + (b.y - a.y).powi(2);
            for y in part.rows {
                for x in part.columns.clone() {
                    let p = Point::new(x as f64, y as f64);
                    let along = ((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / squared.max(1e-12);
                    let along = along.clamp(0.0, 1.0);
                    let nearest = Point::new(a.x + along * (b.x - a.x), a.y + along * (b.y - a.y));
                    let outside = p.distance(nearest) - (ra + along * (rb - ra));
                    let cover = (0.5 - outside / softness).clamp(0.0, 1.0) as f32;
                    let cell = &mut mask.cover[(y - mask.rows.start) * width + x - mask.columns.start];
                    *cell = cell.max(cover);
                }
            }
        }
        mask
    }

    /// A disc.
    pub(super) fn disc(size: usize, center: Point, radius: f64, softness: f64) -> Self {
        Self::stroke(size, &[(center, radius); 2], softness)
    }

    /// What both masks cover.
    pub(super) fn and(mut self, other: &Self) -> Self {
        let width = self.columns.len();
        for (row, y) in self.rows.clone().enumerate() {
            for (column, x) in self.columns.clone().enumerate() {
                self.cover[row * width + column] *= other.at(x, y);
            }
        }
        self
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        if self.columns.contains(&x) && self.rows.contains(&y) {
            self.cover[(y - self.rows.start) * self.columns.len() + x - self.columns.start]
        } else {
            0.0
        }
    }
}

/// A smooth curve through the points (Catmull-Rom), eight pieces between each two; `closed` leads back to the first, which is
/// not repeated.
pub(super) fn curve(points: &[Point], closed: bool) -> Vec<Point> {
    const PIECES: usize = 8;
    let n = points.len();
    if n < 2 {
        return points.to_vec();
    }
    let at = |i: usize, offset: isize| {
        let j = i as isize + offset;
        let j = if closed { j.rem_euclid(n as isize) } else { j.clamp(0, n as isize - 1) };
        points[j as usize]
    };
    let spans = if closed { n } else { n - 1 };
    let mut line = Vec::with_capacity(spans * PIECES + 1);
    for i in 0..spans {
        let [p0, p1, p2, p3] = [at(i, -1), at(i, 0), at(i, 1), at(i, 2)];
        for piece in 0..PIECES {
            let t = piece as f64 / PIECES as f64;
            let blend = |a: f64, b: f64, c: f64, d: f64| {
                b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
            };
            line.push(Point::new(blend(p0.x, p1.x, p2.x, p3.x), blend(p0.y, p1.y, p2.y, p3.y)));
        }
    }
    if !closed {
        line.push(points[n - 1]);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x0: f64, y0: f64, x1: f64, y1: f64) -> [Point; 4] {
        [Point::new(x0, y0), Point::new(x1, y0), Point::new(x1, y1), Point::new(x0, y1)]
    }

    #[test]
    fn a_polygon_covers_its_area() {
        // From 0.75 to 3.0: pixel 1 reaches from 0.5 to 1.5, so 0.75 of it is covered; pixel 3 from 2.5, so 0.5 of it.
        let mask = Mask::polygon(6, &square(0.75, 0.75, 3.0, 3.0));
        let row: Vec<f32> = (0..5).map(|x| mask.at(x, 2)).collect();
        assert_eq!(row, [0.0, 0.75, 1.0, 0.5, 0.0]);
        assert_eq!((mask.at(1, 1), mask.at(3, 3)), (0.75 * 0.75, 0.25));
        let total: f32 = mask.cover.iter().sum();
        assert!((total - 2.25 * 2.25).abs() < 1e-5);
    }

    #[test]
    fn shapes_are_cut_at_the_border() {
        let all = Mask::polygon(4, &square(-10.0, -10.0, 20.0, 20.0));
        assert!(all.cover.len() == 16 && all.cover.iter().all(|&c| (c - 1.0).abs() < 1e-6));
        assert!(Mask::polygon(4, &square(10.0, 10.0, 20.0, 20.0)).cover.iter().all(|&c| c == 0.0));
        assert!(Mask::disc(4, Point::new(-50.0, 2.0), 3.0, 1.0).cover.iter().all(|&c| c == 0.0));
    }

    #[test]
    fn a_stroke_is_as_wide_as_asked() {
        // Radius 1.5 around y = 4: rows 3 and 5 are 1 away, 0.5 inside, fully covered; rows 2 and 6 are 0.5 outside, not at all.
        let mask = Mask::stroke(9, &[(Point::new(1.0, 4.0), 1.5), (Point::new(7.0, 4.0), 1.5)], 1.0);
        let column: Vec<f32> = (1..8).map(|y| mask.at(4, y)).collect();
        assert_eq!(column, [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_curve_goes_through_its_points() {
        let points = square(0.0, 0.0, 4.0, 4.0);
        let open = curve(&points, false);
        assert_eq!((open.len(), open[0], open[8], open[24]), (25, points[0], points[1], points[3]));
        assert_eq!(curve(&points, true).len(), 32);
        // Equally spaced points on a line stay on it, at equal steps inside.
        let line = curve(&[0.0, 1.0, 2.0, 3.0].map(|x| Point::new(x, 5.0)), false);
        assert_eq!(line[12], Point::new(1.5, 5.0));
    }

    #[test]
    fn paint_mixes_by_cover_and_opacity() {
        let mut canvas = Canvas::new(3, |_| [100.0; 3]);
        canvas.fill(&Mask::polygon(3, &square(0.5, 0.5, 1.0, 1.5)), 0.5, [200.0; 3]);
        // Half of the middle pixel at half opacity: 100 + 0.25 * 100.
        let image = canvas.into_image();
        assert_eq!((image.get_pixel(1, 1).0, image.get_pixel(2, 1).0), ([125; 3], [100; 3]));
    }
}
