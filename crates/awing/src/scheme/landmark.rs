use crate::geometry::Point;

/// How far a landmark can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Annotated and seen.
    Visible,
    /// Annotated, but hidden behind something.
    Occluded,
    /// Not annotated: the position means nothing.
    Missing,
}

/// One annotated point of a face, in pixels of its image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Landmark {
    /// Where it is. Labels may lie outside the image.
    pub point: Point,
    /// Whether it is seen, hidden or not annotated.
    pub visibility: Visibility,
}

impl Landmark {
    /// A visible landmark.
    pub const fn visible(x: f64, y: f64) -> Self {
        Self { point: Point::new(x, y), visibility: Visibility::Visible }
    }

    /// A point without annotation.
    pub const fn missing() -> Self {
        Self { point: Point::new(0.0, 0.0), visibility: Visibility::Missing }
    }

    /// The position, unless it is missing.
    pub fn position(&self) -> Option<Point> {
        (self.visibility != Visibility::Missing).then_some(self.point)
    }
}
