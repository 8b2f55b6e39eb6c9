#![expect(unsafe_code, reason = "calls the loops over registers, whose bounds it asserts")]

use crate::{
    microkernel::{INPUTS, VECTORS, load, outer_products, store},
    tile::SLACK,
    vectors::{dispatch, many_registers},
};
use pulp::{Simd, WithSimd};

/// What a tile adds to the gradient of the weights: for each place of the kernel, the products of inputs and gradients
/// summed over the tile's pixels.
///
/// `tile` is [rows, pitch, inputs] with its padding; `above` the gradient of the tile's outputs, [rows, above_pitch,
/// outputs], its first pixel belonging to the first window; both with room behind. `sums` is
/// [kernel, kernel, inputs, outputs].
pub(crate) struct Correlate<'a> {
    pub(crate) tile: &'a [f32],
    pub(crate) pitch: usize,
    pub(crate) inputs: usize,
    pub(crate) above: &'a [f32],
    pub(crate) above_pitch: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    pub(crate) width: usize,
    pub(crate) sums: &'a mut [f32],
}

impl Correlate<'_> {
    pub(crate) fn run(self) {
        dispatch(self);
    }
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { tile, pitch, inputs, above, above_pitch, outputs, kernel, stride, rows, width, sums } =
            self;
        assert!(tile.len() >= ((rows - 1) * stride + kernel) * pitch * inputs + SLACK);
        assert!(above.len() >= ((rows - 1) * above_pitch + width) * outputs + SLACK);
        assert!((width - 1) * stride + kernel <= pitch);
        assert_eq!(sums.len(), kernel * kernel * inputs * outputs);
        // Where the gradient has zeros at the same places between its rows, all rows are one line.
        let (lines, count) =
            if stride == 1 && pitch == above_pitch { (1, (rows - 1) * pitch + width) } else { (rows, width) };
        let run = kernel * inputs;
        let many = many_registers::<S>();
        let steps = (stride * inputs, outputs);
        for first in (0..outputs).step_by(VECTORS * S::F32_LANES) {
            let wanted = (outputs - first).min(VECTORS * S::F32_LANES);
            let wide = wanted > S::F32_LANES;
            for place in 0..kernel {
                let mut at = 0;
                while at < run {
                    let values = &tile[place * pitch * inputs + at..];
                    let most = if many { INPUTS.0 } else { INPUTS.1 };
                    let taken = if run - at >= most { most } else { (run - at).min(3) };
                    for line in 0..lines {
                        let values = &values[line * stride * pitch * inputs..];
                        let others = &above[line * above_pitch * outputs + first..];
                        let sums = &mut sums[(place * run + at) * outputs + first..];
                        macro_rules! add {
                            ($($inputs:literal),*) => {
                                match (taken, wide) {
                                    $(
                                        ($inputs, true) => add::<S, $inputs, VECTORS>(simd, values, others, steps, count, sums, outputs, wanted),
                                        ($inputs, false) => add::<S, $inputs, 1>(simd, values, others, steps, count, sums, outputs, wanted),
                                    )*
                                    _ => unreachable!("as many inputs as there are kernels for"),
                                }
                            };
                        }
                        // SAFETY: the assertions above; both tiles have room for a vector behind them.
                        unsafe { add!(12, 6, 3, 2, 1) };
                    }
                    at += taken;
                }
            }
        }
    }
}

/// # Safety
/// `count` times `C` values and `V` vectors must be readable at `steps`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the innermost loop's operands")]
unsafe fn add<S: Simd, const C: usize, const V: usize>(
    simd: S,
    values: &[f32],
    others: &[f32],
    steps: (usize, usize),
    count: usize,
    sums: &mut [f32],
    outputs: usize,
    wanted: usize,
) {
    // SAFETY: the caller's.
    let products = unsafe { outer_products::<S, C, V>(simd, values.as_ptr(), others.as_ptr(), steps, count) };
    for (c, products) in products.iter().enumerate() {
        let sums = &mut sums[c * outputs..][..wanted];
        if wanted == V * S::F32_LANES {
            for (v, product) in products.iter().enumerate() {
                // SAFETY: the sums are V vectors long.
                unsafe {
                    let at = sums.as_mut_ptr().add(v * S::F32_LANES);
                    store::<S>(at, simd.add_f32s(load::<S>(at), *product));
                }
            }
        } else {
            for (v, product) in products.iter().enumerate() {
                let lanes = wanted.saturating_sub(v * S::F32_LANES).min(S::F32_LANES);
                let mask = simd.mask_between_m32s(0, lanes as u32);
                // SAFETY: the lanes of the mask lie in the sums.
                unsafe {
                    let at = sums.as_mut_ptr().wrapping_add(v * S::F32_LANES);
                    let sum = simd.add_f32s(simd.mask_load_ptr_f32s(mask, at), *product);
                    simd.mask_store_ptr_f32s(mask, at, sum);
                }
            }
        }
    }
}
