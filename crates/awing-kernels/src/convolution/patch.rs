//! The three small transforms of Winograd's method F(4 x 4, 3 x 3), for the points 0, 1, -1, 2, -2 and infinity, on vectors of
//! channels: of values, of weights, and of products back to outputs.

#![expect(unsafe_code, reason = "whole vectors are read and written by pointer")]

use crate::microkernel::{VECTORS, load, store};
use pulp::{Simd, WithSimd};

/// Outputs of a patch along each side.
pub(crate) const SIDE: usize = 4;

/// Values of a patch along each side.
pub(crate) const AROUND: usize = SIDE + 2;

/// Products of a patch for each pair of channels.
pub(crate) const PLACES: usize = AROUND * AROUND;

/// Some channels of a patch: a vector of them, or where not `WHOLE` its first `lanes`.
///
/// # Safety
/// The patch must be readable from `from` on, its rows and pixels `steps` floats apart, and `to` writable, `plane` floats from
/// one place to the next.
#[inline(always)]
pub(crate) unsafe fn spread_vector<S: Simd, const WHOLE: bool>(
    simd: S,
    from: *const f32,
    steps: [usize; 2],
    to: *mut f32,
    plane: usize,
    lanes: usize,
) {
    let mask = simd.mask_between_m32s(0, lanes as u32);
    let mut columns = [[simd.splat_f32s(0.0); AROUND]; AROUND];
    for (x, column) in columns.iter_mut().enumerate() {
        for (y, value) in column.iter_mut().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                let at = from.add(y * steps[0] + x * steps[1]);
                *value = if WHOLE { load::<S>(at) } else { simd.mask_load_ptr_f32s(mask, at) };
            }
        }
        *column = spread_six(simd, *column);
    }
    for y in 0..AROUND {
        let row = spread_six(simd, across(&columns, y));
        for (x, value) in row.into_iter().enumerate() {
            // SAFETY: the caller's.
            unsafe {
                let at = to.add((y * AROUND + x) * plane);
                if WHOLE { store::<S>(at, value) } else { simd.mask_store_ptr_f32s(mask, at, value) }
            }
        }
    }
}

/// The `y`th value of each column.
#[inline(always)]
fn across<V: Copy, const N: usize>(columns: &[[V; N]; AROUND], y: usize) -> [V; AROUND] {
    [columns[0][y], columns[1][y], columns[2][y], columns[3][y], columns[4][y], columns[5][y]]
}

/// factor x + y.
#[inline(always)]
fn times<S: Simd>(simd: S, factor: f32, x: S::f32s, y: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(factor), x, y)
}

/// B^T d for the points 0, 1, -1, 2, -2 and infinity.
#[inline(always)]
fn spread_six<S: Simd>(simd: S, d: [S::f32s; AROUND]) -> [S::f32s; AROUND] {
    let near = (times(simd, -4.0, d[2], d[4]), times(simd, -4.0, d[1], d[3]));
    let far = (simd.sub_f32s(d[4], d[2]), simd.sub_f32s(d[3], d[1]));
    [
        times(simd, 4.0, d[0], times(simd, -5.0, d[2], d[4])),
        simd.add_f32s(near.0, near.1),
        simd.sub_f32s(near.0, near.1),
        times(simd, 2.0, far.1, far.0),
        times(simd, -2.0, far.1, far.0),
        times(simd, 4.0, d[1], times(simd, -5.0, d[3], d[5])),
    ]
}

