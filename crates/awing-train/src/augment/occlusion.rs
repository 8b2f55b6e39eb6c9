use super::noise::add_noise;
use awing::geometry::Planes;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Something stands before the face: a rectangle or an ellipse filled with one color, with noise, or with another part of
/// the crop. The landmarks under it keep their place and their visibility: the network is asked to guess them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Occlusion {
    /// How often. 0 to 1.
    pub probability: f64,
    /// Smallest width and height, as a fraction of the crop's side; both are drawn uniformly. 0 to 1.
    pub min_side: f64,
    /// Largest width and height, as a fraction of the crop's side. 0 to 1.
    pub max_side: f64,
}

impl Default for Occlusion {
    fn default() -> Self {
        Self { probability: 0.4, min_side: 0.1, max_side: 0.4 }
    }
}

#[derive(Clone, Copy)]
struct Shape {
    x0: usize,
    y0: usize,
    width: usize,
    height: usize,
    round: bool,
}

#[derive(Clone, Copy)]
enum Fill {
    Color([u8; 3]),
    Noise(u64),
    /// The pixels of the same crop whose top-left corner is here.
    Patch(usize, usize),
}

impl Occlusion {
    pub(super) fn apply(&self, crop: &mut Planes, rng: &mut impl Rng) {
        if !rng.random_bool(self.probability) {
            return;
        }
        let whole = crop.side();
        let mut side = || {
            let fraction = rng.random_range(self.min_side..=self.max_side);
            ((fraction * whole as f64).round() as usize).min(whole)
        };
        let (width, height) = (side(), side());
        let mut place = || (rng.random_range(0..=whole - width), rng.random_range(0..=whole - height));
        let ((x0, y0), (patch_x, patch_y)) = (place(), place());
        let shape = Shape { x0, y0, width, height, round: rng.random() };
        let fill = match rng.random_range(0..3) {
            0 => Fill::Color(rng.random()),
            1 => Fill::Noise(rng.random()),
            _ => Fill::Patch(patch_x, patch_y),
        };
        cover(crop, shape, fill);
    }
}

fn cover(crop: &mut Planes, shape: Shape, fill: Fill) {
    let side = crop.side();
    let Shape { x0, y0, width, height, .. } = shape;
    let noise = match fill {
        Fill::Noise(seed) => {
            let mut values = vec![128; 3 * width * height];
            add_noise(&mut values, 64.0, seed);
            values
        }
        Fill::Color(_) | Fill::Patch(..) => Vec::new(),
    };
    let mut patch = vec![0; width * height];
    for (c, plane) in crop.planes_mut().into_iter().enumerate() {
        match fill {
            Fill::Color(color) => patch.fill(color[c]),
            Fill::Noise(_) => {
                for (value, pixel) in patch.iter_mut().zip(noise.as_chunks::<3>().0) {
                    *value = pixel[c];
                }
            }
            // Copied first: the patch may lie under the shape.
            Fill::Patch(left, top) => {
                for (row, values) in patch.chunks_exact_mut(width.max(1)).enumerate() {
                    values.copy_from_slice(&plane[(top + row) * side + left..][..width]);
                }
            }
        }
        for (row, values) in patch.chunks_exact(width.max(1)).enumerate() {
            let columns = shape.columns(row);
            plane[(y0 + row) * side + x0..][columns.clone()].copy_from_slice(&values[columns]);
        }
    }
}

impl Shape {
    /// The covered columns of a row of the shape, both counted from its corner.
    fn columns(&self, row: usize) -> std::ops::Range<usize> {
        if !self.round {
            return 0..self.width;
        }
        // Height over the middle in units of the half height, -1 to 1; the half width there is sqrt(1 - v^2).
        let v = (2.0 * row as f64 + 1.0) / self.height as f64 - 1.0;
        let indent = self.width as f64 / 2.0 * (1.0 - (1.0 - v * v).max(0.0).sqrt());
        let indent = indent.round() as usize;
        indent..(self.width - indent).max(indent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Red is x, green is y.
    fn numbered() -> Planes {
        Planes::from(&RgbImage::from_fn(8, 8, |x, y| Rgb([x as u8, y as u8, 99])))
    }

    #[test]
    fn a_rectangle_covers_its_pixels_and_no_others() {
        let mut crop = numbered();
        cover(&mut crop, Shape { x0: 2, y0: 5, width: 4, height: 3, round: false }, Fill::Color([1, 2, 3]));
        for (x, y, p) in crop.to_rgb().enumerate_pixels() {
            let covered = (2..6).contains(&x) && (5..8).contains(&y);
            assert_eq!(p.0 == [1, 2, 3], covered, "at {x}, {y}");
        }
    }

    #[test]
    fn a_circle_of_four_pixels_lacks_its_corners() {
        // Rows at v = -0.75, -0.25, 0.25, 0.75. Indent 2 (1 - sqrt(1 - v^2)): 0.68 -> 1 on the outer rows, 0.06 -> 0 inside.
        let shape = Shape { x0: 0, y0: 0, width: 4, height: 4, round: true };
        assert_eq!([0, 1, 2, 3].map(|row| shape.columns(row)), [1..3, 0..4, 0..4, 1..3]);
    }

    #[test]
    fn a_patch_is_copied_even_where_it_overlaps_itself() {
        let mut crop = numbered();
        cover(&mut crop, Shape { x0: 1, y0: 1, width: 5, height: 5, round: false }, Fill::Patch(3, 2));
        for (x, y) in [(1, 1), (5, 5), (4, 3)] {
            assert_eq!(crop.to_rgb().get_pixel(x, y).0, [x as u8 + 2, y as u8 + 1, 99]);
        }
    }

    #[test]
    fn every_draw_fits_into_every_crop() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for side in [1, 2, 9, 16] {
            for (min_side, max_side) in [(0.0, 0.0), (0.1, 0.4), (0.0, 1.0), (1.0, 1.0)] {
                for _ in 0..50 {
                    let occlusion = Occlusion { probability: 1.0, min_side, max_side };
                    occlusion.apply(&mut Planes::new(side), &mut rng);
                }
            }
        }
    }
}
