use serde::{Deserialize, Serialize};

/// A position in an image, in pixels; the centre of the top-left pixel is (0, 0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Pixels to the right.
    pub x: f64,
    /// Pixels down.
    pub y: f64,
}

impl Point {
    /// The point (x, y).
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// Euclidean distance in pixels.
    pub fn distance(self, other: Self) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// Whether both coordinates are finite numbers.
    pub fn is_finite(self) -> bool {
        self.x.is_finite() && self.y.is_finite()
    }

    /// The mean of the points; `None` for no points.
    pub fn mean(points: impl IntoIterator<Item = Self>) -> Option<Self> {
        let (mut sum, mut count) = (Self::default(), 0_usize);
        for p in points {
            sum = Self::new(sum.x + p.x, sum.y + p.y);
            count += 1;
        }
        (count > 0).then(|| Self::new(sum.x / count as f64, sum.y / count as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_euclidean_and_mean_is_the_centroid() {
        assert_eq!(Point::new(1.0, 2.0).distance(Point::new(4.0, 6.0)), 5.0);
        let mean = Point::mean([Point::new(0.0, 1.0), Point::new(4.0, 3.0)]);
        assert_eq!(mean, Some(Point::new(2.0, 2.0)));
        assert_eq!(Point::mean([]), None);
    }
}
