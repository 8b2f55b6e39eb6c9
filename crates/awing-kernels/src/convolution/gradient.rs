//! The gradients of a convolution over whole tensors: tiles on threads.

use super::{
    correlate::Correlate,
    geometry::{Geometry, Method, Place, Tiling, parts, places},
    layer::convolve,
    weights::Weights,
};
use crate::{
    rows::{Maps, Plain, Rows, Source},
    threads,
    tile::{Tile, with_scratch},
};

/// Partial sums of the weights' gradient, at most: a fixed number, so that they do not depend on the threads.
const GROUPS: usize = 16;

/// The gradient of [`convolve`](crate::convolve) for outputs whose gradient is `above`: that of the weights, [outputs, inputs, kernel, kernel]. With
/// `turned` weights ([`Weights::backward`]), and at stride 1, the gradient of the first inputs, as many as those weights are for, goes to
/// the slice beside them.
///
/// # Panics
/// If a slice is shorter than the shapes say, or the weights are for another shape.
pub fn convolve_backward(
    source: &Source<'_>,
    above: Maps<'_>,
    geometry: Geometry,
    turned: Option<(&Weights, &mut [f32])>,
) -> Vec<f32> {
    let (sums, _) = backward(source, &Plain(above), geometry, turned, |_, _, _| ());
    weight_order(&sums, geometry.kernel, source.channels(), above.channels)
}

/// The gradients of a convolution of `source`, whose outputs have the gradient `above`.
///
/// Returns that of the weights, [kernel, kernel, inputs, outputs]. With `turned` weights, and at stride 1, the gradient of the
/// inputs goes to `gradient`, [images, height, width, inputs], and `finish` sees the rows of each task after them: the
/// task's place, the inputs' values in the middle of a tile of `pitch` pixels, and the gradient.
pub(crate) fn backward<A: Rows, D: Rows, T: Send>(
    source: &A,
    above: &D,
    geometry: Geometry,
    input_gradient: Option<(&Weights, &mut [f32])>,
    finish: impl Fn(Place, Middle<'_>, &mut [f32]) -> T + Sync,
) -> (Vec<f32>, Vec<T>) {
    let Geometry { images, kernel, stride, padding } = geometry;
    let (height, width) = (above.height(), above.width());
    let (inputs, outputs) = (source.channels(), above.channels());
    // The gradient's own padding: windows of the turned kernel around each input.
    let around = if input_gradient.is_some() { kernel - 1 - padding } else { 0 };
    let row = (source.width() + 2 * padding) * inputs.max(outputs) * stride * size_of::<f32>();
    // A task makes the input gradient of the same rows: at stride 1 with half the kernel as padding there are as many.
    let same = stride == 1 && 2 * padding + 1 == kernel;
    let method = input_gradient.as_ref().map_or(Method::Windows, |(turned, _)| turned.method);
    let rows = if same || input_gradient.is_none() {
        geometry.rows(Tiling::Fixed, [height, width], row, method)
    } else {
        height
    };
    let tiles: Vec<Place> = places(images, height, rows).collect();
    let group = tiles.len().div_ceil(GROUPS).max(1);
    let (turned, gradient) = input_gradient.unzip();
    let gradients = parts(gradient, tiles.len());
    let mut work: Vec<(Place, Option<&mut [f32]>)> = tiles.iter().copied().zip(gradients).collect();
    let results: Vec<(Vec<f32>, Vec<T>)> =
        threads::map(work.chunks_mut(group).collect(), 1, |tiles: &mut [(Place, Option<&mut [f32]>)]| {
            let mut sums = vec![0.0; kernel * kernel * inputs * outputs];
            let finished = tiles
                .iter_mut()
                .filter_map(|(place, gradient)| {
                    let values = Tile {
                        image: place.image,
                        top: (place.first * stride) as isize - padding as isize,
                        rows: (rows - 1) * stride + kernel,
                        padding,
                    };
                    let slopes = Tile {
                        image: place.image,
                        top: place.first as isize - around as isize,
                        rows: rows + 2 * around,
                        padding: around,
                    };
                    with_scratch(values.len(source, stride), |tile| {
                        with_scratch(slopes.len(above, 1), |slope| {
                            values.fill(source, tile);
                            slopes.fill(above, slope);
                            let (pitch, above_pitch) = (values.pitch(source), slopes.pitch(above));
                            Correlate {
                                tile,
                                pitch,
                                inputs,
                                above: &slope[around * (above_pitch + 1) * outputs..],
                                above_pitch,
                                outputs,
                                kernel,
                                stride,
                                rows,
                                width,
                                sums: &mut sums,
                            }
                            .run();
                            let (gradient, weights) = (gradient.as_deref_mut()?, turned?);
                            convolve(slope, above_pitch, 1, weights, None, gradient, source.width());
                            let middle = Middle {
                                values: tile,
                                start: padding * (pitch + 1) * inputs,
                                row: pitch * inputs,
                                len: source.width() * inputs,
                            };
                            Some(finish(*place, middle, gradient))
                        })
                    })
                })
                .collect();
            (sums, finished)
        });
    let mut total = vec![0.0; kernel * kernel * inputs * outputs];
    let mut all = Vec::new();
    for (sums, finished) in results {
        for (total, sum) in total.iter_mut().zip(sums) {
            *total += sum;
        }
        all.extend(finished);
    }
    (total, all)
}

/// The rows of a tile without what stands around them.
#[derive(Clone, Copy)]
pub(crate) struct Middle<'a> {
    values: &'a [f32],
    start: usize,
    row: usize,
    len: usize,
}

impl<'a> Middle<'a> {
    pub(crate) fn rows(self) -> impl Iterator<Item = &'a [f32]> {
        let Self { values, start, row, len } = self;
        values[start..].chunks(row).map(move |row| &row[..len])
    }
}

/// [kernel, kernel, inputs, outputs] to [outputs, inputs, kernel, kernel].
pub(crate) fn weight_order(sums: &[f32], kernel: usize, inputs: usize, outputs: usize) -> Vec<f32> {
    let area = kernel * kernel;
    let mut weights = vec![0.0; sums.len()];
    for (place, sums) in sums.chunks_exact((inputs * outputs).max(1)).enumerate() {
        for (input, sums) in sums.chunks_exact(outputs).enumerate() {
            for (output, sum) in sums.iter().enumerate() {
                weights[(output * inputs + input) * area + place] = *sum;
            }
        }
    }
    weights
}
