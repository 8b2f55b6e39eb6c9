//! Half and double the size: the two ways in and out of an hourglass, and each other's gradients.

use crate::{rows::by_vectors, threads, vectors::dispatch};
use pulp::{Simd, WithSimd};

/// Values that a task should have at least, for the cost of starting it not to matter.
const TASK: usize = 16 * 1024;

/// `factor` times the sum of each 2 x 2 pixels of dense `maps`, [images, height, width, channels], height and width even, to `out`,
/// [images, height / 2, width / 2, channels].
///
/// # Panics
/// If a slice is shorter than the shapes say, or a side is odd.
pub fn gather(maps: &[f32], [images, height, width, channels]: [usize; 4], factor: f32, out: &mut [f32]) {
    assert!(height.is_multiple_of(2) && width.is_multiple_of(2), "height and width must be even");
    let row = width * channels;
    let (maps, out) = (&maps[..images * height * row], &mut out[..images * height * row / 4]);
    let work = out.chunks_mut((row / 2).max(1)).zip(maps.chunks((2 * row).max(1))).collect();
    threads::each(work, TASK.div_ceil(row.max(1)), |(out, rows): (&mut [f32], &[f32])| {
        let (top, bottom) = rows.split_at(row);
        dispatch(Gather { out, top, bottom, channels, factor });
    });
}

/// `factor` times each pixel of dense `low` maps, [images, height, width, channels], four times, added to `kept` where there is one, to
/// `out`; both [images, 2 height, 2 width, channels].
///
/// # Panics
/// If a slice is shorter than the shapes say.
pub fn spread(
    kept: Option<&[f32]>,
    low: &[f32],
    [images, height, width, channels]: [usize; 4],
    factor: f32,
    out: &mut [f32],
) {
    let row = 2 * width * channels;
    let len = images * 2 * height * row;
    let work = out[..len].chunks_mut(row.max(1)).enumerate().collect();
    threads::each(work, TASK.div_ceil(row.max(1)), |(y, out): (usize, &mut [f32])| {
        // Rows count through all images, whose heights are even.
        let low = &low[y / 2 * row / 2..][..row / 2];
        let kept = kept.map(|kept| &kept[y * row..(y + 1) * row]);
        dispatch(Spread { out, low, kept, channels, factor });
    });
}

/// Adds each pixel of dense `low` maps, [images, height, width, channels], four times to `out`, [images, 2 height, 2 width, channels].
///
/// # Panics
/// If a slice is shorter than the shapes say.
pub fn add_doubled(low: &[f32], [images, height, width, channels]: [usize; 4], out: &mut [f32]) {
    let row = width * channels;
    let (low, out) = (&low[..images * height * row], &mut out[..images * height * row * 4]);
    let work = out.chunks_mut((4 * row).max(1)).zip(low.chunks(row.max(1))).collect();
    threads::each(work, TASK.div_ceil(2 * row.max(1)), |(out, low): (&mut [f32], &[f32])| {
        dispatch(AddDoubled { out, low, channels });
    });
}

/// Two rows that each pixel of a row is added to.
struct AddDoubled<'a> {
    out: &'a mut [f32],
    low: &'a [f32],
    channels: usize,
}

impl WithSimd for AddDoubled<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { out, low, channels } = self;
        for out in out.chunks_exact_mut(2 * low.len()) {
            for (pair, low) in out.chunks_exact_mut(2 * channels).zip(low.chunks_exact(channels)) {
                let (left, right) = pair.split_at_mut(channels);
                by_vectors(simd, left, [low], |[low], out| simd.add_f32s(low, out));
                by_vectors(simd, right, [low], |[low], out| simd.add_f32s(low, out));
            }
        }
    }
}

/// factor x (the sum of 2 x 2 pixels), for a row.
struct Gather<'a> {
    out: &'a mut [f32],
    top: &'a [f32],
    bottom: &'a [f32],
    channels: usize,
    factor: f32,
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { out, top, bottom, channels, factor } = self;
        let factor = simd.splat_f32s(factor);
        let pairs = top.chunks_exact(2 * channels).zip(bottom.chunks_exact(2 * channels));
        for (out, (top, bottom)) in out.chunks_exact_mut(channels).zip(pairs) {
            let ((a, b), (c, d)) = (top.split_at(channels), bottom.split_at(channels));
            by_vectors(simd, out, [a, b, c, d], |[a, b, c, d], _| {
                simd.mul_f32s(factor, simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
            });
        }
    }
}

/// kept + factor x the pixel below each pair, for a row.
struct Spread<'a> {
    out: &'a mut [f32],
    low: &'a [f32],
    kept: Option<&'a [f32]>,
    channels: usize,
    factor: f32,
}

impl WithSimd for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { out, low, kept, channels, factor } = self;
        let factor = simd.splat_f32s(factor);
        for (x, out) in out.chunks_exact_mut(channels).enumerate() {
            let low = &low[x / 2 * channels..][..channels];
            match kept {
                Some(kept) => {
                    let kept = &kept[x * channels..][..channels];
                    by_vectors(simd, out, [kept, low], |[kept, low], _| {
                        simd.mul_add_e_f32s(factor, low, kept)
                    });
                }
                None => by_vectors(simd, out, [low], |[low], _| simd.mul_f32s(factor, low)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_pixels_worked_out_by_hand() {
        let four = [1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 6.0, 4.0];
        let mut half = [0.0; 2];
        gather(&four, [1, 2, 2, 2], 0.25, &mut half);
        assert_eq!(half, [3.0, 1.0]);
        let sum = [11.0, 20.0, 12.0, 20.0, 13.0, 20.0, 16.0, 24.0];
        let mut out = [0.0; 8];
        spread(Some(&four), &[10.0, 20.0], [1, 1, 1, 2], 1.0, &mut out);
        assert_eq!(out, sum);
        out = four;
        add_doubled(&[10.0, 20.0], [1, 1, 1, 2], &mut out);
        assert_eq!(out, sum);
    }
}
