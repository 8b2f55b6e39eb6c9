//! The definition of the convolution, in channels-last order, by Burn's own.

use super::hyper::Hyper;
use burn::{
    backend::{Backend, TensorMetadata, tensor::FloatTensor},
    tensor::Slice,
};

fn planar<B: Backend>(maps: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(maps, &[0, 3, 1, 2])
}

fn channels_last<B: Backend>(maps: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(maps, &[0, 2, 3, 1])
}

/// `beside` joined as further channels, repeated for all images.
fn joined<B: Backend>(input: FloatTensor<B>, beside: Option<FloatTensor<B>>) -> FloatTensor<B> {
    let Some(beside) = beside else { return input };
    let [images, height, width, _] = input.shape().dims();
    let channels = beside.shape()[3];
    let beside = B::float_expand(beside, [images, height, width, channels].into());
    B::float_cat(vec![input, beside], 3)
}

pub(crate) fn forward<B: Backend>(
    input: FloatTensor<B>,
    beside: Option<FloatTensor<B>>,
    weight: FloatTensor<B>,
    bias: Option<FloatTensor<B>>,
    hyper: Hyper,
) -> FloatTensor<B> {
    let input = planar::<B>(joined::<B>(input, beside));
    channels_last::<B>(B::conv2d(input, weight, bias, hyper.options()))
}

/// Of input and weight.
pub(crate) fn backward<B: Backend>(
    input: FloatTensor<B>,
    beside: Option<FloatTensor<B>>,
    weight: FloatTensor<B>,
    above: FloatTensor<B>,
    hyper: Hyper,
) -> [FloatTensor<B>; 2] {
    let of_input = input_gradient::<B>(input.clone(), weight.clone(), above.clone(), hyper);
    let input = planar::<B>(joined::<B>(input, beside));
    let of_weight = B::conv2d_weight_backward(input, weight, planar::<B>(above), hyper.options());
    [of_input, of_weight]
}

/// The weight's first inputs are the input's own.
pub(super) fn input_gradient<B: Backend>(
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    above: FloatTensor<B>,
    hyper: Hyper,
) -> FloatTensor<B> {
    let ([outputs, _, kernel, _], channels) = (weight.shape().dims(), input.shape()[3]);
    let own = [0..outputs, 0..channels, 0..kernel, 0..kernel].map(Slice::from);
    let weight = B::float_slice(weight, &own);
    channels_last::<B>(B::conv2d_x_backward(planar::<B>(input), weight, planar::<B>(above), hyper.options()))
}
