//! How a convolution is cut into tiles, and the unfolding of one tile (im2col).

/// The sizes of a convolution with a square kernel; tensors are [batch, channels, height, width].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

impl Sizes {
    pub(super) fn out_height(&self) -> usize {
        (self.height + 2 * self.padding - self.kernel) / self.stride + 1
    }

    pub(super) fn out_width(&self) -> usize {
        (self.width + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Pixels of an output map.
    pub(super) fn out_area(&self) -> usize {
        self.out_height() * self.out_width()
    }

    /// Inputs of an output: the rows of an unfolded tile.
    pub(super) fn depth(&self) -> usize {
        self.inputs * self.kernel * self.kernel
    }

    /// The tiles in their order: rows of one image where an image is large, several whole images where it is small.
    pub(super) fn tiles(&self) -> Vec<Tile> {
        let (height, area) = (self.out_height(), self.out_area());
        if area == 0 {
            return Vec::new();
        }
        if area < COLUMNS {
            let images = COLUMNS.div_ceil(area);
            let whole = |first| Tile { first, images: images.min(self.batch - first), top: 0, rows: height };
            return (0..self.batch).step_by(images).map(whole).collect();
        }
        let rows = (COLUMNS / self.out_width()).max(1);
        (0..self.batch)
            .flat_map(|first| {
                (0..height).step_by(rows).map(move |top| Tile {
                    first,
                    images: 1,
                    top,
                    rows: rows.min(height - top),
                })
            })
            .collect()
    }
}

/// Columns of a tile, about: enough for the matrix product to run at full speed, few enough to stay in the cache.
const COLUMNS: usize = 128;

/// Some output rows of some images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tile {
    /// The first image.
    pub(super) first: usize,
    pub(super) images: usize,
    /// The first output row.
    pub(super) top: usize,
    pub(super) rows: usize,
}

impl Tile {
    /// Output pixels in it, all images together.
    pub(super) fn columns(&self, sizes: &Sizes) -> usize {
        self.images * self.rows * sizes.out_width()
    }

    /// Unfolds the input of this tile into `unfolded`, [depth, columns]: what each output pixel is made from.
    pub(super) fn unfold(&self, sizes: &Sizes, input: &[f32], unfolded: &mut [f32]) {
        let Sizes { inputs, height, width, kernel, stride, padding, .. } = *sizes;
        let out_width = sizes.out_width();
        let columns = self.columns(sizes);
        for (row, line) in unfolded.chunks_exact_mut(columns).enumerate() {
            let (channel, ky, kx) = (row / (kernel * kernel), row / kernel % kernel, row % kernel);
            // Output columns whose input lies inside the image: 0 <= x * stride + kx - padding < width.
            let from = padding.saturating_sub(kx).div_ceil(stride).min(out_width);
            let to = (width + padding).saturating_sub(kx).div_ceil(stride).clamp(from, out_width);
            for (piece, out) in line.chunks_exact_mut(out_width).enumerate() {
                let (image, y) = (self.first + piece / self.rows, self.top + piece % self.rows);
                let iy = (y * stride + ky).wrapping_sub(padding);
                if iy >= height {
                    out.fill(0.0);
                    continue;
                }
                out[..from].fill(0.0);
                out[to..].fill(0.0);
                if from < to {
                    let start =
                        ((image * inputs + channel) * height + iy) * width + from * stride + kx - padding;
                    let inside = &mut out[from..to];
                    if stride == 1 {
                        inside.copy_from_slice(&input[start..start + inside.len()]);
                    } else {
                        for (o, i) in inside.iter_mut().zip(input[start..].iter().step_by(stride)) {
                            *o = *i;
                        }
                    }
                }
            }
        }
    }

    /// Copies the tile's pixels of each output channel out of [batch, outputs, area] into [outputs, columns].
    pub(super) fn gather(&self, sizes: &Sizes, maps: &[f32], gathered: &mut [f32]) {
        let (area, part) = (sizes.out_area(), self.rows * sizes.out_width());
        for (channel, line) in gathered.chunks_exact_mut(self.columns(sizes)).enumerate() {
            for (i, out) in line.chunks_exact_mut(part).enumerate() {
                let start =
                    ((self.first + i) * sizes.outputs + channel) * area + self.top * sizes.out_width();
                out.copy_from_slice(&maps[start..start + part]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(batch: usize, side: usize, kernel: usize, stride: usize, padding: usize) -> Sizes {
        Sizes { batch, inputs: 1, outputs: 1, height: side, width: side, kernel, stride, padding }
    }

    #[test]
    fn tiles_cover_every_output_pixel_once() {
        for (batch, side, stride) in [(3, 64, 1), (3, 4, 1), (40, 4, 1), (2, 200, 2), (1, 9, 2), (5, 1, 1)] {
            let sizes = sizes(batch, side, 3, stride, 1);
            let mut seen = vec![0; batch * sizes.out_height()];
            for tile in sizes.tiles() {
                for image in tile.first..tile.first + tile.images {
                    (tile.top..tile.top + tile.rows).for_each(|y| seen[image * sizes.out_height() + y] += 1);
                }
            }
            assert!(seen.iter().all(|n| *n == 1), "{sizes:?}");
        }
    }

    #[test]
    fn unfolding_worked_out_by_hand() {
        // 1 2
        // 3 4, kernel 3, padding 1: each line of the unfolded tile is the image shifted by the kernel's offset.
        let sizes = sizes(1, 2, 3, 1, 1);
        let tile = Tile { first: 0, images: 1, top: 0, rows: 2 };
        let mut unfolded = vec![9.0; 9 * 4];
        tile.unfold(&sizes, &[1.0, 2.0, 3.0, 4.0], &mut unfolded);
        let lines: Vec<&[f32]> = unfolded.chunks(4).collect();
        assert_eq!(lines[0], [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(lines[1], [0.0, 0.0, 1.0, 2.0]);
        assert_eq!(lines[4], [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(lines[5], [2.0, 0.0, 4.0, 0.0]);
        assert_eq!(lines[8], [4.0, 0.0, 0.0, 0.0]);
    }
}
