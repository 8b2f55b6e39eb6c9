//! Anti-aliased strokes and discs: a pixel is covered as far as the shape's edge lies from its centre.

use awing::geometry::{Point, Rect};
use image::RgbImage;
use std::ops::Range;

/// A color and how opaque it is, 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ink {
    pub(super) rgb: [u8; 3],
    pub(super) alpha: f64,
}

impl Ink {
    pub(super) const fn new(rgb: [u8; 3], alpha: f64) -> Self {
        Self { rgb, alpha }
    }
}

/// Mixes the ink into one pixel; nothing outside the image.
pub(super) fn blend(image: &mut RgbImage, x: u32, y: u32, ink: Ink, coverage: f64) {
    let Some(pixel) = image.get_pixel_mut_checked(x, y) else { return };
    let alpha = (ink.alpha * coverage).clamp(0.0, 1.0);
    for (old, new) in pixel.0.iter_mut().zip(ink.rgb) {
        *old = (f64::from(*old) * (1.0 - alpha) + f64::from(new) * alpha).round() as u8;
    }
}

/// A filled circle.
pub(super) fn disc(image: &mut RgbImage, center: Point, radius: f64, ink: Ink) {
    let reach = Rect::new(center.x - radius, center.y - radius, center.x + radius, center.y + radius);
    let (xs, ys) = pixels(image, reach, 1.0);
    for y in ys {
        for x in xs.clone() {
            let distance = Point::new(f64::from(x), f64::from(y)).distance(center);
            blend(image, x, y, ink, (radius + 0.5 - distance).clamp(0.0, 1.0));
        }
    }
}

/// A filled box.
pub(super) fn fill(image: &mut RgbImage, rect: Rect, ink: Ink) {
    let overlap = |p: u32, low: f64, high: f64| {
        (high.min(f64::from(p) + 0.5) - low.max(f64::from(p) - 0.5)).clamp(0.0, 1.0)
    };
    let (xs, ys) = pixels(image, rect, 1.0);
    for y in ys {
        for x in xs.clone() {
            blend(image, x, y, ink, overlap(x, rect.x0, rect.x1) * overlap(y, rect.y0, rect.y1));
        }
    }
}

/// A line through the points, with round joints and ends. Where it crosses itself the ink lies only once.
pub(super) fn polyline(image: &mut RgbImage, points: &[Point], width: f64, ink: Ink) {
    let Some(reach) = Rect::around(points.iter().copied()).filter(|_| points.iter().all(|p| p.is_finite()))
    else {
        return;
    };
    let margin = width / 2.0 + 1.0;
    let (xs, ys) = pixels(image, reach, margin);
    let mut mask = vec![0.0_f32; xs.len() * ys.len()];
    for ends in points.windows(2) {
        let [a, b] = *ends else { continue };
        let Some(reach) = Rect::around([a, b]) else { continue };
        let (segment_xs, segment_ys) = pixels(image, reach, margin);
        for y in segment_ys {
            for x in segment_xs.clone() {
                let distance = to_segment(Point::new(f64::from(x), f64::from(y)), a, b);
                let coverage = (width / 2.0 + 0.5 - distance).clamp(0.0, width.min(1.0)) as f32;
                let at = (y - ys.start) as usize * xs.len() + (x - xs.start) as usize;
                if let Some(cell) = mask.get_mut(at) {
                    *cell = cell.max(coverage);
                }
            }
        }
    }
    for (row, y) in mask.chunks(xs.len().max(1)).zip(ys) {
        for (&coverage, x) in row.iter().zip(xs.clone()) {
            if coverage > 0.0 {
                blend(image, x, y, ink, f64::from(coverage));
            }
        }
    }
}

/// The outline of a box.
pub(super) fn outline(image: &mut RgbImage, r: Rect, width: f64, ink: Ink) {
    let corners = [(r.x0, r.y0), (r.x1, r.y0), (r.x1, r.y1), (r.x0, r.y1), (r.x0, r.y0)];
    polyline(image, &corners.map(|(x, y)| Point::new(x, y)), width, ink);
}

/// The pixels of the image whose centres lie in the box widened by `margin`.
fn pixels(image: &RgbImage, rect: Rect, margin: f64) -> (Range<u32>, Range<u32>) {
    // Casts saturate, so boxes far outside give empty ranges.
    let range = |low: f64, high: f64, size: u32| {
        let end = ((high + margin).floor() + 1.0).clamp(0.0, f64::from(size)) as u32;
        (((low - margin).ceil().max(0.0) as u32).min(end))..end
    };
    (range(rect.x0, rect.x1, image.width()), range(rect.y0, rect.y1, image.height()))
}

/// Distance from p to the segment from a to b.
fn to_segment(p: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let length = dx * dx + dy * dy;
    let t = if length > 0.0 { (((p.x - a.x) * dx + (p.y - a.y) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    p.distance(Point::new(a.x + t * dx, a.y + t * dy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLACK: Ink = Ink::new([0; 3], 1.0);

    fn white(size: u32) -> RgbImage {
        RgbImage::from_pixel(size, size, image::Rgb([255; 3]))
    }

    /// How much ink lies on a white image, in pixels.
    fn area(image: &RgbImage) -> f64 {
        image.pixels().map(|p| 1.0 - f64::from(p.0[0]) / 255.0).sum()
    }

    #[test]
    fn a_disc_has_its_area_wherever_its_centre_lies() {
        for offset in [0.0, 0.3, 0.5] {
            let mut image = white(21);
            disc(&mut image, Point::new(10.0 + offset, 10.0), 4.0, BLACK);
            assert!((area(&image) - 16.0 * std::f64::consts::PI).abs() < 1.0, "{}", area(&image));
        }
    }

    #[test]
    fn a_box_half_over_a_pixel_covers_half_of_it() {
        let mut image = white(4);
        fill(&mut image, Rect::new(0.5, -0.5, 2.0, 0.5), BLACK);
        let row: Vec<u8> = (0..4).map(|x| image.get_pixel(x, 0).0[0]).collect();
        assert_eq!(row, [255, 0, 128, 255]);
    }

    #[test]
    fn a_crossing_line_is_no_darker_at_the_crossing() {
        let mut image = white(9);
        let points = [(1.0, 4.0), (7.0, 4.0), (4.0, 4.0), (4.0, 7.0)].map(|(x, y)| Point::new(x, y));
        polyline(&mut image, &points, 1.0, Ink::new([0; 3], 0.5));
        assert_eq!((image.get_pixel(2, 4).0[0], image.get_pixel(4, 4).0[0]), (128, 128));
        assert_eq!(image.get_pixel(4, 2).0[0], 255);
    }

    proptest! {
        #[test]
        fn nothing_outside_the_image_is_a_problem(
            x in -1e12..1e12_f64, y in -50.0..50.0_f64, r in 0.0..40.0_f64, nan: bool,
        ) {
            let mut image = white(8);
            let p = Point::new(if nan { f64::NAN } else { x }, y);
            disc(&mut image, p, r, BLACK);
            fill(&mut image, Rect::new(p.x, p.y, p.x + r, p.y), BLACK);
            polyline(&mut image, &[p, Point::new(3.0, 4.0), Point::new(-p.x, 1e9)], r, BLACK);
        }
    }
}
