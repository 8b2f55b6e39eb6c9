//! Powers and logarithms of vectors of f32, written once for every instruction set, with known errors.
//!
//! Both start from x = 2^e m with a whole e and m in [sqrt(1/2), sqrt(2)): ln m is a polynomial in m - 1. The
//! coefficients were fitted by the Remez exchange for the smallest largest relative error. Polynomials are summed by
//! halves (Estrin), since the chain of dependent operations, not their number, is what takes the time.

use pulp::Simd;
use std::f32::consts::{LN_2, LOG2_E};

/// The bits of sqrt(1/2), and their distance from those of 1.
const SQRT_HALF: u32 = 0x3f35_04f3;
const TO_ONE: u32 = 0x3f80_0000 - SQRT_HALF;

/// (ln(1 + f) - f + f²/2) / f³ for f in [sqrt(1/2) - 1, sqrt(2) - 1], lowest power first; 3.2e-8 of ln(1 + f).
const LN: [f32; 7] =
    [0.333_339_1, -0.250_013_38, 0.199_630_65, -0.165_775_85, 0.149_147_58, -0.142_674_83, 0.087_004_57];

/// 2^r for r in [-1/2, 1/2], lowest power first; 2e-9 of it.
const EXP2: [f32; 7] =
    [1.0, LN_2, 0.240_226_46, 0.055_503_286, 0.009_618_489, 0.001_339_993_1, 0.000_153_458_17];

/// x^q for q > 0 and x from 1.2e-38, where the power is between 2^-125 and 2^126; relative error below 2.5e-7 for q up
/// to 4. Beyond these bounds the result is any number. Where multiplication and addition are not fused, the error is
/// greater by up to 6e-8 |q log2 x|.
#[inline(always)]
pub(super) fn pow<S: Simd>(simd: S, x: S::f32s, q: S::f32s) -> S::f32s {
    let (e, ln_m) = exponent_and_ln(simd, x);
    let q_of_ln = simd.mul_f32s(q, simd.splat_f32s(LOG2_E));
    let power = simd.mul_add_e_f32s(q_of_ln, ln_m, simd.mul_f32s(q, e));
    // Added to 1.5 2^23, a number is rounded to a whole one that stands in the lowest bits.
    let shift = simd.splat_f32s(12_582_912.0);
    let shifted = simd.add_f32s(power, shift);
    let whole = simd.sub_f32s(shift, shifted);
    // One f32 has too few digits after the point for a large power: q e - whole first, which is exact.
    let r = simd.mul_add_e_f32s(q_of_ln, ln_m, simd.mul_add_e_f32s(q, e, whole));
    let mantissa = simd.transmute_u32s_f32s(polynomial(simd, r, &EXP2));
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(mantissa, exponent))
}

/// ln(1 + x) and 1 / (1 + x) for 0 <= x < 1e38, with relative errors below 2e-7 and 1.3e-7.
#[inline(always)]
pub(super) fn ln_1p_and_recip<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let one = simd.splat_f32s(1.0);
    let u = simd.add_f32s(one, x);
    let recip = simd.div_f32s(one, u);
    // What 1 + x lost in rounding.
    let lost = simd.mul_f32s(simd.sub_f32s(x, simd.sub_f32s(u, one)), recip);
    let (e, ln_m) = exponent_and_ln(simd, u);
    let ln = simd.mul_add_e_f32s(e, simd.splat_f32s(LN_2), simd.add_f32s(ln_m, lost));
    (ln, recip)
}

/// e and ln m of x = 2^e m, for x from 1.2e-38.
#[inline(always)]
fn exponent_and_ln<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    // Mantissas from sqrt(2) on go to the next exponent.
    let moved = simd.add_u32s(simd.transmute_u32s_f32s(x), simd.splat_u32s(TO_ONE));
    let e = simd.wrapping_dyn_shr_u32s(moved, simd.splat_u32s(23));
    // A whole number below 2^23 in the mantissa of 2^23 is that number added to it.
    let e = simd.transmute_f32s_u32s(simd.or_u32s(e, simd.splat_u32s(0x4b00_0000)));
    let e = simd.sub_f32s(e, simd.splat_f32s(8_388_608.0 + 127.0));
    let m = simd.add_u32s(simd.and_u32s(moved, simd.splat_u32s(0x007f_ffff)), simd.splat_u32s(SQRT_HALF));
    let f = simd.sub_f32s(simd.transmute_f32s_u32s(m), simd.splat_f32s(1.0));
    let tail = simd.mul_add_e_f32s(f, polynomial(simd, f, &LN), simd.splat_f32s(-0.5));
    (e, simd.mul_add_e_f32s(simd.mul_f32s(f, f), tail, f))
}

