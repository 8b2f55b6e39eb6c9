//! Spectacles and sunglasses.

use super::super::{Cutout, Grid, Material, Scene};
use super::{Outfit, dye};
use crate::head::Head;
use crate::math::{Vec3, mix, vec3};
use crate::random::Chance;
use crate::scene::{Lens, Ware};
use crate::shape::Person;

pub(super) fn put_on(scene: &mut Scene, outfit: &mut Outfit, head: &Head, person: &Person, c: &mut Chance) {
    let bridge = person.landmark(head, 27);
    let lids = (person.landmark(head, 37).z + person.landmark(head, 44).z) * 0.5;
    let middle = (person.eyes[0] + person.eyes[1]) * 0.5;
    let apart = (person.eyes[1].x - person.eyes[0].x) * 0.5;
    let front = (bridge.z + c.between(0.5, 1.0)).max(lids + c.between(1.2, 1.7));
    let (wide, tall) = (c.between(2.1, 2.9).min(apart - 0.35 + 0.2), c.between(1.4, 2.5));
    // 1 is an ellipse, less is squarer; a wedge makes the outer side taller, as in cat eyes and pilots' glasses.
    let (edges, wedge) = (c.between(0.45, 1.0), c.between(-0.2, 0.25));
    let y = middle.y - c.between(0.1, 0.7) - if c.odds(0.1) { 1.2 } else { 0.0 };
    let place = |side: f32, angle: f32, r: f32| {
        let (sin, cos) = angle.sin_cos();
        let bend = |v: f32| v.signum() * v.abs().powf(edges);
        let x = side * (apart + 0.15 + wide * r * bend(cos));
        (vec3(middle.x + x, y + tall * r * bend(sin) * (1.0 + wedge * cos), front - 0.018 * x * x), 1.0)
    };
    let sun = c.odds(0.3);
    let color = if c.odds(0.5) { vec3(0.015, 0.014, 0.013) } else { dye(c) * 0.6 };
    let metal = Ware { color, second: color, stripes: [0.0; 2], gloss: c.between(0.3, 0.8), rough: 0.0 };
    let material = outfit.ware(metal);
    let rimless = !sun && c.odds(0.15);
    let thick = if c.odds(0.5) { c.between(0.06, 0.12) } else { c.between(0.15, 0.36) };
    outfit.lens = if sun {
        let tint = vec3(c.between(0.02, 0.2), c.between(0.02, 0.16), c.between(0.02, 0.14));
        Lens {
            color: tint,
            opacity: c.between(0.55, 1.0),
            mirror: if c.odds(0.4) { c.between(0.3, 0.9) } else { 0.1 },
        }
    } else {
        Lens { color: vec3(0.9, 0.94, 0.92), opacity: 0.5, mirror: if c.odds(0.25) { 0.25 } else { 0.04 } }
    };
    for side in [-1.0_f32, 1.0] {
        let glass = Grid::new(28, 6, true, |u, v| place(side, u * std::f32::consts::TAU, v));
        scene.add(&glass, Material::Lens, Cutout::None, Some(1.0));
        if !rimless {
            let line: Vec<Vec3> =
                (0..=40).map(|i| place(side, i as f32 / 40.0 * std::f32::consts::TAU, 1.0).0).collect();
            scene.add(&Grid::tube(&line, thick, true), material, Cutout::None, Some(1.0));
        }
        // To the ear, over it and down behind it.
        let hinge = place(side, 0.35, 1.0).0;
        let cheek = person.landmark(head, if side < 0.0 { 0 } else { 16 });
        let ear = vec3(cheek.x + side * 0.55, mix(hinge.y, cheek.y + 1.6, 0.7), cheek.z - 3.4);
        let temple = [
            hinge,
            vec3(ear.x * 1.0, hinge.y, hinge.z - 1.6),
            hinge.mix(ear, 0.6) + vec3(side * 0.25, 0.0, 0.0),
            ear,
            ear + vec3(0.0, -1.5, -2.0),
        ];
        scene.add(&Grid::tube(&temple, (thick * 0.9).max(0.08), false), material, Cutout::None, Some(1.0));
    }
    let bow: Vec<Vec3> = (0..=8)
        .map(|i| {
            let t = i as f32 / 4.0 - 1.0;
            let inner = place(1.0, 2.7, 1.0).0;
            vec3(
                middle.x + t * (inner.x - middle.x),
                inner.y + 0.25 * (1.0 - t * t),
                front + 0.1 * (1.0 - t * t),
            )
        })
        .collect();
    scene.add(&Grid::tube(&bow, thick.max(0.09), false), material, Cutout::None, Some(1.0));
}
