#![expect(unsafe_code, reason = "whole vectors are read by pointer")]

use crate::microkernel::load;
use crate::vectors::dispatch;
use pulp::{Simd, WithSimd};

/// Vectors of channels that are summed in registers at a time.
const VECTORS: usize = 4;

/// How many pixels, and for each channel their mean and the sum of their squared deviations.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Of the pixels in `values`, [pixels, channels].
    pub(crate) fn of(values: &[f32], channels: usize) -> Self {
        // Sums of deviations from the first pixel, in one pass: a large mean does not drown a small variance.
        let pivot = values[..channels].to_vec();
        let [plain, squared] = sums(values, values, channels, &pivot, Kind::Deviations);
        let count = (values.len() / channels) as f64;
        let mean = pivot.iter().zip(&plain).map(|(p, s)| f64::from(*p) + s / count).collect();
        let squares = plain.iter().zip(squared).map(|(s, q)| (q - s * s / count).max(0.0)).collect();
        Self { count, mean, squares }
    }

    /// Chan's rule. In one order, for one result.
    pub(crate) fn join(mut self, other: &Self) -> Self {
        let total = self.count + other.count;
        for (i, mean) in self.mean.iter_mut().enumerate() {
            let delta = other.mean[i] - *mean;
            *mean += delta * other.count / total;
            self.squares[i] += other.squares[i] + delta * delta * self.count * other.count / total;
        }
        self.count = total;
        self
    }

    /// All means, then all biased variances.
    pub(crate) fn statistics(&self) -> Vec<f32> {
        let means = self.mean.iter().map(|m| *m as f32);
        means.chain(self.squares.iter().map(|s| (s / self.count) as f32)).collect()
    }

    pub(crate) fn sums(&self) -> Vec<f32> {
        self.mean.iter().map(|mean| (mean * self.count) as f32).collect()
    }

    pub(crate) fn join_all(all: Vec<Self>, channels: usize) -> Self {
        let none = Self { count: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] };
        all.iter().fold(none, |sum, part| if part.count > 0.0 { sum.join(part) } else { sum })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    /// a - pivot, (a - pivot)²
    Deviations,
    /// a, a (b - pivot)
    Products,
}

/// For each channel the sums of the gradient and of gradient x (input - mean); both [pixels, channels].
pub(crate) fn gradient_sums(gradient: &[f32], input: &[f32], channels: usize, mean: &[f32]) -> [Vec<f64>; 2] {
    sums(gradient, input, channels, mean, Kind::Products)
}

fn sums(a: &[f32], b: &[f32], channels: usize, pivot: &[f32], kind: Kind) -> [Vec<f64>; 2] {
    assert!(a.len() == b.len() && pivot.len() == channels && a.len().is_multiple_of(channels));
    dispatch(Sums { a, b, channels, pivot, kind })
}

struct Sums<'a> {
    a: &'a [f32],
    b: &'a [f32],
    channels: usize,
    pivot: &'a [f32],
    kind: Kind,
}

impl WithSimd for Sums<'_> {
    type Output = [Vec<f64>; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [Vec<f64>; 2] {
        let Self { a, b, channels, pivot, kind } = self;
        let mut out = [vec![0.0; channels], vec![0.0; channels]];
        let lanes = S::F32_LANES;
        let mut first = 0;
        while first < channels {
            let vectors = (channels - first) / lanes;
            let taken = if vectors >= VECTORS {
                column::<S, VECTORS>(simd, a, b, channels, pivot, kind, first, &mut out);
                VECTORS * lanes
            } else if vectors > 0 {
                column::<S, 1>(simd, a, b, channels, pivot, kind, first, &mut out);
                lanes
            } else {
                column::<S, 1>(simd, a, b, channels, pivot, kind, first, &mut out);
                channels - first
            };
            first += taken;
        }
        out
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the innermost loop's operands")]
fn column<S: Simd, const V: usize>(
    simd: S,
    a: &[f32],
    b: &[f32],
    channels: usize,
    pivot: &[f32],
    kind: Kind,
    first: usize,
    out: &mut [Vec<f64>; 2],
) {
    let lanes = S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); V]; 2];
    let mut pivots = [simd.splat_f32s(0.0); V];
    // Only the last column can be narrower than its vectors, and that has one.
    let mask = simd.mask_between_m32s(0, (channels - first).min(lanes) as u32);
    let whole = channels - first >= lanes;
    for (v, p) in pivots.iter_mut().enumerate() {
        // SAFETY: the lanes of the mask lie in the pivot.
        *p = unsafe { simd.mask_load_ptr_f32s(mask, pivot.as_ptr().add(first + v * lanes)) };
    }
    for start in (first..a.len()).step_by(channels) {
        for v in 0..V {
            let at = start + v * lanes;
            // SAFETY: the pixel's channels from `first` on are at least V vectors, or the lanes of the mask, in both.
            let (x, y) = unsafe {
                let (x, y) = (a.as_ptr().add(at), b.as_ptr().add(at));
                if whole {
                    (load::<S>(x), load::<S>(y))
                } else {
                    (simd.mask_load_ptr_f32s(mask, x), simd.mask_load_ptr_f32s(mask, y))
                }
            };
            let deviation = simd.sub_f32s(y, pivots[v]);
            let plain = match kind {
                Kind::Deviations => deviation,
                Kind::Products => x,
            };
            sums[0][v] = simd.add_f32s(sums[0][v], plain);
            sums[1][v] = simd.mul_add_e_f32s(plain, deviation, sums[1][v]);
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        for (out, sum) in out[first..].chunks_mut(lanes).zip(sums) {
            for (out, sum) in out.iter_mut().zip(lanes_of::<S>(&sum)) {
                *out = f64::from(*sum);
            }
        }
    }
}

/// The lanes of a vector.
#[inline(always)]
fn lanes_of<S: Simd>(vector: &S::f32s) -> &[f32] {
    pulp::bytemuck::cast_slice(std::slice::from_ref(vector))
}
