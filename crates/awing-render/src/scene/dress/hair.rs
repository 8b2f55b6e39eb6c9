//! Hair: strands that lie on the skull from the crown down, and fall where it ends.

use super::super::{Cutout, Grid, Material, Scene};
use super::Outfit;
use super::hat::Hat;
use super::skull::{Skull, direction};
use super::solid::solid;
use crate::math::{Vec3, mix, smooth, vec3};
use crate::paint::{Look, hairline};
use crate::random::Chance;
use crate::scene::Strands;

/// A haircut. Angles are radians around the head's middle, lengths centimeters.
struct Style {
    /// How far hair stands off at the top, the sides and the back.
    volume: [f32; 3],
    /// Where the strands of the front end, over the horizontal, at the right temple, the middle and the left temple; `None`
    /// ends them at the hairline.
    fringe: Option<[f32; 3]>,
    /// How far over the hairline front and temples have receded.
    receded: f32,
    /// From which azimuth strands fall, and how far: `None` for short hair.
    falls: Option<(f32, f32)>,
    /// The strands of short hair at the sides end so far above the hairline.
    cropped: f32,
    curl: f32,
    /// How uneven the tips are, 0 to 1.
    ragged: f32,
    waves: f32,
}

impl Style {
    fn random(look: &Look, c: &mut Chance) -> Option<Self> {
        let long = c.odds(if look.feminine { 0.72 } else { 0.1 });
        let curl =
            if c.odds(0.15 + 0.45 * smooth(0.5, 0.9, look.melanin)) { c.between(0.4, 1.0) } else { 0.0 };
        if !look.feminine && c.odds(0.16) {
            return None;
        }
        let eyes = c.between(0.16, 0.5);
        let fringe = match c.below(10) {
            0 => Some([eyes, eyes + c.between(-0.05, 0.1), eyes]),
            // Swept to one side.
            1 => Some([c.between(0.12, 0.4), 0.5, 0.75]),
            2 => Some([0.75, 0.5, c.between(0.12, 0.4)]),
            _ => None,
        };
        let puffed = if curl > 0.0 { c.between(0.8, if long { 2.0 } else { 4.0 }) } else { 0.0 };
        let top = if long { c.between(0.7, 2.4) } else { c.between(0.4, 2.4) } + puffed;
        let side = if long { c.between(0.4, 2.4) } else { c.between(0.15, 0.8) } + puffed * 0.8;
        Some(Self {
            volume: [top, side, side + c.between(0.1, 0.8)],
            fringe,
            receded: if !look.feminine && look.age > 0.4 && c.odds(0.5) {
                c.between(0.05, 0.3)
            } else {
                c.between(-0.06, 0.04)
            },
            falls: long.then(|| (c.between(0.75, 1.35), 4.0 + 22.0 * c.unit())),
            cropped: if c.odds(0.3) { c.between(0.0, 0.5) } else { 0.0 },
            curl,
            ragged: if long { c.between(0.1, 0.3) } else { c.between(0.15, 0.4) },
            waves: c.unit(),
        })
    }
}

