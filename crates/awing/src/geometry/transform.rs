use super::Point;

/// A similarity transform, possibly with a mirror: p' = M p + t, kept as unrounded numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// The matrix M, row by row.
    pub matrix: [[f64; 2]; 2],
    /// The translation t.
    pub translation: Point,
}

/// What a crop shows: a square of the photo, turned, scaled and possibly mirrored into `size` x `size` pixels.
impl Transform {
    /// Photo to crop. The square of `side` photo pixels around `center`, turned by `degrees` (the content turns
    /// clockwise as seen on screen), becomes `size` pixels wide; with `mirror` the crop is then mirrored.
    pub fn crop(center: Point, side: f64, size: usize, degrees: f64, mirror: bool) -> Self {
        let scale = size as f64 / side;
        let (sin, cos) = degrees.to_radians().sin_cos();
        let flip = if mirror { -1.0 } else { 1.0 };
        let matrix = [[flip * scale * cos, -flip * scale * sin], [scale * sin, scale * cos]];
        let middle = size as f64 / 2.0 - 0.5;
        let turned = multiply(matrix, center);
        Self { matrix, translation: Point::new(middle - turned.x, middle - turned.y) }
    }

    /// The point in the other image.
    pub fn apply(&self, p: Point) -> Point {
        let q = multiply(self.matrix, p);
        Point::new(q.x + self.translation.x, q.y + self.translation.y)
    }

    /// The transform back; exact up to rounding in f64.
    pub fn inverse(&self) -> Self {
        let [[a, b], [c, d]] = self.matrix;
        let det = a * d - b * c;
        let matrix = [[d / det, -b / det], [-c / det, a / det]];
        let t = multiply(matrix, self.translation);
        Self { matrix, translation: Point::new(-t.x, -t.y) }
    }

    /// First `self`, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        let [[a, b], [c, d]] = self.matrix;
        let [[e, f], [g, h]] = next.matrix;
        Self {
            matrix: [[e * a + f * c, e * b + f * d], [g * a + h * c, g * b + h * d]],
            translation: next.apply(self.translation),
        }
    }

    /// How many target pixels one source pixel becomes.
    pub fn scale(&self) -> f64 {
        let [[a, b], [c, d]] = self.matrix;
        (a * d - b * c).abs().sqrt()
    }
}

fn multiply(m: [[f64; 2]; 2], p: Point) -> Point {
    Point::new(m[0][0] * p.x + m[0][1] * p.y, m[1][0] * p.x + m[1][1] * p.y)
}

/// x in the mirror image of an image `width` pixels wide: width - 1 - x.
pub fn mirror_x(x: f64, width: usize) -> f64 {
    width as f64 - 1.0 - x
}

/// Pixel p of the network's input to cell q of a map at stride s: q = (p + 0.5) / s - 0.5.
pub fn to_cell(p: Point, stride: f64) -> Point {
    Point::new((p.x + 0.5) / stride - 0.5, (p.y + 0.5) / stride - 0.5)
}

/// Cell q of a map at stride s back to pixel p of the network's input: p = (q + 0.5) s - 0.5.
pub fn to_pixel(q: Point, stride: f64) -> Point {
    Point::new((q.x + 0.5) * stride - 0.5, (q.y + 0.5) * stride - 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(a: Point, b: Point, tolerance: f64) -> bool {
        a.distance(b) <= tolerance
    }

    #[test]
    fn the_edges_of_the_square_become_the_edges_of_the_crop() {
        // A square of 100 px around (50, 60) spans x in [0, 100]; its left edge is the crop's left edge, at -0.5.
        let t = Transform::crop(Point::new(50.0, 60.0), 100.0, 64, 0.0, false);
        assert!(near(t.apply(Point::new(0.0, 10.0)), Point::new(-0.5, -0.5), 1e-12));
        assert!(near(t.apply(Point::new(100.0, 110.0)), Point::new(63.5, 63.5), 1e-12));
        assert!((t.scale() - 0.64).abs() < 1e-12);
    }

    #[test]
    fn a_quarter_turn_moves_the_right_side_to_the_bottom() {
        let t = Transform::crop(Point::new(0.0, 0.0), 10.0, 10, 90.0, false);
        assert!(near(t.apply(Point::new(3.0, 0.0)), Point::new(4.5, 7.5), 1e-12));
    }

    #[test]
    fn a_mirrored_crop_is_the_mirror_image_of_the_crop() {
        let plain = Transform::crop(Point::new(5.0, 7.0), 20.0, 32, 25.0, false);
        let mirrored = Transform::crop(Point::new(5.0, 7.0), 20.0, 32, 25.0, true);
        let (p, q) = (plain.apply(Point::new(9.0, 2.0)), mirrored.apply(Point::new(9.0, 2.0)));
        assert!(near(q, Point::new(mirror_x(p.x, 32), p.y), 1e-12));
    }

    #[test]
    fn pixels_and_cells_meet_at_their_centres() {
        // The four pixels 0..4 of a stride-4 cell have their middle at 1.5: cell 0.
        assert_eq!(to_cell(Point::new(1.5, 5.5), 4.0), Point::new(0.0, 1.0));
        assert_eq!(to_pixel(Point::new(0.0, 1.0), 4.0), Point::new(1.5, 5.5));
    }

    proptest! {
        #[test]
        fn the_crop_round_trip_is_exact(
            cx in -5000.0..5000.0, cy in -5000.0..5000.0, side in 1.0..5000.0_f64, degrees in -360.0..360.0_f64,
            mirror: bool, size in 16_usize..512, x in -5000.0..5000.0, y in -5000.0..5000.0,
        ) {
            let t = Transform::crop(Point::new(cx, cy), side, size, degrees, mirror);
            let p = Point::new(x, y);
            prop_assert!(near(t.inverse().apply(t.apply(p)), p, 1e-6));
            prop_assert!(near(t.then(&t.inverse()).apply(p), p, 1e-6));
        }

        #[test]
        fn the_mirror_round_trip_is_exact(x in -1e4..1e4_f64, width in 1_usize..5000) {
            prop_assert!((mirror_x(mirror_x(x, width), width) - x).abs() < 1e-9);
        }
    }
}
