//! The loss of whole heatmaps: value and gradient in one pass over memory, a vector of pixels at a time, threads over blocks.

use super::{
    curve::{AdaptiveCurve, Curve, L1, Mse, SmoothL1, Wing},
    pixel_loss::PixelLoss,
};
use crate::{threads, vectors::arch};
use pulp::{Arch, Simd, WithSimd};

/// Pixels a thread takes at a time. The partial sums are added in order, so that the result does not depend on the
/// number of threads.
const BLOCK: usize = 16 * 1024;

/// Pixels whose losses are added in f32, a sum for each lane; beyond, sums are in f64. Short enough for what is kept of a
/// run to stay in the first cache.
const RUN: usize = 256;

/// The mean loss of heatmaps, and what the gradient is to be multiplied with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanLoss {
    /// Over the pixels with a weight above 0; 0 where there are none.
    pub value: f64,
    /// The derivative of `value` with respect to a predicted pixel is this times what was written: the number of pixels that take part is
    /// known only after the pass. 1 where all do.
    pub scale: f64,
}

/// Where predictions lie and the gradient goes.
#[derive(Debug)]
pub enum Prediction<'a> {
    /// The gradient goes to the second slice.
    Apart(&'a [f32], &'a mut [f32]),
    /// The gradient takes the predictions' place.
    InPlace(&'a mut [f32]),
    /// No gradient.
    ValueOnly(&'a [f32]),
}

/// The mean loss between predicted and target heatmaps, and its gradient. `weight` multiplies the loss of each pixel; a pixel of weight 0 or
/// less takes no part. A NaN in a pixel that takes part, in its weight too, makes the value NaN.
///
/// # Panics
/// If the slices are not of one length.
pub fn mean_loss(
    prediction: Prediction<'_>,
    target: &[f32],
    weight: Option<&[f32]>,
    loss: &PixelLoss,
) -> MeanLoss {
    let others = Others { target, weight, arch: arch() };
    let len = others.len();
    assert!(weight.is_none_or(|weight| weight.len() == len), "one weight for each target");
    let same = |values: &[f32]| assert_eq!(values.len(), len, "one prediction for each target");
    let sums = match prediction {
        Prediction::Apart(values, gradient) => {
            same(values);
            same(gradient);
            let pixels = values.chunks(BLOCK).zip(gradient.chunks_mut(BLOCK));
            others.sums(pixels.map(|(p, g)| Pixels::Apart(p, g)), loss)
        }
        Prediction::InPlace(both) => {
            same(both);
            others.sums(both.chunks_mut(BLOCK).map(Pixels::InPlace), loss)
        }
        Prediction::ValueOnly(values) => {
            same(values);
            others.sums(values.chunks(BLOCK).map(Pixels::ValueOnly), loss)
        }
    };
    MeanLoss { value: sums.mean(), scale: len as f64 * sums.recip() }
}

/// Multiplies `gradient` by `factor`, in place.
pub fn scale(gradient: &mut [f32], factor: f32) {
    threads::each(gradient.chunks_mut(BLOCK).collect(), 1, |block: &mut [f32]| {
        block.iter_mut().for_each(|g| *g *= factor);
    });
}

/// A block of predictions and where its gradient goes.
enum Pixels<'a> {
    Apart(&'a [f32], &'a mut [f32]),
    InPlace(&'a mut [f32]),
    ValueOnly(&'a [f32]),
}

/// What predictions are compared with.
struct Others<'a> {
    target: &'a [f32],
    weight: Option<&'a [f32]>,
    arch: Arch,
}

impl Others<'_> {
    fn len(&self) -> usize {
        self.target.len()
    }

    /// Works through all blocks. Gradients come out divided by the number of all pixels.
    fn sums<'p>(&self, pixels: impl Iterator<Item = Pixels<'p>>, loss: &PixelLoss) -> Sums {
        match *loss {
            PixelLoss::Mse => self.sums_of(pixels, Mse),
            PixelLoss::L1 => self.sums_of(pixels, L1),
            PixelLoss::SmoothL1 { beta } => self.sums_of(pixels, SmoothL1::new(beta)),
            PixelLoss::Wing { omega, epsilon } => self.sums_of(pixels, Wing::new(omega, epsilon)),
            PixelLoss::AdaptiveWing(constants) => self.sums_of(pixels, AdaptiveCurve::new(constants)),
        }
    }

    fn sums_of<'p>(&self, pixels: impl Iterator<Item = Pixels<'p>>, curve: impl Curve) -> Sums {
        let scale = 1.0 / self.len() as f32;
        let targets = self.target.chunks(BLOCK);
        let mut weights = self.weight.map(|w| w.chunks(BLOCK));
        let blocks: Vec<_> = pixels
            .zip(targets)
            .map(|(pixels, target)| {
                let weight = weights.as_mut().and_then(Iterator::next);
                Block { curve, pixels, target, weight, scale }
            })
            .collect();
        let sums: Vec<Sums> = threads::map(blocks, 1, |block| self.arch.dispatch(block));
        sums.into_iter().fold(Sums::default(), Sums::plus)
    }
}

