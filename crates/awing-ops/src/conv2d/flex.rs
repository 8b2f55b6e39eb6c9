//! Convolution on the CPU: each tile is unfolded into a buffer that stays in the cache and multiplied there by one
//! thread; threads share the tiles. Sums run in an order that does not depend on the number of threads.

use super::{
    matrix::{Matrix, Shared, multiply},
    operation::{ConvKernel, Hyper},
    tiles::{Sizes, Tile},
};
use burn::backend::{Flex, TensorData, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use rayon::prelude::*;
use std::cell::RefCell;

/// Partial sums of the weight gradient: enough for the threads, few enough to add up quickly.
const PARTS: usize = 8;

thread_local! {
    /// Buffers that a thread keeps between tiles: the unfolded tile, and one for outputs that are not contiguous.
    static SCRATCH: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Runs `work` with two buffers of at least the given lengths; what they hold is not defined.
fn with_scratch<R>(first: usize, second: usize, work: impl FnOnce(&mut [f32], &mut [f32]) -> R) -> R {
    SCRATCH.with_borrow_mut(|(a, b)| {
        for (buffer, len) in [(&mut *a, first), (&mut *b, second)] {
            if buffer.len() < len {
                buffer.resize(len, 0.0);
            }
        }
        work(&mut a[..first], &mut b[..second])
    })
}

impl ConvKernel for Flex {
    fn forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        hyper: Hyper,
    ) -> FloatTensor<Self> {
        let sizes = hyper.sizes(&input.shape(), &weight.shape());
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let bias = bias.map(|b| b.to_contiguous());
        let output = forward(
            &sizes,
            &input.storage::<f32>()[..sizes.batch * sizes.inputs * sizes.height * sizes.width],
            &weight.storage::<f32>()[..sizes.outputs * sizes.depth()],
            bias.as_ref().map(|b| &b.storage::<f32>()[..sizes.outputs]),
        );
        tensor(output, [sizes.batch, sizes.outputs, sizes.out_height(), sizes.out_width()])
    }

    fn input_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        above: FloatTensor<Self>,
        hyper: Hyper,
    ) -> FloatTensor<Self> {
        let sizes = hyper.sizes(&input.shape(), &weight.shape());
        if sizes.stride != 1 || sizes.kernel != 2 * sizes.padding + 1 {
            return super::operation::portable_input_gradient::<Self>(input, weight, above, hyper);
        }
        // At stride 1 the input's gradient is a convolution of the output's with the kernel turned around.
        let (weight, above) = (weight.to_contiguous(), above.to_contiguous());
        let turned = turn_around(&sizes, &weight.storage::<f32>()[..sizes.outputs * sizes.depth()]);
        let back = Sizes { inputs: sizes.outputs, outputs: sizes.inputs, ..sizes };
        let len = sizes.batch * sizes.outputs * sizes.height * sizes.width;
        let gradient = forward(&back, &above.storage::<f32>()[..len], &turned, None);
        tensor(gradient, [sizes.batch, sizes.inputs, sizes.height, sizes.width])
    }

    fn weight_gradient(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        above: FloatTensor<Self>,
        hyper: Hyper,
    ) -> FloatTensor<Self> {
        let sizes = hyper.sizes(&input.shape(), &weight.shape());
        let (input, above) = (input.to_contiguous(), above.to_contiguous());
        let gradient = weight_gradient(
            &sizes,
            &input.storage::<f32>()[..sizes.batch * sizes.inputs * sizes.height * sizes.width],
            &above.storage::<f32>()[..sizes.batch * sizes.outputs * sizes.out_area()],
        );
        tensor(gradient, [sizes.outputs, sizes.inputs, sizes.kernel, sizes.kernel])
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FloatTensor<Flex> {
    Flex::float_from_data(TensorData::new(values, shape), &Default::default())
}

/// [outputs, inputs, k, k] to [inputs, outputs, k, k], each kernel upside down and mirrored.
fn turn_around(sizes: &Sizes, weight: &[f32]) -> Vec<f32> {
    let area = sizes.kernel * sizes.kernel;
    let mut turned = vec![0.0; weight.len()];
    for (i, kernel) in turned.chunks_exact_mut(area).enumerate() {
        let (input, output) = (i / sizes.outputs, i % sizes.outputs);
        let start = (output * sizes.inputs + input) * area;
        kernel.copy_from_slice(&weight[start..start + area]);
        kernel.reverse();
    }
    turned
}

#[allow(unsafe_code)]
fn forward(sizes: &Sizes, input: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let (depth, area, outputs) = (sizes.depth(), sizes.out_area(), sizes.outputs);
    let mut output = vec![0.0; sizes.batch * outputs * area];
    let shared = Shared::new(&mut output);
    let left = Matrix::rows(weight, outputs, depth, depth);
    let tile = |tile: &Tile| {
        let columns = tile.columns(sizes);
        let is_pointwise = sizes.kernel == 1 && sizes.stride == 1 && sizes.padding == 0;
        let unfolded_len = if is_pointwise && tile.images == 1 { 0 } else { depth * columns };
        let gathered_len = if tile.images == 1 { 0 } else { outputs * columns };
        with_scratch(unfolded_len, gathered_len, |unfolded, gathered| {
            let right = if unfolded_len == 0 {
                // A 1 x 1 kernel needs no unfolding: the input's maps are the rows.
                let start = tile.first * depth * area + tile.top * sizes.out_width();
                Matrix::rows(&input[start..], depth, columns, area)
            } else {
                tile.unfold(sizes, input, unfolded);
                Matrix::rows(unfolded, depth, columns, columns)
            };
            let part = tile.rows * sizes.out_width();
            let place = |image: usize, channel: usize| {
                ((tile.first + image) * outputs + channel) * area + tile.top * sizes.out_width()
            };
            if tile.images == 1 {
                if let Some(bias) = bias {
                    for (channel, b) in bias.iter().enumerate() {
                        // SAFETY: these rows of this image belong to this tile alone, and `output` outlives the loop.
                        unsafe { shared.window(place(0, channel), part) }.fill(*b);
                    }
                }
                // SAFETY: as above.
                unsafe { shared.multiply_into(place(0, 0), area, left, right, bias.is_some()) };
            } else {
                multiply(gathered, left, right, false);
                for (channel, line) in gathered.chunks_exact(columns).enumerate() {
                    let b = bias.map_or(0.0, |bias| bias[channel]);
                    for (image, values) in line.chunks_exact(part).enumerate() {
                        // SAFETY: as above, for each image of the tile.
                        let out = unsafe { shared.window(place(image, channel), part) };
                        out.iter_mut().zip(values).for_each(|(o, v)| *o = v + b);
                    }
                }
            }
        });
    };
    sizes.tiles().par_iter().for_each(tile);
    output
}

fn weight_gradient(sizes: &Sizes, input: &[f32], above: &[f32]) -> Vec<f32> {
    let (depth, area, outputs) = (sizes.depth(), sizes.out_area(), sizes.outputs);
    let tiles = sizes.tiles();
    let part_len = tiles.len().div_ceil(PARTS).max(1);
    let sums: Vec<Vec<f32>> = tiles
        .par_chunks(part_len)
        .map(|tiles| {
            let mut sum = vec![0.0; outputs * depth];
            for tile in tiles {
                let columns = tile.columns(sizes);
                let gathered_len = if tile.images == 1 { 0 } else { outputs * columns };
                with_scratch(depth * columns, gathered_len, |unfolded, gathered| {
                    tile.unfold(sizes, input, unfolded);
                    let left = if tile.images == 1 {
                        let start = tile.first * outputs * area + tile.top * sizes.out_width();
                        Matrix::rows(&above[start..], outputs, columns, area)
                    } else {
                        tile.gather(sizes, above, gathered);
                        Matrix::rows(gathered, outputs, columns, columns)
                    };
                    multiply(
                        &mut sum,
                        left,
                        Matrix::rows(unfolded, depth, columns, columns).transposed(),
                        true,
                    );
                });
            }
            sum
        })
        .collect();
    sums.into_iter()
        .reduce(|mut total, sum| {
            total.iter_mut().zip(sum).for_each(|(t, s)| *t += s);
            total
        })
        .unwrap_or_else(|| vec![0.0; outputs * depth])
}
