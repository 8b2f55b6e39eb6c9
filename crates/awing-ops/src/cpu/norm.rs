use super::{
    layer::{Middle, Place},
    moments::{Moments, gradient_sums},
    rows::{Descent, Maps, NormRelu, by_vectors},
    tile::tile_rows,
    vectors::dispatch,
};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// A batch normalisation by given statistics: all means, then all biased variances.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    mean: Vec<f32>,
    /// 1 / sqrt(variance + epsilon)
    inverse: Vec<f64>,
    /// The output is scale x + shift, before ReLU.
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Norm {
    pub(crate) fn new(gamma: &[f32], beta: &[f32], statistics: &[f32], epsilon: f64) -> Self {
        let (mean, variance) = statistics.split_at(gamma.len());
        let inverse: Vec<f64> = variance.iter().map(|v| 1.0 / (f64::from(*v) + epsilon).sqrt()).collect();
        let scale: Vec<f64> = gamma.iter().zip(&inverse).map(|(g, i)| f64::from(*g) * i).collect();
        let shift =
            beta.iter().zip(mean).zip(&scale).map(|((b, m), s)| (f64::from(*b) - f64::from(*m) * s) as f32);
        Self {
            mean: mean.to_vec(),
            shift: shift.collect(),
            scale: scale.iter().map(|s| *s as f32).collect(),
            inverse,
        }
    }

    /// `input`, normalised and rectified.
    pub(crate) fn of<'a>(&'a self, input: Maps<'a>) -> NormRelu<'a> {
        NormRelu { input, scale: &self.scale, shift: &self.shift }
    }

    /// What passes the rectifier of a task's rows, whose outputs are `open` > 0: `gradient` in place, and its sums.
    pub(crate) fn pass(&self, place: Place, open: Middle<'_>, input: Maps<'_>, gradient: &mut [f32]) -> Sums {
        close(open, input.width * input.channels, gradient);
        let row = input.width * input.channels;
        let first = (place.image * input.height + place.first) * row;
        let input_rows = &input.values[first..first + gradient.len()];
        Sums(gradient_sums(gradient, input_rows, input.channels, &self.mean))
    }

    /// `gradient` becomes what of `above` passes the rectifier behind the normalised `x`; and its sums.
    pub(crate) fn rectify(&self, x: &[f32], above: &[f32], gradient: &mut [f32]) -> Sums {
        dispatch(Rectify { norm: self, x, above, gradient: &mut *gradient });
        Sums(gradient_sums(gradient, x, self.mean.len(), &self.mean))
    }

    /// The gradients of gamma and beta, and how the gradient goes on to the input: the statistics are those of a `batch` of
    /// so many pixels, or do not depend on the input.
    pub(crate) fn descend(&self, sums: &[Sums], batch: Option<usize>) -> Descended {
        let channels = self.mean.len();
        let mut all = [vec![0.0; channels], vec![0.0; channels]];
        for Sums(sums) in sums {
            for (all, sums) in all.iter_mut().zip(sums) {
                all.iter_mut().zip(sums).for_each(|(all, sum)| *all += sum);
            }
        }
        let [beta, centred] = all;
        let gamma: Vec<f64> = centred.iter().zip(&self.inverse).map(|(c, i)| c * i).collect();
        // scale (g - mean(g) - normal mean(g normal)), with normal = inverse (x - mean)
        let (slope, offset) = match batch {
            Some(pixels) => (0..channels)
                .map(|i| {
                    let scale = f64::from(self.scale[i]) / pixels as f64;
                    let slope = -scale * gamma[i] * self.inverse[i];
                    (slope as f32, (-scale * beta[i] - slope * f64::from(self.mean[i])) as f32)
                })
                .unzip(),
            None => (vec![0.0; channels], vec![0.0; channels]),
        };
        let round = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect();
        Descended {
            gamma: round(gamma),
            beta: round(beta),
            descent: Descent { scale: self.scale.clone(), slope, offset },
        }
    }
}

/// For each channel the sums of the gradient and of gradient x (input - mean).
pub(crate) struct Sums([Vec<f64>; 2]);

pub(crate) struct Descended {
    pub(crate) gamma: Vec<f32>,
    pub(crate) beta: Vec<f32>,
    pub(crate) descent: Descent,
}

struct Rectify<'a> {
    norm: &'a Norm,
    x: &'a [f32],
    above: &'a [f32],
    gradient: &'a mut [f32],
}

impl WithSimd for Rectify<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.norm.mean.len();
        let zero = simd.splat_f32s(0.0);
        let pixels = self.x.chunks_exact(channels).zip(self.above.chunks_exact(channels));
        for (gradient, (x, above)) in self.gradient.chunks_exact_mut(channels).zip(pixels) {
            let inputs = [x, above, &self.norm.scale, &self.norm.shift];
            by_vectors(simd, gradient, inputs, |[x, above, scale, shift], _| {
                let open = simd.greater_than_f32s(simd.mul_add_e_f32s(x, scale, shift), zero);
                simd.select_f32s(open, above, zero)
            });
        }
    }
}

impl Descent {
    /// In place: the gradient behind a rectifier becomes that of the normalisation's input.
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

/// No gradient passes where the rectifier gave 0.
fn close(open: Middle<'_>, row: usize, gradient: &mut [f32]) {
    struct Close<'a> {
        open: Middle<'a>,
        row: usize,
        gradient: &'a mut [f32],
    }
    impl WithSimd for Close<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let zero = simd.splat_f32s(0.0);
            for (gradient, open) in self.gradient.chunks_exact_mut(self.row).zip(self.open.rows()) {
                by_vectors(simd, gradient, [open], |[open], g| {
                    simd.select_f32s(simd.greater_than_f32s(open, zero), g, zero)
                });
            }
        }
    }
    dispatch(Close { open, row, gradient });
}

/// Mean and biased variance of each channel of dense maps: all means, then all variances.
pub(crate) fn statistics(values: &[f32], shape: [usize; 4]) -> Vec<f32> {
    moments(values, shape).statistics()
}

/// The sum of each channel of dense maps.
pub(crate) fn channel_sums(values: &[f32], shape: [usize; 4]) -> Vec<f32> {
    moments(values, shape).sums()
}

/// Tile by tile, in a fixed order.
fn moments(values: &[f32], [images, height, width, channels]: [usize; 4]) -> Moments {
    let row = width * channels;
    let rows = tile_rows(images, height, row * size_of::<f32>(), 1, 4);
    let parts = values[..images * height * row]
        .par_chunks((rows * row).max(1))
        .map(|rows| Moments::of(rows, channels))
        .collect();
    Moments::join_all(parts, channels)
}
