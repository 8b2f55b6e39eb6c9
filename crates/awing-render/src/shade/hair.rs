//! Hair as bundles of fine cylinders: dark between them, shining across.

use super::super::math::{Color, Vec3, lobe, srgb};
use super::super::paint::{Look, Noise};
use super::super::raster::ShadowMap;
use super::fragment::Fragment;
use super::light::Lights;

/// How hair is cut into strands on a surface; one a style.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strands {
    /// Tiles of streaks around the head and along the strands.
    pub across: f32,
    pub along: f32,
    /// How much strands curl, 0 straight.
    pub curl: f32,
}

impl Strands {
    /// The streaks at a texture coordinate, about -1 to 1; `at` looks into a tile, between cells or at the nearest.
    pub(crate) fn streak(&self, noise: &Noise, [u, v]: [f32; 2], at: fn(&[f32], f32, f32) -> f32) -> f32 {
        if self.curl > 0.0 {
            let bend = at(&noise.cloud, 5.0 * u, 3.0 * v) * self.curl;
            let (across, along) = (u * self.across + 0.12 * bend, v * self.along - 0.5 * bend);
            0.6 * at(&noise.streaks, across, along) + 0.6 * self.curl * at(&noise.cloud, 6.0 * u, 9.0 * v)
        } else {
            let sway = 0.05 * at(&noise.cloud, 2.0 * u, 0.7 * v);
            at(&noise.streaks, u * self.across + sway, v * self.along)
        }
    }
}

pub(crate) fn shade(
    f: &Fragment,
    strands: &Strands,
    look: &Look,
    noise: &Noise,
    lights: &Lights,
    shadow: &ShadowMap,
) -> Color {
    let streak = strands.streak(noise, f.uv, Noise::at);
    let gray = srgb(196, 194, 190);
    // Single gray strands among the others.
    let share = (look.hair.gray + 0.5 * streak).clamp(0.0, 1.0) * look.hair.gray.min(0.95);
    let color = look.hair.base.mix(gray, share) * (1.0 + 0.55 * streak).clamp(0.25, 1.8);
    let normal = if f.normal.dot(f.view) < 0.0 { -f.normal } else { f.normal };
    let along = (f.along[1].unit() + f.along[0].unit() * (0.25 * streak)).unit();
    let reaches = lights.key_reaches(shadow, f.place, normal);
    let deep = f.open * (0.75 + 0.35 * streak).clamp(0.3, 1.0);
    let mut out = color.times(lights.ambient(normal)) * deep;
    for (lamp, share) in lights.lamps(reaches, f.open) {
        let facing = (normal.dot(lamp.direction) * 0.7 + 0.3).max(0.0);
        let cross = |v: Vec3| (1.0 - along.dot(v).powi(2)).max(0.0).sqrt();
        let half = (lamp.direction + f.view).unit();
        let shine = 0.045 * lobe(cross(half), 60.0)
            + 0.25 * lobe(cross((half + normal * 0.12).unit()), 18.0) * color.y;
        out +=
            (color * (0.9 * cross(lamp.direction)) + Vec3::ONE * shine).times(lamp.color) * (facing * share);
    }
    out
}
