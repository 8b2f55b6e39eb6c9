//! The losses as curves over the error, for vectors of pixels.

use super::{
    adaptive_wing::AdaptiveWing,
    elementary::{ln_1p_and_recip, pow},
};
use pulp::Simd;

/// A loss of d = |prediction - y| for a target y in [0, 1].
pub(super) trait Curve: Copy + Send + Sync {
    /// A part of the work that goes ahead in a loop of its own: chains of dependent operations half as long keep the
    /// processor twice as busy.
    #[inline(always)]
    fn power<S: Simd>(self, _: S, _: S::f32s, d: S::f32s) -> S::f32s {
        d
    }

    /// The loss and its derivative with respect to d. At d = 0 the derivative is of no interest; a d that is NaN has to
    /// give a loss that is NaN.
    fn value_and_slope<S: Simd>(self, simd: S, y: S::f32s, d: S::f32s, power: S::f32s) -> (S::f32s, S::f32s);
}

#[derive(Clone, Copy)]
pub(super) struct Mse;

impl Curve for Mse {
    #[inline(always)]
    fn value_and_slope<S: Simd>(self, simd: S, _: S::f32s, d: S::f32s, _: S::f32s) -> (S::f32s, S::f32s) {
        (simd.mul_f32s(d, d), simd.add_f32s(d, d))
    }
}

#[derive(Clone, Copy)]
pub(super) struct L1;

impl Curve for L1 {
    #[inline(always)]
    fn value_and_slope<S: Simd>(self, simd: S, _: S::f32s, d: S::f32s, _: S::f32s) -> (S::f32s, S::f32s) {
        (d, simd.splat_f32s(1.0))
    }
}

#[derive(Clone, Copy)]
pub(super) struct SmoothL1 {
    beta: f32,
    recip: f32,
}

impl SmoothL1 {
    pub(super) fn new(beta: f64) -> Self {
        Self { beta: beta as f32, recip: (1.0 / beta) as f32 }
    }
}

impl Curve for SmoothL1 {
    #[inline(always)]
    fn value_and_slope<S: Simd>(self, simd: S, _: S::f32s, d: S::f32s, _: S::f32s) -> (S::f32s, S::f32s) {
        let (curved, linear) = parts(simd, d, self.beta);
        let slope = simd.mul_f32s(curved, simd.splat_f32s(self.recip));
        let half = simd.mul_f32s(curved, simd.splat_f32s(0.5));
        (simd.mul_add_e_f32s(half, slope, linear), slope)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Wing {
    omega: f32,
    epsilon_recip: f32,
}

impl Wing {
    pub(super) fn new(omega: f64, epsilon: f64) -> Self {
        Self { omega: omega as f32, epsilon_recip: (1.0 / epsilon) as f32 }
    }
}

impl Curve for Wing {
    #[inline(always)]
    fn value_and_slope<S: Simd>(self, simd: S, _: S::f32s, d: S::f32s, _: S::f32s) -> (S::f32s, S::f32s) {
        let omega = simd.splat_f32s(self.omega);
        let (curved, linear) = parts(simd, d, self.omega);
        let (ln, recip) = ln_1p_and_recip(simd, simd.mul_f32s(curved, simd.splat_f32s(self.epsilon_recip)));
        // omega / (epsilon + d), and 1 on the straight part: the loss has a kink between them.
        let slope = simd.mul_f32s(recip, simd.splat_f32s(self.omega * self.epsilon_recip));
        let slope = simd.select_f32s(simd.less_than_f32s(d, omega), slope, simd.splat_f32s(1.0));
        (simd.mul_add_e_f32s(omega, ln, linear), slope)
    }
}

/// [`AdaptiveWing`] in f32.
#[derive(Clone, Copy)]
pub(super) struct AdaptiveCurve {
    alpha: f32,
    alpha_less_one: f32,
    omega: f32,
    omega_by_epsilon: f32,
    epsilon_recip: f32,
    theta: f32,
    /// The smallest d / epsilon whose powers are no subnormal numbers. In f32 an error that small is only found next to
    /// y = 0, where the loss and its derivative vanish with it.
    smallest: f32,
}

impl AdaptiveCurve {
    pub(super) fn new(AdaptiveWing { alpha, omega, epsilon, theta }: AdaptiveWing) -> Self {
        Self {
            alpha: alpha as f32,
            alpha_less_one: (alpha - 1.0) as f32,
            omega: omega as f32,
            omega_by_epsilon: (omega / epsilon) as f32,
            epsilon_recip: (1.0 / epsilon) as f32,
            // Constants whose powers leave the range of f32 give a loss that is straight from there on.
            theta: theta.min(epsilon * (120.0 / alpha).exp2()) as f32,
            smallest: (-120.0 / (alpha - 1.0).max(1.0)).exp2() as f32,
        }
    }
}

impl Curve for AdaptiveCurve {
    /// (d / epsilon)^(alpha - y - 1), for d up to theta.
    #[inline(always)]
    fn power<S: Simd>(self, simd: S, y: S::f32s, d: S::f32s) -> S::f32s {
        let (curved, _) = parts(simd, d, self.theta);
        let x = simd.mul_f32s(curved, simd.splat_f32s(self.epsilon_recip));
        let q = simd.sub_f32s(simd.splat_f32s(self.alpha_less_one), y);
        pow(simd, simd.max_f32s(x, simd.splat_f32s(self.smallest)), q)
    }

    /// The linear part A d - C continues the curved one at theta with its slope: one power serves both parts, and the
    /// value and the slope.
    #[inline(always)]
    fn value_and_slope<S: Simd>(self, simd: S, y: S::f32s, d: S::f32s, xq: S::f32s) -> (S::f32s, S::f32s) {
        let (curved, linear) = parts(simd, d, self.theta);
        let x = simd.mul_f32s(curved, simd.splat_f32s(self.epsilon_recip));
        let p = simd.sub_f32s(simd.splat_f32s(self.alpha), y);
        let (ln, recip) = ln_1p_and_recip(simd, simd.mul_f32s(xq, x));
        let height = simd.mul_f32s(p, simd.splat_f32s(self.omega_by_epsilon));
        let slope = simd.mul_f32s(height, simd.mul_f32s(xq, recip));
        let value = simd.mul_f32s(simd.splat_f32s(self.omega), ln);
        (simd.mul_add_e_f32s(slope, linear, value), slope)
    }
}

/// d up to the bound and what is beyond; the latter is NaN where d is.
#[inline(always)]
fn parts<S: Simd>(simd: S, d: S::f32s, bound: f32) -> (S::f32s, S::f32s) {
    let bound = simd.splat_f32s(bound);
    let curved = simd.select_f32s(simd.less_than_f32s(d, bound), d, bound);
    (curved, simd.sub_f32s(d, curved))
}
