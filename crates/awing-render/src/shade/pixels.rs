//! All pixels of a photo: which surfaces each one sees, and their light, mixed by how much of the pixel they fill.

use super::background::Background;
use super::eye::{self, Eye};
use super::fragment::Fragment;
use super::hair;
use super::light::Lights;
use super::skin;
use super::ware;
use crate::exposure::Exposure;
use crate::head::Surface;
use crate::math::{Color, Vec3, fifth, lobe, smooth, srgb, vec3};
use crate::paint::{Canvas, Look, Noise, above_hairline, skin_tone};
use crate::raster::{Buffer, NONE, SAMPLES, ShadowMap};
use crate::scene::{Camera, Lens, Material, Scene, Strands, Ware};

/// All that the light of a pixel depends on beside the geometry.
pub(crate) struct Studio<'a> {
    pub lights: Lights,
    pub shadow: ShadowMap,
    pub canvas: Canvas,
    pub look: Look,
    pub noise: &'a Noise,
    pub eyes: [Eye; 2],
    pub wares: Vec<Ware>,
    pub strands: Strands,
    pub lens: Lens,
    /// The place on the mean head of each of its vertices.
    pub mean: &'a [Vec3],
    /// How much of fine relief can be seen at this size, 0 to 1.
    pub detail: f32,
}

/// The light of all pixels, row by row.
pub(crate) fn shade(
    scene: &Scene,
    exposure: &Exposure,
    camera: &Camera,
    background: &Background,
    studio: &Studio,
) -> Vec<Color> {
    let Exposure { screen, buffer, glass, .. } = exposure;
    let size = background.size;
    let mut colors = Vec::with_capacity(size * size);
    for y in 0..size {
        for x in 0..size {
            let corner = y * SAMPLES * buffer.width + x * SAMPLES;
            let samples = [corner, corner + 1, corner + buffer.width, corner + buffer.width + 1];
            let at = |s: usize| [(x * SAMPLES + s % 2) as f32, (y * SAMPLES + s / 2) as f32];
            let behind = background.colors[y * size + x];
            let mut color = surfaces(scene, screen, camera, buffer, samples, at, behind, studio);
            if let Some(glass) = glass {
                for (s, sample) in samples.into_iter().enumerate() {
                    let id = glass.id[sample];
                    if id != NONE && glass.depth[sample] > buffer.depth[sample] {
                        let f = fragment(scene, screen, camera, id, at(s));
                        color = color.mix(through(&f, &studio.lens, color, &studio.lights), 0.25);
                    }
                }
            }
            colors.push(color);
        }
    }
    colors
}

fn fragment(scene: &Scene, screen: &[[f32; 3]], camera: &Camera, id: u32, at: [f32; 2]) -> Fragment {
    let mut f = Fragment::new(scene, screen, id as usize, at);
    f.view = camera.towards(f.place);
    f
}

/// The light of one pixel without glass.
#[expect(clippy::too_many_arguments, reason = "the innermost loop, split off to be read")]
fn surfaces(
    scene: &Scene,
    screen: &[[f32; 3]],
    camera: &Camera,
    buffer: &Buffer,
    samples: [usize; 4],
    at: impl Fn(usize) -> [f32; 2],
    behind: Color,
    studio: &Studio,
) -> Color {
    let ids = samples.map(|s| buffer.id[s]);
    if ids == [NONE; 4] {
        return behind;
    }
    let depths = samples.map(|s| buffer.depth[s]);
    if ids[1..] == [ids[0]; 3] {
        let f = fragment(scene, screen, camera, ids[0], [0, 1].map(|k| at(0)[k] + 0.5));
        return surface(&f, scene, ids[0], scene.part_of(ids[0]), studio);
    }
    let part = |id: u32| if id == NONE { usize::MAX } else { scene.part_of(id) };
    let parts = ids.map(part);
    let mut color = Vec3::ZERO;
    let mut done = [false; 4];
    for s in 0..4 {
        if done[s] {
            continue;
        }
        // Samples of one surface are shaded once, in their middle.
        let (mut count, mut middle) = (0.0, [0.0; 2]);
        for t in s..4 {
            let same = parts[t] == parts[s] && (ids[s] == NONE || (depths[t] / depths[s] - 1.0).abs() < 0.01);
            if !done[t] && same {
                done[t] = true;
                count += 1.0;
                let [px, py] = at(t);
                middle = [middle[0] + px, middle[1] + py];
            }
        }
        let light = if ids[s] == NONE {
            behind
        } else {
            let f = fragment(scene, screen, camera, ids[s], middle.map(|m| m / count));
            surface(&f, scene, ids[s], parts[s], studio)
        };
        color += light * (count / 4.0);
    }
    color
}

