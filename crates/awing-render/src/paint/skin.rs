//! Skin: tone, unevenness, lips, make-up, freckles, wrinkles.

use super::atlas::Atlas;
use super::canvas::{Canvas, Texel};
use super::hairs;
use super::look::{Look, skin_tone};
use super::noise::{Noise, TILE};
use crate::math::{mix, smooth, srgb, vec3};
use crate::random::Chance;

/// Paints a face.
pub(crate) fn paint(atlas: &Atlas, noise: &Noise, look: &Look, c: &mut Chance) -> Canvas {
    let mut canvas = ground(atlas, noise, look, c);
    marks(&mut canvas, look, c);
    wrinkles(&mut canvas, atlas, look, c);
    for i in [39, 42] {
        // The pink corner of the eye.
        canvas.spot(atlas.points[i], 5.0, |t, s| t.color = t.color.mix(srgb(196, 116, 108), 0.6 * s));
    }
    liner(&mut canvas, atlas, look);
    hairs::beard(&mut canvas, atlas, look, c);
    hairs::brows(&mut canvas, atlas, look, c);
    canvas
}

/// Color, height and gloss of bare skin and lips, texel by texel.
fn ground(atlas: &Atlas, noise: &Noise, look: &Look, c: &mut Chance) -> Canvas {
    // Melanin and blood vary by little over a face, so that a straight line between nearby tones will do.
    let tone = |m: f32, b: f32| skin_tone(look.melanin + m, look.blood + b, look.yellow);
    let (base, redder) = (tone(0.0, 0.0), tone(0.0, 1.0));
    let (more_blood, more_melanin) = (redder - base, (tone(0.06, 0.0) - base) * (1.0 / 0.06));
    let lip = base
        .times(vec3(0.78, 0.50, 0.52))
        .mix(srgb(140, 66, 66), 0.3 * (1.0 - look.melanin))
        .mix(look.lipstick.1, look.lipstick.0);
    let lip_edge = mix(3.5, 1.2, look.lipstick.0);
    let shift = [(); 3].map(|()| [c.below(TILE), c.below(TILE)]);
    let tile = |tile: &[f32], x: usize, y: usize, k: usize, zoom: usize| {
        tile[(y * zoom / 2 + shift[k][1]) % TILE * TILE + (x * zoom / 2 + shift[k][0]) % TILE]
    };
    let dark_eye = c.between(0.0, 1.0) * mix(0.4, 1.0, look.age);
    let pores = mix(0.5, 2.0, look.age) * c.between(0.4, 1.2);
    let hair = look.hair.base.mix(srgb(190, 188, 185), look.hair.gray);
    let scalp_hair = c.between(0.3, 0.8);
    let mut texels = vec![Texel { color: base, height: 0.0, gloss: 0.3 }; atlas.regions.len()];
    for (i, (texel, r)) in texels.iter_mut().zip(&atlas.regions).enumerate() {
        if !r.used {
            continue;
        }
        // Noise is laid out for a texture of 512.
        let (x, y) = (i % atlas.size * 512 / atlas.size, i / atlas.size * 512 / atlas.size);
        let (cloud, fine) = (tile(&noise.cloud, x, y, 0, 1), tile(&noise.cloud, x, y, 1, 4));
        let (grain, pit) = (tile(&noise.grain, x, y, 2, 2), tile(&noise.pits, x, y, 0, 2));
        let blood = look.uneven * (0.35 * cloud + 0.25 * fine)
            + 0.8 * r.nose * look.uneven
            + r.cheek * (0.5 * look.uneven + 1.2 * look.blush)
            + 0.7 * r.ear
            + 0.5 * r.lid;
        let melanin = look.uneven * (0.025 * fine + 0.02 * cloud)
            + 0.07 * dark_eye * r.under_eye
            + 0.02 * r.lid
            + 0.01 * grain;
        let mut color = base + more_blood * blood + more_melanin * melanin;
        color = color.mix(look.eye_shadow.1, look.eye_shadow.0 * r.lid);
        let mut gloss = 0.25 + 0.25 * look.oil * (r.nose + r.forehead + 0.6 * r.cheek) + 0.1 * grain;
        let mut height = pores * (pit + 0.5 * grain) * (0.4 + 0.6 * (r.nose + r.cheek).min(1.0));
        if r.lips > -lip_edge {
            let share = smooth(-lip_edge, lip_edge * 0.6, r.lips);
            // Fine folds run up and down the lips.
            let fold = tile(&noise.streaks, x, y / 2, 1, 3);
            color = color.mix(lip * (1.0 + 0.08 * fold + 0.08 * fine), share);
            height = mix(height, 2.0 * fold, share);
            gloss = mix(gloss, 0.45 + 0.4 * look.lipstick.0, share);
            color = color * (1.0 - 0.5 * r.mouth);
        }
        if r.hair > 0.0 {
            color = color.mix(hair, scalp_hair * r.hair);
        }
        *texel = Texel { color, height, gloss };
    }
    Canvas { size: atlas.size, unit: atlas.size as f32 / 512.0, texels }
}

