//! One place of a surface as the shading needs it.

use crate::math::Vec3;
use crate::scene::Scene;

/// A place on a triangle.
pub(crate) struct Fragment {
    pub place: Vec3,
    pub normal: Vec3,
    pub uv: [f32; 2],
    pub open: f32,
    /// How the place changes with u and v.
    pub along: [Vec3; 2],
    /// Towards the camera.
    pub view: Vec3,
}

impl Fragment {
    /// The place of a triangle that is seen at `at` (samples).
    pub(crate) fn new(scene: &Scene, screen: &[[f32; 3]], triangle: usize, at: [f32; 2]) -> Self {
        let corner = &scene.triangles[triangle];
        let v = corner.v.map(|v| v as usize);
        let [a, b, c] = v.map(|v| screen[v]);
        let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
        let area = if area.abs() < 1e-12 { 1e-12 } else { area };
        let weight = |p: [f32; 3], q: [f32; 3]| {
            ((p[0] - at[0]) * (q[1] - at[1]) - (p[1] - at[1]) * (q[0] - at[0])) / area
        };
        // The middle of a pixel may lie a little beside the triangle that some of its samples see.
        let w = [weight(b, c), weight(c, a), weight(a, b)].map(|w| w.clamp(0.0, 1.0));
        let w = [w[0] * a[2], w[1] * b[2], w[2] * c[2]];
        let sum = (w[0] + w[1] + w[2]).max(1e-12);
        let w = w.map(|w| w / sum);
        let p = v.map(|v| scene.places[v]);
        let t = corner.t.map(|t| scene.uv[t as usize]);
        let blend = |values: [Vec3; 3]| values[0] * w[0] + values[1] * w[1] + values[2] * w[2];
        let (e1, e2) = (p[1] - p[0], p[2] - p[0]);
        let (d1, d2) = ([t[1][0] - t[0][0], t[1][1] - t[0][1]], [t[2][0] - t[0][0], t[2][1] - t[0][1]]);
        let det = d1[0] * d2[1] - d2[0] * d1[1];
        let k = if det.abs() < 1e-12 { 0.0 } else { 1.0 / det };
        Self {
            place: blend(p),
            normal: blend(v.map(|v| scene.normals[v])).unit(),
            uv: [0, 1].map(|i| t[0][i] * w[0] + t[1][i] * w[1] + t[2][i] * w[2]),
            open: v.iter().zip(w).map(|(v, w)| scene.open[*v] * w).sum(),
            along: [(e1 * d2[1] - e2 * d1[1]) * k, (e2 * d1[0] - e1 * d2[0]) * k],
            view: Vec3::ZERO,
        }
    }

    /// The normal of a surface whose height over this one rises by `du` and `dv` centimeters for each u and v.
    pub(crate) fn bumped(&self, du: f32, dv: f32) -> Vec3 {
        let step = |along: Vec3, d: f32| along * (d / along.dot(along).max(1e-6));
        (self.normal - step(self.along[0], du) - step(self.along[1], dv)).unit()
    }
}
