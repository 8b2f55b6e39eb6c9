//! Batch normalization and ReLU as a composition of tensor operations, gradient included.

use super::gradients::Gradients3;
use burn::{
    backend::{Backend, TensorMetadata, get_or_init_device_settings, tensor::FloatTensor},
    tensor::{Shape, Slice},
};

pub(crate) fn statistics<B: Backend>(input: FloatTensor<B>) -> FloatTensor<B> {
    let shape = input.shape();
    let channels = shape[3];
    let count = (shape.num_elements() / channels.max(1)) as f64;
    let mean_of = |t| B::float_div_scalar(B::float_sum_dims(t, &[0, 1, 2]), count.into());
    let mean = mean_of(input.clone());
    let deviation = B::float_sub(input, mean.clone());
    let variance = mean_of(B::float_mul(deviation.clone(), deviation));
    let row = |t| B::float_reshape(t, Shape::from([1, channels]));
    B::float_cat(vec![row(mean), row(variance)], 0)
}

/// What each channel is shifted and scaled by.
struct Channels<B: Backend> {
    mean: FloatTensor<B>,
    /// 1 / sqrt(variance + epsilon)
    inverse: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
}

impl<B: Backend> Channels<B> {
    fn new(gamma: FloatTensor<B>, beta: FloatTensor<B>, statistics: FloatTensor<B>, epsilon: f64) -> Self {
        let channels = gamma.shape()[0];
        let wide = |t| B::float_reshape(t, Shape::from([1, 1, 1, channels]));
        let row = |i: usize| wide(B::float_slice(statistics.clone(), &[Slice::from(i..i + 1)]));
        let deviation = B::float_sqrt(B::float_add_scalar(row(1), epsilon.into()));
        Self { mean: row(0), inverse: B::float_recip(deviation), gamma: wide(gamma), beta: wide(beta) }
    }

    /// (x - mean) / sqrt(variance + epsilon)
    fn normal(&self, x: FloatTensor<B>) -> FloatTensor<B> {
        B::float_mul(B::float_sub(x, self.mean.clone()), self.inverse.clone())
    }

    fn scaled(&self, normal: FloatTensor<B>) -> FloatTensor<B> {
        B::float_add(B::float_mul(normal, self.gamma.clone()), self.beta.clone())
    }
}

pub(crate) fn forward<B: Backend>(
    input: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    statistics: FloatTensor<B>,
    epsilon: f64,
) -> FloatTensor<B> {
    let channels = Channels::<B>::new(gamma, beta, statistics, epsilon);
    let normal = channels.normal(input);
    B::relu(channels.scaled(normal))
}

pub(crate) fn backward<B: Backend>(
    input: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    statistics: FloatTensor<B>,
    epsilon: f64,
    batch: bool,
    above: FloatTensor<B>,
) -> Gradients3<B> {
    let shape = input.shape();
    let count = (shape.num_elements() / shape[3].max(1)) as f64;
    let channels = Channels::<B>::new(gamma, beta, statistics, epsilon);
    let normal = channels.normal(input);
    let scaled = channels.scaled(normal.clone());
    let bool_dtype = get_or_init_device_settings::<B>(&scaled.device()).bool_dtype;
    let off = B::float_lower_equal_elem(scaled, 0.0.into(), bool_dtype);
    // A clone, for Burn's CPU backend fills a permuted tensor in the wrong order when nobody else holds it.
    let open = B::float_mask_fill(above.clone(), off, 0.0.into());
    let beta_gradient = B::float_sum_dims(open.clone(), &[0, 1, 2]);
    let gamma_gradient = B::float_sum_dims(B::float_mul(open.clone(), normal.clone()), &[0, 1, 2]);
    let inner = if batch {
        let mean = |t: &FloatTensor<B>| B::float_div_scalar(t.clone(), count.into());
        let along = B::float_mul(normal, mean(&gamma_gradient));
        B::float_sub(B::float_sub(open, mean(&beta_gradient)), along)
    } else {
        open
    };
    let factor = B::float_mul(channels.gamma, channels.inverse);
    let flat = |t| B::float_reshape(t, Shape::from([shape[3]]));
    drop(above);
    [B::float_mul(inner, factor), flat(gamma_gradient), flat(beta_gradient)]
}
