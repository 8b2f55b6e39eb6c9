//! The depth buffer and its filling.

use crate::mesh::Triangle;

/// The number of no triangle.
pub(crate) const NONE: u32 = u32::MAX;

/// Samples in rows. The greater depth is the nearer one: one over the distance for a camera, the height towards the lamp
/// for a shadow map.
pub(crate) struct Buffer {
    pub width: usize,
    pub height: usize,
    pub depth: Vec<f32>,
    /// The triangle seen, or [`NONE`].
    pub id: Vec<u32>,
}

impl Buffer {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let n = width * height;
        Self { width, height, depth: vec![f32::NEG_INFINITY; n], id: vec![NONE; n] }
    }

    /// Draws triangles whose vertices are at `screen` (samples, and depth); the first has the number `first`.
    /// `both_sides`: also those that turn their back. `keep` may refuse a sample by the triangle and the weights of its
    /// corners (in the plane of the screen), as for hair with gaps.
    pub(crate) fn draw(
        &mut self,
        screen: &[[f32; 3]],
        triangles: &[Triangle],
        first: u32,
        both_sides: bool,
        keep: impl Fn(&Triangle, [f32; 3]) -> bool,
    ) {
        let (right, bottom) = (self.width as f32 - 1.0, self.height as f32 - 1.0);
        for (triangle, id) in triangles.iter().zip(first..) {
            let [mut a, mut b, c] = triangle.v.map(|v| screen[v as usize]);
            let mut area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
            // Rows run downwards, so corners that go round to the left in space have a negative area here.
            let swapped = area < 0.0;
            if swapped {
                std::mem::swap(&mut a, &mut b);
                area = -area;
            } else if !both_sides {
                continue;
            }
            let low = |i: usize| a[i].min(b[i]).min(c[i]);
            let high = |i: usize| a[i].max(b[i]).max(c[i]);
            // Written so that a place that is no number draws nothing.
            if !(area > 1e-9 && high(0) >= 0.0 && high(1) >= 0.0 && low(0) <= right && low(1) <= bottom) {
                continue;
            }
            let (x0, x1) = (up(low(0).max(0.0)), high(0).min(right) as usize);
            let (y0, y1) = (up(low(1).max(0.0)), high(1).min(bottom) as usize);
            if x0 > x1 || y0 > y1 {
                continue;
            }
            let k = 1.0 / area;
            // Weight of each corner at (x0, y0), and its steps to the right and down.
            let edge = |p: [f32; 3], q: [f32; 3]| {
                let (dx, dy) = (-(q[1] - p[1]) * k, (q[0] - p[0]) * k);
                ((x0 as f32 - p[0]) * dx + (y0 as f32 - p[1]) * dy, dx, dy)
            };
            let ((wa, ax, ay), (wb, bx, by)) = (edge(b, c), edge(c, a));
            let (da, db) = (a[2] - c[2], b[2] - c[2]);
            // Samples on an edge belong to both of its triangles, a little more than exactly, so that no gap remains.
            const EDGE: f32 = -1e-4;
            let steps = [ax, bx, -ax - bx];
            let crossing =
                if x1 - x0 > 6 { steps.map(|s| if s == 0.0 { 0.0 } else { -1.0 / s }) } else { steps };
            let deeper = da * ax + db * bx;
            for y in y0..=y1 {
                let down = (y - y0) as f32;
                let (u, v) = (wa + ay * down, wb + by * down);
                let (mut from, mut to) = (0, x1 - x0);
                // Where each edge is crossed; in a narrow triangle it is cheaper to look at all samples.
                if x1 - x0 > 6 {
                    let (mut low, mut high) = (0.0_f32, to as f32);
                    for ((weight, step), crossing) in [u, v, 1.0 - u - v].into_iter().zip(steps).zip(crossing)
                    {
                        let x = weight * crossing;
                        if step > 0.0 {
                            low = low.max(x);
                        } else if step < 0.0 {
                            high = high.min(x);
                        } else if weight < 0.0 {
                            high = -1.0;
                        }
                    }
                    if high < low {
                        continue;
                    }
                    // One more at each end, which is looked at like all others.
                    from = (low as usize).saturating_sub(1);
                    to = to.min(high as usize + 1);
                }
                let row = y * self.width + x0;
                let span = row + from..row + to + 1;
                let nearer = c[2] + da * u + db * v;
                let samples = self.depth[span.clone()].iter_mut().zip(&mut self.id[span]);
                for (i, (seen, seen_id)) in samples.enumerate() {
                    let x = (from + i) as f32;
                    let depth = nearer + deeper * x;
                    if depth > *seen {
                        let (u, v) = (u + ax * x, v + bx * x);
                        let w = 1.0 - u - v;
                        if u >= EDGE
                            && v >= EDGE
                            && w >= EDGE
                            && keep(triangle, if swapped { [v, u, w] } else { [u, v, w] })
                        {
                            (*seen, *seen_id) = (depth, id);
                        }
                    }
                }
            }
        }
    }
}

/// Rounds up what is not negative.
fn up(v: f32) -> usize {
    let low = v as usize;
    low + usize::from((low as f32) < v)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle(v: [u32; 3]) -> Triangle {
        Triangle { v, t: v }
    }

    #[test]
    fn the_nearer_triangle_is_seen_and_backs_are_not() {
        // Two triangles cover the lower left half of a 4 x 4 square, the second is nearer; a third turns its back.
        let screen = [
            [0.0, 0.0, 1.0],
            [0.0, 3.0, 1.0],
            [3.0, 3.0, 1.0],
            [0.0, 0.0, 2.0],
            [0.0, 3.0, 2.0],
            [3.0, 3.0, 2.0],
        ];
        let mut buffer = Buffer::new(4, 4);
        buffer.draw(
            &screen,
            &[triangle([0, 1, 2]), triangle([3, 4, 5]), triangle([3, 5, 4])],
            7,
            false,
            |_, _| true,
        );
        let seen = buffer.id.iter().filter(|id| **id == 8).count();
        // 1 + 2 + 3 + 4 samples at or below the diagonal.
        assert_eq!((seen, buffer.id[1], buffer.depth[4]), (10, NONE, 2.0));
    }

    #[test]
    fn depth_runs_evenly_over_a_triangle() {
        let screen = [[0.0, 0.0, 0.0], [0.0, 4.0, 4.0], [4.0, 0.0, 8.0]];
        let mut buffer = Buffer::new(5, 5);
        buffer.draw(&screen, &[triangle([0, 1, 2])], 0, false, |_, _| true);
        // One to the right adds 2, one down adds 1.
        assert!((buffer.depth[5 + 1] - 3.0).abs() < 1e-5 && (buffer.depth[2] - 4.0).abs() < 1e-5);
    }
}
