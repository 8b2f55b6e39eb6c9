//! The jaw as people see it. Annotators do not mark the bone but the edge of the face: on the far side of a turned head where
//! the cheek disappears, on the near side and below where the jaw turns to the neck. So each jaw point has a path over the
//! skin, from a little behind its vertex over the jaw to the cheek, on which the outermost place is sought.

use std::collections::BTreeMap;

use crate::math::{Vec3, mix};
use crate::mesh::Triangle;

/// Where each path leads, seen from the front on the mean head (centimeters, the right side; the left is its mirror
/// image), and how far it begins behind the vertex. The paths end before the nose and the lips, which are no part of the
/// contour, and begin before the ear and the neck.
const PATHS: [([f32; 2], f32); 9] = [
    ([-4.9, 4.5], 0.9),
    ([-3.4, 1.6], 1.1),
    ([-3.0, 0.2], 1.3),
    ([-3.0, -1.6], 1.5),
    ([-2.7, -3.4], 1.6),
    ([-0.9, -5.0], 1.7),
    ([-0.4, -5.4], 1.9),
    ([-0.2, -5.3], 1.8),
    ([0.0, -5.8], 1.6),
];

/// A place on an edge of the mesh.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    pub from: u32,
    pub to: u32,
    /// 0 at `from`, 1 at `to`.
    pub share: f32,
}

impl Crossing {
    pub(crate) fn of(&self, places: &[Vec3]) -> Vec3 {
        places[self.from as usize].mix(places[self.to as usize], self.share)
    }
}

/// The path of one point of the outline.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// Where it stands on the jaw, from 0 at the face's own right ear over 8 at the chin to 16.
    pub at: f32,
    /// From behind the vertex to the cheek.
    pub crossings: Vec<Crossing>,
    /// Across the jaw's line, outwards, seen from the front: x and y of the head's frame, of length 1.
    pub across: [f32; 2],
    /// Along the path, outwards.
    pub along: [f32; 2],
}

type Edge = (u32, u32);

/// The paths of vertices that stand for points of the outline, on the jaw's line or near it.
pub(crate) fn paths(
    mean: &[Vec3],
    skin: &[Triangle],
    landmarks68: &[u32; 68],
    vertices: &[u32],
) -> Vec<Path> {
    let mut beside: BTreeMap<Edge, Vec<usize>> = BTreeMap::new();
    for (i, t) in skin.iter().enumerate() {
        for k in 0..3 {
            beside.entry(edge(t.v[k], t.v[(k + 1) % 3])).or_default().push(i);
        }
    }
    let mesh = Mesh { mean, skin, beside };
    let jaw: [Vec3; 17] = std::array::from_fn(|i| mean[landmarks68[i] as usize]);
    let one = |vertex: &u32| {
        let at = on_the_jaw(&jaw, mean[*vertex as usize]);
        let (low, t) = (at as usize, at.fract());
        let (before, after) = match t > 0.0 {
            true => (low, low + 1),
            false => (low.max(1) - 1, (low + 1).min(16)),
        };
        let across = unit([jaw[after].y - jaw[before].y, jaw[before].x - jaw[after].x]);
        let towards = |i: usize| {
            let ([x, y], behind) = PATHS[if i < 9 { i } else { 16 - i }];
            [if i < 9 { x } else { -x }, y, behind]
        };
        let (from, to) = (towards(low), towards((low + 1).min(16)));
        let [x, y, behind] = [0, 1, 2].map(|k| mix(from[k], to[k], t));
        Path { at, ..mesh.path(*vertex, [x, y], behind, across) }
    };
    vertices.iter().map(one).collect()
}

/// Where a place stands on the line through the jaw's points: the number of the point, and the share of the way to the next one.
fn on_the_jaw(jaw: &[Vec3; 17], place: Vec3) -> f32 {
    let foot = |i: usize| {
        let along = jaw[i + 1] - jaw[i];
        let t = ((place - jaw[i]).dot(along) / along.dot(along).max(1e-9)).clamp(0.0, 1.0);
        ((place - jaw[i] - along * t).length(), i as f32 + t)
    };
    (0..16).map(foot).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0.0, |(_, at)| at)
}

fn unit([x, y]: [f32; 2]) -> [f32; 2] {
    let length = x.hypot(y).max(1e-9);
    [x / length, y / length]
}

fn edge(a: u32, b: u32) -> Edge {
    (a.min(b), a.max(b))
}

/// The skin of the mean head, and which triangles lie at each edge.
struct Mesh<'a> {
    mean: &'a [Vec3],
    skin: &'a [Triangle],
    beside: BTreeMap<Edge, Vec<usize>>,
}

impl Mesh<'_> {
    /// The path through a vertex, in the plane that stands on the line to `towards` as seen from the front.
    fn path(&self, vertex: u32, towards: [f32; 2], behind: f32, across: [f32; 2]) -> Path {
        let start = self.mean[vertex as usize];
        let (dx, dy) = (towards[0] - start.x, towards[1] - start.y);
        let side =
            |v: u32| dx * (self.mean[v as usize].y - start.y) - dy * (self.mean[v as usize].x - start.x);
        let along = |p: Vec3| ((p.x - start.x) * dx + (p.y - start.y) * dy) / (dx * dx + dy * dy).max(1e-9);
        let cross = |e: Edge| {
            let (a, b) = (side(e.0), side(e.1));
            ((a > 0.0) != (b > 0.0)).then(|| Crossing { from: e.0, to: e.1, share: a / (a - b) })
        };
        // The plane leaves the triangles around the vertex through two of their outer edges: inwards and outwards.
        let mut exits: Vec<(f32, Edge, usize)> = Vec::new();
        for (i, t) in self.skin.iter().enumerate() {
            if let Some(k) = t.v.iter().position(|v| *v == vertex) {
                let opposite = edge(t.v[(k + 1) % 3], t.v[(k + 2) % 3]);
                if let Some(c) = cross(opposite) {
                    exits.push((along(c.of(self.mean)), opposite, i));
                }
            }
        }
        exits.sort_by(|a, b| a.0.total_cmp(&b.0));
        let walk = |exit: Option<&(f32, Edge, usize)>, on: &dyn Fn(Vec3, f32) -> bool| {
            let (mut found, mut length, mut last) = (Vec::new(), 0.0, start);
            let Some(&(_, mut at, mut from)) = exit else { return found };
            // No path has nearly as many steps; a mesh with a loop must end too.
            for _ in 0..200 {
                let Some(c) = cross(at) else { break };
                let p = c.of(self.mean);
                length += (p - last).length();
                if !on(p, length) {
                    break;
                }
                found.push(c);
                last = p;
                let Some(&next) = self.beside[&at].iter().find(|t| **t != from) else { break };
                let t = &self.skin[next].v;
                let edges = [edge(t[0], t[1]), edge(t[1], t[2]), edge(t[2], t[0])];
                let Some(&out) = edges.iter().find(|e| **e != at && cross(**e).is_some()) else { break };
                (at, from) = (out, next);
            }
            found
        };
        let outwards = walk(exits.first().filter(|_| exits.len() > 1), &|_, length| length <= behind);
        let inwards = walk(exits.last(), &|p, _| along(p) <= 1.0);
        let own = Crossing { from: vertex, to: vertex, share: 0.0 };
        let crossings = outwards.into_iter().rev().chain([own]).chain(inwards).collect();
        Path { at: 0.0, crossings, across, along: unit([-dx, -dy]) }
    }
}
