//! Hats, caps, hoods and cloths around the head.

use super::super::{Cutout, Grid, Scene};
use super::skull::{Skull, direction};
use super::{Outfit, cloth};
use crate::math::{mix, smooth, vec3};
use crate::random::Chance;

/// What is on the head, for the hair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hat {
    None,
    On,
    /// Around head and neck: neither hair nor ears are seen.
    Wrap,
}

pub(super) fn put_on(scene: &mut Scene, outfit: &mut Outfit, skull: &Skull, c: &mut Chance) -> Hat {
    let ware = cloth(c);
    let material = outfit.ware(ware);
    match c.below(4) {
        0 | 1 => {
            // A shell over the skull; `low` is its edge in front, pulled down to the brows at the lowest.
            let (low, ears) = (c.between(0.42, 0.78), c.between(-0.25, 0.3));
            let thick = c.between(0.5, 1.1);
            let tall = c.between(0.2, 2.5);
            let tilt = c.normal_within(2.0) * 0.05;
            let edge = |azimuth: f32| {
                mix(low, ears, smooth(0.4, 1.7, azimuth.abs())) - 0.1 * smooth(2.0, 3.0, azimuth.abs())
                    + tilt * azimuth.sin()
            };
            let shell = Grid::new(64, 18, true, |u, v| {
                let azimuth = (u - 0.5) * std::f32::consts::TAU;
                let elevation = mix(std::f32::consts::FRAC_PI_2, edge(azimuth), v);
                // A rolled hem.
                let hem = 0.3 * smooth(0.8, 0.86, v) * smooth(1.0, 0.97, v);
                let above = thick + tall * smooth(0.5, 1.4, elevation) + hem;
                (skull.place(azimuth, elevation, above), mix(1.0, 0.8, v))
            });
            scene.add(&shell, material, Cutout::None, None);
            let brim = c.below(3);
            if brim > 0 {
                let (length, all_round) = (c.between(4.0, 8.5), brim == 2 && c.odds(0.6));
                let down = c.between(-0.15, 0.35);
                let reach = if all_round { std::f32::consts::PI } else { 1.0 };
                let plate = Grid::new(40, 5, false, |u, v| {
                    let azimuth = (u * 2.0 - 1.0) * reach;
                    let rise = edge(azimuth);
                    let start = skull.place(azimuth, rise, thick);
                    let round =
                        if all_round { 1.0 } else { (1.0 - (azimuth / reach).powi(2)).max(0.0).sqrt() };
                    let out = direction(azimuth, 0.0);
                    let grow = length * round * v;
                    (start + out * grow - vec3(0.0, grow * (down + 0.25 * azimuth.sin().powi(2)), 0.0), 0.9)
                });
                let brim_material = if c.odds(0.5) { material } else { outfit.ware(cloth(c)) };
                scene.add(&plate, brim_material, Cutout::None, Some(1.0));
            }
            Hat::On
        }
        _ => {
            // A hood or a headscarf: over the skull, down the sides, together under the chin.
            let (low, open) = (c.between(0.5, 0.85), c.between(0.98, 1.3));
            let thick = c.between(0.4, 1.6);
            let shell = Grid::new(72, 26, true, |u, v| {
                let azimuth = (u - 0.5) * std::f32::consts::TAU;
                let share = smooth(open - 0.28, open + 0.06, azimuth.abs());
                let end = mix(low, -0.1, share);
                let fall = 15.0 * share;
                let on_skull = 9.5 * (std::f32::consts::FRAC_PI_2 - end);
                let at = v * (on_skull + fall);
                let fallen = (at - on_skull).max(0.0);
                let elevation = (std::f32::consts::FRAC_PI_2 - at / 9.5).max(end);
                let crease = 0.15 * (azimuth * 9.0 + v * 4.0).sin() + 0.1 * (azimuth * 17.0).sin();
                let p = skull.place(azimuth, elevation, thick + crease);
                let inwards = direction(azimuth, 0.0) * (0.14 * fallen);
                (p - inwards - vec3(0.0, fallen, 0.0), 0.9)
            });
            scene.add(&shell, material, Cutout::None, None);
            if c.odds(0.75) {
                // From ear to ear under the chin, and over the chest.
                let tight = c.between(0.0, 1.0);
                let bib = Grid::new(33, 14, false, |u, v| {
                    let s = u * 2.0 - 1.0;
                    let a = s * 1.75;
                    let up = s.abs().powi(3) * 8.5 * (1.0 - v);
                    let wide = mix(7.6, 12.0, v) - 0.6 * (1.0 - s.abs()) * (1.0 - v);
                    let deep = mix(9.2 - 1.5 * tight, 9.0, v) - 2.2 * s.abs().powi(2) * (1.0 - v);
                    let crease = 0.25 * (9.0 * v + 2.0 * s).sin();
                    (vec3(a.sin() * wide, -8.9 + up - 9.0 * v, a.cos() * deep - 0.5 + crease), 0.85)
                });
                scene.add(&bib, material, Cutout::None, None);
            }
            Hat::Wrap
        }
    }
}