#[inline(always)]
fn polynomial<S: Simd>(simd: S, x: S::f32s, c: &[f32; 7]) -> S::f32s {
    let pair = |i: usize| simd.mul_add_e_f32s(x, simd.splat_f32s(c[i + 1]), simd.splat_f32s(c[i]));
    let x2 = simd.mul_f32s(x, x);
    let low = simd.mul_add_e_f32s(x2, pair(2), pair(0));
    let high = simd.mul_add_e_f32s(x2, simd.splat_f32s(c[6]), pair(4));
    simd.mul_add_e_f32s(simd.mul_f32s(x2, x2), high, low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrower::{InstructionSet, instruction_sets};
    use pulp::{Arch, WithSimd};

    struct Pow<'a>(&'a [f32], &'a [f32]);

    impl WithSimd for Pow<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            let mut out = vec![0.0; self.0.len()];
            let chunks = self.0.chunks(S::F32_LANES).zip(self.1.chunks(S::F32_LANES));
            for (out, (x, q)) in out.chunks_mut(S::F32_LANES).zip(chunks) {
                let [x, q] = [x, q].map(|v| simd.partial_load_f32s(v));
                simd.partial_store_f32s(out, pow(simd, x, q));
            }
            out
        }
    }

    struct Ln1pAndRecip<'a>(&'a [f32]);

    impl WithSimd for Ln1pAndRecip<'_> {
        type Output = Vec<(f32, f32)>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<(f32, f32)> {
            let (mut ln, mut recip) = (vec![0.0; self.0.len()], vec![0.0; self.0.len()]);
            let out = ln.chunks_mut(S::F32_LANES).zip(recip.chunks_mut(S::F32_LANES));
            for ((ln, recip), x) in out.zip(self.0.chunks(S::F32_LANES)) {
                let (l, r) = ln_1p_and_recip(simd, simd.partial_load_f32s(x));
                simd.partial_store_f32s(ln, l);
                simd.partial_store_f32s(recip, r);
            }
            ln.into_iter().zip(recip).collect()
        }
    }

    fn relative(a: f32, exact: f64) -> f64 {
        if exact == 0.0 { f64::from(a) } else { (f64::from(a) / exact - 1.0).abs() }
    }

    /// Numbers evenly spread over the exponents of 10 from `low` to `high`.
    fn spread(low: f64, high: f64) -> Vec<f32> {
        (0..=200_000).map(|i| 10_f64.powf(low + (high - low) * f64::from(i) / 2e5) as f32).collect()
    }

    #[test]
    fn powers_have_the_stated_error() {
        for InstructionSet(arch) in instruction_sets() {
            let fused = !matches!(arch, Arch::Scalar);
            for q in [0.1_f32, 0.37, 0.9999, 1.0, 1.1, 2.3, 4.0] {
                let power_of_2 = |x: f32| (f64::from(q) * f64::from(x).log2()).abs();
                let x: Vec<f32> =
                    spread(-37.0, 37.0).into_iter().filter(|x| power_of_2(*x) < 124.0).collect();
                let powers = arch.dispatch(Pow(&x, &vec![q; x.len()]));
                for (power, x) in powers.into_iter().zip(x) {
                    let bound = 2.5e-7 + if fused { 0.0 } else { 6e-8 * power_of_2(x) };
                    let error = relative(power, f64::from(x).powf(q.into()));
                    assert!(error < bound, "{arch:?}: {x:e}^{q} = {power:e}, error {error:e}");
                }
            }
        }
    }

    #[test]
    fn logarithms_and_reciprocals_have_the_stated_error() {
        let mut x = spread(-37.0, 37.0);
        x.push(0.0);
        for InstructionSet(arch) in instruction_sets() {
            for ((ln, recip), x) in arch.dispatch(Ln1pAndRecip(&x)).into_iter().zip(&x) {
                let exact = f64::from(*x);
                let errors = [relative(ln, exact.ln_1p()), relative(recip, 1.0 / (1.0 + exact))];
                assert!(errors[0] < 2e-7 && errors[1] < 1.3e-7, "{arch:?}: {x:e} has errors {errors:?}");
            }
        }
    }
}
