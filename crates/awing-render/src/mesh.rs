//! Triangles of vertices.

use crate::math::Vec3;

/// A triangle: three vertices and the three texture coordinates that go with them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Triangle {
    pub v: [u32; 3],
    pub t: [u32; 3],
}

/// Area-weighted normals of all vertices that the triangles touch, of length 1; zero elsewhere.
pub(crate) fn normals<'a>(places: &[Vec3], triangles: impl IntoIterator<Item = &'a Triangle>) -> Vec<Vec3> {
    let mut normals = vec![Vec3::ZERO; places.len()];
    for t in triangles {
        let [a, b, c] = t.v.map(|v| v as usize);
        let n = (places[b] - places[a]).cross(places[c] - places[a]);
        normals[a] += n;
        normals[b] += n;
        normals[c] += n;
    }
    normals.into_iter().map(Vec3::unit).collect()
}
