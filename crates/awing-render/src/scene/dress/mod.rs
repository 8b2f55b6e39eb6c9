//! What is on a head and around it: hair, hats, clothes, glasses, masks, hands and things. All is built in the head's own
//! frame, on this person's head, and turned with it.

mod beard;
mod clothes;
mod glasses;
mod hair;
mod hat;
mod held;
mod mask;
mod skull;
mod solid;

use super::{Material, Scene};
use crate::head::Head;
use crate::math::{Color, Vec3, vec3};
use crate::paint::{Atlas, Beard, Look};
use crate::random::Chance;
use crate::scene::{Lens, Strands, Ware};
use crate::shape::Person;
use skull::Skull;

/// What the shading must know of the things put on.
pub(crate) struct Outfit {
    pub wares: Vec<Ware>,
    pub strands: Strands,
    pub lens: Lens,
}

impl Outfit {
    /// Nothing at all.
    pub(crate) fn none() -> Self {
        Self {
            wares: Vec::new(),
            strands: Strands { across: 2.0, along: 1.0, curl: 0.0 },
            lens: Lens { color: Vec3::ONE, opacity: 0.0, mirror: 0.0 },
        }
    }

    /// Dresses a head.
    pub(crate) fn put_on(
        scene: &mut Scene,
        head: &Head,
        person: &Person,
        atlas: &Atlas,
        look: &Look,
        c: &mut Chance,
    ) -> Self {
        let mut outfit = Self::none();
        let skull = Skull::new(head, person);
        let hat = if c.odds(0.17) { hat::put_on(scene, &mut outfit, &skull, c) } else { hat::Hat::None };
        hair::grow(scene, &mut outfit, &skull, look, hat, c);
        if matches!(look.beard, Beard::Full | Beard::Goatee) && c.odds(0.75) {
            beard::grow(scene, head, person, atlas, look, c);
        }
        clothes::put_on(scene, &mut outfit, hat, c);
        if c.odds(0.24) {
            glasses::put_on(scene, &mut outfit, head, person, c);
        }
        if c.odds(0.05) {
            mask::put_on(scene, &mut outfit, head, person, c);
        } else if c.odds(0.13) {
            held::hold(scene, &mut outfit, head, person, c);
        }
        outfit
    }

    fn ware(&mut self, ware: Ware) -> Material {
        self.wares.push(ware);
        Material::Ware(self.wares.len() - 1)
    }
}

/// Cloth of a random color and print.
fn cloth(c: &mut Chance) -> Ware {
    let stripes = match c.below(14) {
        0 => [0.0, c.between(3.0, 30.0)],
        1 => [c.between(4.0, 40.0), 0.0],
        2 => [c.between(8.0, 30.0), c.between(5.0, 20.0)],
        _ => [0.0; 2],
    };
    Ware { color: dye(c), second: dye(c), stripes, gloss: 0.02 * c.unit(), rough: c.between(0.3, 1.2) }
}

/// A color of clothes: often black, gray, white or blue, now and then bright.
fn dye(c: &mut Chance) -> Color {
    let gray = c.unit().powi(2);
    let value = vec3(gray, gray, gray) * 0.8 + vec3(0.01, 0.01, 0.01);
    match c.below(6) {
        0..=3 => value.mix(vec3(0.05, 0.08, 0.2), c.unit() * 0.5),
        4 => value.times(vec3(c.unit(), c.unit(), c.unit())) * 1.5,
        _ => vec3(c.unit(), c.unit(), c.unit()).map(|v| 0.02 + 0.7 * v * v),
    }
}
