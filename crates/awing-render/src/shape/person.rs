//! The head of one person with one expression, in its own frame.

use super::expression::{Expression, SIDED};
use crate::head::{Head, Surface};
use crate::math::{Rotation, Vec3, vec3};
use crate::mesh::normals;
use crate::random::Chance;

/// The landmarks of each eye in the order of 300-W: outer or inner corner first, upper lid, other corner, lower lid.
pub(crate) const RIGHT_EYE: [usize; 6] = [36, 37, 38, 39, 40, 41];
/// As [`RIGHT_EYE`], for the face's own left.
pub(crate) const LEFT_EYE: [usize; 6] = [42, 43, 44, 45, 46, 47];

/// A head with identity and expression.
pub(crate) struct Person {
    pub places: Vec<Vec3>,
    pub normals: Vec<Vec3>,
    /// Whether teeth and tongue can be seen, and so were worked out.
    pub mouth_open: bool,
    /// Centers of the eyeballs, right and left, and their radius in centimeters.
    pub eyes: [Vec3; 2],
    pub eye_radius: f32,
    /// Directions of gaze, of length 1.
    pub gaze: [Vec3; 2],
    /// 0 open as this person's eye is at rest, 1 closed; right and left.
    pub closed: [f32; 2],
}

impl Person {
    pub(crate) fn new(head: &Head, identity: &[f32], expression: &Expression) -> Self {
        let weights: Vec<(usize, f32)> = identity.iter().copied().enumerate().collect();
        let mut moves: Vec<(usize, f32)> = Vec::new();
        for (name, [right, left]) in &expression.moves {
            add_move(head, &mut moves, name, *right, *left);
        }
        // Lids follow the gaze.
        let [aside, up] = expression.gaze;
        let follow = |v: f32| (v / 0.5).clamp(0.0, 1.0);
        add_move(head, &mut moves, "eyeLookUp", follow(up), follow(up));
        add_move(head, &mut moves, "eyeLookDown", follow(-up), follow(-up));
        add_move(head, &mut moves, "eyeLookOut", follow(-aside), follow(aside));
        add_move(head, &mut moves, "eyeLookIn", follow(aside), follow(-aside));

        let mouth = [
            "jawOpen",
            "mouthFunnel",
            "mouthUpperUp",
            "mouthLowerDown",
            "mouthStretch",
            "noseSneer",
            "mouthSmile",
        ];
        let mouth_open = mouth.iter().any(|n| expression.weight(n) > 0.02);
        let mut numbers: Vec<f32> = head.mean.iter().flat_map(|p| [p.x, p.y, p.z]).collect();
        let n = numbers.len();
        let inner = head.inner_mouth.start * 3..head.inner_mouth.end * 3;
        let add = |weights: &[(usize, f32)], modes: &crate::head::Modes, numbers: &mut [f32]| {
            if mouth_open {
                modes.add(weights, 0, numbers);
            } else {
                modes.add(weights, 0, &mut numbers[..inner.start]);
                modes.add(weights, inner.end, &mut numbers[inner.end..n]);
            }
        };
        add(&weights, &head.identity, &mut numbers);
        let point = |numbers: &[f32], v: u32| {
            let v = v as usize * 3;
            vec3(numbers[v], numbers[v + 1], numbers[v + 2])
        };
        let opening = |numbers: &[f32], eye: [usize; 6]| {
            let [outer, u0, u1, inner, l1, l0] = eye.map(|i| point(numbers, head.landmarks68[i]));
            ((u0 - l0).length() + (u1 - l1).length()) / (2.0 * (outer - inner).length())
        };
        let at_rest = [opening(&numbers, RIGHT_EYE), opening(&numbers, LEFT_EYE)];
        add(&moves, &head.expression, &mut numbers);
        let now = [opening(&numbers, RIGHT_EYE), opening(&numbers, LEFT_EYE)];
        // Landmark vertices lie on the lids' outer edge, so that closed lids are still a little apart.
        let closed = [0, 1].map(|i| (1.0 - (now[i] - SHUT) / (at_rest[i] - SHUT).max(0.02)).clamp(0.0, 1.0));

        let mut places: Vec<Vec3> = numbers.chunks_exact(3).map(|c| vec3(c[0], c[1], c[2])).collect();
        let balls = head.eyeballs.clone();
        let eyes = balls.clone().map(|ball| center(&places[ball]));
        let eye_radius = places[balls[0].clone()].iter().map(|p| (*p - eyes[0]).length()).sum::<f32>()
            / balls[0].len().max(1) as f32;
        // Eyes converge a little.
        let turn = [aside + 0.02, aside - 0.02].map(|a| Rotation::euler(-up, a, 0.0));
        for (i, ball) in balls.into_iter().enumerate() {
            for p in &mut places[ball] {
                *p = eyes[i] + turn[i].of(*p - eyes[i]);
            }
        }
        let mut person = Self {
            normals: Vec::new(),
            places,
            mouth_open,
            eyes,
            eye_radius,
            gaze: turn.map(|t| t.of(vec3(0.0, 0.0, 1.0))),
            closed,
        };
        let drawn = person.surfaces(head).flat_map(|s| head.of(s));
        person.normals = normals(&person.places, drawn);
        person
    }

    /// Identity weights: of the standard normal distribution, at a strength that varies.
    pub(crate) fn random_identity(head: &Head, c: &mut Chance) -> Vec<f32> {
        let strength = c.between(0.6, 1.1);
        (0..head.identity.count()).map(|_| strength * c.normal_within(2.2)).collect()
    }

    /// The surfaces that have to be drawn.
    pub(crate) fn surfaces<'a>(&self, head: &'a Head) -> impl Iterator<Item = Surface> + use<'a> {
        let mouth_open = self.mouth_open;
        let all = head.surfaces.iter().map(|(surface, _)| *surface);
        all.filter(move |s| mouth_open || !matches!(s, Surface::Gums | Surface::Teeth))
    }

    pub(crate) fn landmark(&self, head: &Head, i: usize) -> Vec3 {
        self.places[head.landmarks68[i] as usize]
    }
}

/// The opening of closed lids, in widths of the eye.
const SHUT: f32 = 0.06;

/// Adds an expression by its name, by sides where it has them. A head that lacks it does without.
fn add_move(head: &Head, moves: &mut Vec<(usize, f32)>, name: &str, right: f32, left: f32) {
    let sides = if SIDED.contains(&name) {
        vec![(format!("{name}_R"), right), (format!("{name}_L"), left)]
    } else {
        vec![(name.to_owned(), right)]
    };
    for (name, weight) in sides {
        if let Some(mode) = head.expression_index(&name).filter(|_| weight > 0.0) {
            match moves.iter_mut().find(|(m, _)| *m == mode) {
                // Two reasons for one move do not add beyond its full extent.
                Some((_, w)) => *w = (*w + weight).min(1.0),
                None => moves.push((mode, weight)),
            }
        }
    }
}

fn center(places: &[Vec3]) -> Vec3 {
    places.iter().fold(Vec3::ZERO, |sum, p| sum + *p) * (1.0 / places.len().max(1) as f32)
}
