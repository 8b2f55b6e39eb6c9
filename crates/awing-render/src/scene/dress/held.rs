//! A hand, a cup, a telephone, a microphone before the face.

use super::super::{Cutout, Grid, Material, Scene};
use super::solid::solid;
use super::{Outfit, dye};
use crate::head::Head;
use crate::math::{Rotation, Vec3, vec3};
use crate::random::Chance;
use crate::scene::Ware;
use crate::shape::Person;

pub(super) fn hold(scene: &mut Scene, outfit: &mut Outfit, head: &Head, person: &Person, c: &mut Chance) {
    let right = c.odds(0.5);
    let side = if right { -1.0 } else { 1.0 };
    let at = |i: usize, mirrored: usize| person.landmark(head, if right { i } else { mirrored });
    let color = dye(c);
    let ware = Ware { color, second: dye(c), stripes: [0.0; 2], gloss: c.unit(), rough: 0.1 };
    match c.below(5) {
        0 | 1 => {
            // A hand on the mouth, the chin, the cheek or an eye.
            let anchor = match c.below(5) {
                0 => at(51, 51),
                1 => at(57, 57),
                2 => at(4, 12) + vec3(-side * 2.0, 0.0, 2.5),
                3 => at(36, 45) + vec3(-side * 1.0, 0.0, 0.5),
                _ => at(7, 9),
            };
            let turn =
                Rotation::euler(c.between(-0.2, 0.3), c.between(-0.3, 0.3), side * c.between(-0.3, 1.5));
            hand(scene, anchor + vec3(0.0, 0.0, c.between(0.9, 1.6)), side, &turn, c);
        }
        2 => {
            // A cup at the lips.
            let lips = at(51, 51);
            let (r, h) = (c.between(3.0, 4.2), c.between(4.0, 6.0));
            let tilt = Rotation::euler(c.between(0.0, 0.7), 0.0, 0.0);
            let material = outfit.ware(ware);
            let center = lips + vec3(0.0, -h * 0.8, r * 0.8 + 0.4);
            scene.add(&solid(center, vec3(r, h, r), [1.0, 0.25], &tilt), material, Cutout::None, Some(1.0));
            hand(
                scene,
                center + vec3(side * r, -0.5, 1.5),
                side,
                &Rotation::euler(0.0, side * 0.9, side * 1.4),
                c,
            );
        }
        3 => {
            // A telephone at the ear, or held up before the face.
            let material = outfit.ware(Ware { color: vec3(0.015, 0.015, 0.017), gloss: 0.9, ..ware });
            let (center, turn) = if c.odds(0.5) {
                (at(2, 14) + vec3(side * 1.2, 0.0, -0.5), Rotation::euler(0.0, side * 1.25, -side * 0.35))
            } else {
                let anchor = at(30, 57);
                (
                    anchor + vec3(side * c.between(0.0, 5.0), c.between(-4.0, 1.0), 4.0),
                    Rotation::euler(0.0, 0.0, c.between(-0.5, 0.5)),
                )
            };
            scene.add(
                &solid(center, vec3(3.7, 7.4, 0.45), [0.2, 0.15], &turn),
                material,
                Cutout::None,
                Some(1.0),
            );
            hand(scene, center + vec3(side * 1.5, -4.5, 0.9), side, &turn, c);
        }
        _ => {
            // A microphone.
            let material =
                outfit.ware(Ware { color: vec3(0.04, 0.04, 0.045), gloss: 0.4, rough: 1.5, ..ware });
            let lips = at(57, 57);
            let ball = lips + vec3(side * c.between(0.0, 2.0), c.between(-2.2, 0.3), c.between(2.6, 4.5));
            scene.add(
                &solid(ball, vec3(2.2, 2.4, 2.2), [1.0, 1.0], &Rotation::euler(0.0, 0.0, 0.0)),
                material,
                Cutout::None,
                Some(1.0),
            );
            let end = ball + vec3(side * c.between(0.0, 8.0), -17.0, c.between(-1.0, 5.0));
            scene.add(
                &Grid::tube(&[ball, ball.mix(end, 0.3), end], 1.25, false),
                material,
                Cutout::None,
                Some(1.0),
            );
            hand(
                scene,
                ball.mix(end, 0.45) + vec3(0.0, 0.0, 1.3),
                side,
                &Rotation::euler(0.0, 0.0, side * 1.4),
                c,
            );
        }
    }
}

/// A hand whose fingers point up along `turn`, their tips before `at`.
fn hand(scene: &mut Scene, at: Vec3, side: f32, turn: &Rotation, c: &mut Chance) {
    let mut part = |grid: &Grid| scene.add(grid, Material::Hand, Cutout::None, Some(1.0));
    let place = |p: Vec3| at + turn.of(p);
    let spread = c.between(0.0, 0.25);
    for i in 0..4 {
        let k = i as f32 - 1.5;
        let length = [6.2, 7.4, 7.0, 5.4][i] * c.between(0.95, 1.05);
        let curl = c.between(0.0, 0.6);
        let (x, lean) = (side * k * 1.75, side * k * spread);
        let joint = |t: f32| place(vec3(x + lean * t * length, t * length - 4.5, -curl * t * t + 0.15));
        let mut line: Vec<Vec3> = (0..=6).map(|j| joint(j as f32 / 6.0)).collect();
        // A round tip: the tube closes.
        let tip = joint(1.06);
        line.push(tip);
        let n = line.len();
        let finger = Grid::new(10, n + 1, true, |u, v| {
            let row = ((v * n as f32).round() as usize).min(n - 1);
            let r = 0.85
                * if v >= 0.999 {
                    0.05
                } else if row + 1 == n {
                    0.62
                } else {
                    1.0 - 0.12 * (row % 3) as f32 / 2.0
                };
            let (sin, cos) = (u * std::f32::consts::TAU).sin_cos();
            (line[row] + turn.of(vec3(cos * r, 0.0, sin * r)), 0.75)
        });
        part(&finger);
    }
    part(&solid(place(vec3(0.0, -8.6, 0.3)), vec3(4.2, 5.0, 1.5), [0.8, 0.7], turn));
    let thumb =
        [vec3(-side * 3.4, -9.5, 0.6), vec3(-side * 5.2, -7.0, 0.8), vec3(-side * 5.9, -4.6, 0.6)].map(place);
    part(&Grid::tube(&thumb, 1.0, false));
    // The wrist goes down out of the picture.
    part(&Grid::tube(
        &[place(vec3(0.0, -11.0, 0.2)), place(vec3(0.0, -16.0, 0.0)), place(vec3(side * 1.0, -34.0, -1.0))],
        2.7,
        false,
    ));
}
