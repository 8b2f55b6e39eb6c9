//! 3 x 3 convolution by Winograd's minimal filtering, F(4 x 4, 3 x 3) (Lavin and Gray 2016, section 4.3): patches of 4 x 4
//! outputs cost 36 multiplications for each pair of channels instead of 144. What is saved shows in layers with many channels;
//! what it costs are sums over the patches on the way in and out, and five bits of the result.

#![expect(
    unsafe_code,
    reason = "whole vectors are read and written by pointer, the loops over registers called"
)]

use super::{
    patch::{AROUND, PLACES, SIDE, gather_vector, spread_vector},
    weights::Weights,
};
use crate::{
    microkernel::{VECTORS, Window, products, store},
    tile::{SLACK, with_scratch},
    vectors::{dispatch, many_registers},
};
use pulp::{Simd, WithSimd};

/// A multiple of all numbers of patches that go side by side in registers.
const TOGETHER: usize = 24;

/// Patches that go through together: the floats of a block, inputs and outputs, that still about fit the second-level cache; each block reads
/// all weights once.
const BLOCK: usize = 320 * 1024;

/// Patches of a block, at least.
const LEAST: usize = 8;

/// Convolves a tile at stride 1: `tile` is [rows + 2, width + 2, inputs] with its padding ([`super::tile::Tile`]), and the
/// outputs, [rows, width, outputs], go to `out`. Rows and width are multiples of [`SIDE`]. Outputs
/// start from `bias`.
pub(crate) struct Winograd<'a> {
    pub(crate) tile: &'a [f32],
    pub(crate) weights: &'a Weights,
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) out: &'a mut [f32],
    pub(crate) width: usize,
}

impl Winograd<'_> {
    pub(crate) fn run(self) {
        let Weights { inputs, outputs, lanes, .. } = *self.weights;
        if self.out.is_empty() {
            return;
        }
        let rows = self.out.len() / (self.width * outputs);
        let patches = rows / SIDE * (self.width / SIDE);
        let padded = outputs.next_multiple_of(lanes);
        // Blocks of about the same length, and planes that do not fall on each other in the cache.
        let most = (BLOCK / (PLACES * (inputs + padded))).max(LEAST);
        let length = patches.div_ceil(patches.div_ceil(most).max(1));
        let room = length.next_multiple_of(TOGETHER);
        let planes = (room * inputs + 16, room * padded + 16);
        with_scratch(PLACES * planes.0 + SLACK, |values| {
            with_scratch(PLACES * planes.1 + SLACK, |sums| {
                dispatch(Blocks { of: self, rows, patches, length, planes, values, sums });
            });
        });
    }
}

/// All patches of a tile, block by block.
struct Blocks<'a, 'b> {
    of: Winograd<'a>,
    rows: usize,
    patches: usize,
    /// Patches of a block.
    length: usize,
    /// Floats from one place to the next, for inputs and for outputs.
    planes: (usize, usize),
    values: &'b mut [f32],
    sums: &'b mut [f32],
}

/// Some patches of a tile, and where theirs of a plane are: the values of all patches at one place.
struct Block {
    first: usize,
    count: usize,
    planes: (usize, usize),
}

impl WithSimd for Blocks<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { of, rows, patches, length, planes, values, sums } = self;
        let Winograd { tile, weights, bias, out, width } = of;
        let Weights { inputs, outputs, lanes, .. } = *weights;
        assert_eq!(lanes, S::F32_LANES);
        assert!(rows.is_multiple_of(SIDE) && width.is_multiple_of(SIDE));
        assert_eq!(out.len(), rows * width * outputs);
        assert!(tile.len() >= (rows + 2) * (width + 2) * inputs);
        for first in (0..patches).step_by(length) {
            let block = Block { first, count: length.min(patches - first), planes };
            spread(simd, tile, inputs, width, &block, values);
            if many_registers::<S>() {
                match fewest_left_over(block.count, &[12, 8, 6]) {
                    12 => multiply::<S, 12>(simd, weights, &block, values, sums),
                    8 => multiply::<S, 8>(simd, weights, &block, values, sums),
                    _ => multiply::<S, 6>(simd, weights, &block, values, sums),
                }
            } else {
                multiply::<S, 4>(simd, weights, &block, values, sums);
            }
            gather(simd, sums, bias, outputs, width, &block, out);
        }
    }
}

