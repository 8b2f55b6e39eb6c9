//! The hierarchical residual block (Bulat and Tzimiropoulos 2017): three convolutions, each on the one before, normalized and rectified
//! first, side by side plus the input or its projection. Each layer is normalized, convolved and added to the sum while its tile is in the
//! cache, so that the block reads its input and writes its output about once.

mod backward;
mod forward;

pub use backward::{BlockGradients, residual_block_backward};
pub use forward::{BlockOutputs, residual_block};

use crate::{
    convolution::{Geometry, Method, Weights},
    norm::Norm,
};

/// One layer of a block: batch normalization, ReLU, convolution at stride 1 that keeps the size.
#[derive(Clone, Copy, Debug)]
pub struct BlockLayer<'a> {
    /// The factor after the normalization, `[inputs]`.
    pub gamma: &'a [f32],
    /// The offset after the normalization, `[inputs]`.
    pub beta: &'a [f32],
    /// The convolution's weights, [outputs, inputs, k, k], k odd.
    pub weight: &'a [f32],
    /// The shape of `weight`.
    pub dims: [usize; 4],
}

impl BlockLayer<'_> {
    /// The layer's convolution over so many images.
    pub fn geometry(&self, images: usize) -> Geometry {
        let kernel = self.dims[2];
        Geometry { images, kernel, stride: 1, padding: kernel / 2 }
    }

    /// How the layer is computed for maps of this height and width.
    pub fn method(&self, size: [usize; 2]) -> Method {
        self.geometry(1).method(size, self.inputs())
    }

    /// The weights as [`residual_block`] takes them, for maps of this height and width.
    pub fn pack(&self, size: [usize; 2]) -> Weights {
        Weights::forward(self.weight, self.dims, self.method(size))
    }

    fn inputs(&self) -> usize {
        self.dims[1]
    }

    fn outputs(&self) -> usize {
        self.dims[0]
    }

    fn norm(&self, statistics: &[f32], epsilon: f64) -> Norm {
        Norm::new(self.gamma, self.beta, statistics, epsilon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        convolution::convolve,
        norm::channel_statistics,
        rows::{Maps, Source},
    };
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    struct Parts {
        gamma: Vec<f32>,
        beta: Vec<f32>,
        weight: Vec<f32>,
        dims: [usize; 4],
    }

    impl Parts {
        fn random(rng: &mut ChaCha8Rng, inputs: usize, outputs: usize, kernel: usize) -> Self {
            let mut draw = |n: usize| (0..n).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
            let dims = [outputs, inputs, kernel, kernel];
            Self { gamma: draw(inputs), beta: draw(inputs), weight: draw(dims.iter().product()), dims }
        }

        fn layer(&self) -> BlockLayer<'_> {
            BlockLayer { gamma: &self.gamma, beta: &self.beta, weight: &self.weight, dims: self.dims }
        }
    }

    fn parts(rng: &mut ChaCha8Rng, inputs: usize, [a, b, c]: [usize; 3]) -> Vec<Parts> {
        let mut parts: Vec<Parts> =
            [(inputs, a), (a, b), (b, c)].map(|(i, o)| Parts::random(rng, i, o, 3)).into();
        parts.extend((inputs != a + b + c).then(|| Parts::random(rng, inputs, a + b + c, 1)));
        parts
    }

    fn run(x: &[f32], shape: [usize; 4], parts: &[Parts], running: Option<&[Vec<f32>]>) -> BlockOutputs {
        let layers: Vec<BlockLayer<'_>> = parts.iter().map(Parts::layer).collect();
        let packed: Vec<Weights> = layers.iter().map(|l| l.pack([shape[1], shape[2]])).collect();
        residual_block(x, shape, &layers, &packed.iter().collect::<Vec<_>>(), running, 1e-5)
    }

    /// The block composed of the single operations, which have tests of their own.
    fn composed(x: &[f32], shape: [usize; 4], parts: &[Parts], running: Option<&[Vec<f32>]>) -> Vec<f32> {
        let [images, height, width, inputs] = shape;
        let layer = |i: usize, x: &[f32]| {
            let layer = parts[i].layer();
            let own = [images, height, width, layer.inputs()];
            let statistics = running.map_or_else(|| channel_statistics(x, own), |r| r[i].clone());
            let mut normal = vec![0.0; own.iter().product()];
            layer.norm(&statistics, 1e-5).relu(x, own, &mut normal);
            let mut out = vec![0.0; images * height * width * layer.outputs()];
            let source = Source::Plain(Maps::dense(&normal, own));
            convolve(&source, layer.geometry(images), &layer.pack([height, width]), None, &mut out);
            out
        };
        let a = layer(0, x);
        let b = layer(1, &a);
        let c = layer(2, &b);
        let past = if parts.len() == 4 { layer(3, x) } else { x.to_vec() };
        let outputs: usize = parts[..3].iter().map(|p| p.dims[0]).sum();
        assert!(parts.len() == 4 || inputs == outputs);
        let mut sum = past;
        for (pixel, sum) in sum.chunks_exact_mut(outputs).enumerate() {
            let own = [&a, &b, &c].into_iter().zip(parts).flat_map(|(maps, p)| {
                let count = p.dims[0];
                maps[pixel * count..][..count].iter()
            });
            sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
        sum
    }

    #[test]
    fn a_pixel_worked_out_by_hand() {
        // One pixel of two channels, 2 and -1; kernels of 1 x 1; statistics 0 and 1 leave values as they are but for epsilon.
        let one = |i: usize, o: usize, weight: Vec<f32>| Parts {
            gamma: vec![1.0; i],
            beta: vec![0.0; i],
            weight,
            dims: [o, i, 1, 1],
        };
        // relu(2, -1) = (2, 0): first 3 x 2; then relu(6) x -1 = -6; then relu(-6) = 0. The projection doubles the first channel thrice.
        let parts = [
            one(2, 1, vec![3.0, 5.0]),
            one(1, 1, vec![-1.0]),
            one(1, 1, vec![7.0]),
            one(2, 3, vec![2.0, 0.0, 2.0, 0.0, 2.0, 0.0]),
        ];
        let running: Vec<Vec<f32>> = [2, 1, 1, 2].map(|n| [vec![0.0; n], vec![1.0; n]].concat()).into();
        let out = run(&[2.0, -1.0], [1, 1, 1, 2], &parts, Some(&running));
        for (value, expected) in out.sum[..3].iter().zip([6.0 + 4.0, -6.0 + 4.0, 0.0 + 4.0]) {
            assert!((value - expected).abs() < 1e-3, "{value} {expected}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn any_shape_agrees_with_the_composition(
            [images, height, width] in [1..4_usize, 1..14_usize, 2..14_usize], inputs in 1..40_usize,
            outputs in [1..24_usize, 1..20_usize, 1..20_usize], batch: bool, same: bool, seed: u64,
        ) {
            let inputs = if same { outputs.iter().sum() } else { inputs };
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let parts = parts(rng, inputs, outputs);
            let shape = [images, height, width, inputs];
            let x: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.5)).collect();
            let running: Vec<Vec<f32>> =
                parts.iter().map(|p| (0..2 * p.dims[1]).map(|_| rng.random_range(0.5..1.5)).collect()).collect();
            let running = (!batch).then_some(&running[..]);
            let (ours, theirs) = (run(&x, shape, &parts, running), composed(&x, shape, &parts, running));
            let size = theirs.iter().fold(1e-2_f32, |m, v| m.max(v.abs()));
            let error = ours.sum.iter().zip(&theirs).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
            prop_assert!(error <= 1e-4 * size, "{error} of {size}");
        }
    }
}
