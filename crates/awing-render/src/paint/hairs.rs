//! Brows and beards, strand by strand.

use super::atlas::Atlas;
use super::canvas::Canvas;
use super::look::{Beard, Look, strand_color};
use crate::math::mix;
use crate::random::Chance;

/// Both brows along the landmarks' line. The landmarks lie in the upper part of a brow, as 300-W marks them.
pub(super) fn brows(canvas: &mut Canvas, atlas: &Atlas, look: &Look, c: &mut Chance) {
    let line = [17, 18, 19, 20, 21].map(|i| atlas.points[i]);
    // One brow thicker or denser than the other, by a little.
    for mirror in [false, true] {
        let (width, density) =
            (look.brow_width * c.between(0.9, 1.1), look.brow_density * c.between(0.9, 1.05));
        // Under the strands lies their shadow, and the hairs too fine to be drawn.
        let ground = strand_color(look, c) * mix(0.9, 0.5, look.brow_dark);
        for i in 0..24 {
            let s = i as f32 / 23.0;
            let taper = if s < 0.45 { mix(0.35, 1.0, s / 0.45) } else { 1.0 };
            let [u, v] = along(&line, s);
            let v = v + look.brow_arch * (std::f32::consts::PI * s).sin() - 0.12 * width;
            let radius = 0.75 * width * taper * 512.0 + 1.0;
            canvas.spot([if mirror { 1.0 - u } else { u }, v], radius, |t, strength| {
                t.color = t.color.mix(ground, 0.22 * density * strength);
            });
        }
        let strands = (density * (220.0 + 11000.0 * width)) as usize;
        for _ in 0..strands {
            // 0 at the tail, 1 at the nose.
            let s = c.unit().powf(0.9) * 1.04;
            let taper = if s < 0.45 { mix(0.3, 1.0, s / 0.45) } else { mix(1.0, 0.8, (s - 0.45) / 0.55) };
            let across = (c.unit() + c.unit() - 1.15) * taper;
            let [u, v] = along(&line, s);
            let arch = look.brow_arch * (std::f32::consts::PI * s.min(1.0)).sin();
            let start = [u, v + arch + across * width];
            // Hairs rise at the nose, lie flat in the middle, and from both edges lean to the middle.
            let length = c.between(0.012, 0.026) * mix(0.8, 1.0, taper);
            let rise = mix(-0.35, 1.1, (s - 0.2).max(0.0)) - 0.7 * across + c.between(-0.25, 0.25);
            let end = [start[0] - length, start[1] + length * rise * 0.8];
            let at = |[u, v]: [f32; 2]| [if mirror { 1.0 - u } else { u }, v];
            let color = strand_color(look, c) * mix(1.0, 0.55, look.brow_dark);
            let (thick, opacity) = (c.between(0.6, 1.2), c.between(0.45, 0.9));
            canvas.stroke(at(start), at(end), thick, |t, cover, along| {
                t.color = t.color.mix(color, opacity * cover * (1.15 - 0.7 * along).min(1.0));
                t.height += 4.0 * cover;
                t.gloss *= 1.0 - 0.5 * cover;
            });
        }
    }
}

/// A place on a line of points; 0 its first, 1 its last.
fn along(line: &[[f32; 2]], s: f32) -> [f32; 2] {
    let at = s.clamp(0.0, 0.999_9) * (line.len() - 1) as f32;
    let (low, over) = (at as usize, (s - 1.0).max(0.0));
    let ([u0, v0], [u1, v1]) = (line[low], line[low + 1]);
    let t = at - low as f32;
    [mix(u0, u1, t) + over * 0.2, mix(v0, v1, t)]
}

/// Stubble and beards, where the atlas lets them grow.
pub(super) fn beard(canvas: &mut Canvas, atlas: &Atlas, look: &Look, c: &mut Chance) {
    if look.beard == Beard::None {
        return;
    }
    let grows = |i: usize| {
        let (r, p) = (&atlas.regions[i], atlas.places[i]);
        let chin = r.beard * (1.0 - crate::math::smooth(2.4, 3.6, p.x.abs()));
        match look.beard {
            Beard::None => 0.0,
            Beard::Stubble | Beard::Full => r.beard.max(r.moustache),
            Beard::Moustache => r.moustache,
            Beard::Goatee => chin.max(r.moustache),
        }
    };
    let short = look.beard == Beard::Stubble;
    let shadow = look.hair.natural.mix(strand_color(look, c), 0.3);
    let strength = if short { 0.3 * look.beard_density } else { 0.25 + 0.35 * look.beard_density };
    for (i, t) in canvas.texels.iter_mut().enumerate() {
        if atlas.regions[i].used {
            let share = grows(i) * strength;
            t.color = t.color.mix(shadow.mix(t.color * 0.6, if short { 0.7 } else { 0.2 }), share);
        }
    }
    let strands = (if short { 5000.0 } else { 9000.0 } * mix(0.4, 1.0, look.beard_density)) as usize;
    for _ in 0..strands {
        let (u, v) = (c.between(0.12, 0.88), c.between(0.16, 0.72));
        let share = grows(atlas.index([u, v]));
        if !c.odds(share) {
            continue;
        }
        let length = if short { c.between(0.001, 0.004) } else { c.between(0.008, 0.02) };
        // Down, and outwards from the middle of the upper lip.
        let end = [u + length * ((u - 0.5) * 2.5 + c.between(-0.5, 0.5)), v - length * c.between(0.5, 1.0)];
        let color = strand_color(look, c) * 0.8;
        let opacity = c.between(0.3, 0.8);
        canvas.stroke([u, v], end, 0.8, |t, cover, _| {
            t.color = t.color.mix(color, opacity * cover);
            t.height += 5.0 * cover;
            t.gloss *= 1.0 - 0.4 * cover;
        });
    }
}
