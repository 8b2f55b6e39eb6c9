use super::{operation::ResampleKernel, portable};
use crate::cpu::dispatch;
use crate::{
    cpu::{dense, rows::by_vectors},
    definition, memory,
};
use burn::backend::{Flex, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Values that a task should have at least, for the cost of starting it not to matter.
const TASK: usize = 16 * 1024;

impl ResampleKernel for Flex {
    fn gather(maps: FloatTensor<Self>, factor: f64) -> FloatTensor<Self> {
        if definition::wanted() {
            return portable::gather::<Self>(maps, factor);
        }
        let [images, height, width, channels]: [usize; 4] = maps.shape().dims();
        let maps = dense(maps);
        let (shape, row) = ([images, height / 2, width / 2, channels], width * channels);
        let len = shape.iter().product();
        let mut output = memory::take(len);
        output[..len]
            .par_chunks_mut((row / 2).max(1))
            .with_min_len(TASK.div_ceil(row.max(1)))
            .zip(maps.storage::<f32>().par_chunks((2 * row).max(1)))
            .for_each(|(out, rows)| {
                let (top, bottom) = rows.split_at(row);
                dispatch(Gather { out, top, bottom, channels, factor: factor as f32 });
            });
        memory::tensor(output, shape)
    }

    fn spread(kept: Option<FloatTensor<Self>>, maps: FloatTensor<Self>, factor: f64) -> FloatTensor<Self> {
        if definition::wanted() {
            let spread = portable::spread::<Self>(maps, factor);
            return match kept {
                Some(kept) => Self::float_add(kept, spread),
                None => spread,
            };
        }
        let [images, height, width, channels]: [usize; 4] = maps.shape().dims();
        let (maps, kept) = (dense(maps), kept.map(dense));
        let shape = [images, 2 * height, 2 * width, channels];
        let (len, row) = (shape.iter().product(), 2 * width * channels);
        let kept = kept.as_ref().map(|kept| kept.storage::<f32>());
        let low = maps.storage::<f32>();
        let mut output = memory::take(len);
        output[..len]
            .par_chunks_mut(row.max(1))
            .with_min_len(TASK.div_ceil(row.max(1)))
            .enumerate()
            .for_each(|(y, out)| {
                // Rows count through all images, whose heights are even.
                let low = &low[y / 2 * row / 2..][..row / 2];
                let kept = kept.map(|kept| &kept[y * row..(y + 1) * row]);
                dispatch(Spread { out, low, kept, channels, factor: factor as f32 });
            });
        memory::tensor(output, shape)
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