fn surface(f: &Fragment, scene: &Scene, id: u32, part: usize, studio: &Studio) -> Color {
    let (lights, shadow, look) = (&studio.lights, &studio.shadow, &studio.look);
    let moist = |color: Color, gloss: f32| skin::moist(f, f.normal, color, gloss, lights, shadow);
    // The farther back in the mouth, the less light, direct light too.
    let inside = |color: Color, gloss: f32| moist(color, gloss) * (0.15 + 0.85 * f.open);
    match scene.parts[part].material {
        Material::Head(Surface::Skin) => skin::painted(f, &studio.canvas, lights, shadow, studio.detail),
        Material::Head(Surface::Scalp) => {
            let place = scene.triangles[id as usize].v.map(|v| studio.mean[v as usize]);
            let middle = (place[0] + place[1] + place[2]) * (1.0 / 3.0);
            let tone = skin_tone(look.melanin, look.blood, look.yellow);
            let grown = smooth(-0.05, 0.12, above_hairline(middle)) * smooth(-6.5, -5.0, middle.y);
            let hair = look.hair.base.mix(srgb(190, 188, 185), look.hair.gray);
            moist(tone.mix(hair, 0.6 * grown), 0.2)
        }
        Material::Head(Surface::Socket) => inside(vec3(0.34, 0.10, 0.09), 0.5),
        Material::Head(Surface::Gums) => inside(vec3(0.46, 0.16, 0.16), 0.7),
        Material::Head(Surface::Teeth) => inside(look.teeth, 0.8),
        Material::Head(Surface::EyeRight) => {
            eye::shade(f, &studio.eyes[0], look, studio.noise, lights, shadow)
        }
        Material::Head(Surface::EyeLeft) => {
            eye::shade(f, &studio.eyes[1], look, studio.noise, lights, shadow)
        }
        Material::Head(Surface::Lashes) => {
            look.hair.base.mix(srgb(20, 14, 12), 0.7).times(lights.ambient(f.normal) + lights.key.color * 0.3)
        }
        Material::Hair => hair::shade(f, &studio.strands, look, studio.noise, lights, shadow),
        Material::Ware(i) => ware::shade(f, &studio.wares[i], studio.noise, lights, shadow),
        Material::Hand => {
            let tone = skin_tone(look.melanin, look.blood + 0.4 * studio.noise.cloud_at(f.uv), look.yellow);
            moist(tone, 0.3)
        }
        Material::Lens => Vec3::ZERO,
    }
}

/// What is seen through glass.
fn through(f: &Fragment, lens: &Lens, behind: Color, lights: &Lights) -> Color {
    let normal = if f.normal.dot(f.view) < 0.0 { -f.normal } else { f.normal };
    let mirror = normal * (2.0 * normal.dot(f.view)) - f.view;
    let mut shine = lights.ambient(mirror) * lens.mirror * smooth(-0.6, 0.6, mirror.y);
    for (lamp, _) in lights.lamps(1.0, 1.0) {
        shine += lamp.color * (1.5 * lobe(mirror.dot(lamp.direction).max(0.0), 120.0) * (0.1 + lens.mirror));
    }
    let grazing = fifth(1.0 - normal.dot(f.view).max(0.0));
    shine += lights.ambient(mirror) * (0.04 + 0.5 * grazing) * 0.5;
    behind.times(Vec3::ONE.mix(lens.color, lens.opacity)) * (1.0 - 0.6 * lens.mirror) + shine
}