/// Some channels of a patch: a vector of them, or where not `WHOLE` its first `lanes`.
///
/// # Safety
/// A vector must be readable at each place from `from` on, `plane` floats apart, and the patch writable from `to` on, its rows and
/// pixels `steps` floats apart.
#[inline(always)]
pub(crate) unsafe fn gather_vector<S: Simd, const WHOLE: bool>(
    simd: S,
    from: *const f32,
    plane: usize,
    bias: S::f32s,
    to: *mut f32,
    steps: [usize; 2],
    lanes: usize,
) {
    let mask = simd.mask_between_m32s(0, lanes as u32);
    let mut columns = [[bias; SIDE]; AROUND];
    for (x, column) in columns.iter_mut().enumerate() {
        let mut values = [bias; AROUND];
        for (y, value) in values.iter_mut().enumerate() {
            // SAFETY: the caller's.
            *value = unsafe { load::<S>(from.add((y * AROUND + x) * plane)) };
        }
        *column = gather_four(simd, values);
    }
    for y in 0..SIDE {
        let row = gather_four(simd, across(&columns, y));
        for (x, value) in row.into_iter().enumerate() {
            let value = simd.add_f32s(value, bias);
            // SAFETY: the caller's.
            unsafe {
                let at = to.add(y * steps[0] + x * steps[1]);
                if WHOLE { store::<S>(at, value) } else { simd.mask_store_ptr_f32s(mask, at, value) }
            }
        }
    }
}

/// A^T m for the same points.
#[inline(always)]
fn gather_four<S: Simd>(simd: S, m: [S::f32s; AROUND]) -> [S::f32s; SIDE] {
    let (sum, difference) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    let (far_sum, far_difference) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(m[0], simd.add_f32s(sum, far_sum)),
        times(simd, 2.0, far_difference, difference),
        times(simd, 4.0, far_sum, sum),
        times(simd, 8.0, far_difference, simd.add_f32s(difference, m[5])),
    ]
}

/// The places' weights of some pairs of channels, at most [`MOST_LANES`]: `kernels` is [3, 3, pairs], and place after place goes to
/// `out`, `plane` floats apart.
pub(crate) struct Weigh<'a> {
    pub(crate) kernels: &'a [[f32; MOST_LANES]; 9],
    pub(crate) pairs: usize,
    pub(crate) out: &'a mut [f32],
    pub(crate) plane: usize,
}

/// Floats of a panel's width, at most.
pub(crate) const MOST_LANES: usize = VECTORS * 16;

impl WithSimd for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { kernels, pairs, out, plane } = self;
        assert!(pairs <= MOST_LANES && pairs.is_multiple_of(S::F32_LANES));
        assert!(out.len() >= (PLACES - 1) * plane + pairs);
        for lane in (0..pairs).step_by(S::F32_LANES) {
            let mut columns = [[simd.splat_f32s(0.0); AROUND]; 3];
            for (x, column) in columns.iter_mut().enumerate() {
                let mut kernel = [simd.splat_f32s(0.0); 3];
                for (y, value) in kernel.iter_mut().enumerate() {
                    // SAFETY: the lanes lie in the row, by the first assertion.
                    *value = unsafe { load::<S>(kernels[y * 3 + x].as_ptr().add(lane)) };
                }
                *column = weigh_three(simd, kernel);
            }
            for (y, out) in out.chunks_mut(AROUND * plane).take(AROUND).enumerate() {
                let row = weigh_three(simd, [columns[0][y], columns[1][y], columns[2][y]]);
                for (x, value) in row.into_iter().enumerate() {
                    // SAFETY: the second assertion: the last row of places too is this long.
                    unsafe { store::<S>(out.as_mut_ptr().add(x * plane + lane), value) };
                }
            }
        }
    }
}

/// G g for the same points.
#[inline(always)]
fn weigh_three<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; AROUND] {
    let near = simd.mul_f32s(simd.splat_f32s(-1.0 / 6.0), simd.add_f32s(a, c));
    let far = times(simd, 1.0 / 6.0, c, simd.mul_f32s(simd.splat_f32s(1.0 / 24.0), a));
    [
        simd.mul_f32s(simd.splat_f32s(0.25), a),
        times(simd, -1.0 / 6.0, b, near),
        times(simd, 1.0 / 6.0, b, near),
        times(simd, 1.0 / 12.0, b, far),
        times(simd, -1.0 / 12.0, b, far),
        c,
    ]
}
