//! Rounded solids: from a ball over a drum to a box.

use super::super::Grid;
use crate::math::{Rotation, Vec3, vec3};

/// A solid of half sizes `half`; `edges` 1 is a ball, smaller is more of a box, apart for the cross-section (x, z) and the
/// profile (y).
pub(super) fn solid(center: Vec3, half: Vec3, edges: [f32; 2], turn: &Rotation) -> Grid {
    let bend = |v: f32, e: f32| v.signum() * v.abs().powf(e);
    Grid::new(20, 13, true, |u, v| {
        let ((sa, ca), (se, ce)) =
            ((u * std::f32::consts::TAU).sin_cos(), ((v - 0.5) * -std::f32::consts::PI).sin_cos());
        let wide = bend(ce, edges[1]);
        let p = vec3(
            half.x * bend(sa, edges[0]) * wide,
            half.y * bend(se, edges[1]),
            half.z * bend(ca, edges[0]) * wide,
        );
        (center + turn.of(p), 0.85)
    })
}
