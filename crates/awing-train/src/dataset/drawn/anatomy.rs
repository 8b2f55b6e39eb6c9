//! The build, expression and pose of a drawn face: a small solid model of 68 points, turned and projected.

use awing::geometry::{Point, Rect};
use rand::{Rng, RngExt};

/// A place on the head. The eyes lie at y = 0; x runs right as seen, y down, z towards the viewer; half the width of the
/// face is about 1.
pub(super) type Place = [f64; 3];

/// One face. Lengths are in half widths of the face.
pub(super) struct Anatomy {
    jaw_width: f64,
    chin: f64,
    /// 1 draws the jaw as an ellipse, less makes it square.
    jaw_shape: f64,
    eye_distance: f64,
    eye_width: f64,
    eye_tilt: f64,
    /// Half the opening of each eye, left and right as seen.
    eye_open: [f64; 2],
    brow_raise: f64,
    brow_slope: f64,
    brow_arch: f64,
    nose_length: f64,
    nose_width: f64,
    mouth_width: f64,
    upper_lip: f64,
    lower_lip: f64,
    /// Half the opening of the mouth.
    mouth_open: f64,
    /// How far the corners of the mouth rise.
    smile: f64,
    yaw: f64,
    pitch: f64,
    roll: f64,
    /// Pixels a half width, and where the origin lies in the photo.
    pub(super) scale: f64,
    origin: Point,
}

pub(super) fn between(rng: &mut impl Rng, low: f64, high: f64) -> f64 {
    rng.random_range(low..=high)
}

impl Anatomy {
    /// A face that fits into a photo of `size` pixels: the larger side of its box is 0.5 to 0.66 of it.
    pub(super) fn random(size: usize, rng: &mut impl Rng) -> Self {
        let open = between(rng, 0.045, 0.1);
        let eyes = match rng.random_range(0..10) {
            0 => [0.008; 2],
            1 => [0.008, open],
            _ => [open; 2],
        };
        let mut face = Self {
            jaw_width: between(rng, 0.93, 1.07),
            chin: between(rng, 1.35, 1.6),
            jaw_shape: between(rng, 0.8, 1.05),
            eye_distance: between(rng, 0.4, 0.47),
            eye_width: between(rng, 0.17, 0.22),
            eye_tilt: between(rng, -0.15, 0.15),
            eye_open: eyes,
            brow_raise: between(rng, 0.24, 0.42),
            brow_slope: between(rng, -0.25, 0.3),
            brow_arch: between(rng, 0.02, 0.1),
            nose_length: between(rng, 0.45, 0.58),
            nose_width: between(rng, 0.15, 0.24),
            mouth_width: between(rng, 0.3, 0.45),
            upper_lip: between(rng, 0.05, 0.1),
            lower_lip: between(rng, 0.07, 0.13),
            mouth_open: if rng.random_bool(0.45) { between(rng, 0.02, 0.17) } else { 0.006 },
            smile: between(rng, -0.06, 0.12),
            yaw: between(rng, -0.45, 0.45),
            pitch: between(rng, -0.2, 0.2),
            roll: between(rng, -0.45, 0.45),
            scale: 1.0,
            origin: Point::default(),
        };
        let size = size as f64;
        // A box always exists around 68 points.
        if let Some(unit) = Rect::around(face.landmarks()) {
            face.scale = between(rng, 0.5, 0.66) * size / unit.width().max(unit.height());
            let middle = unit.center();
            let mut place = |m: f64| size * between(rng, 0.44, 0.56) - 0.5 - face.scale * m;
            face.origin = Point::new(place(middle.x), place(middle.y));
        }
        face
    }

    /// Where a place on the head is in the photo.
    pub(super) fn project(&self, [x, y, z]: Place) -> Point {
        let (sin, cos) = self.yaw.sin_cos();
        let (x, z) = (x * cos + z * sin, z * cos - x * sin);
        let (sin, cos) = self.pitch.sin_cos();
        let y = y * cos - z * sin;
        let (sin, cos) = self.roll.sin_cos();
        let (x, y) = (x * cos - y * sin, x * sin + y * cos);
        Point::new(self.origin.x + self.scale * x, self.origin.y + self.scale * y)
    }

