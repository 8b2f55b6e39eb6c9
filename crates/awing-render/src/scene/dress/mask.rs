//! A surgical mask, stretched over nose and chin.

use super::super::{Cutout, Grid, Scene};
use super::{Outfit, cloth};
use crate::head::{Head, Surface};
use crate::math::{Vec3, mix, smooth, vec3};
use crate::random::Chance;
use crate::scene::Ware;
use crate::shape::Person;

pub(super) fn put_on(scene: &mut Scene, outfit: &mut Outfit, head: &Head, person: &Person, c: &mut Chance) {
    let paper =
        [vec3(0.45, 0.65, 0.8), vec3(0.8, 0.82, 0.83), vec3(0.03, 0.03, 0.035), vec3(0.5, 0.72, 0.68)];
    let ware = if c.odds(0.75) {
        let color = c.pick(&paper);
        Ware { color, second: color, stripes: [0.0; 2], gloss: 0.02, rough: 0.2 }
    } else {
        cloth(c)
    };
    let material = outfit.ware(ware);
    let chin = person.landmark(head, 8);
    // Over the nose, as it should be, or under it.
    let top = if c.odds(0.8) { person.landmark(head, 28).y } else { person.landmark(head, 33).y };
    let side = person.landmark(head, 2).x.abs().min(person.landmark(head, 14).x.abs()) * 0.9;
    // Each cell of a map holds how far the face reaches forward.
    const CELL: f32 = 0.6;
    const WIDE: usize = 30;
    const TALL: usize = 26;
    let low = chin.y - 2.0;
    let mut map = vec![0.0_f32; WIDE * TALL];
    for v in head.of(Surface::Skin).iter().map(|t| person.places[t.v[0] as usize]) {
        let (x, y) = ((v.x / CELL + WIDE as f32 / 2.0) as i32, ((v.y - low) / CELL) as i32);
        if (0..WIDE as i32).contains(&x) && (0..TALL as i32).contains(&y) {
            let cell = &mut map[y as usize * WIDE + x as usize];
            *cell = cell.max(v.z);
        }
    }
    // Taut cloth cannot bend sharply: it rests on the highest places and leaves hollows open.
    let rest = |x: f32, y: f32| {
        let mut z = 0.0_f32;
        for (i, height) in map.iter().enumerate() {
            let (dx, dy) = ((i % WIDE) as f32 + 0.5 - WIDE as f32 / 2.0, (i / WIDE) as f32 + 0.5);
            let (dx, dy) = (dx * CELL - x, dy * CELL + low - y);
            z = z.max(height - 0.22 * dx * dx - 0.16 * dy * dy);
        }
        z
    };
    let sheet = Grid::new(25, 15, false, |u, v| {
        let s = u * 2.0 - 1.0;
        let x = s * side;
        let y_top = top - 1.6 * s.abs().powi(2) - 0.5 * s.abs();
        let y = mix(y_top, chin.y - 1.3 + 2.4 * s * s, v);
        // Three pleats.
        let pleat = 0.12 * (v * 3.0 * std::f32::consts::TAU).sin() * (1.0 - s * s);
        // It tucks in under the chin.
        let tuck = 0.8 * smooth(0.9, 1.0, v) * (1.0 - s * s);
        (vec3(x, y, rest(x, y) + 0.35 + pleat - tuck), 0.95)
    });
    scene.add(&sheet, material, Cutout::None, Some(1.0));
    for s in [-1.0_f32, 1.0] {
        for (v, up) in [(0.05, 1.2), (0.95, -1.0)] {
            let column = if s < 0.0 { 0 } else { 24 };
            let row = (v * 14.0_f32).round() as usize;
            let corner: Vec3 = sheet.places[row * 25 + column];
            let ear = person.landmark(head, if s < 0.0 { 1 } else { 15 }) + vec3(0.5 * s, up, -2.6);
            scene.add(
                &Grid::tube(&[corner, corner.mix(ear, 0.5) + vec3(0.3 * s, 0.0, 0.0), ear], 0.09, false),
                material,
                Cutout::None,
                Some(1.0),
            );
        }
    }
}
