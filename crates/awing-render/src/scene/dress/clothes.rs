//! Shoulders, chest and collar.

use super::super::{Cutout, Grid, Scene};
use super::hat::Hat;
use super::{Outfit, cloth};
use crate::math::{mix, smooth, vec3};
use crate::random::Chance;

/// Half width, half depth and height of the trunk, from the collar down.
const TRUNK: [[f32; 3]; 7] = [
    [6.9, 6.6, -10.3],
    [9.0, 7.4, -10.9],
    [13.6, 8.6, -12.2],
    [17.8, 9.6, -14.2],
    [20.5, 10.5, -18.0],
    [22.0, 12.0, -25.0],
    [24.0, 13.0, -40.0],
];

pub(super) fn put_on(scene: &mut Scene, outfit: &mut Outfit, hat: Hat, c: &mut Chance) {
    let material = outfit.ware(cloth(c));
    // How far the neckline drops in front, and how pointed it is.
    let drop = if c.odds(0.5) { c.between(0.0, 1.5) } else { c.between(1.0, 7.0) };
    let point = c.between(1.0, 5.0);
    let build = c.between(1.0, 1.25);
    let trunk = Grid::new(56, 19, true, |u, v| {
        let azimuth = (u - 0.5) * std::f32::consts::TAU;
        let at = v * (TRUNK.len() - 1) as f32;
        let low = (at as usize).min(TRUNK.len() - 2);
        let [wide, deep, y] = [0, 1, 2].map(|k| mix(TRUNK[low][k], TRUNK[low + 1][k], at - low as f32));
        let front = (0.5 + 0.5 * azimuth.cos()).powf(point);
        let build = mix(1.0, build, smooth(0.1, 0.5, v));
        let y = y - drop * front * (1.0 - v).powi(3) + 0.9 * (1.0 - front) * (1.0 - v).powi(8);
        let crease = 0.2
            * smooth(0.05, 0.3, v)
            * ((azimuth * 7.0 + 11.0 * v).sin() + (azimuth * 4.0 - 23.0 * v).sin());
        (
            vec3(azimuth.sin() * wide * build, y + crease, azimuth.cos() * (deep + crease) - 1.2),
            mix(0.7, 1.0, smooth(0.0, 0.3, v)),
        )
    });
    scene.add(&trunk, material, Cutout::None, Some(0.0));
    if hat == Hat::Wrap || !c.odds(0.4) {
        return;
    }
    // A collar or a scarf: a band around the neck, low or up to the chin.
    let scarf = c.odds(0.35);
    let (height, thick) =
        if scarf { (c.between(2.5, 6.0), c.between(0.8, 2.2)) } else { (c.between(1.0, 3.2), 0.25) };
    let open = if scarf { 0.0 } else { c.between(0.0, 0.8) };
    let material = if scarf || c.odds(0.3) { outfit.ware(cloth(c)) } else { material };
    let band = Grid::new(49, 8, false, |u, v| {
        let azimuth = std::f32::consts::PI + (u * 2.0 - 1.0) * (std::f32::consts::PI - open * 0.6);
        let front = 0.5 + 0.5 * azimuth.cos();
        let bulge = thick * (v * std::f32::consts::PI).sin();
        let fold = if scarf { 0.3 * (azimuth * 5.0 + 7.0 * v).sin() } else { 0.0 };
        // It leans outwards where it is open, and a collar's points fall forward.
        let wide = 6.9 + bulge + fold + 0.5 * v * open;
        let y = -11.0 - 1.0 * front + height * v * mix(1.0, 0.75, front);
        (vec3(azimuth.sin() * wide, y, azimuth.cos() * (wide + 0.4) - 0.7), 0.85)
    });
    scene.add(&band, material, Cutout::None, if scarf { Some(0.5) } else { Some(0.15) });
}