/// Of these numbers of patches side by side in registers the one for `count` patches: two loads of weights come on top of each round.
fn fewest_left_over(count: usize, choices: &[usize]) -> usize {
    let cost = |n: usize| count.div_ceil(n) * (n + 2);
    choices.iter().copied().min_by_key(|n| cost(*n)).unwrap_or_default()
}

/// The values of each patch, 6 x 6, as they are multiplied: to `values`, [36, patches, inputs].
#[inline(always)]
fn spread<S: Simd>(simd: S, tile: &[f32], inputs: usize, width: usize, block: &Block, values: &mut [f32]) {
    let (in_row, pitch) = (width / SIDE, (width + 2) * inputs);
    let plane = block.planes.0;
    assert!(values.len() >= PLACES * plane && plane >= block.count * inputs);
    for (patch, index) in (block.first..block.first + block.count).zip(0..) {
        let start = patch / in_row * SIDE * pitch + patch % in_row * SIDE * inputs;
        assert!(tile.len() >= start + (AROUND - 1) * pitch + AROUND * inputs);
        // SAFETY: the assertions above keep the patch's channels in the tile, and those of all patches in each plane.
        unsafe {
            let mut from = tile.as_ptr().add(start);
            let mut to = values.as_mut_ptr().add(index * inputs);
            for _ in 0..inputs / S::F32_LANES {
                spread_vector::<S, true>(simd, from, [pitch, inputs], to, plane, S::F32_LANES);
                (from, to) = (from.add(S::F32_LANES), to.add(S::F32_LANES));
            }
            if !inputs.is_multiple_of(S::F32_LANES) {
                spread_vector::<S, false>(simd, from, [pitch, inputs], to, plane, inputs % S::F32_LANES);
            }
        }
    }
}

/// For each place the patches' inputs times its weights: to `sums`, [36, patches, outputs].
#[inline(always)]
fn multiply<S: Simd, const P: usize>(
    simd: S,
    weights: &Weights,
    block: &Block,
    values: &[f32],
    sums: &mut [f32],
) {
    let Weights { inputs, outputs, lanes, .. } = *weights;
    let padded = outputs.next_multiple_of(lanes);
    let length = block.count.next_multiple_of(P);
    let window = Window { rows: 1, pitch: 0, run: inputs };
    assert!(block.planes.0 >= length * inputs && block.planes.1 >= length * padded);
    assert!(values.len() >= PLACES * block.planes.0 && sums.len() >= PLACES * block.planes.1);
    assert!(weights.values.len() >= PLACES * inputs * padded);
    for place in 0..PLACES {
        for (first, vectors, start) in weights.panels() {
            let start = start + place * inputs * vectors * lanes;
            for patch in (0..length).step_by(P) {
                // SAFETY: the assertions above: whole groups of patches fit the planes, whole vectors of outputs the padded
                // outputs, of which the panel is a part. Patches behind the last one are values left from before.
                unsafe {
                    let values = values.as_ptr().add(place * block.planes.0 + patch * inputs);
                    let weights = weights.values.as_ptr().add(start);
                    let sums = sums.as_mut_ptr().add(place * block.planes.1 + patch * padded + first);
                    if vectors == VECTORS {
                        group::<S, P, VECTORS>(simd, values, inputs, window, weights, sums, padded);
                    } else {
                        group::<S, P, 1>(simd, values, inputs, window, weights, sums, padded);
                    }
                }
            }
        }
    }
}

/// # Safety
/// `P` patches of `inputs` values and of `padded` sums, and the weights of `V` vectors for each input, must be there.
#[inline(always)]
unsafe fn group<S: Simd, const P: usize, const V: usize>(
    simd: S,
    values: *const f32,
    inputs: usize,
    window: Window,
    weights: *const f32,
    sums: *mut f32,
    padded: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let start = [simd.splat_f32s(0.0); V];
        let results = products::<S, P, V>(simd, values, inputs, window, weights, start);
        for (p, vectors) in results.iter().enumerate() {
            for (v, vector) in vectors.iter().enumerate() {
                store::<S>(sums.add(p * padded + v * S::F32_LANES), *vector);
            }
        }
    }
}

