//! The block on the CPU: each layer is normalised, convolved and added to the sum while its tile is in the cache, so that
//! the block reads its input and writes its output about once.

use super::{
    operation::{BlockKernel, Gradients, Outputs, Parts},
    portable,
};
use crate::cpu::dispatch;
use crate::{
    cpu::{
        Weights, dense,
        layer::{self, Geometry, weight_order},
        moments::Moments,
        norm::{Norm, statistics},
        rows::{Descended, Descent, Maps, Plain, Rows, by_vectors},
        tile::tile_rows,
    },
    definition, memory,
};
use burn::backend::{Flex, TensorData, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::sync::Arc;

impl BlockKernel for Flex {
    fn forward(
        input: FloatTensor<Self>,
        parts: Parts<Self>,
        running: Vec<FloatTensor<Self>>,
        epsilon: f64,
    ) -> Outputs<Self> {
        if definition::wanted() {
            return portable::forward::<Self>(input, parts, running, epsilon);
        }
        let dims @ [images, height, width, inputs]: [usize; 4] = input.shape().dims();
        let input = dense(input);
        let parts = Part::all(&parts);
        let x = Maps::dense(&input.storage::<f32>()[..dims.iter().product()], dims);
        let widths = [parts[0].outputs, parts[1].outputs, parts[2].outputs];
        let outputs: usize = widths.iter().sum();
        let pixels = images * height * width;
        let batch = running.is_empty();
        let running: Vec<Vec<f32>> = running.iter().map(contiguous).collect();
        let of_input = || if batch { statistics(x.values, dims) } else { running[0].clone() };
        let first = of_input();
        let geometry =
            |part: &Part| Geometry { images, kernel: part.kernel, stride: 1, padding: part.kernel / 2 };

        let mut output = memory::take(pixels * outputs);
        let sum = &mut output[..pixels * outputs];
        let projection = parts.get(3);
        let last = projection.map(|part| {
            let of_input = if batch { first.clone() } else { running[3].clone() };
            let norm = part.norm(&of_input, epsilon);
            layer::forward(
                &norm.of(x),
                geometry(part),
                &part.weights(geometry(part), [height, width]),
                None,
                Some(&mut *sum),
                None,
                |_, _, _| (),
            );
            of_input
        });

        let mut all = vec![first];
        let mut middle: Vec<Vec<f32>> = Vec::new();
        let mut start = 0;
        for (i, part) in parts[..3].iter().enumerate() {
            let shape = [images, height, width, part.inputs];
            let source = if i == 0 { x } else { Maps::dense(&middle[i - 1][..pixels * part.inputs], shape) };
            let norm = part.norm(&all[i], epsilon);
            let mut kept = (i < 2).then(|| memory::take(pixels * part.outputs));
            let kept_values = kept.as_deref_mut().map(|kept| &mut kept[..pixels * part.outputs]);
            let moments = layer::forward(
                &norm.of(source),
                geometry(part),
                &part.weights(geometry(part), [height, width]),
                None,
                kept_values,
                Some(&mut *sum),
                |place, own, sum| {
                    let at = (place.image * height + place.first) * width;
                    let add = Add {
                        own,
                        count: part.outputs,
                        sum: sum.unwrap_or_default(),
                        start,
                        step: outputs,
                        input: projection.is_none().then(|| &x.values[at * inputs..]),
                    };
                    dispatch(add);
                    (batch && i < 2).then(|| Moments::of(own, part.outputs))
                },
            );
            start += part.outputs;
            if i < 2 {
                all.push(if batch {
                    Moments::join_all(moments.into_iter().flatten().collect(), part.outputs).statistics()
                } else {
                    running[i + 1].clone()
                });
                middle.extend(kept);
            }
        }
        all.extend(last);
        let mut middle =
            middle.into_iter().zip(widths).map(|(m, c)| memory::tensor(m, [images, height, width, c]));
        let (Some(a), Some(b)) = (middle.next(), middle.next()) else { unreachable!("two layers are kept") };
        let channels = all.iter().map(|s| s.len() / 2).sum::<usize>();
        Outputs {
            sum: memory::tensor(output, [images, height, width, outputs]),
            middle: [a, b],
            statistics: tensor(all.concat(), [2 * channels]),
        }
    }

    fn backward(
        input: FloatTensor<Self>,
        parts: Parts<Self>,
        middle: [FloatTensor<Self>; 2],
        used: FloatTensor<Self>,
        epsilon: f64,
        batch: bool,
        above: FloatTensor<Self>,
    ) -> Gradients<Self> {
        if definition::wanted() {
            return portable::backward::<Self>(input, parts, middle, used, epsilon, batch, above);
        }
        let dims @ [images, height, width, inputs]: [usize; 4] = input.shape().dims();
        let (input, above) = (dense(input), dense(above));
        let parts = Part::all(&parts);
        let pixels = images * height * width;
        let x = Maps::dense(&input.storage::<f32>()[..pixels * inputs], dims);
        let outputs: usize = parts[..3].iter().map(|p| p.outputs).sum();
        let above =
            Maps::dense(&above.storage::<f32>()[..pixels * outputs], [images, height, width, outputs]);
        let sources: Vec<Maps<'_>> = std::iter::once(x)
            .chain(middle.iter().map(|m| Maps::dense(m.storage::<f32>(), m.shape().dims())))
            .chain(std::iter::once(x))
            .collect();
        let used = contiguous(&used);
        let mut rest = &used[..];
        let norms: Vec<Norm> = parts
            .iter()
            .map(|part| {
                let (own, behind) = rest.split_at(2 * part.inputs);
                rest = behind;
                part.norm(own, epsilon)
            })
            .collect();
        let count = batch.then_some(pixels);

        let mut gradients: Vec<[FloatTensor<Self>; 3]> = Vec::new();
        // From the last layer to the first, then the projection: the gradient behind each one's rectifier, and how it
        // goes on from there.
        let mut behind: Option<(Vec<f32>, Descent)> = None;
        let mut start = outputs;
        for i in [2, 1, 0] {
            let (part, norm, source) = (&parts[i], &norms[i], sources[i]);
            start -= part.outputs;
            let own = above.channels(start, part.outputs);
            let task = Task { part, norm, source, images, count };
            let done = match &behind {
                None => task.run(&Plain(own)),
                Some((gradient, descent)) => {
                    let shape = [images, height, width, part.outputs];
                    let gradient = Maps::dense(&gradient[..pixels * part.outputs], shape);
                    task.run(&Descended { gradient, input: sources[i + 1], descent, other: own })
                }
            };
            gradients.insert(0, done.parameters);
            if let Some((used, _)) = behind.replace((done.gradient, done.descent)) {
                memory::give(used);
            }
        }
        let (mut gradient, descent) = behind.unwrap_or_else(|| unreachable!("three layers"));
        let projected = parts.get(3).map(|part| {
            let task = Task { part, norm: &norms[3], source: x, images, count };
            let done = task.run(&Plain(above));
            gradients.push(done.parameters);
            (done.gradient, done.descent)
        });
        let rows = tile_rows(images, height, width * inputs * 4, 1, 4);
        let chunk = (rows * width * inputs).max(1);
        gradient[..pixels * inputs].par_chunks_mut(chunk).enumerate().for_each(|(i, gradient)| {
            let range = i * chunk..i * chunk + gradient.len();
            let (other, other_descent) = match &projected {
                Some((values, descent)) => (&values[range.clone()], Some(descent)),
                None => (&above.values[range.clone()], None),
            };
            let end = End {
                gradient,
                x: &x.values[range],
                descent: &descent,
                other,
                other_descent,
                channels: inputs,
            };
            dispatch(end);
        });
        if let Some((used, _)) = projected {
            memory::give(used);
        }
        Gradients { input: memory::tensor(gradient, dims), parts: gradients.into_iter().flatten().collect() }
    }
}

/// One layer: its normalisation and its convolution.
struct Part {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    weight: FloatTensor<Flex>,
    kernel: usize,
    inputs: usize,
    outputs: usize,
}

impl Part {
    fn all(parts: &Parts<Flex>) -> Vec<Self> {
        parts
            .iter()
            .map(|[gamma, beta, weight]| {
                let [outputs, inputs, kernel, _] = weight.shape().dims();
                let ([gamma, beta], weight) = ([gamma, beta].map(contiguous), weight.to_contiguous());
                Self { gamma, beta, weight, kernel, inputs, outputs }
            })
            .collect()
    }

    fn weights(&self, geometry: Geometry, size: [usize; 2]) -> Arc<Weights> {
        Weights::of(&self.weight, geometry.method(size, self.inputs))
    }

    fn dims(&self) -> [usize; 4] {
        [self.outputs, self.inputs, self.kernel, self.kernel]
    }

    fn norm(&self, statistics: &[f32], epsilon: f64) -> Norm {
        Norm::new(&self.gamma, &self.beta, statistics, epsilon)
    }
}

/// The backward pass of one layer.
struct Task<'a> {
    part: &'a Part,
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
    parameters: [FloatTensor<Flex>; 3],
}

