//! The definition of the block in terms of convolution and normalization.

use super::parts::{Gradients, Outputs, Parts};
use crate::{
    conv2d::{ConvKernel, Hyper},
    norm_relu::NormKernel,
};
use burn::{
    backend::{TensorMetadata, tensor::FloatTensor},
    tensor::{Shape, Slice},
};

fn hyper<B: ConvKernel + NormKernel>(weight: &FloatTensor<B>) -> Hyper {
    Hyper { stride: 1, padding: weight.shape()[2] / 2 }
}

fn channels<B: ConvKernel + NormKernel>(maps: &FloatTensor<B>, first: usize, count: usize) -> FloatTensor<B> {
    let [images, height, width, _] = maps.shape().dims();
    let slice = [0..images, 0..height, 0..width, first..first + count].map(Slice::from);
    B::float_slice(maps.clone(), &slice)
}

pub(super) fn forward<B: ConvKernel + NormKernel>(
    input: FloatTensor<B>,
    parts: Parts<B>,
    running: Vec<FloatTensor<B>>,
    epsilon: f64,
) -> Outputs<B> {
    let mut used: Vec<FloatTensor<B>> = Vec::new();
    let mut layer = |i: usize, x: FloatTensor<B>| {
        let [gamma, beta, weight] = parts[i].clone();
        let statistics = running.get(i).cloned().unwrap_or_else(|| <B as NormKernel>::statistics(x.clone()));
        let flat = Shape::from([2 * gamma.shape()[0]]);
        used.push(B::float_reshape(statistics.clone(), flat));
        let x = crate::norm_relu::portable::forward::<B>(x, gamma, beta, statistics, epsilon);
        let hyper = hyper::<B>(&weight);
        crate::conv2d::portable::forward::<B>(x, None, weight, None, hyper)
    };
    let a = layer(0, input.clone());
    let b = layer(1, a.clone());
    let c = layer(2, b.clone());
    let past = if parts.len() == 4 { layer(3, input) } else { input };
    let sum = B::float_add(B::float_cat(vec![a.clone(), b.clone(), c], 3), past);
    Outputs { sum, middle: [a, b], statistics: B::float_cat(used, 0) }
}

pub(super) fn backward<B: ConvKernel + NormKernel>(
    input: FloatTensor<B>,
    parts: Parts<B>,
    middle: [FloatTensor<B>; 2],
    used: FloatTensor<B>,
    epsilon: f64,
    batch: bool,
    above: FloatTensor<B>,
) -> Gradients<B> {
    let mut start = 0;
    let statistics: Vec<FloatTensor<B>> = parts
        .iter()
        .map(|[gamma, ..]| {
            let count = gamma.shape()[0];
            let own = B::float_slice(used.clone(), &[Slice::from(start..start + 2 * count)]);
            start += 2 * count;
            B::float_reshape(own, Shape::from([2, count]))
        })
        .collect();
    // The gradients of a layer's input and of its parts.
    let layer = |i: usize, x: FloatTensor<B>, above: FloatTensor<B>| {
        let [gamma, beta, weight] = parts[i].clone();
        let hyper = hyper::<B>(&weight);
        let norm = (gamma, beta, statistics[i].clone());
        let (gamma, beta, own) = norm.clone();
        let normal = crate::norm_relu::portable::forward::<B>(x.clone(), gamma, beta, own, epsilon);
        let [below, of_weight] = crate::conv2d::portable::backward::<B>(normal, None, weight, above, hyper);
        let (gamma, beta, own) = norm;
        let [of_input, of_gamma, of_beta] =
            crate::norm_relu::portable::backward::<B>(x, gamma, beta, own, epsilon, batch, below);
        (of_input, [of_gamma, of_beta, of_weight])
    };
    let widths: Vec<usize> = parts[..3].iter().map(|[.., weight]| weight.shape()[0]).collect();
    let [a, b] = middle;
    let own = |first: usize, i: usize| channels::<B>(&above, first, widths[i]);
    let (below, third) = layer(2, b.clone(), own(widths[0] + widths[1], 2));
    let (below, second) = layer(1, a, B::float_add(below, own(widths[0], 1)));
    let (below, first) = layer(0, input.clone(), B::float_add(below, own(0, 0)));
    let mut all = vec![first, second, third];
    let past = if parts.len() == 4 {
        let (past, projection) = layer(3, input, above);
        all.push(projection);
        past
    } else {
        above
    };
    Gradients { input: B::float_add(below, past), parts: all.into_iter().flatten().collect() }
}
