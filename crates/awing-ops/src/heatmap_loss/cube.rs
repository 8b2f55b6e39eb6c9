//! The loss on GPUs: value and gradient in one pass over memory. Each unit adds the losses of its pixels; the sums of all
//! units are added by Burn.

use super::{operation::LossKernel, parts::LossParts, portable};
use awing_kernels::loss::{AdaptiveWing, PixelLoss};
use burn::{
    backend::{Cube, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor},
    tensor::{DType, Shape},
};
use burn_cubecl::{
    cubecl::{self, prelude::*},
    kernel::into_contiguous,
    ops::numeric::empty_device_contiguous_dtype,
};

/// Units of a cube, and the most cubes: enough to fill a GPU, few enough for the sums to be nothing beside the pixels.
const UNITS: u32 = 256;
const CUBES: u32 = 512;

impl LossKernel for Cube {
    fn loss_parts(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weight: Option<FloatTensor<Self>>,
        loss: &PixelLoss,
    ) -> LossParts<Self> {
        let shape = prediction.shape();
        let len = shape.num_elements();
        if len == 0 {
            return portable::loss_parts::<Self>(prediction, target, weight, loss);
        }
        let cubes = CUBES.min(len.div_ceil(UNITS as usize) as u32);
        let [prediction, target] = [prediction, target].map(into_contiguous);
        let weighted = weight.is_some();
        let weight = weight.map_or_else(|| target.clone(), into_contiguous);
        let (client, device) = (prediction.client.clone(), prediction.device.clone());
        let empty = |shape| empty_device_contiguous_dtype(client.clone(), device.clone(), shape, DType::F32);
        let gradient = empty(shape);
        let [sums, counts] = [(); 2].map(|()| empty(Shape::from([(cubes * UNITS) as usize])));
        let (curve, constants) = kernel_of(loss);
        loss_kernel::launch(
            &client,
            CubeCount::Static(cubes, 1, 1),
            CubeDim::new_1d(UNITS),
            prediction.into_tensor_arg(),
            target.into_tensor_arg(),
            weight.into_tensor_arg(),
            gradient.clone().into_tensor_arg(),
            sums.clone().into_tensor_arg(),
            counts.clone().into_tensor_arg(),
            constants,
            curve,
            weighted,
        );
        let scale = Self::float_recip(Self::float_clamp_min(Self::float_sum(counts), 1.0.into()));
        LossParts { value: Self::float_mul(Self::float_sum(sums), scale.clone()), gradient, scale }
    }
}

