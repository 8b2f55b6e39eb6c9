//! Polygons sorted into triangles of surfaces that are drawn alike.

use std::ops::Range;

use super::file::HeadFile;
use crate::mesh::Triangle;

/// What a part of the head is made of, and so how it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Face, ears and the front of the neck: painted, its texture coordinates are 0 to 1.
    Skin,
    /// Skull and nape.
    Scalp,
    /// The skin inside the mouth and behind the lids.
    Socket,
    Gums,
    Teeth,
    /// Eyeballs, the face's own right and left.
    EyeRight,
    EyeLeft,
    Lashes,
}

pub(super) struct Topology {
    pub triangles: Vec<Triangle>,
    pub surfaces: Vec<(Surface, Range<usize>)>,
    pub eyeballs: [Range<usize>; 2],
    pub inner_mouth: Range<usize>,
}

impl Topology {
    pub(super) fn of(&self, surface: Surface) -> &[Triangle] {
        let found = self.surfaces.iter().find(|(s, _)| *s == surface);
        found.map_or(&[], |(_, range)| &self.triangles[range.clone()])
    }
}

const FACE: usize = 0;
const BACK: usize = 1;
/// Iris balls, tear film and blending shells (5, 7, 8, 9, 10) are left out: the eyeball is painted as one.
const SURFACES: [(usize, Surface); 8] = [
    (FACE, Surface::Skin),
    (BACK, Surface::Scalp),
    (BACK, Surface::Socket),
    (2, Surface::Gums),
    (3, Surface::Teeth),
    (6, Surface::EyeRight),
    (4, Surface::EyeLeft),
    (11, Surface::Lashes),
];

pub(super) fn sort(file: &HeadFile) -> Topology {
    let component = components(file);
    // The skull is the component of the back that reaches furthest back; the others are sockets.
    let back = |p: &usize| usize::from(file.polygon_material[*p]) == BACK;
    let polygons = 0..file.polygons.len();
    let depth = |p: usize| file.mean[file.polygons[p][0] as usize].z;
    let skull =
        polygons.clone().filter(back).min_by(|a, b| depth(*a).total_cmp(&depth(*b))).map(|p| component[p]);

    let (mut triangles, mut surfaces) = (Vec::new(), Vec::new());
    for (material, surface) in SURFACES {
        let start = triangles.len();
        // The largest component of an eye is the ball; what else bears its material are polygons with a wrong label.
        let ball = matches!(surface, Surface::EyeLeft | Surface::EyeRight)
            .then(|| largest(&component, |p| usize::from(file.polygon_material[p]) == material));
        for p in polygons.clone() {
            let wanted = usize::from(file.polygon_material[p]) == material
                && match surface {
                    Surface::Scalp => Some(component[p]) == skull,
                    Surface::Socket => Some(component[p]) != skull,
                    Surface::EyeLeft | Surface::EyeRight => ball == Some(component[p]),
                    // Teeth and gums lie far below the eyes; the last of them nobody sees.
                    Surface::Teeth | Surface::Gums => {
                        let place = file.mean[file.polygons[p][0] as usize];
                        place.y < 0.5 && place.z > 5.5
                    }
                    _ => true,
                };
            if wanted {
                let (v, t) = (file.polygons[p].map(|v| v as u32), file.polygon_uv[p].map(|t| t as u32));
                triangles.push(Triangle { v: [v[0], v[1], v[2]], t: [t[0], t[1], t[2]] });
                if file.polygons[p][3] >= 0 {
                    triangles.push(Triangle { v: [v[0], v[2], v[3]], t: [t[0], t[2], t[3]] });
                }
            }
        }
        surfaces.push((surface, start..triangles.len()));
    }
    let mut topology = Topology { triangles, surfaces, eyeballs: [0..0, 0..0], inner_mouth: 0..0 };
    let span = |t: &Topology, s: Surface| vertices(t.of(s));
    topology.eyeballs = [span(&topology, Surface::EyeRight), span(&topology, Surface::EyeLeft)];
    let (gums, teeth) = (span(&topology, Surface::Gums), span(&topology, Surface::Teeth));
    topology.inner_mouth = gums.start.min(teeth.start)..gums.end.max(teeth.end);
    topology
}

/// The numbers from the least to the greatest vertex of some triangles.
fn vertices(triangles: &[Triangle]) -> Range<usize> {
    let all = || triangles.iter().flat_map(|t| t.v);
    match (all().min(), all().max()) {
        (Some(low), Some(high)) => low as usize..high as usize + 1,
        _ => 0..0,
    }
}

fn largest(component: &[usize], of: impl Fn(usize) -> bool) -> usize {
    let mut size = std::collections::BTreeMap::new();
    for (p, c) in component.iter().enumerate() {
        if of(p) {
            *size.entry(*c).or_insert(0_usize) += 1;
        }
    }
    size.into_iter().max_by_key(|(_, n)| *n).map_or(0, |(c, _)| c)
}

/// For each polygon a number that it shares with the polygons of its material that it hangs together with.
fn components(file: &HeadFile) -> Vec<usize> {
    let n = file.mean.len();
    // A vertex counts once for each material: the face and the back of the head meet, and are two.
    let key = |p: usize, v: i32| usize::from(file.polygon_material[p]) * n + v as usize;
    let mut parent: Vec<usize> = (0..n * super::file::MATERIALS).collect();
    for (p, corners) in file.polygons.iter().enumerate() {
        for v in corners[1..].iter().filter(|v| **v >= 0) {
            let (a, b) = (root(&mut parent, key(p, corners[0])), root(&mut parent, key(p, *v)));
            parent[a] = b;
        }
    }
    (0..file.polygons.len()).map(|p| root(&mut parent, key(p, file.polygons[p][0]))).collect()
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}
