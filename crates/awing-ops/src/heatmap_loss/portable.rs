//! The loss as a composition of tensor operations, for every device without a kernel of its own. Its gradient is
//! computed from the formula too; nothing here is differentiated.

use super::parts::LossParts;
use awing_kernels::loss::{AdaptiveWing, PixelLoss};
use burn::backend::{
    Backend, BoolDType, FloatDType, Scalar, TensorMetadata, get_or_init_device_settings, tensor::FloatTensor,
};

/// Value and gradient of the weighted mean; see [`super::heatmap_loss`].
pub(super) fn loss_parts<B: Backend>(
    prediction: FloatTensor<B>,
    target: FloatTensor<B>,
    weight: Option<FloatTensor<B>>,
    loss: &PixelLoss,
) -> LossParts<B> {
    let device = prediction.device();
    let pixels = prediction.shape().num_elements();
    let y = B::float_clamp(target, 0.0.into(), 1.0.into());
    let error = B::float_sub(prediction, y.clone());
    let (value, gradient) = pixel_parts::<B>(y, error, loss);
    let (value, gradient, count) = match weight {
        None => {
            let count = B::float_full([1].into(), (pixels as f64).into(), &device, FloatDType::F32);
            (value, gradient, count)
        }
        Some(weight) => {
            let skipped = B::float_lower_equal_elem(weight.clone(), 0.0.into(), bool_dtype::<B>(&weight));
            let used = |x| B::float_mask_fill(x, skipped.clone(), 0.0.into());
            let ones = B::float_full(weight.shape(), 1.0.into(), &device, FloatDType::F32);
            let weigh = |x| used(B::float_mul(x, weight.clone()));
            (weigh(value), weigh(gradient), B::float_sum(used(ones)))
        }
    };
    let scale = B::float_recip(B::float_clamp_min(count, 1.0.into()));
    LossParts { value: B::float_mul(B::float_sum(value), scale.clone()), gradient, scale }
}

/// Loss and derivative of each pixel, from the clamped target and the signed error.
fn pixel_parts<B: Backend>(
    y: FloatTensor<B>,
    error: FloatTensor<B>,
    loss: &PixelLoss,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let d = B::float_abs(error.clone());
    let sign = B::float_sign(error.clone());
    match *loss {
        PixelLoss::Mse => (B::float_mul(d.clone(), d), scaled::<B>(error, 2.0)),
        PixelLoss::L1 => (d, sign),
        PixelLoss::SmoothL1 { beta } => {
            let near = below::<B>(&d, beta);
            let square = scaled::<B>(B::float_mul(d.clone(), d.clone()), 0.5 / beta);
            let value = B::float_mask_where(plus::<B>(d, -0.5 * beta), near.clone(), square);
            (value, B::float_mask_where(sign, near, scaled::<B>(error, 1.0 / beta)))
        }
        PixelLoss::Wing { omega, epsilon } => {
            let near = below::<B>(&d, omega);
            let log = scaled::<B>(ln_1p::<B>(scaled::<B>(d.clone(), 1.0 / epsilon)), omega);
            let slope = scaled::<B>(B::float_recip(plus::<B>(d.clone(), epsilon)), omega);
            let offset = omega - omega * (omega / epsilon).ln_1p();
            let value = B::float_mask_where(plus::<B>(d, -offset), near.clone(), log);
            (value, B::float_mask_where(sign.clone(), near, B::float_mul(sign, slope)))
        }
        PixelLoss::AdaptiveWing(constants) => adaptive_wing::<B>(y, d, sign, constants),
    }
}

fn adaptive_wing<B: Backend>(
    y: FloatTensor<B>,
    d: FloatTensor<B>,
    sign: FloatTensor<B>,
    AdaptiveWing { alpha, omega, epsilon, theta }: AdaptiveWing,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let near = below::<B>(&d, theta);
    let p = plus::<B>(B::float_neg(y), alpha);
    let q = plus::<B>(p.clone(), -1.0);
    // Both parts are computed everywhere, so the curved one is kept inside its range: no power of 0, none that
    // overflows. At d = 0 the sign makes the derivative 0.
    let x = B::float_clamp(scaled::<B>(d.clone(), 1.0 / epsilon), 1e-30.into(), (theta / epsilon).into());
    let xq = B::float_powf(x.clone(), q.clone());
    let xp = B::float_mul(xq.clone(), x);
    let curve = scaled::<B>(ln_1p::<B>(xp.clone()), omega);
    let curve_slope = B::float_div(B::float_mul(p.clone(), xq), plus::<B>(xp, 1.0));
    // r^q as exp(q ln r): the base is the same number everywhere.
    let r = theta / epsilon;
    let rq = B::float_exp(scaled::<B>(q, r.ln()));
    let rp = scaled::<B>(rq.clone(), r);
    let line_slope = B::float_div(B::float_mul(p, rq), plus::<B>(rp.clone(), 1.0));
    let (curve_slope, line_slope) =
        (scaled::<B>(curve_slope, omega / epsilon), scaled::<B>(line_slope, omega / epsilon));
    // A d - C = A (d - theta) + omega ln(1 + r^p)
    let line = B::float_add(
        B::float_mul(line_slope.clone(), plus::<B>(d, -theta)),
        scaled::<B>(ln_1p::<B>(rp), omega),
    );
    let slope = B::float_mask_where(line_slope, near.clone(), curve_slope);
    (B::float_mask_where(line, near, curve), B::float_mul(sign, slope))
}

/// ln(1 + x) for x >= 0. Shading languages have no such function and round 1 + x first, which costs the small errors of
/// the background half their digits: below 1/2 it is 2 atanh(s) with s = x / (2 + x), as a series.
fn ln_1p<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let s = B::float_div(x.clone(), plus::<B>(x.clone(), 2.0));
    let square = B::float_mul(s.clone(), s.clone());
    let next = |sum, term| plus::<B>(B::float_mul(sum, square.clone()), term);
    // 1 + s²/3 + s⁴/5 + s⁶/7 + s⁸/9
    let series = plus::<B>(scaled::<B>(square.clone(), 1.0 / 9.0), 1.0 / 7.0);
    let series = next(next(series, 1.0 / 5.0), 1.0 / 3.0);
    let small = B::float_mul(scaled::<B>(s, 2.0), next(series, 1.0));
    let near = below::<B>(&x, 0.5);
    B::float_mask_where(B::float_log(plus::<B>(x, 1.0)), near, small)
}

fn scaled<B: Backend>(x: FloatTensor<B>, factor: f64) -> FloatTensor<B> {
    B::float_mul_scalar(x, Scalar::from(factor))
}

fn plus<B: Backend>(x: FloatTensor<B>, term: f64) -> FloatTensor<B> {
    B::float_add_scalar(x, Scalar::from(term))
}

fn below<B: Backend>(x: &FloatTensor<B>, bound: f64) -> burn::backend::tensor::BoolTensor<B> {
    B::float_lower_elem(x.clone(), bound.into(), bool_dtype::<B>(x))
}

fn bool_dtype<B: Backend>(x: &FloatTensor<B>) -> BoolDType {
    get_or_init_device_settings::<B>(&x.device()).bool_dtype
}
