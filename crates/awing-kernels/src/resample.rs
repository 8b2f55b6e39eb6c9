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