/// Sum of weight times loss, and number of pixels with a weight above zero.
#[derive(Clone, Copy, Default)]
struct Sums {
    loss: f64,
    count: f64,
}

impl Sums {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self { loss: self.loss + other.loss, count: self.count + other.count }
    }

    /// 1 / count; 0 if no pixel takes part.
    fn recip(self) -> f64 {
        if self.count == 0.0 { 0.0 } else { 1.0 / self.count }
    }

    fn mean(self) -> f64 {
        self.loss * self.recip()
    }
}

/// The work of a thread at a time.
struct Block<'a, C> {
    curve: C,
    pixels: Pixels<'a>,
    target: &'a [f32],
    weight: Option<&'a [f32]>,
    scale: f32,
}

impl<C: Curve> WithSimd for Block<'_, C> {
    type Output = Sums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Sums {
        let Self { curve, mut pixels, target, weight, scale } = self;
        let ones = [1.0; RUN];
        let (mut copy, mut unused) = ([0.0; RUN], [0.0; RUN]);
        let mut sums = Sums::default();
        for (i, target) in target.chunks(RUN).enumerate() {
            let (start, len) = (i * RUN, target.len());
            let range = start..start + len;
            let weight = weight.map_or(&ones[..len], |weight| &weight[range.clone()]);
            let (prediction, gradient) = match &mut pixels {
                Pixels::Apart(prediction, gradient) => (&prediction[range.clone()], &mut gradient[range]),
                Pixels::InPlace(both) => {
                    copy[..len].copy_from_slice(&both[range.clone()]);
                    (&copy[..len], &mut both[range])
                }
                Pixels::ValueOnly(prediction) => (&prediction[range], &mut unused[..len]),
            };
            sums = sums.plus(run(simd, curve, prediction, target, weight, gradient, scale));
        }
        sums
    }
}

/// Writes the derivative times weight times scale of up to [`RUN`] pixels.
#[inline(always)]
fn run<S: Simd>(
    simd: S,
    curve: impl Curve,
    prediction: &[f32],
    target: &[f32],
    weight: &[f32],
    gradient: &mut [f32],
    scale: f32,
) -> Sums {
    let (p, p_rest) = S::as_simd_f32s(prediction);
    let (t, t_rest) = S::as_simd_f32s(target);
    let (w, w_rest) = S::as_simd_f32s(weight);
    let (g, g_rest) = S::as_mut_simd_f32s(gradient);
    let mut powers = [0.0; RUN];
    let (powers, _) = S::as_mut_simd_f32s(&mut powers);
    for ((power, &p), &t) in powers.iter_mut().zip(p).zip(t) {
        let Error { y, d, .. } = Error::new(simd, p, t);
        *power = curve.power(simd, y, d);
    }
    let mut totals = Totals { loss: simd.splat_f32s(0.0), count: simd.splat_f32s(0.0) };
    for ((((g, &p), &t), &w), &power) in g.iter_mut().zip(p).zip(t).zip(w).zip(&*powers) {
        *g = totals.add(simd, curve, Error::new(simd, p, t), power, w, scale);
    }
    if !g_rest.is_empty() {
        // Lanes beyond the end have weight 0.
        let [p, t, w] = [p_rest, t_rest, w_rest].map(|rest| simd.partial_load_f32s(rest));
        let error = Error::new(simd, p, t);
        let power = curve.power(simd, error.y, error.d);
        simd.partial_store_f32s(g_rest, totals.add(simd, curve, error, power, w, scale));
    }
    Sums { loss: simd.reduce_sum_f32s(totals.loss).into(), count: simd.reduce_sum_f32s(totals.count).into() }
}

/// [`Sums`], lane by lane.
struct Totals<S: Simd> {
    loss: S::f32s,
    count: S::f32s,
}

