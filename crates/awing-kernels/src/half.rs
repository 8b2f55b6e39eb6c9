//! Numbers of two bytes with eleven significant bits (binary16 of IEEE 754), in which weights are kept in files.

/// The largest number of two bytes.
pub const MAX: f32 = 65504.0;

/// What 2^112 is as a float's bits: the exponents of the two kinds lie so far apart.
const SHIFT: u32 = (127 + 112) << 23;
/// A sign of two bytes.
const SIGN: u16 = 0x8000;
/// Infinity in two bytes; what is above is no number.
const INFINITY: u16 = 0x7c00;

/// The float of these two bytes, exactly.
///
/// ```
/// assert_eq!(awing_kernels::half::widen(0x3e00), 1.5);
/// ```
#[inline(always)]
pub fn widen(bits: u16) -> f32 {
    let sign = u32::from(bits & SIGN) << 16;
    let rest = u32::from(bits & !SIGN) << 13;
    // The product is exact, also for the numbers below 2^-14 that have fewer bits.
    let finite = (f32::from_bits(rest) * f32::from_bits(SHIFT)).to_bits();
    let special = if bits & !SIGN >= INFINITY { 0xff << 23 } else { 0 };
    f32::from_bits(sign | finite | special)
}

/// The two bytes whose number is nearest, of two equally near the even one; infinity from 65520 on.
///
/// ```
/// assert_eq!(awing_kernels::half::narrow(1.5), 0x3e00);
/// ```
#[inline(always)]
pub fn narrow(value: f32) -> u16 {
    let sign = (value.to_bits() >> 16) as u16 & SIGN;
    let size = value.abs();
    let rest = if size.is_nan() {
        u32::from(INFINITY) | 0x200
    } else if size >= 65536.0 {
        u32::from(INFINITY)
    } else if size < f32::from_bits((127 - 14) << 23) {
        // Below 2^-14 numbers lie 2^-24 apart, as floats from 0.5 to 1 do 2^-24: the sum is rounded by the processor.
        (size + 0.5).to_bits() - 0.5_f32.to_bits()
    } else {
        // Half of what the thirteen bits that go are worth, less one where the bit that stays is even; a carry goes on into the exponent.
        let bits = size.to_bits() - (112 << 23);
        (bits + 0xfff + (bits >> 13 & 1)) >> 13
    };
    sign | rest as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition of the format: sign, five bits of exponent, ten of fraction.
    fn defined(bits: u16) -> f64 {
        let sign = if bits & SIGN == 0 { 1.0 } else { -1.0 };
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        sign * match exponent {
            0 => fraction * 2_f64.powi(-24),
            31 if fraction == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
        }
    }

    #[test]
    fn all_of_them_widen_to_what_they_are_and_come_back() {
        for bits in 0..=u16::MAX {
            let value = widen(bits);
            if defined(bits).is_nan() {
                assert!(value.is_nan() && widen(narrow(value)).is_nan(), "{bits:#x}");
            } else {
                assert_eq!(f64::from(value), defined(bits), "{bits:#x}");
                assert_eq!(value.is_sign_negative(), bits & SIGN != 0);
                assert_eq!(narrow(value), bits);
            }
        }
    }

    #[test]
    fn between_two_of_them_the_nearer_is_taken_and_in_the_middle_the_even_one() {
        for below in 0..INFINITY {
            // What follows the largest would be 65536.
            let above = if below + 1 == INFINITY { 65536.0 } else { widen(below + 1) };
            let middle = f32::midpoint(widen(below), above);
            assert_eq!(narrow(middle), below + below % 2, "{below:#x}");
            assert_eq!(narrow(middle.next_down()), below);
            assert_eq!(narrow(middle.next_up()), below + 1);
            assert_eq!(narrow(-middle.next_up()), SIGN | (below + 1));
        }
        assert_eq!(
            [narrow(f32::MAX), narrow(f32::INFINITY), narrow(-1e9)],
            [INFINITY, INFINITY, SIGN | INFINITY]
        );
        assert_eq!(narrow(f32::MIN_POSITIVE), 0);
    }
}
