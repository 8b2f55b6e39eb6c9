#![expect(unsafe_code, reason = "calls the loops over registers, whose bounds it asserts")]

use super::weights::Weights;
use crate::{
    microkernel::{PIXELS, VECTORS, Window, products, store},
    tile::SLACK,
    vectors::{dispatch, many_registers},
};
use pulp::{Simd, WithSimd};

/// Convolves a tile: `tile` is [rows, pitch, inputs] with its padding and room behind it ([`crate::tile::Tile`]), and the
/// outputs, [rows, width, outputs], go to `out`. Outputs start from `bias`.
pub(crate) struct Windows<'a> {
    pub(crate) tile: &'a [f32],
    pub(crate) pitch: usize,
    pub(crate) stride: usize,
    pub(crate) weights: &'a Weights,
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) out: &'a mut [f32],
    pub(crate) width: usize,
}

/// A line of outputs whose windows lie the same distance apart: `columns` of them, of which the first `width` of every
/// `pitch` are wanted.
struct Line {
    columns: usize,
    pitch: usize,
    width: usize,
}

impl Windows<'_> {
    pub(crate) fn run(self) {
        dispatch(self);
    }
}

impl WithSimd for Windows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Weights { kernel, inputs, outputs, lanes, .. } = *self.weights;
        assert_eq!(lanes, S::F32_LANES);
        let rows = self.out.len() / (outputs * self.width).max(1);
        if rows == 0 {
            return;
        }
        assert_eq!(self.out.len(), rows * self.width * outputs);
        let read = ((rows - 1) * self.stride + kernel) * self.pitch;
        assert!(self.tile.len() >= (read + 16 * self.stride) * inputs + SLACK);
        assert!((self.width - 1) * self.stride + kernel <= self.pitch);
        let window = Window { rows: kernel, pitch: self.pitch * inputs, run: kernel * inputs };
        for (first, vectors, start) in self.weights.panels() {
            let weights = &self.weights.values[start..];
            assert!(weights.len() >= kernel * window.run * vectors * lanes);
            let bias = self.bias.map(|bias| &bias[first..(first + vectors * lanes).min(outputs)]);
            let wanted = (outputs - first).min(vectors * lanes);
            // At stride 1 the rows of the tile are one line, with the padding between them computed and thrown away.
            let (lines, line) = if self.stride == 1 {
                let columns = (rows - 1) * self.pitch + self.width;
                (1, Line { columns, pitch: self.pitch, width: self.width })
            } else {
                (rows, Line { columns: self.width, pitch: self.width, width: self.width })
            };
            for row in 0..lines {
                let tile = &self.tile[row * self.stride * self.pitch * inputs..];
                let out = &mut self.out[row * self.width * outputs + first..];
                let step = self.stride * inputs;
                let many = many_registers::<S>();
                // SAFETY: the assertions above; the windows of the last pixels and those of up to 14 behind them end
                // before the tile's room does.
                unsafe {
                    match (vectors == VECTORS, many) {
                        (true, true) => along::<S, { PIXELS.0 }, VECTORS>(
                            simd, tile, step, window, weights, bias, wanted, &line, out, outputs,
                        ),
                        (false, true) => along::<S, { PIXELS.0 }, 1>(
                            simd, tile, step, window, weights, bias, wanted, &line, out, outputs,
                        ),
                        (true, false) => along::<S, { PIXELS.1 }, VECTORS>(
                            simd, tile, step, window, weights, bias, wanted, &line, out, outputs,
                        ),
                        (false, false) => along::<S, { PIXELS.1 }, 1>(
                            simd, tile, step, window, weights, bias, wanted, &line, out, outputs,
                        ),
                    }
                }
            }
        }
    }
}

/// # Safety
/// The windows of `line.columns` pixels and of up to `P` behind them lie in `tile`; `weights` holds `V` vectors for each
/// of the window's values.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the innermost loop's operands")]
unsafe fn along<S: Simd, const P: usize, const V: usize>(
    simd: S,
    tile: &[f32],
    step: usize,
    window: Window,
    weights: &[f32],
    bias: Option<&[f32]>,
    wanted: usize,
    line: &Line,
    out: &mut [f32],
    out_step: usize,
) {
    let mut start = [simd.splat_f32s(0.0); V];
    if let Some(bias) = bias {
        for (start, bias) in start.iter_mut().zip(bias.chunks(S::F32_LANES)) {
            *start = simd.partial_load_f32s(bias);
        }
    }
    let (mut column, mut row) = (0, 0);
    for first in (0..line.columns).step_by(P) {
        // SAFETY: the caller's.
        let sums = unsafe {
            products::<S, P, V>(simd, tile.as_ptr().add(first * step), step, window, weights.as_ptr(), start)
        };
        for (p, sums) in sums.iter().enumerate() {
            if column < line.width && first + p < line.columns {
                let pixel = &mut out[(row * line.width + column) * out_step..][..wanted];
                if wanted == V * S::F32_LANES {
                    for (v, sum) in sums.iter().enumerate() {
                        // SAFETY: the pixel is V vectors long.
                        unsafe { store::<S>(pixel.as_mut_ptr().add(v * S::F32_LANES), *sum) };
                    }
                } else {
                    for (v, sum) in sums.iter().enumerate() {
                        let lanes = wanted.saturating_sub(v * S::F32_LANES).min(S::F32_LANES);
                        let mask = simd.mask_between_m32s(0, lanes as u32);
                        // SAFETY: the lanes of the mask lie in the pixel.
                        unsafe {
                            let at = pixel.as_mut_ptr().wrapping_add(v * S::F32_LANES);
                            simd.mask_store_ptr_f32s(mask, at, *sum);
                        }
                    }
                }
            }
            column += 1;
            if column == line.pitch {
                (column, row) = (0, row + 1);
            }
        }
    }
}
