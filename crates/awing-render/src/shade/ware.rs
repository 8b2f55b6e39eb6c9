//! Cloth, paper, plastic and metal.

use super::fragment::Fragment;
use super::light::Lights;
use crate::math::{Color, Vec3, lobe};
use crate::paint::Noise;
use crate::raster::ShadowMap;
use crate::scene::Ware;

pub(crate) fn shade(f: &Fragment, ware: &Ware, noise: &Noise, lights: &Lights, shadow: &ShadowMap) -> Color {
    let [u, v] = f.uv;
    let on = |k: f32, t: f32| k > 0.0 && (k * t).fract() > 0.5;
    let color = if on(ware.stripes[0], u) != on(ware.stripes[1], v) { ware.second } else { ware.color };
    let fold = Noise::at(&noise.cloud, 1.5 * u, 1.5 * v);
    let weave = Noise::near(&noise.grain, 6.0 * u, 6.0 * v);
    let facing = if f.normal.dot(f.view) < 0.0 { -f.normal } else { f.normal };
    let tilt = f.along[0].unit() * (0.22 * fold) + f.along[1].unit() * (0.12 * weave);
    let normal = (facing + tilt * ware.rough).unit();
    let color = color * (1.0 + 0.1 * ware.rough * weave);
    let reaches = lights.key_reaches(shadow, f.place, facing);
    let mut out = color.times(lights.ambient(normal)) * f.open;
    for (lamp, share) in lights.lamps(reaches, f.open) {
        let half = (lamp.direction + f.view).unit();
        let power = 10.0 + 200.0 * ware.gloss;
        let shine = ware.gloss * lobe(normal.dot(half).max(0.0), power) * 1.5;
        out += (color * normal.dot(lamp.direction).max(0.0) + Vec3::ONE * shine).times(lamp.color) * share;
    }
    let mirror = normal * (2.0 * normal.dot(f.view)) - f.view;
    out + lights.ambient(mirror) * (0.12 * ware.gloss * f.open)
}
