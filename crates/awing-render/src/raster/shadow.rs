//! What a lamp sees: the rest is in its shadow.

use super::buffer::Buffer;
use crate::math::{Vec3, vec3};
use crate::mesh::Triangle;

/// Heights towards a distant lamp, on a grid across its rays.
pub(crate) struct ShadowMap {
    buffer: Buffer,
    axes: [Vec3; 3],
    scale: f32,
}

impl ShadowMap {
    /// A map for a lamp in the direction `lamp` (of length 1), `size` cells wide, that holds the places within `reach`
    /// centimeters of the origin.
    pub(crate) fn new(lamp: Vec3, size: usize, reach: f32) -> Self {
        let aside = if lamp.y.abs() < 0.9 { vec3(0.0, 1.0, 0.0) } else { vec3(1.0, 0.0, 0.0) };
        let right = aside.cross(lamp).unit();
        let axes = [right, lamp.cross(right), lamp];
        Self { buffer: Buffer::new(size, size), axes, scale: size as f32 / (2.0 * reach) }
    }

    fn project(&self, p: Vec3) -> [f32; 3] {
        let half = self.buffer.width as f32 / 2.0;
        [
            half + p.dot(self.axes[0]) * self.scale,
            half - p.dot(self.axes[1]) * self.scale,
            p.dot(self.axes[2]),
        ]
    }

    /// All places as the map's draw needs them.
    pub(crate) fn screen(&self, places: &[Vec3]) -> Vec<[f32; 3]> {
        places.iter().map(|p| self.project(*p)).collect()
    }

    /// Adds what throws shadows, without gaps; `both_sides` as for [`Buffer::draw`].
    pub(crate) fn draw(&mut self, screen: &[[f32; 3]], triangles: &[Triangle], both_sides: bool) {
        self.buffer.draw(screen, triangles, 0, both_sides, |_, _| true);
    }

    /// How much of the lamp a place sees, 0 to 1, softened over `blur` centimeters. `slack` is how far below the map's
    /// surface a place still counts as lit.
    pub(crate) fn light(&self, p: Vec3, blur: f32, slack: f32) -> f32 {
        const TAPS: [[f32; 2]; 8] = [
            [0.2, -0.9],
            [0.9, -0.3],
            [0.7, 0.6],
            [-0.2, 0.9],
            [-0.9, 0.3],
            [-0.6, -0.6],
            [0.3, -0.2],
            [-0.3, 0.2],
        ];
        let [x, y, height] = self.project(p);
        let step = blur * self.scale;
        let size = self.buffer.width;
        let mut lit = 0.0;
        for [dx, dy] in TAPS {
            let (x, y) = (x + dx * step + 0.5, y + dy * step + 0.5);
            let inside = x >= 0.0 && y >= 0.0 && x < size as f32 && y < size as f32;
            // The step grows the map's own unevenness by its slope, which the slack must cover.
            if !inside || self.buffer.depth[y as usize * size + x as usize] <= height + slack {
                lit += 1.0 / TAPS.len() as f32;
            }
        }
        lit
    }

    /// Whether a place lies on the map's surface, within `slack` centimeters.
    pub(crate) fn sees(&self, p: Vec3, slack: f32) -> bool {
        let [x, y, height] = self.project(p);
        let size = self.buffer.width;
        let (x, y) = ((x + 0.5).max(0.0) as usize, (y + 0.5).max(0.0) as usize);
        x >= size || y >= size || self.buffer.depth[y * size + x] <= height + slack
    }
}
