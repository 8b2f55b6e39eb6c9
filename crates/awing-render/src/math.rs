//! Vectors, rotations and a few curves.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// A place, a direction, or a color in linear light (x red, y green, z blue).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Vec3 {
    /// To the viewer's right; red.
    pub x: f32,
    /// Up; green.
    pub y: f32,
    /// Towards the viewer; blue.
    pub z: f32,
}

/// A color in linear light, 1 is white.
pub(super) type Color = Vec3;

pub(super) const fn vec3(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3 { x, y, z }
}

impl Vec3 {
    pub(super) const ZERO: Self = vec3(0.0, 0.0, 0.0);
    pub(super) const ONE: Self = vec3(1.0, 1.0, 1.0);

    pub(super) fn dot(self, o: Self) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }

    pub(super) fn cross(self, o: Self) -> Self {
        vec3(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)
    }

    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// Of length 1; zero stays zero.
    pub(super) fn unit(self) -> Self {
        self * (1.0 / self.length().max(1e-20))
    }

    pub(super) fn times(self, o: Self) -> Self {
        vec3(self.x * o.x, self.y * o.y, self.z * o.z)
    }

    pub(super) fn map(self, f: impl Fn(f32) -> f32) -> Self {
        vec3(f(self.x), f(self.y), f(self.z))
    }

    pub(super) fn mix(self, o: Self, t: f32) -> Self {
        self + (o - self) * t
    }
}

impl Add for Vec3 {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        vec3(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}

impl AddAssign for Vec3 {
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}

impl Sub for Vec3 {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        vec3(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}

impl Mul<f32> for Vec3 {
    type Output = Self;
    fn mul(self, k: f32) -> Self {
        vec3(self.x * k, self.y * k, self.z * k)
    }
}

impl Neg for Vec3 {
    type Output = Self;
    fn neg(self) -> Self {
        self * -1.0
    }
}

/// A rotation, by its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rotation([Vec3; 3]);

impl Rotation {
    /// About x, y and z, in radians, right-handed; x first.
    pub(super) fn euler(x: f32, y: f32, z: f32) -> Self {
        let ((sx, cx), (sy, cy), (sz, cz)) = (x.sin_cos(), y.sin_cos(), z.sin_cos());
        Self([
            vec3(cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
            vec3(sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
            vec3(-sy, cy * sx, cy * cx),
        ])
    }

    pub(super) const fn of_rows(rows: [Vec3; 3]) -> Self {
        Self(rows)
    }

    pub(super) const fn rows(&self) -> &[Vec3; 3] {
        &self.0
    }

    /// The rotation's inverse.
    pub(super) fn back(&self, v: Vec3) -> Vec3 {
        self.0[0] * v.x + self.0[1] * v.y + self.0[2] * v.z
    }

    pub(super) fn of(&self, v: Vec3) -> Vec3 {
        vec3(self.0[0].dot(v), self.0[1].dot(v), self.0[2].dot(v))
    }
}

pub(super) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// About `x` to the power `n`, for x in 0..=1: highlights without the price of a power.
pub(super) fn lobe(x: f32, n: f32) -> f32 {
    // Schlick's quotient for half the power, squared, which falls off as a lobe should.
    let half = 0.5 * n;
    let t = x / (half - half * x + x).max(1e-6);
    t * t
}

/// The fifth power, as in Schlick's term for grazing light.
pub(super) fn fifth(x: f32) -> f32 {
    let square = x * x;
    square * square * x
}

/// 0 below `low`, 1 above `high`, smooth between; `low` may be the greater.
pub(super) fn smooth(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// 1 at 0, falling to 0 at 1: a bell for regions.
pub(super) fn bell(r2: f32) -> f32 {
    let t = (1.0 - r2).max(0.0);
    t * t
}

/// A color given as sRGB bytes.
pub(super) fn srgb(r: u8, g: u8, b: u8) -> Color {
    vec3(f32::from(r), f32::from(g), f32::from(b)).map(|v| linear(v / 255.0))
}

/// sRGB 0..1 to linear light.
pub(super) fn linear(v: f32) -> f32 {
    if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_about_y_takes_forward_to_the_right() {
        let turned = Rotation::euler(0.0, std::f32::consts::FRAC_PI_2, 0.0);
        let right = turned.of(vec3(0.0, 0.0, 1.0));
        assert!((right - vec3(1.0, 0.0, 0.0)).length() < 1e-6, "{right:?}");
    }

    #[test]
    fn curves_meet_their_ends() {
        assert_eq!([smooth(1.0, 3.0, 0.0), smooth(1.0, 3.0, 2.0), smooth(1.0, 3.0, 9.0)], [0.0, 0.5, 1.0]);
        assert_eq!(smooth(3.0, 1.0, 0.0), 1.0);
        // Middle gray of sRGB: (0.5 + 0.055) / 1.055 = 0.52607 to the power 2.4 is 0.21404.
        assert!((linear(0.5) - 0.21404).abs() < 1e-4);
    }
}