pub(super) fn grow(
    scene: &mut Scene,
    outfit: &mut Outfit,
    skull: &Skull,
    look: &Look,
    hat: Hat,
    c: &mut Chance,
) {
    let style = Style::random(look, c);
    let Some(mut style) = style else { return };
    outfit.strands =
        Strands { across: c.between(3.0, 6.0).round(), along: c.between(0.6, 1.6), curl: style.curl };
    match hat {
        // Under a hat hair lies flat; under a cloth around the head nobody sees it.
        Hat::Wrap => return,
        Hat::On => {
            style.volume = style.volume.map(|v| v.min(0.35));
            style.fringe = style.fringe.map(|f| f.map(|e| e.min(0.45)));
        }
        Hat::None => {}
    }
    let tips = Cutout::Strands(style.ragged);
    let shift = c.unit();
    let bumps = |u: f32, v: f32| {
        let wave = |k: f32, s: f32| (std::f32::consts::TAU * (k * u + s + shift)).sin();
        wave(3.0, 1.3 * v) + 0.7 * wave(7.0, 0.4 - 2.1 * v) + 0.5 * wave(13.0, 3.0 * v)
    };
    // The part: where the strands fall apart in front.
    let part = c.between(-0.5, 0.5);
    let columns = 88;
    let mut grid = Grid::new(columns, 25, true, |u, v| {
        let azimuth = (u - 0.5) * std::f32::consts::TAU;
        let (end, fall) = strand_end(&style, azimuth, part);
        let on_skull = 9.5 * (std::f32::consts::FRAC_PI_2 - end);
        let at = v * (on_skull + fall);
        let elevation = (std::f32::consts::FRAC_PI_2 - at / 9.5).max(end);
        let fallen = (at - on_skull).max(0.0);
        let a = azimuth.abs();
        let side = smooth(0.5, 1.3, a);
        let back = smooth(1.8, 2.6, a);
        let high = smooth(0.35, 1.1, elevation);
        let thick =
            mix(mix(style.volume[1], style.volume[2], back), style.volume[0], high * (1.0 - 0.3 * side));
        // Where hair ends at its roots it comes out of the skin; where its tips hang it stands off.
        let rooted = fall == 0.0 && (style.fringe.is_none() || a > 0.95);
        let edge = if rooted { smooth(1.02, 0.82, v) } else { mix(0.45, 1.0, smooth(1.0, 0.6, v)) };
        let bump = bumps(u, v) * (0.05 + 0.09 * thick) * (1.0 + 1.2 * style.curl);
        let above = (thick * edge + bump * edge + 0.08).max(0.05);
        let mut p = skull.place(azimuth, elevation, above);
        if fallen > 0.0 {
            // Falling hair swings in towards the neck and lies on the shoulders.
            let swing = style.waves * 0.8 * (fallen * 0.55 + 4.0 * u).sin() + 0.02 * fallen * style.curl;
            let out = direction(azimuth, 0.0);
            let inwards = mix(0.0, 1.6, smooth(3.0, 12.0, fallen)) * (1.0 - 0.8 * style.curl);
            p = p - out * (inwards * side) + out * swing;
            p.y -= fallen;
            let ground = shoulder(p);
            if p.y < ground {
                p.y = ground;
            }
        }
        let buried = 0.55 + 0.45 * smooth(0.0, 0.3, 1.0 - v);
        (p, buried * mix(0.75, 1.0, high))
    });
    scene.add(&grid, Material::Hair, tips, None);
    // A hat presses them down.
    if hat == Hat::None {
        grid.raise(0.12 + 0.08 * style.volume[0]);
        scene.add(&grid, Material::Hair, Cutout::Wisps, None);
    }

    if look.feminine && style.falls.is_none() && hat == Hat::None && c.odds(0.6) {
        let (azimuth, elevation, r) = (std::f32::consts::PI, c.between(0.1, 1.2), c.between(2.2, 3.8));
        let center = skull.place(azimuth, elevation, 0.6 * r);
        let bun = solid(
            center,
            vec3(r, r * c.between(0.7, 1.0), r),
            [1.0, 1.0],
            &crate::math::Rotation::euler(0.6, 0.0, 0.3),
        );
        scene.add(&bun, Material::Hair, Cutout::None, None);
    }
}

/// Where the strand of an azimuth leaves the skull (radians over the horizontal) and how far it falls from there.
fn strand_end(style: &Style, azimuth: f32, part: f32) -> (f32, f32) {
    let a = azimuth.abs();
    let line = hairline(azimuth);
    let front = smooth(1.25, 0.85, a);
    let mut end = line + style.receded * smooth(1.3, 0.3, a) + style.cropped * smooth(0.9, 1.3, a);
    if let Some([right, middle, left]) = style.fringe {
        let t = (azimuth / 0.95).clamp(-1.0, 1.0);
        let fringe = if t < 0.0 { mix(middle, right, -t) } else { mix(middle, left, t) };
        end = mix(end, fringe.min(end), front);
    }
    if let Some((from, length)) = style.falls {
        let from = (from + if azimuth > 0.0 { part * 0.3 } else { -part * 0.3 }).clamp(0.7, 1.45);
        let share = smooth(from - 0.12, from + 0.12, a);
        end = mix(end, end.min(-0.05), share);
        return (end, length * share);
    }
    (end, 0.0)
}

/// The height of shoulders and chest under a place.
fn shoulder(p: Vec3) -> f32 {
    let x = p.x.abs();
    -11.2 - 0.16 * (x - 7.0).max(0.0) - smooth(2.0, 7.0, p.z) * 14.0 - smooth(-5.0, -9.0, p.z) * 14.0
}