/// The outputs of each patch, 4 x 4, from its products.
#[inline(always)]
fn gather<S: Simd>(
    simd: S,
    sums: &[f32],
    bias: Option<&[f32]>,
    outputs: usize,
    width: usize,
    block: &Block,
    out: &mut [f32],
) {
    let (in_row, plane) = (width / SIDE, block.planes.1);
    let padded = outputs.next_multiple_of(S::F32_LANES);
    assert!(sums.len() >= PLACES * plane && plane >= block.count * padded);
    for (patch, index) in (block.first..block.first + block.count).zip(0..) {
        let start = (patch / in_row * SIDE * width + patch % in_row * SIDE) * outputs;
        assert!(out.len() >= start + (SIDE - 1) * width * outputs + SIDE * outputs);
        for channel in (0..outputs).step_by(S::F32_LANES) {
            let lanes = (outputs - channel).min(S::F32_LANES);
            let bias = match bias {
                Some(bias) => simd.partial_load_f32s(&bias[channel..channel + lanes]),
                None => simd.splat_f32s(0.0),
            };
            // SAFETY: the assertions above keep whole vectors of the patch's sums in each plane, and its outputs in `out`.
            unsafe {
                let from = sums.as_ptr().add(index * padded + channel);
                let to = out.as_mut_ptr().add(start + channel);
                if lanes == S::F32_LANES {
                    gather_vector::<S, true>(simd, from, plane, bias, to, [width * outputs, outputs], lanes);
                } else {
                    gather_vector::<S, false>(simd, from, plane, bias, to, [width * outputs, outputs], lanes);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convolution::{geometry::Method, windows::Windows};
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// [rows, width, outputs] of `method`; `inside` is [rows, width, inputs], zeros stand around it.
    fn convolved(
        method: Method,
        inside: &[f32],
        [rows, width, inputs, outputs]: [usize; 4],
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> Vec<f32> {
        let pitch = width + 2;
        let mut tile = vec![0.0; (rows + 2) * pitch * inputs + 16 * inputs + SLACK];
        for (y, row) in inside.chunks_exact(width * inputs).enumerate() {
            tile[((y + 1) * pitch + 1) * inputs..][..row.len()].copy_from_slice(row);
        }
        let weights = Weights::forward(weight, [outputs, inputs, 3, 3], method);
        let mut out = vec![f32::NAN; rows * width * outputs];
        match method {
            Method::Windows => {
                Windows { tile: &tile, pitch, stride: 1, weights: &weights, bias, out: &mut out, width }
                    .run();
            }
            Method::Winograd => Winograd { tile: &tile, weights: &weights, bias, out: &mut out, width }.run(),
        }
        out
    }

    #[test]
    fn a_kernel_of_one_weight_moves_the_image() {
        let inside: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let mut weight = [0.0; 9];
        // The value one row up and one column to the left, twice.
        weight[0] = 2.0;
        let out = convolved(Method::Winograd, &inside, [4, 8, 1, 1], &weight, Some(&[0.5]));
        for (i, value) in out.iter().enumerate() {
            let (y, x) = (i / 8, i % 8);
            let expected = if y == 0 || x == 0 { 0.5 } else { 0.5 + 2.0 * inside[i - 9] };
            assert!((value - expected).abs() < 1e-4, "{y} {x}: {value} {expected}");
        }
    }

    #[test]
    fn an_image_of_ones_counts_the_kernels_places_inside() {
        let out = convolved(Method::Winograd, &[1.0; 64], [8, 8, 1, 1], &[1.0; 9], None);
        let along = |i: usize| if i == 0 || i == 7 { 2.0 } else { 3.0 };
        for (i, value) in out.iter().enumerate() {
            assert!((value - along(i / 8) * along(i % 8)).abs() < 1e-5, "{i}: {value}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn patches_agree_with_windows(
            rows in 1..5_usize, width in 1..9_usize, inputs in 1..70_usize, outputs in 1..70_usize, bias: bool, seed: u64,
        ) {
            let size @ [rows, width, ..] = [rows * SIDE, width * SIDE, inputs, outputs];
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let mut random = |n: usize| (0..n).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
            let (inside, weight) = (random(rows * width * inputs), random(outputs * inputs * 9));
            let bias = bias.then(|| random(outputs));
            let run = |method| convolved(method, &inside, size, &weight, bias.as_deref());
            let (ours, theirs) = (run(Method::Winograd), run(Method::Windows));
            let most = theirs.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            let error = ours.iter().zip(&theirs).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
            // NaN, where an output was left out, is no less than anything.
            prop_assert!(error <= 1e-5 * most && ours.iter().all(|v| v.is_finite()), "{} of {}", error, most);
        }
    }
}