    /// The 68 points in pixels: jaw 0-16, brows 17-26, bridge 27-30, base 31-35, eyes 36-47, lips 48-67.
    pub(super) fn landmarks(&self) -> Vec<Point> {
        let mut places: Vec<Place> = (0..17).map(|i| self.outline(f64::from(i) / 16.0)).collect();
        places.extend((0..5).map(|i| self.brow(-1.0, 1.0 - f64::from(i) / 4.0)));
        places.extend((0..5).map(|i| self.brow(1.0, f64::from(i) / 4.0)));
        places.extend((0..4).map(|i| self.bridge(f64::from(i) / 3.0)));
        places.extend((-2..=2).map(|i| self.nose_base(f64::from(i) / 2.0)));
        // Points of the left eye run from its outer corner, of the right eye from its inner one: both from the left, over
        // the upper lid and back along the lower one.
        for (side, open) in [(-1.0, self.eye_open[0]), (1.0, self.eye_open[1])] {
            for (along, lid) in [(-1.0, 0.0), (-0.4, -1.0), (0.4, -1.0), (1.0, 0.0), (0.4, 0.8), (-0.4, 0.8)]
            {
                places.push(self.eye(side, along, lid * open));
            }
        }
        places.extend(self.lips());
        places.into_iter().map(|p| self.project(p)).collect()
    }

    /// The edge of the head: 0 is the left temple, 0.5 the chin, 1 the right temple.
    fn outline(&self, along: f64) -> Place {
        let (sin, cos) = (along * std::f64::consts::PI).sin_cos();
        let x = -self.jaw_width * cos.signum() * cos.abs().powf(self.jaw_shape);
        let chin = self.chin + 1.2 * (self.mouth_open - 0.006);
        [x, 0.02 + (chin - 0.02) * sin.max(0.0).powf(self.jaw_shape), -0.45 + 0.65 * sin.max(0.0)]
    }

    /// The edge of the forehead, from the right temple (0) over the top (0.5) to the left (1).
    pub(super) fn forehead(&self, along: f64, height: f64) -> Place {
        let (sin, cos) = (along * std::f64::consts::PI).sin_cos();
        [self.jaw_width * cos, 0.02 - height * sin, -0.45 + 0.3 * sin]
    }

    /// `side` -1 is the left brow as seen; 0 is the inner end, 1 the outer.
    fn brow(&self, side: f64, out: f64) -> Place {
        let inner = self.eye_distance - 1.25 * self.eye_width;
        let x = inner + out * 2.6 * self.eye_width;
        let arch = self.brow_arch * (1.0 - (2.0 * out - 1.2).powi(2));
        let y = -self.brow_raise - arch - self.brow_slope * self.eye_width * (out - 0.5);
        [side * x, y, 0.3 - 0.25 * out]
    }

    fn bridge(&self, down: f64) -> Place {
        [0.0, -0.02 + down * (self.nose_length - 0.08), 0.3 + 0.35 * down]
    }

    fn nose_base(&self, out: f64) -> Place {
        [out * self.nose_width, self.nose_length + 0.07 * (1.0 - out * out), 0.5 - 0.2 * out * out]
    }

    /// `along` -1 is the eye's left corner as seen, 1 the right one; `down` is the distance from the line between them.
    pub(super) fn eye(&self, side: f64, along: f64, down: f64) -> Place {
        let x = side * self.eye_distance + along * self.eye_width;
        [x, -side * along * self.eye_width * self.eye_tilt + down, 0.22 - 0.08 * side * along]
    }

    /// Which part of the eyes is open, left and right as seen.
    pub(super) fn eye_open(&self) -> [f64; 2] {
        self.eye_open
    }

