//! What is around a face, as a relief: hair, ears and shoulders lie about as deep as the nearest part of the head, and what is farther away lies
//! behind.

use crate::math::Vec3;
use crate::mesh::Triangle;
use crate::raster::{Buffer, NONE};
use crate::scene::Camera;

/// Cells a side.
const CELLS: usize = 80;
/// How deep the border of the relief lies, in centimeters behind the middle of the face.
const BEHIND: f32 = -9.0;
/// How far the relief lies behind the head's own surface, so that this is seen where there are both.
const UNDER: f32 = 0.4;
/// Steps of the smoothing; each goes one cell far.
const SMOOTHINGS: usize = 400;

/// A grid over the photo with a depth at each corner.
pub(super) struct Relief {
    /// In the camera's frame, row by row.
    pub places: Vec<Vec3>,
    /// Where each corner is in the photo, in pixels.
    pub seen: Vec<[f32; 2]>,
    pub triangles: Vec<Triangle>,
}

impl Relief {
    /// Of a square of the photo: its upper left corner and its side, in pixels. `head` is all of the head in the camera's frame.
    pub(super) fn new(
        head: &[Vec3],
        triangles: &[Triangle],
        camera: &Camera,
        corner: [f32; 2],
        side: f32,
    ) -> Self {
        let (corners, step) = (CELLS + 1, side / CELLS as f32);
        let on_grid = |place: &Vec3| {
            let [x, y, near] = camera.project(*place);
            [(x - corner[0]) / step, (y - corner[1]) / step, near]
        };
        let screen: Vec<[f32; 3]> = head.iter().map(on_grid).collect();
        let mut buffer = Buffer::new(corners, corners);
        buffer.draw(&screen, triangles, 0, false, |_, _| true);
        let is_head: Vec<bool> = buffer.id.iter().map(|id| *id != NONE).collect();
        let depth = |i: usize| if is_head[i] { camera.distance - 1.0 / buffer.depth[i] } else { BEHIND };
        let mut depths: Vec<f32> = (0..corners * corners).map(depth).collect();
        smooth(&mut depths, &is_head, corners);

        let pixel =
            |i: usize| [corner[0] + (i % corners) as f32 * step, corner[1] + (i / corners) as f32 * step];
        let seen: Vec<[f32; 2]> = (0..corners * corners).map(pixel).collect();
        let places = seen.iter().zip(&depths).map(|(pixel, z)| camera.place(*pixel, z - UNDER));
        let cell = |i: usize| {
            let (a, b) = ((i / CELLS * corners + i % CELLS) as u32, corners as u32);
            [[a, a + b, a + 1], [a + 1, a + b, a + b + 1]].map(|v| Triangle { v, t: v })
        };
        Self { places: places.collect(), triangles: (0..CELLS * CELLS).flat_map(cell).collect(), seen }
    }
}

/// Lays a smooth skin over the places that are not known, between those that are and the border.
fn smooth(depths: &mut [f32], known: &[bool], corners: usize) {
    for _ in 0..SMOOTHINGS {
        for y in 1..corners - 1 {
            for x in 1..corners - 1 {
                let i = y * corners + x;
                if !known[i] {
                    let mean =
                        0.25 * (depths[i - 1] + depths[i + 1] + depths[i - corners] + depths[i + corners]);
                    // Ahead of the mean: the error falls off faster (successive over-relaxation).
                    depths[i] += 1.8 * (mean - depths[i]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skin_is_straight_between_two_ends() {
        // A row of five, its middle rows too: 4 at the left, 0 at the right and what lies between on the edges.
        let line = [4.0, 3.0, 2.0, 1.0, 0.0];
        let mut depths: Vec<f32> = (0..5).flat_map(|_| line).collect();
        for i in [6, 7, 8, 11, 12, 13, 16, 17, 18] {
            depths[i] = -7.0;
        }
        smooth(&mut depths, &[false; 25], 5);
        assert!((depths[11] - 3.0).abs() < 1e-3 && (depths[13] - 1.0).abs() < 1e-3, "{depths:?}");
    }
}
