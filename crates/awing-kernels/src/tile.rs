use crate::rows::Rows;
use crate::vectors::dispatch;
use pulp::{Simd, WithSimd};
use std::cell::RefCell;

/// Floats behind the last pixel that a vector may read without using them.
pub(crate) const SLACK: usize = 64;

thread_local! {
    static SCRATCH: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of this thread for the length of `work`: at least `len` floats, of any value.
pub(crate) fn with_scratch<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    // Taken out, so that work which asks for another buffer gets another one.
    let mut buffer = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = work(&mut buffer);
    SCRATCH.with_borrow_mut(|kept| kept.push(buffer));
    result
}

/// Some rows of an image with the zeros that stand around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile {
    pub(crate) image: usize,
    /// The first row, counted in the image: negative in the padding.
    pub(crate) top: isize,
    pub(crate) rows: usize,
    pub(crate) padding: usize,
}

impl Tile {
    /// Floats of the tile, with room behind it for the pixels and vectors that are read over its end.
    pub(crate) fn len(&self, source: &impl Rows, step: usize) -> usize {
        self.rows * self.pitch(source) * source.channels() + 16 * step * source.channels() + SLACK
    }

    /// Pixels in a row.
    pub(crate) fn pitch(&self, source: &impl Rows) -> usize {
        source.width() + 2 * self.padding
    }

    /// Draws the rows of `source` into `out`, [rows, pitch, channels].
    pub(crate) fn fill<R: Rows>(&self, source: &R, out: &mut [f32]) {
        struct Fill<'a, R> {
            tile: &'a Tile,
            source: &'a R,
            out: &'a mut [f32],
        }
        impl<R: Rows> WithSimd for Fill<'_, R> {
            type Output = ();
            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                let Self { tile, source, out } = self;
                let side = tile.padding * source.channels();
                let row = tile.pitch(source) * source.channels();
                for (y, out) in (tile.top..).zip(out.chunks_exact_mut(row.max(1)).take(tile.rows)) {
                    if y < 0 || y as usize >= source.height() {
                        out.fill(0.0);
                    } else {
                        out[..side].fill(0.0);
                        source.fill(simd, tile.image, y as usize, &mut out[side..row - side]);
                        out[row - side..].fill(0.0);
                    }
                }
            }
        }
        dispatch(Fill { tile: self, source, out });
    }
}

/// Rows of a tile of an image of `height` rows, each of `row` bytes: a divisor of the height and a multiple of `unit`, which
/// divides it, so that tiles never cross images. Small enough for the second-level cache, smaller for few images, so that
/// there is work for all threads, but rather `least` than less. It depends on shapes alone: sums are made tile by tile and must
/// not depend on the machine.
pub(crate) fn tile_rows(images: usize, height: usize, row: usize, unit: usize, least: usize) -> usize {
    let budget = if images >= 8 { 256 * 1024 } else { 64 * 1024 };
    let most = (budget / row.max(1)).saturating_sub(2).max(least);
    (1..=height.min(most) / unit)
        .rev()
        .map(|n| n * unit)
        .find(|rows| height.is_multiple_of(*rows))
        .unwrap_or(unit)
}
