//! The definition, by reshaping [height, width] to [height / 2, 2, width / 2, 2] and back.

use burn::{
    backend::{Backend, TensorMetadata, tensor::FloatTensor},
    tensor::Shape,
};

/// `factor` times the sum of each 2 x 2 pixels.
pub(super) fn gather<B: Backend>(maps: FloatTensor<B>, factor: f64) -> FloatTensor<B> {
    let [images, height, width, channels] = maps.shape().dims();
    let pairs = Shape::from([images, height / 2, 2, width / 2, 2, channels]);
    let sums = B::float_sum_dims(B::float_reshape(maps, pairs), &[2, 4]);
    let sums = B::float_reshape(sums, Shape::from([images, height / 2, width / 2, channels]));
    B::float_mul_scalar(sums, factor.into())
}

/// `factor` times each pixel, four times.
pub(super) fn spread<B: Backend>(maps: FloatTensor<B>, factor: f64) -> FloatTensor<B> {
    let [images, height, width, channels] = maps.shape().dims();
    let one = B::float_reshape(maps, Shape::from([images, height, 1, width, 1, channels]));
    let four = B::float_expand(one, Shape::from([images, height, 2, width, 2, channels]));
    let maps = B::float_reshape(four, Shape::from([images, 2 * height, 2 * width, channels]));
    B::float_mul_scalar(maps, factor.into())
}
