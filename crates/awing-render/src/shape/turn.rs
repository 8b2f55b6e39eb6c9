//! How head and body are turned.

use crate::math::{Rotation, Vec3, mix, smooth, vec3};
use crate::random::Chance;

/// How a head is turned, in degrees; zero looks into the camera. The same convention as `awing::prediction::HeadPose`: first
/// pitched about the line through the ears, then yawed about the vertical, then rolled in the image plane.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HeadTurn {
    /// Positive when the nose points to the right of the image; of a face -95 to 95.
    pub yaw: f32,
    /// Positive when the nose points up; of a face -50 to 50.
    pub pitch: f32,
    /// Positive when the head is tilted clockwise as seen in the image; -180 to 180.
    pub roll: f32,
}

impl HeadTurn {
    pub(crate) fn random(c: &mut Chance) -> Self {
        let yaw = match c.below(20) {
            0..=8 => c.normal_within(2.5) * 12.0,
            9..=13 => c.normal_within(2.5) * 28.0,
            14..=17 => c.between(-70.0, 70.0),
            _ => c.between(60.0, 95.0) * if c.odds(0.5) { 1.0 } else { -1.0 },
        };
        let pitch = match c.below(10) {
            0..=5 => c.normal_within(2.5) * 8.0,
            6..=8 => c.normal_within(2.5) * 16.0,
            _ => c.between(-50.0, 50.0),
        };
        let roll = match c.below(20) {
            0..=14 => c.normal_within(2.5) * 8.0,
            15..=18 => c.normal_within(2.5) * 22.0,
            _ => c.between(-180.0, 180.0),
        };
        // A head far to the side hardly nods as far: the sum of both stays below 100 degrees.
        let room = (100.0 - yaw.abs()).max(10.0);
        Self { yaw, pitch: pitch.clamp(-room, room), roll }
    }

    pub(crate) fn rotation(&self) -> Rotation {
        Rotation::euler(-self.pitch.to_radians(), self.yaw.to_radians(), -self.roll.to_radians())
    }
}

/// Head and body together: the neck bends between them.
pub(crate) struct Bearing {
    head: Rotation,
    body: Rotation,
}

/// Where the neck turns, in the head's own frame.
const NECK: Vec3 = vec3(0.0, -9.0, -1.0);

impl Bearing {
    pub(crate) fn new(pose: &HeadTurn, c: &mut Chance) -> Self {
        // The neck turns at most 60 degrees; the body takes the rest and often more.
        let most = c.between(20.0, 55.0);
        let turned = pose.yaw - pose.yaw.clamp(-most, most) * c.between(0.0, 1.0);
        let body = HeadTurn {
            yaw: turned,
            pitch: pose.pitch * c.between(0.1, 0.5),
            // A photo turned on its side turns the body too.
            roll: if pose.roll.abs() > 35.0 { pose.roll } else { pose.roll * c.between(0.1, 0.9) },
        };
        Self { head: pose.rotation(), body: body.rotation() }
    }

    /// How far a place of the head's own frame goes with the head: 1 the head, 0 the body.
    pub(crate) fn share(p: Vec3) -> f32 {
        // The line between head and neck runs from below the chin up to the nape.
        let along = p.y + 0.32 * (p.z - 5.0);
        smooth(-12.5, -6.2, along)
    }

    /// Turns a place and the normal there; `share` as [`Bearing::share`].
    pub(crate) fn turn(&self, p: Vec3, normal: Vec3, share: f32) -> (Vec3, Vec3) {
        if share >= 1.0 {
            return (self.head.of(p - NECK), self.head.of(normal));
        }
        let d = p - NECK;
        let blend = |v: Vec3| self.body.of(v).mix(self.head.of(v), share);
        // Between two turns a mean of places lies too near to the axis; give it its distance back.
        let (mean, far) = (blend(d), d.length());
        let full = mean.unit() * far;
        (mean.mix(full, mix(0.0, 1.0, share)), blend(normal).unit())
    }

    pub(crate) fn head(&self, p: Vec3) -> Vec3 {
        self.head.of(p - NECK)
    }

    pub(crate) fn rotation(&self) -> &Rotation {
        &self.head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nose_points_where_the_angles_say() {
        let nose = |yaw, pitch, roll| HeadTurn { yaw, pitch, roll }.rotation().of(vec3(0.0, 0.0, 1.0));
        assert!(nose(30.0, 0.0, 0.0).x > 0.4 && nose(0.0, 30.0, 0.0).y > 0.4);
        let crown = HeadTurn { yaw: 0.0, pitch: 0.0, roll: 30.0 }.rotation().of(vec3(0.0, 1.0, 0.0));
        assert!((crown.x - 0.5).abs() < 1e-5, "clockwise takes the crown to the right: {crown:?}");
    }

    #[test]
    fn the_chin_goes_with_the_head_and_the_shoulders_do_not() {
        assert!(Bearing::share(vec3(0.0, -7.6, 10.4)) > 0.9 && Bearing::share(vec3(0.0, -19.0, 0.0)) < 0.01);
    }
}
