//! The loss on the CPU: value and gradient in one pass over memory, a pixel at a time, threads over blocks.

use super::{
    AdaptiveWing, PixelLoss,
    operation::{LossKernel, LossParts},
};
use burn::backend::{Flex, TensorData, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use rayon::prelude::*;

/// Pixels a thread takes at a time. The partial sums are added in order, so that the result does not depend on the
/// number of threads.
const BLOCK: usize = 16 * 1024;

impl LossKernel for Flex {
    fn loss_parts(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weight: Option<FloatTensor<Self>>,
        loss: &PixelLoss,
    ) -> LossParts<Self> {
        let shape = prediction.shape();
        let prediction = prediction.to_contiguous();
        let target = target.to_contiguous();
        let weight = weight.map(|w| w.to_contiguous());
        let len = shape.num_elements();
        let p = &prediction.storage::<f32>()[..len];
        let t = &target.storage::<f32>()[..len];
        let w = weight.as_ref().map(|w| &w.storage::<f32>()[..len]);
        let (sum, count, mut gradient) = blocks(p, t, w, &Kernel::new(loss));
        let scale = if count == 0 { 0.0 } else { 1.0 / count as f64 };
        gradient.iter_mut().for_each(|g| *g *= scale as f32);
        LossParts {
            value: Self::float_from_data(
                TensorData::new(vec![(sum * scale) as f32], [1]),
                &Default::default(),
            ),
            gradient: Self::float_from_data(TensorData::new(gradient, shape), &Default::default()),
        }
    }
}

/// Sum of weight times loss, number of pixels with a weight above zero, and weight times derivative for each pixel.
fn blocks(
    prediction: &[f32],
    target: &[f32],
    weight: Option<&[f32]>,
    kernel: &Kernel,
) -> (f64, usize, Vec<f32>) {
    let mut gradient = vec![0.0_f32; prediction.len()];
    let sums: Vec<(f64, usize)> = gradient
        .par_chunks_mut(BLOCK)
        .enumerate()
        .map(|(block, gradient)| {
            let start = block * BLOCK;
            let range = start..start + gradient.len();
            let (p, t) = (&prediction[range.clone()], &target[range.clone()]);
            match weight.map(|w| &w[range]) {
                None => {
                    let mut sum = 0.0;
                    for ((g, &p), &t) in gradient.iter_mut().zip(p).zip(t) {
                        let (value, slope) = kernel.value_and_gradient(t, p);
                        sum += f64::from(value);
                        *g = slope;
                    }
                    (sum, gradient.len())
                }
                Some(w) => {
                    let (mut sum, mut count) = (0.0, 0);
                    for (((g, &p), &t), &w) in gradient.iter_mut().zip(p).zip(t).zip(w) {
                        if w > 0.0 {
                            let (value, slope) = kernel.value_and_gradient(t, p);
                            sum += f64::from(w * value);
                            *g = w * slope;
                            count += 1;
                        }
                    }
                    (sum, count)
                }
            }
        })
        .collect();
    let (sum, count) = sums.iter().fold((0.0, 0), |(s, c), (sum, count)| (s + sum, c + count));
    (sum, count, gradient)
}

/// A [`PixelLoss`] in f32, with what does not depend on the pixel worked out ahead.
enum Kernel {
    Mse,
    L1,
    SmoothL1 {
        beta: f32,
    },
    Wing {
        omega: f32,
        epsilon: f32,
        offset: f32,
    },
    AdaptiveWing {
        alpha: f32,
        omega: f32,
        epsilon: f32,
        theta: f32,
        background: (f32, f32),
        exact: AdaptiveWing,
    },
}

impl Kernel {
    fn new(loss: &PixelLoss) -> Self {
        match *loss {
            PixelLoss::Mse => Self::Mse,
            PixelLoss::L1 => Self::L1,
            PixelLoss::SmoothL1 { beta } => Self::SmoothL1 { beta: beta as f32 },
            PixelLoss::Wing { omega, epsilon } => Self::Wing {
                omega: omega as f32,
                epsilon: epsilon as f32,
                offset: (omega - omega * (omega / epsilon).ln_1p()) as f32,
            },
            PixelLoss::AdaptiveWing(loss) => {
                let (slope, offset) = loss.linear_part(0.0);
                Self::AdaptiveWing {
                    alpha: loss.alpha as f32,
                    omega: loss.omega as f32,
                    epsilon: loss.epsilon as f32,
                    theta: loss.theta as f32,
                    background: (slope as f32, offset as f32),
                    exact: loss,
                }
            }
        }
    }

    fn value_and_gradient(&self, target: f32, prediction: f32) -> (f32, f32) {
        let y = target.clamp(0.0, 1.0);
        let error = prediction - y;
        let d = error.abs();
        let sign = if d == 0.0 { 0.0 } else { error.signum() };
        match *self {
            Self::Mse => (d * d, 2.0 * error),
            Self::L1 => (d, sign),
            Self::SmoothL1 { beta } if d < beta => (0.5 * d * d / beta, error / beta),
            Self::SmoothL1 { beta } => (d - 0.5 * beta, sign),
            Self::Wing { omega, epsilon, .. } if d < omega => {
                (omega * (d / epsilon).ln_1p(), sign * omega / (epsilon + d))
            }
            Self::Wing { offset, .. } => (d - offset, sign),
            Self::AdaptiveWing { alpha, omega, epsilon, theta, .. } if d < theta => {
                // One power serves both: x^p = x^(p - 1) x.
                let p = alpha - y;
                let x = d / epsilon;
                let xq = x.powf(p - 1.0);
                let xp = xq * x;
                (omega * xp.ln_1p(), sign * omega * p * xq / (epsilon * (1.0 + xp)))
            }
            Self::AdaptiveWing { background, exact, .. } => {
                let (slope, offset) = if y == 0.0 {
                    background
                } else {
                    let (slope, offset) = exact.linear_part(f64::from(y));
                    (slope as f32, offset as f32)
                };
                (slope * d - offset, sign * slope)
            }
        }
    }
}
