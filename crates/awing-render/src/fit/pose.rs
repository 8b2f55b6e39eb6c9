//! A head in space before a camera, as numbers that can be improved step by step.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::math::{Rotation, Vec3, vec3};
use crate::scene::Camera;
use crate::shape::HeadTurn;

/// Where the head is and how it is turned. A place q of the turned head, in centimeters from the middle of its points, is seen at
/// x = center + scale n qx, y = center - scale n qy, with n = distance / (distance - qz).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pose {
    /// From the head's axes to the camera's (x right, y up, z towards the camera), row by row.
    pub rotation: [[f64; 3]; 3],
    /// The logarithm of the pixels to a centimeter, at the middle.
    pub log_scale: f64,
    pub center: [f64; 2],
    /// The logarithm of the camera's distance in centimeters.
    pub log_distance: f64,
}

impl Pose {
    /// How many numbers a step has: turns about x, y and z, scale, center, distance.
    pub(super) const NUMBERS: usize = 7;

    pub(super) fn turned(&self, p: [f64; 3]) -> [f64; 3] {
        self.rotation.map(|row| row[0] * p[0] + row[1] * p[1] + row[2] * p[2])
    }

    /// Where a turned place is seen.
    pub(super) fn seen(&self, [x, y, z]: [f64; 3]) -> [f64; 2] {
        let k = self.log_scale.exp() * self.nearness(z);
        [self.center[0] + k * x, self.center[1] - k * y]
    }

    fn nearness(&self, z: f64) -> f64 {
        let distance = self.log_distance.exp();
        distance / (distance - z).max(1.0)
    }

    /// How x and y of what is seen change with each coordinate of a turned place.
    pub(super) fn slopes(&self, [x, y, z]: [f64; 3]) -> [[f64; 3]; 2] {
        let (scale, n) = (self.log_scale.exp(), self.nearness(z));
        let deeper = n * n / self.log_distance.exp();
        [[scale * n, 0.0, scale * deeper * x], [0.0, -scale * n, -scale * deeper * y]]
    }

    /// How x and y of what is seen change with each number of a step.
    pub(super) fn moves(&self, place: [f64; 3]) -> [[f64; Self::NUMBERS]; 2] {
        let [x, y, z] = place;
        let slopes = self.slopes(place);
        let turns = [[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]];
        let (scale, n) = (self.log_scale.exp(), self.nearness(z));
        let farther = -scale * z * n * n / self.log_distance.exp();
        [0, 1].map(|axis| {
            let turn = turns.map(|t| (0..3).map(|i| slopes[axis][i] * t[i]).sum::<f64>());
            let side = if axis == 0 { x } else { -y };
            let center = [f64::from(axis == 0), f64::from(axis == 1)];
            [turn[0], turn[1], turn[2], scale * n * side, center[0], center[1], farther * side]
        })
    }

    /// The pose after a step.
    pub(super) fn moved(&self, step: &[f64]) -> Self {
        let turn = rotation([step[0], step[1], step[2]]);
        let column = |i: usize| self.rotation.map(|row| row[i]);
        let rotation = turn.map(|row| [0, 1, 2].map(|i| dot(row, column(i))));
        Self {
            rotation,
            log_scale: self.log_scale + step[3],
            center: [self.center[0] + step[4], self.center[1] + step[5]],
            log_distance: self.log_distance + step[6],
        }
    }

    pub(crate) fn rotation(&self) -> Rotation {
        Rotation::of_rows(self.rotation.map(single))
    }

    /// The camera, which looks at the middle of the points.
    pub(crate) fn camera(&self) -> Camera {
        let distance = self.log_distance.exp();
        Camera {
            distance: distance as f32,
            focal: (distance * self.log_scale.exp()) as f32,
            center: self.center.map(|v| v as f32),
        }
    }

    /// The rotation as angles.
    pub(super) fn turn(&self) -> HeadTurn {
        let r = &self.rotation;
        let (mut x, mut y, mut z) =
            (r[2][1].atan2(r[2][2]), (-r[2][0]).clamp(-1.0, 1.0).asin(), r[1][0].atan2(r[0][0]));
        // Every rotation has two names; heads are turned beyond a right angle sooner than they stand on their crown.
        if x.abs() > FRAC_PI_2 {
            let opposite = |a: f64| a - PI.copysign(a);
            (x, y, z) = (opposite(x), -opposite(y), opposite(z));
        }
        let degrees = |v: f64| v.to_degrees() as f32;
        HeadTurn { yaw: degrees(y), pitch: degrees(-x), roll: degrees(-z) }
    }
}

pub(super) fn double(p: Vec3) -> [f64; 3] {
    [p.x, p.y, p.z].map(f64::from)
}

pub(super) fn single(p: [f64; 3]) -> Vec3 {
    vec3(p[0] as f32, p[1] as f32, p[2] as f32)
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The rotation about an axis by its length in radians (Rodrigues).
fn rotation(axis: [f64; 3]) -> [[f64; 3]; 3] {
    let angle = dot(axis, axis).sqrt();
    let (s, c) = (
        if angle < 1e-9 { 1.0 } else { angle.sin() / angle },
        if angle < 1e-9 { 0.5 } else { (1.0 - angle.cos()) / (angle * angle) },
    );
    let [x, y, z] = axis;
    let cross = [[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]];
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let same = f64::from(i == j);
            same + s * cross[i][j] + c * (axis[i] * axis[j] - same * angle * angle)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pose(turn: HeadTurn) -> Pose {
        let rotation = turn.rotation().rows().map(double);
        Pose { rotation, log_scale: 1.1, center: [40.0, 50.0], log_distance: 4.0 }
    }

    #[test]
    fn angles_come_back_from_the_rotation() {
        for yaw in [-95.0, -60.0, 0.0, 30.0, 95.0] {
            for pitch in [-50.0, 0.0, 40.0] {
                for roll in [-170.0, -20.0, 0.0, 90.0] {
                    let turn = HeadTurn { yaw, pitch, roll };
                    let again = pose(turn).turn();
                    let apart = [again.yaw - yaw, again.pitch - pitch, again.roll - roll];
                    assert!(apart.iter().all(|v| v.abs() < 0.01), "{turn:?} {again:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_seen_moves_as_its_derivatives_say() {
        let pose = pose(HeadTurn { yaw: 30.0, pitch: -10.0, roll: 20.0 });
        let place = pose.turned([2.0, -3.0, 8.0]);
        let seen = pose.seen(place);
        for number in 0..Pose::NUMBERS {
            let mut step = [0.0; Pose::NUMBERS];
            step[number] = 1e-6;
            let moved = pose.moved(&step);
            let after = moved.seen(moved.turned([2.0, -3.0, 8.0]));
            for axis in 0..2 {
                let slope = (after[axis] - seen[axis]) / 1e-6;
                assert!((slope - pose.moves(place)[axis][number]).abs() < 1e-3, "{number} {axis}");
            }
        }
    }
}
