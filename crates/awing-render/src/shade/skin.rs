//! Skin, and the other moist surfaces of the head.

use super::fragment::Fragment;
use super::light::Lights;
use crate::math::{Color, Vec3, fifth, lobe, vec3};
use crate::paint::Canvas;
use crate::raster::ShadowMap;

/// Centimeters a texel of the skin's texture is wide, about.
const TEXEL: f32 = 0.06;

/// Painted skin. `detail` is how much of the relief can be seen at this size, 0 to 1.
pub(crate) fn painted(
    f: &Fragment,
    canvas: &Canvas,
    lights: &Lights,
    shadow: &ShadowMap,
    detail: f32,
) -> Color {
    let (texel, [right, up]) = canvas.at(f.uv);
    // Heights are in hundredths of a texel.
    let k = 0.01 * TEXEL * canvas.size as f32 * detail;
    let normal = f.bumped(right * k, up * k);
    moist(f, normal, texel.color, texel.gloss, lights, shadow)
}

/// Light scatters in flesh: it reaches around edges, the red of it farthest. Above lies a thin film that shines.
pub(crate) fn moist(
    f: &Fragment,
    normal: Vec3,
    color: Color,
    gloss: f32,
    lights: &Lights,
    shadow: &ShadowMap,
) -> Color {
    const WRAP: Vec3 = vec3(0.34, 0.16, 0.12);
    let diffuse = |n: Vec3, l: Vec3| {
        let cosine = n.dot(l);
        let wrapped = |w: f32| ((cosine + w) / (1.0 + w)).max(0.0);
        vec3(wrapped(WRAP.x), wrapped(WRAP.y), wrapped(WRAP.z))
    };
    let reaches = lights.key_reaches(shadow, f.place, f.normal);
    // Red bleeds into the shadow's edge.
    let key = vec3(reaches * (1.4 - 0.4 * reaches), reaches, reaches);
    let mut light = lights.key.color.times(diffuse(normal, lights.key.direction)).times(key);
    for lamp in &lights.fill {
        light += lamp.color.times(diffuse(normal, lamp.direction)) * f.open;
    }
    // In hollows, light is thrown back and forth and takes the skin's color.
    let open = color.map(|albedo| f.open / (1.0 - albedo * (1.0 - f.open)).max(0.2));
    light += lights.ambient(normal).times(open);
    let mut out = color.times(light);

    let power = 6.0 + 60.0 * gloss * gloss;
    let mut shine = Vec3::ZERO;
    for (lamp, share) in lights.lamps(reaches, f.open) {
        let half = (lamp.direction + f.view).unit();
        let facing = normal.dot(lamp.direction).max(0.0);
        let fresnel = 0.028 + 0.972 * fifth(1.0 - half.dot(f.view).max(0.0));
        let bright = (power + 8.0) / 25.0 * lobe(normal.dot(half).max(0.0), power);
        shine += lamp.color * (bright * fresnel * facing.min(1.0) * share);
    }
    let grazing = fifth(1.0 - normal.dot(f.view).max(0.0));
    let mirror = normal * (2.0 * normal.dot(f.view)) - f.view;
    shine += lights.ambient(mirror) * ((0.028 + 0.35 * grazing) * f.open);
    out += shine * (0.4 + 1.5 * gloss);
    out
}
