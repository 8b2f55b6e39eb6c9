use super::BlockLayer;
use crate::{
    convolution::{self, Weights, weight_order},
    memory,
    norm::{Descended, Descent, Norm},
    rows::{Maps, Plain, Rows, by_vectors},
    threads,
    tile::tile_rows,
    vectors::dispatch,
};
use pulp::{Simd, WithSimd};

/// The gradients of a block.
#[derive(Debug)]
pub struct BlockGradients {
    /// Of the input, [images, height, width, inputs]; from [`memory::take`], and maybe longer than that.
    pub input: Vec<f32>,
    /// Of gamma, beta and weight of each layer, the projection last.
    pub layers: Vec<[Vec<f32>; 3]>,
}

/// The gradients of [`super::residual_block`] at dense maps `x`, [images, height, width, inputs], whose outputs have the gradient `above`.
/// `middle` and `statistics` are those of the forward pass; with `batch` they are the input's own and depend on it.
///
/// # Panics
/// If the shapes do not fit.
#[expect(clippy::too_many_arguments, reason = "what the forward pass took and gave")]
pub fn residual_block_backward(
    x: &[f32],
    shape: [usize; 4],
    layers: &[BlockLayer<'_>],
    middle: [&[f32]; 2],
    statistics: &[Vec<f32>],
    epsilon: f64,
    batch: bool,
    above: &[f32],
) -> BlockGradients {
    let [images, height, width, inputs] = shape;
    let pixels = images * height * width;
    let x = Maps::dense(&x[..pixels * inputs], shape);
    let outputs: usize = layers[..3].iter().map(BlockLayer::outputs).sum();
    let above = Maps::dense(&above[..pixels * outputs], [images, height, width, outputs]);
    let between = |i: usize| {
        let channels = layers[i].outputs();
        Maps::dense(&middle[i][..pixels * channels], [images, height, width, channels])
    };
    let sources = [x, between(0), between(1), x];
    let norms: Vec<Norm> = layers.iter().zip(statistics).map(|(l, s)| l.norm(s, epsilon)).collect();
    let count = batch.then_some(pixels);

    let mut gradients: Vec<[Vec<f32>; 3]> = Vec::new();
    // From the last layer to the first, then the projection: the gradient behind each one's rectifier, and how it
    // goes on from there.
    let mut behind: Option<(Vec<f32>, Descent)> = None;
    let mut start = outputs;
    for i in [2, 1, 0] {
        let (layer, norm, source) = (&layers[i], &norms[i], sources[i]);
        start -= layer.outputs();
        let own = above.channels(start, layer.outputs());
        let task = Task { layer, norm, source, images, count };
        let done = match &behind {
            None => task.run(&Plain(own)),
            Some((gradient, descent)) => {
                let shape = [images, height, width, layer.outputs()];
                let gradient = Maps::dense(&gradient[..pixels * layer.outputs()], shape);
                task.run(&Descended { gradient, input: sources[i + 1], descent, other: own })
            }
        };
        gradients.insert(0, done.parameters);
        if let Some((used, _)) = behind.replace((done.gradient, done.descent)) {
            memory::give(used);
        }
    }
    let (mut gradient, descent) = behind.unwrap_or_else(|| unreachable!("three layers"));
    let projected = layers.get(3).map(|layer| {
        let task = Task { layer, norm: &norms[3], source: x, images, count };
        let done = task.run(&Plain(above));
        gradients.push(done.parameters);
        (done.gradient, done.descent)
    });
    let rows = tile_rows(images, height, width * inputs * 4, 1, 4);
    let chunk = (rows * width * inputs).max(1);
    let work = gradient[..pixels * inputs].chunks_mut(chunk).enumerate().collect();
    threads::each(work, 1, |(i, gradient): (usize, &mut [f32])| {
        let range = i * chunk..i * chunk + gradient.len();
        let (other, other_descent) = match &projected {
            Some((values, descent)) => (&values[range.clone()], Some(descent)),
            None => (&above.values[range.clone()], None),
        };
        let end =
            End { gradient, x: &x.values[range], descent: &descent, other, other_descent, channels: inputs };
        dispatch(end);
    });
    if let Some((used, _)) = projected {
        memory::give(used);
    }
    BlockGradients { input: gradient, layers: gradients }
}

/// The backward pass of one layer.
struct Task<'a> {
    layer: &'a BlockLayer<'a>,
    norm: &'a Norm,
    source: Maps<'a>,
    images: usize,
    count: Option<usize>,
}

struct Done {
    /// Behind the rectifier.
    gradient: Vec<f32>,
    descent: Descent,
    /// Of gamma, beta and weight.
    parameters: [Vec<f32>; 3],
}

impl Task<'_> {
    fn run(&self, above: &impl Rows) -> Done {
        let Self { layer, norm, source, images, count } = *self;
        let [outputs, inputs, kernel, _] = layer.dims;
        let geometry = layer.geometry(images);
        let len = images * source.height * source.width * inputs;
        let mut gradient = memory::take(len);
        let method = geometry.method([source.height, source.width], outputs);
        let turned = Weights::backward(layer.weight, layer.dims, inputs, method);
        let to = Some((&turned, &mut gradient[..len]));
        let (weights, sums) =
            convolution::backward(&norm.of(source), above, geometry, to, |place, open, gradient| {
                norm.pass(place, open, source, gradient)
            });
        let weights = weight_order(&weights, kernel, inputs, outputs);
        let descended = norm.descend(&sums, count);
        Done { gradient, descent: descended.descent, parameters: [descended.gamma, descended.beta, weights] }
    }
}

/// The gradient behind the block's first rectifier becomes that of the block's input: through the normalization, plus what
/// came past the layers.
struct End<'a> {
    gradient: &'a mut [f32],
    x: &'a [f32],
    descent: &'a Descent,
    other: &'a [f32],
    other_descent: Option<&'a Descent>,
    channels: usize,
}

impl WithSimd for End<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { gradient, x, descent, other, other_descent, channels } = self;
        let pixels = gradient
            .chunks_exact_mut(channels)
            .zip(x.chunks_exact(channels))
            .zip(other.chunks_exact(channels));
        for ((gradient, x), other) in pixels {
            let own = [x, other, &descent.scale, &descent.slope, &descent.offset];
            match other_descent {
                None => by_vectors(simd, gradient, own, |[x, other, scale, slope, offset], g| {
                    let own = simd.mul_add_e_f32s(scale, g, simd.mul_add_e_f32s(slope, x, offset));
                    simd.add_f32s(own, other)
                }),
                Some(past) => {
                    let [x, other, scale, slope, offset] = own;
                    let all = [x, other, scale, slope, offset, &past.scale[..], &past.slope, &past.offset];
                    by_vectors(simd, gradient, all, |[x, h, scale, slope, offset, s, l, o], g| {
                        let own = simd.mul_add_e_f32s(scale, g, simd.mul_add_e_f32s(slope, x, offset));
                        let past = simd.mul_add_e_f32s(s, h, simd.mul_add_e_f32s(l, x, o));
                        simd.add_f32s(own, past)
                    });
                }
            }
        }
    }
}