fn kernel_of(loss: &PixelLoss) -> (Curve, ConstantsLaunch) {
    let (curve, [alpha, omega, epsilon, bound]) = match *loss {
        PixelLoss::Mse => (Curve::Mse, [0.0; 4]),
        PixelLoss::L1 => (Curve::L1, [0.0; 4]),
        PixelLoss::SmoothL1 { beta } => (Curve::SmoothL1, [0.0, 0.0, 0.0, beta]),
        PixelLoss::Wing { omega, epsilon } => (Curve::Wing, [0.0, omega, epsilon, omega]),
        PixelLoss::AdaptiveWing(AdaptiveWing { alpha, omega, epsilon, theta }) => {
            (Curve::AdaptiveWing, [alpha, omega, epsilon, theta])
        }
    };
    (curve, ConstantsLaunch::new(alpha as f32, omega as f32, epsilon as f32, bound as f32))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Curve {
    Mse,
    L1,
    SmoothL1,
    Wing,
    AdaptiveWing,
}

/// `bound` is the error from which on the loss is linear.
#[derive(CubeLaunch, CubeType)]
struct Constants {
    alpha: f32,
    omega: f32,
    epsilon: f32,
    bound: f32,
}

/// Loss and its derivative with respect to the size of the error.
#[derive(CubeType)]
struct Point {
    value: f32,
    slope: f32,
}

#[cube(launch)]
fn loss_kernel(
    prediction: &Tensor<f32>,
    target: &Tensor<f32>,
    weight: &Tensor<f32>,
    gradient: &mut Tensor<f32>,
    sums: &mut Tensor<f32>,
    counts: &mut Tensor<f32>,
    constants: Constants,
    #[comptime] curve: Curve,
    #[comptime] weighted: bool,
) {
    let mut sum = 0.0_f32;
    let mut count = 0.0_f32;
    let mut i = ABSOLUTE_POS;
    while i < prediction.len() {
        let mut w = 1.0_f32;
        if comptime!(weighted) {
            w = weight[i];
        }
        let mut derivative = 0.0_f32;
        // A weight that is NaN takes part, so that it shows.
        if !(w <= 0.0_f32) {
            let mut y = target[i];
            if y < 0.0_f32 {
                y = 0.0_f32;
            }
            if y > 1.0_f32 {
                y = 1.0_f32;
            }
            let error = prediction[i] - y;
            let d = error.abs();
            let point = at(y, d, &constants, curve);
            // Where d is not above 0, it is 0 or NaN, and so is the derivative.
            derivative = w * d;
            if error > 0.0_f32 {
                derivative = w * point.slope;
            }
            if error < 0.0_f32 {
                derivative = -w * point.slope;
            }
            sum += w * point.value;
            count += 1.0_f32;
        }
        gradient[i] = derivative;
        i += sums.len();
    }
    sums[ABSOLUTE_POS] = sum;
    counts[ABSOLUTE_POS] = count;
}

#[cube]
fn at(y: f32, d: f32, constants: &Constants, #[comptime] curve: Curve) -> Point {
    let bound = constants.bound;
    let mut curved = bound;
    if d < bound {
        curved = d;
    }
    let linear = d - curved;
    match curve {
        Curve::Mse => Point { value: d * d, slope: 2.0_f32 * d },
        Curve::L1 => Point { value: d, slope: 1.0_f32.runtime() },
        Curve::SmoothL1 => {
            let slope = curved / bound;
            Point { value: 0.5_f32 * curved * slope + linear, slope }
        }
        Curve::Wing => {
            let value = constants.omega * ln_1p(curved / constants.epsilon) + linear;
            let mut slope = 1.0_f32;
            if d < bound {
                slope = constants.omega / (constants.epsilon + d);
            }
            Point { value, slope }
        }
        // The linear part A d - C continues the curved one at theta with its slope.
        Curve::AdaptiveWing => {
            let p = constants.alpha - y;
            let x = curved / constants.epsilon;
            let mut base = 1e-30_f32;
            if x > base {
                base = x;
            }
            let xq = base.powf(p - 1.0_f32);
            let xp = xq * x;
            let slope = constants.omega / constants.epsilon * p * xq / (1.0_f32 + xp);
            Point { value: constants.omega * ln_1p(xp) + slope * linear, slope }
        }
    }
}

/// ln(1 + x) for x >= 0. Shading languages have no such function and round 1 + x first, which costs the small errors of
/// the background half their digits: below 1/2 it is 2 atanh(s) with s = x / (2 + x), as a series.
#[cube]
fn ln_1p(x: f32) -> f32 {
    let s = x / (2.0_f32 + x);
    let square = s * s;
    let mut series = square * (1.0_f32 / 9.0_f32) + 1.0_f32 / 7.0_f32;
    series = series * square + 1.0_f32 / 5.0_f32;
    series = series * square + 1.0_f32 / 3.0_f32;
    series = series * square + 1.0_f32;
    let mut ln = 2.0_f32 * s * series;
    if x >= 0.5_f32 {
        ln = (1.0_f32 + x).ln();
    }
    ln
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, DeviceKind, Tensor, TensorData};

    /// More pixels than units, in an order that is not that of memory.
    #[test]
    fn every_pixel_of_a_large_view_counts_once() {
        let device = Device::wgpu(DeviceKind::DefaultDevice);
        let (rows, columns) = (401, (UNITS * CUBES) as usize / 200);
        let wave = |step: f32| {
            let values: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * step).sin()).collect();
            Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), &device)
        };
        let inputs = || {
            let [p, t, w] = [wave(0.37), wave(0.11), wave(0.73).mul_scalar(3.0)];
            let weight = w.reshape([columns, rows]);
            [p.transpose(), t.transpose(), weight].map(|x| x.try_into_primitive::<Cube>().unwrap())
        };
        let numbers = |x: FloatTensor<Cube>| {
            let data = Tensor::<2>::from_primitive::<Cube>(x).into_data();
            data.try_to_vec::<f32>().unwrap()
        };
        for weighted in [true, false] {
            let loss = PixelLoss::from(AdaptiveWing::default());
            let parts = |run: fn(_, _, _, &PixelLoss) -> LossParts<Cube>| {
                let [p, t, w] = inputs();
                let LossParts { value, gradient, scale } = run(p, t, weighted.then_some(w), &loss);
                let number = |x| numbers(Cube::float_reshape(x, Shape::from([1, 1])))[0];
                (number(value), numbers(gradient), number(scale))
            };
            let (kernel, portable) = (parts(Cube::loss_parts), parts(portable::loss_parts::<Cube>));
            assert!((kernel.0 - portable.0).abs() <= 1e-5 * portable.0, "{} {}", kernel.0, portable.0);
            assert!((kernel.2 - portable.2).abs() <= 1e-7 * portable.2, "{} {}", kernel.2, portable.2);
            for (a, b) in kernel.1.iter().zip(&portable.1) {
                assert!((a - b).abs() <= 1e-4 * (1e-3 + b.abs()), "{a} {b}");
            }
        }
    }
}