    fn lips(&self) -> Vec<Place> {
        let (w, open) = (self.mouth_width, self.mouth_open);
        let middle = self.nose_length + 0.36 + open;
        // How far a corner is above the middle of the lips; the points between follow a parabola.
        let rise = |x: f64| -self.smile * (x / w).powi(2);
        let place = |x: f64, y: f64| [x, middle + y + rise(x), 0.42 - 0.25 * (x / w).powi(2)];
        let (up, low) = (-open - self.upper_lip, open + self.lower_lip);
        let outer = [
            (-1.0, 0.0),
            (-0.6, 0.75 * up),
            (-0.2, 1.05 * up),
            (0.0, 0.92 * up),
            (0.2, 1.05 * up),
            (0.6, 0.75 * up),
            (1.0, 0.0),
            (0.62, 0.72 * low),
            (0.25, 0.98 * low),
            (0.0, low),
            (-0.25, 0.98 * low),
            (-0.62, 0.72 * low),
        ];
        let inner = [
            (-0.86, 0.0),
            (-0.3, -0.9 * open),
            (0.0, -open),
            (0.3, -0.9 * open),
            (0.86, 0.0),
            (0.3, 0.9 * open),
            (0.0, open),
            (-0.3, 0.9 * open),
        ];
        outer.iter().chain(&inner).map(|&(x, y)| place(x * w, y)).collect()
    }

    /// How far the face looks to the right as seen, -1 to 1.
    pub(super) fn turned(&self) -> f64 {
        self.yaw.sin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Pairs of 300-W: what is left becomes right in a mirror.
    const PAIRS: [(usize, usize); 29] = [
        (0, 16),
        (1, 15),
        (2, 14),
        (3, 13),
        (4, 12),
        (5, 11),
        (6, 10),
        (7, 9),
        (17, 26),
        (18, 25),
        (19, 24),
        (20, 23),
        (21, 22),
        (31, 35),
        (32, 34),
        (36, 45),
        (37, 44),
        (38, 43),
        (39, 42),
        (40, 47),
        (41, 46),
        (48, 54),
        (49, 53),
        (50, 52),
        (55, 59),
        (56, 58),
        (60, 64),
        (61, 63),
        (65, 67),
    ];

    fn frontal(seed: u64) -> Anatomy {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut face = Anatomy::random(100, &mut rng);
        (face.yaw, face.pitch, face.roll, face.eye_open) = (0.0, 0.0, 0.0, [0.07; 2]);
        face
    }

    #[test]
    fn a_frontal_face_is_its_own_mirror_image() {
        for seed in 0..20 {
            let face = frontal(seed);
            let points = face.landmarks();
            assert_eq!(points.len(), 68);
            for (a, b) in PAIRS {
                let sum = points[a].x + points[b].x - 2.0 * face.origin.x;
                assert!(sum.abs() < 1e-9 && (points[a].y - points[b].y).abs() < 1e-9, "{a} and {b}");
            }
            for (left, right) in [(0, 16), (17, 26), (31, 35), (36, 45), (48, 54), (60, 64)] {
                assert!(points[left].x < points[right].x);
            }
        }
    }

    #[test]
    fn the_parts_stand_in_their_order() {
        for seed in 0..50 {
            let points = frontal(seed).landmarks();
            let y = |i: usize| points[i].y;
            // Brow, upper lid, lower lid, nose tip, nose base, upper lip, lower lip, chin.
            let order = [y(19), y(37), y(41), y(30), y(33), y(51), y(62), y(66), y(57), y(8)];
            assert!(order.is_sorted(), "{order:?}");
        }
    }

    #[test]
    fn turning_moves_the_nose_before_the_cheeks() {
        let mut face = frontal(1);
        let before = face.landmarks();
        face.yaw = 0.3;
        let after = face.landmarks();
        let moved = |i: usize| after[i].x - before[i].x;
        assert!(moved(30) > moved(27) && moved(27) > 0.0 && moved(16) < 0.0);
    }
}
