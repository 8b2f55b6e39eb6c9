//! A convolution over whole tensors: tiles on threads.

use super::{
    geometry::{Geometry, Method, Place, Tiling, parts, places},
    weights::Weights,
    windows::Windows,
    winograd::Winograd,
};
use crate::{
    rows::Rows,
    threads,
    tile::{Tile, with_scratch},
};

/// Multiplications that a thread should have at least, for the cost of waking it not to matter: about 10 µs.
const LEAST: usize = 1 << 20;

/// Convolves `source`. Outputs, [images, height, width, outputs], go to `kept`, or where there is none to a buffer of
/// the task; then `finish` sees those of each task beside the task's part of `joined`.
#[expect(clippy::too_many_arguments, reason = "what a convolution is, and where it goes")]
pub(crate) fn forward<R: Rows, T: Send>(
    source: &R,
    geometry: Geometry,
    weights: &Weights,
    bias: Option<&[f32]>,
    tiling: Tiling,
    kept: Option<&mut [f32]>,
    joined: Option<&mut [f32]>,
    finish: impl Fn(Place, &mut [f32], Option<&mut [f32]>) -> T + Sync,
) -> Vec<T> {
    let Geometry { images, kernel, stride, padding } = geometry;
    let (height, width) = (geometry.output(source.height()), geometry.output(source.width()));
    let outputs = weights.outputs;
    let row = (source.width() + 2 * padding) * source.channels() * stride * size_of::<f32>();
    let rows = geometry.rows(tiling, [height, width], row, weights.method);
    let tasks = images * height / rows;
    let work: Vec<_> =
        places(images, height, rows).zip(parts(kept, tasks)).zip(parts(joined, tasks)).collect();
    let each = rows * width * outputs * kernel * kernel * source.channels();
    threads::map(work, LEAST.div_ceil(each.max(1)), |((place, kept), joined)| {
        let tile = Tile {
            image: place.image,
            top: (place.first * stride) as isize - padding as isize,
            rows: (rows - 1) * stride + kernel,
            padding,
        };
        with_scratch(tile.len(source, stride), |values| {
            tile.fill(source, values);
            let convolve =
                |out: &mut [f32]| convolve(values, tile.pitch(source), stride, weights, bias, out, width);
            match kept {
                Some(out) => {
                    convolve(out);
                    finish(place, out, joined)
                }
                None => with_scratch(rows * width * outputs, |out| {
                    let out = &mut out[..rows * width * outputs];
                    convolve(out);
                    finish(place, out, joined)
                }),
            }
        })
    })
}

/// The outputs of a tile, `width` in a row.
pub(super) fn convolve(
    tile: &[f32],
    pitch: usize,
    stride: usize,
    weights: &Weights,
    bias: Option<&[f32]>,
    out: &mut [f32],
    width: usize,
) {
    match weights.method {
        Method::Windows => Windows { tile, pitch, stride, weights, bias, out, width }.run(),
        Method::Winograd => Winograd { tile, weights, bias, out, width }.run(),
    }
}
