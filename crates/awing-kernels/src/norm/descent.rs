use crate::{
    rows::{Maps, Rows, by_vectors, size_of_maps},
    vectors::dispatch,
};
use pulp::{Simd, WithSimd};

/// How the gradient passes a normalization whose ReLU it has passed: scale g + slope x + offset, for each channel.
#[derive(Clone, Debug)]
pub(crate) struct Descent {
    pub(crate) scale: Vec<f32>,
    pub(crate) slope: Vec<f32>,
    pub(crate) offset: Vec<f32>,
}

impl Descent {
    /// In place: the gradient behind a rectifier becomes that of the normalization's input.
    pub(crate) fn along(&self, x: &[f32], gradient: &mut [f32]) {
        dispatch(Along { descent: self, x, gradient });
    }
}

struct Along<'a> {
    descent: &'a Descent,
    x: &'a [f32],
    gradient: &'a mut [f32],
}

impl WithSimd for Along<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Descent { scale, slope, offset } = self.descent;
        let channels = scale.len();
        for (gradient, x) in self.gradient.chunks_exact_mut(channels).zip(self.x.chunks_exact(channels)) {
            by_vectors(simd, gradient, [x, scale, slope, offset], |[x, scale, slope, offset], g| {
                simd.mul_add_e_f32s(scale, g, simd.mul_add_e_f32s(slope, x, offset))
            });
        }
    }
}

/// The gradient behind a normalization, plus what reaches the same maps by another way.
pub(crate) struct Descended<'a> {
    pub(crate) gradient: Maps<'a>,
    pub(crate) input: Maps<'a>,
    pub(crate) descent: &'a Descent,
    pub(crate) other: Maps<'a>,
}

impl Rows for Descended<'_> {
    size_of_maps!(gradient);

    #[inline(always)]
    fn fill<S: Simd>(&self, simd: S, image: usize, y: usize, out: &mut [f32]) {
        let Descent { scale, slope, offset } = self.descent;
        let pixels = self.gradient.row(image, y).zip(self.input.row(image, y)).zip(self.other.row(image, y));
        for (out, ((g, x), other)) in out.chunks_exact_mut(self.gradient.channels).zip(pixels) {
            by_vectors(
                simd,
                out,
                [g, x, other, scale, slope, offset],
                |[g, x, other, scale, slope, offset], _| {
                    let own = simd.mul_add_e_f32s(scale, g, simd.mul_add_e_f32s(slope, x, offset));
                    simd.add_f32s(own, other)
                },
            );
        }
    }
}
