use awing::geometry::{Point, Rect};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// The outline of what is pasted: a superellipse whose edge is soft, in widths and heights of a box from its middle.
pub(crate) struct Outline {
    half: [f64; 2],
    lift: f64,
    exponent: f64,
    softness: f64,
}

impl Outline {
    /// One at random.
    pub(crate) fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self {
            half: [rng.random_range(0.6..1.0), rng.random_range(0.7..1.1)],
            lift: rng.random_range(0.0..0.25),
            exponent: log_uniform(1.8..8.0, rng),
            softness: rng.random_range(0.02..0.3),
        }
    }

    /// How much of a pixel of the photo is inside, from 0 to 1.
    pub(crate) fn share(&self, face: Rect, p: Point) -> f64 {
        let center = face.center();
        let u = (p.x - center.x) / (self.half[0] * face.width());
        let v = (p.y - center.y + self.lift * face.height()) / (self.half[1] * face.height());
        let r = (u.abs().powf(self.exponent) + v.abs().powf(self.exponent)).powf(1.0 / self.exponent);
        ((1.0 - r) / self.softness).clamp(0.0, 1.0)
    }
}

/// A number of the range whose logarithm is uniform.
pub(crate) fn log_uniform(range: Range<f64>, rng: &mut ChaCha8Rng) -> f64 {
    rng.random_range(range.start.ln()..range.end.ln()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_has_a_soft_edge() {
        let outline = Outline { half: [0.5, 1.0], lift: 0.25, exponent: 2.0, softness: 0.5 };
        let face = Rect::new(0.0, 0.0, 100.0, 100.0);
        // The middle is (50, 25), the ends are 50 px to the sides and 100 px up and down; halfway out the edge begins.
        assert_eq!(outline.share(face, Point::new(50.0, 25.0)), 1.0);
        assert!((outline.share(face, Point::new(87.5, 25.0)) - 0.5).abs() < 1e-9);
        assert!((outline.share(face, Point::new(50.0, 100.0)) - 0.5).abs() < 1e-9);
        assert_eq!(outline.share(face, Point::new(101.0, 25.0)), 0.0);
    }
}
