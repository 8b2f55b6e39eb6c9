//! Times a convolution by both methods, a residual block and the loss, at the sizes of the built-in network.
#![allow(missing_docs)]

use awing_kernels::{
    BlockLayer, Geometry, Maps, Method, Source, Weights, convolve,
    loss::{AdaptiveWing, PixelLoss, Prediction, mean_loss},
    memory, residual_block,
};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

fn wave(len: usize, step: f32) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * step).sin()).collect()
}

/// 128 to 64 channels by 3 x 3.
#[divan::bench(args = [12, 24, 48, 64], consts = [false, true])]
fn convolution<const WINOGRAD: bool>(bencher: Bencher<'_, '_>, side: usize) {
    let method = if WINOGRAD { Method::Winograd } else { Method::Windows };
    let (input, weight) = (wave(side * side * 128, 0.37), wave(64 * 128 * 9, 0.11));
    let weights = Weights::forward(&weight, [64, 128, 3, 3], method);
    let geometry = Geometry { images: 1, kernel: 3, stride: 1, padding: 1 };
    let mut out = vec![0.0; side * side * 64];
    bencher.bench_local(|| {
        let source = Source::Plain(Maps::dense(&input, [1, side, side, 128]));
        convolve(black_box(&source), geometry, &weights, None, &mut out);
    });
}

/// 128 to 128 channels.
#[divan::bench(args = [6, 12, 24, 48])]
fn block(bencher: Bencher<'_, '_>, side: usize) {
    let shape = [1, side, side, 128];
    let sizes = [(128, 64), (64, 32), (32, 32)];
    let x = wave(shape.iter().product(), 0.37);
    let weights = sizes.map(|(i, o)| wave(i * o * 9, 0.11));
    let (ones, zeros) = ([1.0; 128], [0.0; 128]);
    let layers = [0, 1, 2].map(|i| {
        let (inputs, outputs) = sizes[i];
        BlockLayer {
            gamma: &ones[..inputs],
            beta: &zeros[..inputs],
            weight: &weights[i],
            dims: [outputs, inputs, 3, 3],
        }
    });
    let running = sizes.map(|(i, _)| [vec![0.0; i], vec![1.0; i]].concat());
    let packed = layers.map(|l| l.pack([side, side]));
    bencher.bench_local(|| {
        let packed = packed.each_ref();
        let done = residual_block(black_box(&x), shape, &layers, &packed, Some(&running), 1e-5);
        done.middle.into_iter().chain([done.sum]).for_each(memory::give);
    });
}

/// Value and gradient of 69 maps of 48 x 48.
#[divan::bench]
fn adaptive_wing(bencher: Bencher<'_, '_>) {
    let len = 69 * 48 * 48;
    let (prediction, target) = (wave(len, 0.37), wave(len, 0.013));
    let mut gradient = vec![0.0; len];
    let loss = PixelLoss::from(AdaptiveWing::default());
    bencher.bench_local(|| {
        mean_loss(Prediction::Apart(black_box(&prediction), &mut gradient), &target, None, &loss)
    });
}
