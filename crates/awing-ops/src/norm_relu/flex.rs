//! Batch normalisation and ReLU on the CPU: planes of one channel of one image at a time, threads over planes or
//! channels. Sums run in an order that does not depend on the number of threads.

use super::operation::{Gradients3, NormKernel};
use burn::backend::{Flex, TensorData, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use rayon::prelude::*;

/// Values that a task should have at least, for the cost of starting it not to matter.
const TASK: usize = 16 * 1024;

/// Numbers that are added side by side, so that the compiler can use vectors.
const LANES: usize = 16;

impl NormKernel for Flex {
    fn statistics(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let [batch, channels, height, width] = input.shape().dims();
        let input = input.to_contiguous();
        let planes = Planes { values: input.storage::<f32>(), batch, channels, area: height * width };
        let both: Vec<(f64, f64)> = planes.by_channel(|channel| planes.mean_and_variance(channel));
        let values = both.iter().map(|b| b.0 as f32).chain(both.iter().map(|b| b.1 as f32)).collect();
        tensor(values, [2, channels])
    }

    fn forward(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let shape: [usize; 4] = input.shape().dims();
        let input = input.to_contiguous();
        let channels = Channel::all(&gamma, &beta, &statistics, epsilon);
        let area = shape[2] * shape[3];
        let values = input.storage::<f32>();
        let mut output = vec![0.0_f32; shape.iter().product()];
        output
            .par_chunks_mut(area.max(1))
            .with_min_len(TASK.div_ceil(area.max(1)))
            .zip(values.par_chunks(area.max(1)))
            .enumerate()
            .for_each(|(i, (out, plane))| {
                let Channel { scale, shift, .. } = channels[i % channels.len()];
                for (o, x) in out.iter_mut().zip(plane) {
                    let y = x * scale + shift;
                    // Not f32::max, which would turn a NaN into 0.
                    *o = if y < 0.0 { 0.0 } else { y };
                }
            });
        tensor(output, shape)
    }

    fn backward(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        batch_statistics: bool,
        above: FloatTensor<Self>,
    ) -> Gradients3<Self> {
        let shape @ [batch, count, height, width]: [usize; 4] = input.shape().dims();
        let (input, above) = (input.to_contiguous(), above.to_contiguous());
        let channels = Channel::all(&gamma, &beta, &statistics, epsilon);
        let area = height * width;
        let planes = Planes { values: input.storage::<f32>(), batch, channels: count, area };
        let above = above.storage::<f32>();
        let sums: Vec<(f64, f64)> =
            planes.by_channel(|channel| planes.gradient_sums(channel, &channels[channel], above));
        let pixels = (batch * area).max(1) as f64;
        let mut gradient = vec![0.0_f32; shape.iter().product()];
        gradient
            .par_chunks_mut(area.max(1))
            .with_min_len(TASK.div_ceil(area.max(1)))
            .zip(planes.values.par_chunks(area.max(1)).zip(above.par_chunks(area.max(1))))
            .enumerate()
            .for_each(|(i, (out, (plane, above)))| {
                let c = &channels[i % count];
                let (beta_sum, gamma_sum) = sums[i % count];
                // scale (above - mean(above) - normal mean(above normal)), with normal = inverse (x - mean)
                let (slope, offset) = if batch_statistics {
                    let slope = -f64::from(c.scale) * gamma_sum / pixels * f64::from(c.inverse);
                    let offset = -f64::from(c.scale) * beta_sum / pixels - slope * f64::from(c.mean);
                    (slope as f32, offset as f32)
                } else {
                    (0.0, 0.0)
                };
                for ((o, x), a) in out.iter_mut().zip(plane).zip(above) {
                    let open = if x * c.scale + c.shift > 0.0 { *a } else { 0.0 };
                    *o = c.scale * open + (slope * x + offset);
                }
            });
        let column = |pick: fn(&(f64, f64)) -> f64| sums.iter().map(|s| pick(s) as f32).collect();
        [tensor(gradient, shape), tensor(column(|s| s.1), [count]), tensor(column(|s| s.0), [count])]
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FloatTensor<Flex> {
    Flex::float_from_data(TensorData::new(values, shape), &Default::default())
}

/// What a channel is normalised by.
#[derive(Clone, Copy)]
struct Channel {
    mean: f32,
    /// 1 / sqrt(variance + epsilon)
    inverse: f32,
    /// gamma / sqrt(variance + epsilon): the output is scale x + shift, before ReLU.
    scale: f32,
    shift: f32,
}

impl Channel {
    fn all(
        gamma: &FloatTensor<Flex>,
        beta: &FloatTensor<Flex>,
        statistics: &FloatTensor<Flex>,
        epsilon: f64,
    ) -> Vec<Self> {
        let [gamma, beta, statistics] = [gamma, beta, statistics].map(|t| t.to_contiguous());
        let (gamma, beta, statistics) =
            (gamma.storage::<f32>(), beta.storage::<f32>(), statistics.storage::<f32>());
        let (means, variances) = statistics.split_at(gamma.len());
        gamma
            .iter()
            .zip(beta)
            .zip(means.iter().zip(variances))
            .map(|((&gamma, &beta), (&mean, &variance))| {
                let inverse = 1.0 / (f64::from(variance) + epsilon).sqrt();
                let scale = f64::from(gamma) * inverse;
                Self {
                    mean,
                    inverse: inverse as f32,
                    scale: scale as f32,
                    shift: (f64::from(beta) - f64::from(mean) * scale) as f32,
                }
            })
            .collect()
    }
}

/// [batch, channels, area]
struct Planes<'a> {
    values: &'a [f32],
    batch: usize,
    channels: usize,
    area: usize,
}

impl Planes<'_> {
    /// One result a channel, channels side by side on threads.
    fn by_channel<R: Send>(&self, work: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
        let least = TASK.div_ceil((self.batch * self.area).max(1));
        (0..self.channels).into_par_iter().with_min_len(least).map(work).collect()
    }

    /// The planes of a channel, each with its place in the tensor.
    fn of(&self, channel: usize) -> impl Iterator<Item = (usize, &[f32])> {
        (0..self.batch).map(move |image| {
            let start = (image * self.channels + channel) * self.area;
            (start, &self.values[start..start + self.area])
        })
    }

    /// Plane by plane, each while it is in the cache: its mean, then its squared deviations; joined by Chan's rule, so
    /// that a large mean does not drown a small variance.
    fn mean_and_variance(&self, channel: usize) -> (f64, f64) {
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for (_, plane) in self.of(channel) {
            let n = plane.len() as f64;
            let plane_mean = sum(plane.iter().copied()) / n;
            let middle = plane_mean as f32;
            let plane_squares = sum(plane.iter().map(|x| (x - middle) * (x - middle)));
            let (total, delta) = (count + n, plane_mean - mean);
            mean += delta * n / total;
            squares += plane_squares + delta * delta * count * n / total;
            count = total;
        }
        (mean, if count > 0.0 { squares / count } else { 0.0 })
    }

    /// The sums over a channel of the gradient that passes ReLU, and of it times the normalised input.
    fn gradient_sums(&self, channel: usize, c: &Channel, above: &[f32]) -> (f64, f64) {
        let (mut plain, mut times_x) = (0.0, 0.0);
        for (start, plane) in self.of(channel) {
            let above = &above[start..start + plane.len()];
            let open = |(x, a): (&f32, &f32)| if x * c.scale + c.shift > 0.0 { *a } else { 0.0 };
            plain += sum(plane.iter().zip(above).map(open));
            times_x += sum(plane.iter().zip(above).map(|(x, a)| open((x, a)) * ((x - c.mean) * c.inverse)));
        }
        (plain, times_x)
    }
}

/// The sum of a plane, in lanes.
fn sum(values: impl ExactSizeIterator<Item = f32>) -> f64 {
    let mut lanes = [0.0_f32; LANES];
    let whole = values.len() / LANES;
    let mut values = values;
    for _ in 0..whole {
        for lane in &mut lanes {
            *lane += values.next().unwrap_or(0.0);
        }
    }
    let rest: f32 = values.sum();
    lanes.iter().map(|l| f64::from(*l)).sum::<f64>() + f64::from(rest)
}
