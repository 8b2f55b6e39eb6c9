use crate::rows::by_vectors;
use pulp::{Simd, WithSimd};

/// sum\[.., start..\] = own + input\[.., start..\], or sum + own where there is no input; pixels of the sum and of the input
/// lie `step` floats apart.
pub(crate) struct Add<'a> {
    pub(crate) own: &'a [f32],
    pub(crate) count: usize,
    pub(crate) sum: &'a mut [f32],
    pub(crate) start: usize,
    pub(crate) step: usize,
    pub(crate) input: Option<&'a [f32]>,
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { own, count, sum, start, step, input } = self;
        let pixels = own.chunks_exact(count).zip(sum.chunks_exact_mut(step));
        match input {
            Some(input) => {
                for ((own, sum), input) in pixels.zip(input.chunks_exact(step)) {
                    let input = &input[start..start + count];
                    by_vectors(simd, &mut sum[start..start + count], [own, input], |[a, b], _| {
                        simd.add_f32s(a, b)
                    });
                }
            }
            None => {
                for (own, sum) in pixels {
                    by_vectors(simd, &mut sum[start..start + count], [own], |[a], b| simd.add_f32s(a, b));
                }
            }
        }
    }
}