impl<S: Simd> Totals<S> {
    /// Adds a vector of pixels; gives the derivative times weight times scale. All is 0 where the weight is 0 or less,
    /// whatever the error; a weight that is NaN makes all NaN.
    #[inline(always)]
    fn add(
        &mut self,
        simd: S,
        curve: impl Curve,
        error: Error<S>,
        power: S::f32s,
        weight: S::f32s,
        scale: f32,
    ) -> S::f32s {
        let zero = simd.splat_f32s(0.0);
        let skipped = simd.less_than_or_equal_f32s(weight, zero);
        let (value, slope) = curve.value_and_slope(simd, error.y, error.d, power);
        let loss = simd.select_f32s(skipped, zero, simd.mul_f32s(weight, value));
        self.loss = simd.add_f32s(self.loss, loss);
        self.count = simd.add_f32s(self.count, simd.select_f32s(skipped, zero, simd.splat_f32s(1.0)));
        let weight = simd.mul_f32s(weight, simd.splat_f32s(scale));
        simd.select_f32s(skipped, zero, simd.mul_f32s(weight, error.signed(simd, slope)))
    }
}

/// The error of a vector of pixels: the target in [0, 1], the size and the sign bit of prediction - target.
struct Error<S: Simd> {
    y: S::f32s,
    d: S::f32s,
    sign: S::u32s,
}

