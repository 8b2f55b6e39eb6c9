//! The volume of a long beard: a second skin of hair over chin and cheeks. Short beards are painted.

use super::super::{Cutout, Material, Scene};
use crate::head::{Head, Surface};
use crate::math::{smooth, vec3};
use crate::mesh::Triangle;
use crate::paint::{Atlas, Beard, Look};
use crate::random::Chance;
use crate::shape::{Bearing, Person};

pub(super) fn grow(
    scene: &mut Scene,
    head: &Head,
    person: &Person,
    atlas: &Atlas,
    look: &Look,
    c: &mut Chance,
) {
    // How far it stands off at the cheek and hangs from the chin, in centimeters.
    let length = c.between(0.3, 2.2) * look.beard_density;
    let mut copies = vec![u32::MAX; head.vertices()];
    let first = (scene.places.len() as u32, scene.uv.len() as u32);
    let start = scene.triangles.len();
    for t in head.of(Surface::Skin) {
        let grows = |k: usize| {
            let r = atlas.region_at(head.uv[t.t[k] as usize]);
            let x = head.mean[t.v[k] as usize].x.abs();
            let chin = if look.beard == Beard::Goatee { 1.0 - smooth(2.4, 3.4, x) } else { 1.0 };
            (r.beard * chin).max(r.moustache * 0.6)
        };
        if [0, 1, 2].iter().all(|k| grows(*k) < 0.05) {
            continue;
        }
        let mut copy = |k: usize| {
            let v = t.v[k] as usize;
            if copies[v] == u32::MAX {
                copies[v] = scene.places.len() as u32 - first.0;
                let (thick, mean) = (grows(k), head.mean[v]);
                // It hangs from the chin and lies on the cheeks.
                let hang = length * smooth(-4.0, -7.5, mean.y) * smooth(2.0, 6.0, mean.z);
                let off = person.normals[v] * (0.1 + 0.45 * length) - vec3(0.0, hang, 0.0);
                let place = person.places[v] + off * smooth(0.1, 1.0, thick);
                let [u, down] = head.uv[t.t[k] as usize];
                // Towards the edge the strands end; over the whole they run down.
                let uv = [u, 1.0 - 0.9 * smooth(0.1, 1.0, thick) + 0.15 * (0.3 - down)];
                scene.vertex(place, person.normals[v], uv, head.open[v].max(0.5), Bearing::share(mean));
            }
            copies[v]
        };
        let v = [copy(0), copy(1), copy(2)];
        let corner = Triangle { v: v.map(|v| v + first.0), t: v.map(|v| v + first.1) };
        scene.triangles.push(corner);
    }
    scene.part(start, Material::Hair, Cutout::Strands(0.9));
}
