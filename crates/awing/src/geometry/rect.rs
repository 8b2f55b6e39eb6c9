use super::Point;
use serde::{Deserialize, Serialize};

/// An axis-aligned box in pixels, from (x0, y0) to (x1, y1), in the coordinates of pixel centres.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// Left.
    pub x0: f64,
    /// Top.
    pub y0: f64,
    /// Right.
    pub x1: f64,
    /// Bottom.
    pub y1: f64,
}

impl Rect {
    /// The box between two corners.
    pub const fn new(x0: f64, y0: f64, x1: f64, y1: f64) -> Self {
        Self { x0, y0, x1, y1 }
    }

    /// The whole image: its pixels reach half a pixel beyond the outermost centres.
    pub fn of_image(width: u32, height: u32) -> Self {
        Self::new(-0.5, -0.5, f64::from(width) - 0.5, f64::from(height) - 0.5)
    }

    /// The tight box around points; `None` for no points.
    pub fn around(points: impl IntoIterator<Item = Point>) -> Option<Self> {
        points.into_iter().fold(None, |rect, p| {
            let r = rect.unwrap_or(Self::new(p.x, p.y, p.x, p.y));
            Some(Self::new(r.x0.min(p.x), r.y0.min(p.y), r.x1.max(p.x), r.y1.max(p.y)))
        })
    }

    /// The box with its sides at sixteenths of a pixel: what cuts a face out should not hang on the last bits of a detector's arithmetic, which
    /// differ from processor to processor.
    pub(crate) fn to_sixteenths(self) -> Self {
        let [x0, y0, x1, y1] = [self.x0, self.y0, self.x1, self.y1].map(|side| (side * 16.0).round() / 16.0);
        Self { x0, y0, x1, y1 }
    }

    /// Width in pixels.
    pub fn width(self) -> f64 {
        self.x1 - self.x0
    }

    /// Height in pixels.
    pub fn height(self) -> f64 {
        self.y1 - self.y0
    }

    /// The middle.
    pub fn center(self) -> Point {
        Point::new(f64::midpoint(self.x0, self.x1), f64::midpoint(self.y0, self.y1))
    }

    /// Whether all four numbers are finite, and width and height are at least `min` pixels.
    pub fn is_usable(self, min: f64) -> bool {
        [self.x0, self.y0, self.x1, self.y1].iter().all(|v| v.is_finite())
            && self.width() >= min
            && self.height() >= min
    }

    /// Whether the two boxes share any area.
    pub fn overlaps(self, other: Self) -> bool {
        self.x0 < other.x1 && other.x0 < self.x1 && self.y0 < other.y1 && other.y0 < self.y1
    }

    /// What the two boxes share, as a part of the smaller one, from 0 to 1.
    pub fn shared(self, other: Self) -> f64 {
        let width = self.x1.min(other.x1) - self.x0.max(other.x0);
        let height = self.y1.min(other.y1) - self.y0.max(other.y0);
        let smaller = (self.width() * self.height()).min(other.width() * other.height());
        if smaller > 0.0 { (width.max(0.0) * height.max(0.0) / smaller).min(1.0) } else { 0.0 }
    }

    /// Intersection over union, from 0 to 1.
    pub fn overlap(self, other: Self) -> f64 {
        let width = self.x1.min(other.x1) - self.x0.max(other.x0);
        let height = self.y1.min(other.y1) - self.y0.max(other.y0);
        let shared = width.max(0.0) * height.max(0.0);
        let union = self.width() * self.height() + other.width() * other.height() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_around_points_is_tight() {
        let rect = Rect::around([Point::new(3.0, 8.0), Point::new(1.0, 9.0), Point::new(2.0, 4.0)]);
        assert_eq!(rect, Some(Rect::new(1.0, 4.0, 3.0, 9.0)));
        assert_eq!(Rect::around([]), None);
    }

    #[test]
    fn an_image_spans_half_a_pixel_beyond_its_outer_centres() {
        let rect = Rect::of_image(4, 2);
        assert_eq!((rect.width(), rect.height()), (4.0, 2.0));
        assert_eq!(rect.center(), Point::new(1.5, 0.5));
    }

    #[test]
    fn touching_boxes_do_not_overlap() {
        let a = Rect::new(0.0, 0.0, 2.0, 2.0);
        assert!(!a.overlaps(Rect::new(2.0, 0.0, 4.0, 2.0)));
        // 1 shared of 4 + 4 - 1.
        assert_eq!(a.overlap(Rect::new(1.0, 1.0, 3.0, 3.0)), 1.0 / 7.0);
        assert_eq!(a.overlap(Rect::new(5.0, 5.0, 6.0, 6.0)), 0.0);
        assert!(a.overlaps(Rect::new(1.9, 1.9, 4.0, 4.0)));
    }
}
