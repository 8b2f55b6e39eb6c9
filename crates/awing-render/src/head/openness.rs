//! Ambient occlusion of the mean head, from shadow maps all around it.

use super::{Head, Surface};
use crate::{math::vec3, mesh::normals, raster::ShadowMap};

/// How much of the sky above its own surface each vertex of the mean head sees, 0 to 1, by the cosine.
pub(super) fn openness(head: &Head) -> Vec<f32> {
    const DIRECTIONS: usize = 72;
    let normals = normals(&head.mean, &head.triangles);
    let (mut seen, mut whole) = (vec![0.0_f32; normals.len()], vec![1e-6_f32; normals.len()]);
    for i in 0..DIRECTIONS {
        // A spiral from pole to pole spreads directions evenly.
        let y = 1.0 - 2.0 * (i as f32 + 0.5) / DIRECTIONS as f32;
        let (sin, cos) = (2.399_963_2 * i as f32).sin_cos();
        let ring = (1.0 - y * y).sqrt();
        let direction = vec3(ring * cos, y, ring * sin);
        let mut map = ShadowMap::new(direction, 256, 24.0);
        let screen = map.screen(&head.mean);
        for (surface, range) in &head.surfaces {
            // Lashes let light through.
            if *surface != Surface::Lashes {
                map.draw(&screen, &head.triangles[range.clone()], true);
            }
        }
        for (v, (place, normal)) in head.mean.iter().zip(&normals).enumerate() {
            let cosine = normal.dot(direction);
            if cosine > 0.0 {
                whole[v] += cosine;
                if map.sees(*place + *normal * 0.1, 0.12) {
                    seen[v] += cosine;
                }
            }
        }
    }
    seen.iter().zip(&whole).map(|(s, w)| (s / w).min(1.0)).collect()
}