impl Task<'_> {
    fn run(&self, above: &impl Rows) -> Done {
        let Self { part, norm, source, images, count } = *self;
        let kernel = part.kernel;
        let geometry = Geometry { images, kernel, stride: 1, padding: kernel / 2 };
        let len = images * source.height * source.width * part.inputs;
        let mut gradient = memory::take(len);
        let method = geometry.method([source.height, source.width], part.outputs);
        let turned = Weights::backward(part.weight.storage::<f32>(), part.dims(), part.inputs, method);
        let to = Some((&turned, &mut gradient[..len]));
        let (weights, sums) =
            layer::backward(&norm.of(source), above, geometry, to, |place, open, gradient| {
                norm.pass(place, open, source, gradient)
            });
        let weights = weight_order(&weights, kernel, part.inputs, part.outputs);
        let descended = norm.descend(&sums, count);
        let parameters = [
            tensor(descended.gamma, [part.inputs]),
            tensor(descended.beta, [part.inputs]),
            tensor(weights, part.dims()),
        ];
        Done { gradient, descent: descended.descent, parameters }
    }
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

/// The gradient behind the block's first rectifier becomes that of the block's input: through the normalisation, plus what
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

fn contiguous(tensor: &FloatTensor<Flex>) -> Vec<f32> {
    let len = tensor.shape().num_elements();
    tensor.to_contiguous().storage::<f32>()[..len].to_vec()
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FloatTensor<Flex> {
    Flex::float_from_data(TensorData::new(values, shape), &Default::default())
}
