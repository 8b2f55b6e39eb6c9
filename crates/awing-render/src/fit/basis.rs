//! The part of a head that landmarks say something about: their vertices, and those that the outline may lie on.

use awing::scheme::HeadPoints;

use super::pose::double;
use crate::head::{Crossing, Head, JawPath};

/// Numbers that shape a head: identity first, then expression.
pub(super) struct Basis {
    /// Places of the mean head, in centimeters from the middle of the points.
    mean: Vec<[f64; 3]>,
    /// Mode after mode, how each place moves at a weight of 1.
    modes: Vec<Vec<[f64; 3]>>,
    /// How many modes are identity's.
    pub identities: usize,
    /// The middle of the mean head's points, in the head's own frame.
    pub middle: [f64; 3],
    /// Where each point lies.
    points: Vec<Spot>,
}

/// Where a point lies, by the numbers of places in the basis.
enum Spot {
    Vertex(usize),
    /// On the edge that is seen, somewhere on a path.
    Outline(JawPath),
}

impl Basis {
    pub(super) fn new(head: &Head, points: &HeadPoints) -> Self {
        let mut used: Vec<u32> = Vec::new();
        let mut place = |vertex: u32| match used.iter().position(|v| *v == vertex) {
            Some(place) => place,
            None => {
                used.push(vertex);
                used.len() - 1
            }
        };
        let mut spots: Vec<Spot> = points.vertices.iter().map(|v| Spot::Vertex(place(*v))).collect();
        for (i, mut path) in points.outline.iter().zip(head.outline(points)) {
            for crossing in &mut path.crossings {
                (crossing.from, crossing.to) = (place(crossing.from) as u32, place(crossing.to) as u32);
            }
            spots[*i] = Spot::Outline(path);
        }
        let at: Vec<[f64; 3]> = used.iter().map(|v| double(head.mean[*v as usize])).collect();
        let count = points.vertices.len().max(1) as f64;
        let own = points.vertices.iter().map(|v| double(head.mean[*v as usize]));
        let middle = own.fold([0.0; 3], |sum, p| [0, 1, 2].map(|i| sum[i] + p[i] / count));
        let modes = [&head.identity, &head.expression].into_iter().flat_map(|modes| {
            (0..modes.count()).map(|mode| used.iter().map(|v| modes.at(mode, *v).map(f64::from)).collect())
        });
        Self {
            mean: at.iter().map(|p| [0, 1, 2].map(|i| p[i] - middle[i])).collect(),
            modes: modes.collect(),
            identities: head.identity.count(),
            middle,
            points: spots,
        }
    }

    /// How many points there are.
    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    /// How many weights there are.
    pub(super) fn weights(&self) -> usize {
        self.modes.len()
    }

    /// All places with these weights.
    pub(super) fn places(&self, weights: &[f64]) -> Vec<[f64; 3]> {
        let mut places = self.mean.clone();
        for (mode, weight) in self.modes.iter().zip(weights).filter(|(_, weight)| **weight != 0.0) {
            for (place, step) in places.iter_mut().zip(mode) {
                (0..3).for_each(|i| place[i] += weight * step[i]);
            }
        }
        places
    }

    /// Of each point the two places between which it lies, and the share of the way; `outermost` chooses on a path.
    pub(super) fn spots<'a>(
        &'a self,
        outermost: impl Fn(&'a JawPath) -> Crossing + 'a,
    ) -> impl Iterator<Item = Crossing> + 'a {
        self.points.iter().map(move |spot| match spot {
            Spot::Vertex(place) => Crossing { from: *place as u32, to: *place as u32, share: 0.0 },
            Spot::Outline(path) => outermost(path),
        })
    }

    /// How a spot moves with a mode.
    pub(super) fn step(&self, mode: usize, spot: &Crossing) -> [f64; 3] {
        between(&self.modes[mode], spot)
    }
}

/// The place of a spot.
pub(super) fn between(places: &[[f64; 3]], spot: &Crossing) -> [f64; 3] {
    let (from, to, share) = (places[spot.from as usize], places[spot.to as usize], f64::from(spot.share));
    [0, 1, 2].map(|i| from[i] + share * (to[i] - from[i]))
}
