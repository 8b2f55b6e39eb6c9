//! The two innermost loops of a convolution, over registers. Both reach the processor's peak where their operands are
//! in the second-level cache: each loads one vector a product that it makes, or fewer.

#![expect(
    unsafe_code,
    reason = "the innermost loops read and write whole vectors by pointer, without a bounds check a vector"
)]

use pulp::Simd;

/// Pixels side by side in registers, for processors with 32 vector registers and with 16.
pub(crate) const PIXELS: (usize, usize) = (14, 6);

/// Input channels side by side in registers, likewise.
#[cfg(feature = "training")]
pub(crate) const INPUTS: (usize, usize) = (12, 6);

/// Vectors of output channels side by side in registers.
pub(crate) const VECTORS: usize = 2;

/// # Safety
/// `at` must be readable for a vector.
#[inline(always)]
pub(crate) unsafe fn load<S: Simd>(at: *const f32) -> S::f32s {
    // SAFETY: the caller's; an unaligned read asks for no more.
    unsafe { at.cast::<S::f32s>().read_unaligned() }
}

/// # Safety
/// `at` must be writable for a vector.
#[inline(always)]
pub(crate) unsafe fn store<S: Simd>(at: *mut f32, value: S::f32s) {
    // SAFETY: the caller's; an unaligned write asks for no more.
    unsafe { at.cast::<S::f32s>().write_unaligned(value) }
}

/// The rows of a window: `rows` of them, `pitch` floats apart, `run` floats each.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) rows: usize,
    pub(crate) pitch: usize,
    pub(crate) run: usize,
}

/// `P` pixels, `step` floats apart from `pixels` on, times `V` vectors of output channels, from `start` on: the sum over
/// the window of value x weight. Weights lie [rows, run, V vectors].
///
/// # Safety
/// For each pixel the window must be readable, and so must the weights.
#[inline(always)]
pub(crate) unsafe fn products<S: Simd, const P: usize, const V: usize>(
    simd: S,
    pixels: *const f32,
    step: usize,
    window: Window,
    weights: *const f32,
    start: [S::f32s; V],
) -> [[S::f32s; V]; P] {
    let mut sums = [start; P];
    let mut weights = weights;
    for row in 0..window.rows {
        // SAFETY: all reads stay in the windows and in the weights, which the caller vouches for.
        unsafe {
            let mut pixel = pixels.add(row * window.pitch);
            for _ in 0..window.run {
                let mut weight = start;
                for (v, weight) in weight.iter_mut().enumerate() {
                    *weight = load::<S>(weights.add(v * S::F32_LANES));
                }
                for (p, sums) in sums.iter_mut().enumerate() {
                    let value = simd.splat_f32s(*pixel.add(p * step));
                    for (sum, weight) in sums.iter_mut().zip(weight) {
                        *sum = simd.mul_add_e_f32s(value, weight, *sum);
                    }
                }
                pixel = pixel.add(1);
                weights = weights.add(V * S::F32_LANES);
            }
        }
    }
    sums
}

/// `C` neighbouring values times `V` vectors of neighbours, summed over `count` pixels that lie `steps` floats apart.
///
/// # Safety
/// All of them must be readable.
#[cfg(feature = "training")]
#[inline(always)]
pub(crate) unsafe fn outer_products<S: Simd, const C: usize, const V: usize>(
    simd: S,
    values: *const f32,
    others: *const f32,
    steps: (usize, usize),
    count: usize,
) -> [[S::f32s; V]; C] {
    let mut sums = [[simd.splat_f32s(0.0); V]; C];
    let (mut values, mut others) = (values, others);
    for _ in 0..count {
        // SAFETY: the caller's.
        unsafe {
            let mut other = [simd.splat_f32s(0.0); V];
            for (v, other) in other.iter_mut().enumerate() {
                *other = load::<S>(others.add(v * S::F32_LANES));
            }
            for (c, sums) in sums.iter_mut().enumerate() {
                let value = simd.splat_f32s(*values.add(c));
                for (sum, other) in sums.iter_mut().zip(other) {
                    *sum = simd.mul_add_e_f32s(value, other, *sum);
                }
            }
            values = values.wrapping_add(steps.0);
            others = others.wrapping_add(steps.1);
        }
    }
    sums
}