impl<S: Simd> Error<S> {
    #[inline(always)]
    fn new(simd: S, prediction: S::f32s, target: S::f32s) -> Self {
        let (zero, one) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0));
        // By comparison, since the minimum and maximum of some instruction sets lose a NaN.
        let y = simd.select_f32s(simd.less_than_f32s(target, zero), zero, target);
        let y = simd.select_f32s(simd.greater_than_f32s(y, one), one, y);
        let bits = simd.transmute_u32s_f32s(simd.sub_f32s(prediction, y));
        let sign = simd.and_u32s(bits, simd.splat_u32s(1 << 31));
        Self { y, d: simd.transmute_f32s_u32s(simd.xor_u32s(bits, sign)), sign }
    }

    /// The derivative with respect to the prediction. Where d is not above 0, it is 0 or NaN, as d is.
    #[inline(always)]
    fn signed(&self, simd: S, slope: S::f32s) -> S::f32s {
        let signed = simd.transmute_f32s_u32s(simd.xor_u32s(simd.transmute_u32s_f32s(slope), self.sign));
        simd.select_f32s(simd.greater_than_f32s(self.d, simd.splat_f32s(0.0)), signed, self.d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        loss::AdaptiveWing,
        narrower::{InstructionSet, instruction_sets},
    };
    use proptest::prelude::*;

    const LOSSES: [PixelLoss; 6] = [
        PixelLoss::Mse,
        PixelLoss::L1,
        PixelLoss::SmoothL1 { beta: 0.3 },
        PixelLoss::Wing { omega: 10.0, epsilon: 2.0 },
        PixelLoss::AdaptiveWing(AdaptiveWing { alpha: 2.1, omega: 14.0, epsilon: 1.0, theta: 0.5 }),
        PixelLoss::AdaptiveWing(AdaptiveWing { alpha: 3.5, omega: 2.0, epsilon: 0.2, theta: 0.7 }),
    ];

    fn value_and_gradient(
        arch: Arch,
        loss: &PixelLoss,
        prediction: &[f32],
        target: &[f32],
        weight: Option<&[f32]>,
    ) -> (f64, Vec<f32>) {
        let mut gradient = vec![0.0; prediction.len()];
        let pixels = prediction.chunks(BLOCK).zip(gradient.chunks_mut(BLOCK));
        let sums = Others { target, weight, arch }.sums(pixels.map(|(p, g)| Pixels::Apart(p, g)), loss);
        let factor = (target.len() as f64 * sums.recip()) as f32;
        gradient.iter_mut().for_each(|g| *g *= factor);
        (sums.mean(), gradient)
    }

    /// Predictions, targets mostly 0, and weights of 0, 1 and 11, as in training.
    fn heatmaps(len: usize) -> [Vec<f32>; 3] {
        let wave = |i: usize, step: f32| (i as f32 * step).sin();
        [
            (0..len).map(|i| wave(i, 0.37)).collect(),
            (0..len).map(|i| if i % 9 == 0 { wave(i, 0.11).abs() } else { 0.0 }).collect(),
            (0..len).map(|i| if i % 9 == 0 { 11.0 } else { f32::from(u8::from(i % 5 > 0)) }).collect(),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Small and large errors, lengths that are no multiple of a vector or a run.
        #[test]
        fn every_instruction_set_follows_the_definition(
            which in 0..LOSSES.len(),
            pixels in prop::collection::vec((-0.2..1.2_f32, -6.0..2.0_f32, any::<bool>(), 0..4_u8), 1..700),
            weighted: bool,
        ) {
            let loss = LOSSES[which];
            let target: Vec<f32> = pixels.iter().map(|p| p.0).collect();
            let prediction: Vec<f32> = pixels.iter().map(|p| {
                let d = 10_f32.powf(p.1);
                p.0.clamp(0.0, 1.0) + if p.2 { d } else { -d }
            }).collect();
            let weight: Vec<f32> = pixels.iter().map(|p| f32::from(p.3)).collect();
            let weight = weighted.then_some(&weight[..]);
            let weight_of = |i: usize| weight.map_or(1.0, |w| f64::from(w[i]));
            let count = (0..pixels.len()).filter(|i| weight_of(*i) > 0.0).count().max(1) as f64;
            let exact: Vec<(f64, f64)> = (0..pixels.len()).map(|i| {
                let (v, g) = loss.value_and_gradient(f64::from(target[i]), f64::from(prediction[i]));
                (weight_of(i) * v / count, weight_of(i) * g / count)
            }).collect();
            let mean: f64 = exact.iter().map(|e| e.0).sum();
            for InstructionSet(arch) in instruction_sets() {
                let (value, gradient) = value_and_gradient(arch, &loss, &prediction, &target, weight);
                prop_assert!((value - mean).abs() <= 3e-6 * mean.abs(), "{arch:?}: {value} {mean}");
                for (i, (g, e)) in gradient.iter().zip(&exact).enumerate() {
                    prop_assert!(
                        (f64::from(*g) - e.1).abs() <= 3e-6 * e.1.abs(),
                        "{arch:?} {loss:?} at {}, {}: {g} {}", target[i], prediction[i], e.1
                    );
                }
            }
        }
    }

    #[test]
    fn no_error_no_slope_nan_stays_nan_and_infinity_is_as_far_as_it_gets() {
        let prediction = [0.0, 1.0, 0.25, 0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.5, 1e-40];
        let target = [0.0, 1.0, 0.25, -0.0, 0.5, 0.5, 0.5, f32::NAN, 0.0];
        let beyond_f32 = AdaptiveWing { alpha: 9.0, omega: 5.0, epsilon: 1e-5, theta: 1e3 }.into();
        for InstructionSet(arch) in instruction_sets() {
            for loss in LOSSES.iter().chain(&[beyond_f32]) {
                for (p, t) in prediction.iter().zip(target) {
                    let (value, gradient) = value_and_gradient(arch, loss, &[*p], &[t], None);
                    let case = format!("{arch:?} {loss:?} at {t}, {p}: {value} {gradient:?}");
                    if p.is_nan() || t.is_nan() {
                        assert!(value.is_nan() && gradient[0].is_nan(), "{case}");
                    } else if p.is_infinite() {
                        assert_eq!(value, f64::INFINITY, "{case}");
                        assert_eq!(gradient[0].signum(), p.signum(), "{case}");
                    } else if *p == t {
                        assert_eq!((value, gradient[0]), (0.0, 0.0), "{case}");
                    } else {
                        assert!((0.0..1e-30).contains(&value) && gradient[0] >= 0.0, "{case}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_same_bits_whatever_the_number_of_threads() {
        let [prediction, target, weight] = heatmaps(3 * BLOCK + 77);
        let results = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                LOSSES.map(|loss| value_and_gradient(Arch::new(), &loss, &prediction, &target, Some(&weight)))
            })
        });
        assert!(results[0] == results[1] && results[0] == results[2]);
    }

    #[test]
    fn the_gradient_in_place_is_the_one_apart() {
        let [prediction, target, weight] = heatmaps(BLOCK + 100);
        let (mut gradient, mut both) = (vec![f32::NAN; target.len()], prediction.clone());
        let run = |prediction| mean_loss(prediction, &target, Some(&weight), &LOSSES[4]);
        let apart = run(Prediction::Apart(&prediction, &mut gradient));
        assert_eq!(run(Prediction::InPlace(&mut both)), apart);
        assert_eq!(run(Prediction::ValueOnly(&prediction)), apart);
        assert_eq!(both, gradient);
        scale(&mut both, 2.0);
        assert!(both.iter().zip(&gradient).all(|(a, b)| *a == 2.0 * b));
    }
}
