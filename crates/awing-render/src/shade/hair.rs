//! Hair as bundles of fine cylinders: dark between them, shining across.

use super::fragment::Fragment;
use super::light::Lights;
use crate::math::{Color, Vec3, lobe, srgb};
use crate::paint::{Look, Noise};
use crate::raster::ShadowMap;
use crate::scene::Strands;

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
