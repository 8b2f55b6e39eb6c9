//! A pinhole camera before the face.

use crate::math::Vec3;

/// Looks at the origin along -z from `distance` centimeters; the image's axes are x right and y down, and the center of
/// its top-left pixel is (0, 0).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Camera {
    pub distance: f32,
    /// Pixels.
    pub focal: f32,
    /// Where the origin is seen.
    pub center: [f32; 2],
}

impl Camera {
    /// Where a place is seen, and one over its distance along the axis. Places behind the camera are seen far outside.
    pub(crate) fn project(&self, p: Vec3) -> [f32; 3] {
        let near = 1.0 / (self.distance - p.z).max(1.0);
        [self.center[0] + self.focal * p.x * near, self.center[1] - self.focal * p.y * near, near]
    }

    /// The place that is seen at a pixel and has this z.
    pub(crate) fn place(&self, [x, y]: [f32; 2], z: f32) -> Vec3 {
        let k = (self.distance - z).max(1.0) / self.focal;
        crate::math::vec3((x - self.center[0]) * k, (self.center[1] - y) * k, z)
    }

    /// The direction from a place to the camera.
    pub(crate) fn towards(&self, p: Vec3) -> Vec3 {
        (crate::math::vec3(0.0, 0.0, self.distance) - p).unit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::vec3;

    #[test]
    fn a_known_point_is_seen_where_it_should_be() {
        let camera = Camera { distance: 50.0, focal: 400.0, center: [100.0, 80.0] };
        // 10 cm before the origin it is 40 cm off: 400 / 40 = 10 pixels a centimeter.
        assert_eq!(camera.project(vec3(2.0, 3.0, 10.0)), [120.0, 50.0, 0.025]);
        assert_eq!(camera.place([120.0, 50.0], 10.0), vec3(2.0, 3.0, 10.0));
    }
}
