use super::BlockLayer;
use crate::{
    convolution::{self, Tiling, Weights},
    memory,
    moments::Moments,
    norm::channel_statistics,
    rows::{Maps, by_vectors},
    vectors::dispatch,
};
use pulp::{Simd, WithSimd};

/// What a block gives. Buffers are from [`memory::take`] and may be longer than the shapes say.
#[derive(Debug)]
pub struct BlockOutputs {
    /// The block's output, [images, height, width, outputs].
    pub sum: Vec<f32>,
    /// The outputs of the first two layers, for the backward pass.
    pub middle: [Vec<f32>; 2],
    /// Those that each layer was normalized by: all means, then all biased variances.
    pub statistics: Vec<Vec<f32>>,
}

/// The block at dense maps `x`, [images, height, width, inputs]: three `layers`, and a projection as the fourth where the number of channels
/// changes. `packed` are their weights as [`BlockLayer::pack`] gives them. With `running` statistics of each layer, all means, then all
/// variances, or by those of the batch where there are none.
///
/// # Panics
/// If the shapes do not fit.
pub fn residual_block(
    x: &[f32],
    shape: [usize; 4],
    layers: &[BlockLayer<'_>],
    packed: &[&Weights],
    running: Option<&[Vec<f32>]>,
    epsilon: f64,
) -> BlockOutputs {
    let [images, height, width, inputs] = shape;
    let pixels = images * height * width;
    let outputs: usize = layers[..3].iter().map(BlockLayer::outputs).sum();
    assert!(layers.len() == 4 || inputs == outputs, "without a projection the block keeps its channels");
    let x = Maps::dense(&x[..pixels * inputs], shape);
    let batch = running.is_none();
    let first = running.map_or_else(|| channel_statistics(x.values, shape), |running| running[0].clone());

    let mut output = memory::take(pixels * outputs);
    let sum = &mut output[..pixels * outputs];
    let projection = layers.get(3);
    let last = projection.map(|layer| {
        let of_input = running.map_or_else(|| first.clone(), |running| running[3].clone());
        let norm = layer.norm(&of_input, epsilon);
        convolution::forward(
            &norm.of(x),
            layer.geometry(images),
            packed[3],
            None,
            Tiling::Fixed,
            Some(&mut *sum),
            None,
            |_, _, _| (),
        );
        of_input
    });

    let mut statistics = vec![first];
    let mut middle: [Vec<f32>; 2] = Default::default();
    let mut start = 0;
    for (i, layer) in layers[..3].iter().enumerate() {
        let (own_inputs, own_outputs) = (layer.inputs(), layer.outputs());
        let (before, behind) = middle.split_at_mut(i.min(2));
        let source = match before.last() {
            None => x,
            Some(before) => Maps::dense(&before[..pixels * own_inputs], [images, height, width, own_inputs]),
        };
        let norm = layer.norm(&statistics[i], epsilon);
        let kept = behind.first_mut().map(|kept| {
            *kept = memory::take(pixels * own_outputs);
            &mut kept[..pixels * own_outputs]
        });
        let moments = convolution::forward(
            &norm.of(source),
            layer.geometry(images),
            packed[i],
            None,
            Tiling::Fixed,
            kept,
            Some(&mut *sum),
            |place, own, sum| {
                let at = (place.image * height + place.first) * width;
                let add = Add {
                    own,
                    count: own_outputs,
                    sum: sum.unwrap_or_default(),
                    start,
                    step: outputs,
                    input: projection.is_none().then(|| &x.values[at * inputs..]),
                };
                dispatch(add);
                (batch && i < 2).then(|| Moments::of(own, own_outputs))
            },
        );
        start += own_outputs;
        if i < 2 {
            statistics.push(match running {
                None => Moments::join_all(moments.into_iter().flatten().collect(), own_outputs).statistics(),
                Some(running) => running[i + 1].clone(),
            });
        }
    }
    statistics.extend(last);
    BlockOutputs { sum: output, middle, statistics }
}

/// sum\[.., start..\] = own + input\[.., start..\], or sum + own where there is no input; pixels of the sum and of the input
/// lie `step` floats apart.
struct Add<'a> {
    own: &'a [f32],
    count: usize,
    sum: &'a mut [f32],
    start: usize,
    step: usize,
    input: Option<&'a [f32]>,
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { own, count, sum, start, step, input } = self;
        let pixels = own.chunks_exact(count).zip(sum.chunks_exact_mut(step));
        match input {
            Some(input) => {
                for ((own, sum), input) in pixels.zip(input.chunks_exact(step)) {
                    let input = &input[start..start + count];
                    by_vectors(simd, &mut sum[start..start + count], [own, input], |[a, b], _| {
                        simd.add_f32s(a, b)
                    });
                }
            }
            None => {
                for (own, sum) in pixels {
                    by_vectors(simd, &mut sum[start..start + count], [own], |[a], b| simd.add_f32s(a, b));
                }
            }
        }
    }
}