/// Freckles, moles and spots.
fn marks(canvas: &mut Canvas, look: &Look, c: &mut Chance) {
    let brown = |k: f32| {
        move |t: &mut Texel, s: f32| t.color = t.color.mix(t.color.times(vec3(0.62, 0.45, 0.36)), k * s)
    };
    let anywhere = |c: &mut Chance| [c.between(0.14, 0.86), c.between(0.25, 0.95)];
    for _ in 0..(look.freckles * 700.0) as usize {
        // More of them on nose and cheeks.
        let at = [0.5 + c.normal_within(2.5) * 0.14, 0.62 + c.normal_within(2.5) * 0.09];
        let (radius, k) = (c.between(0.9, 2.4), c.between(0.2, 0.8));
        canvas.spot(at, radius, brown(k));
    }
    for _ in 0..look.moles {
        let (at, radius) = (anywhere(c), c.between(1.5, 4.0));
        canvas.spot(at, radius, |t, s| {
            t.color = t.color.mix(t.color.times(vec3(0.3, 0.2, 0.16)), (1.6 * s).min(0.9));
            t.height += 20.0 * s;
        });
    }
    for _ in 0..look.spots {
        let (at, radius) = (anywhere(c), c.between(2.0, 5.0));
        canvas.spot(at, radius, |t, s| {
            t.color = t.color.mix(t.color.times(vec3(0.95, 0.6, 0.58)), 0.8 * s);
            t.height += 25.0 * s;
        });
    }
}

/// Folds and lines, deeper with age, and the crease over the lid that nearly everybody has.
fn wrinkles(canvas: &mut Canvas, atlas: &Atlas, look: &Look, c: &mut Chance) {
    let age = look.age;
    let p = |i: usize| atlas.points[i];
    let mut fold = |canvas: &mut Canvas, line: &[[f32; 2]], width: f32, depth: f32| {
        let shake = [c.between(-0.004, 0.004), c.between(-0.004, 0.004)];
        for (i, pair) in line.windows(2).enumerate() {
            // Ends of a line fade.
            let n = line.len() as f32 - 1.0;
            for mirror in [false, true] {
                let at = |[u, v]: [f32; 2]| [if mirror { 1.0 - u } else { u } + shake[0], v + shake[1]];
                canvas.stroke(at(pair[0]), at(pair[1]), width, |t, cover, along| {
                    let s = ((i as f32 + along) / n * std::f32::consts::PI).sin() * cover;
                    t.height -= depth * 22.0 * s / width.sqrt();
                    t.color = t.color * (1.0 - 0.14 * depth * s);
                });
            }
        }
    };
    let (wing, corner) = (p(31), p(48));
    let line = [
        [wing[0] - 0.035, wing[1] + 0.02],
        [wing[0] - 0.06, wing[1] - 0.02],
        [corner[0] - 0.035, corner[1] + 0.03],
        [corner[0] - 0.04, corner[1] - 0.03],
    ];
    fold(canvas, &line, 7.0, 0.2 + 1.1 * age);
    if age > 0.3 {
        for row in 0..4 {
            let v = 0.86 + 0.022 * row as f32;
            let line: Vec<[f32; 2]> = (0..6)
                .map(|i| [0.3 + 0.04 * i as f32, v + 0.006 * ((i * 7 + row * 3) as f32).sin()])
                .collect();
            fold(canvas, &line, 3.0, (age - 0.2) * 1.1);
        }
        let (outer, inner) = (p(36), p(39));
        for k in 0..3 {
            let dv = 0.016 * (k as f32 - 1.0);
            let line = [
                [outer[0] - 0.012, outer[1] + 0.5 * dv],
                [outer[0] - 0.035, outer[1] + 1.2 * dv],
                [outer[0] - 0.06, outer[1] + 2.0 * dv - 0.004],
            ];
            fold(canvas, &line, 2.5, age);
        }
        let line = [
            [inner[0] + 0.01, inner[1] - 0.01],
            [inner[0] - 0.04, inner[1] - 0.045],
            [outer[0] + 0.01, outer[1] - 0.035],
        ];
        fold(canvas, &line, 4.0, age);
    }
}

/// The dark line of the lashes' roots, and of a pencil.
fn liner(canvas: &mut Canvas, atlas: &Atlas, look: &Look) {
    let ink = srgb(26, 18, 16);
    let mut line = |points: [usize; 4], strength: f32, width: f32, up: f32| {
        for pair in points.map(|i| atlas.points[i]).windows(2) {
            for mirror in [false, true] {
                let at = |[u, v]: [f32; 2]| [if mirror { 1.0 - u } else { u }, v + up];
                canvas.stroke(at(pair[0]), at(pair[1]), width, |t, cover, _| {
                    t.color = t.color.mix(ink, strength * cover);
                });
            }
        }
    };
    line([36, 37, 38, 39], 0.3 + 0.4 * look.lash_density, 1.6 + 0.8 * look.lash_density, 0.001);
    line([36, 41, 40, 39], 0.15 + 0.2 * look.lash_density, 1.3, -0.001);
    if look.liner > 0.1 {
        line([36, 37, 38, 39], 0.8 * look.liner, 2.0 + 3.0 * look.liner, 0.004);
    }
}
