mod descent;

pub(crate) use descent::{Descended, Descent};

use crate::{
    convolution::{Middle, Place},
    moments::{Moments, gradient_sums},
    rows::{Maps, NormRelu, Rows, by_vectors},
    threads,
    tile::tile_rows,
    vectors::dispatch,
};
use pulp::{Simd, WithSimd};

/// A batch normalization by given statistics: all means, then all biased variances.
#[derive(Clone, Debug)]
pub struct Norm {
    mean: Vec<f32>,
    /// 1 / sqrt(variance + epsilon)
    inverse: Vec<f64>,
    /// The output is scale x + shift, before ReLU.
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Norm {
    /// With factor `gamma` and offset `beta`; `statistics` are all means, then all biased variances.
    ///
    /// # Panics
    /// If there are fewer statistics than channels.
    pub fn new(gamma: &[f32], beta: &[f32], statistics: &[f32], epsilon: f64) -> Self {
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

    /// `input`, normalized and rectified.
    pub(crate) fn of<'a>(&'a self, input: Maps<'a>) -> NormRelu<'a> {
        NormRelu { input, scale: &self.scale, shift: &self.shift }
    }

    /// max(0, gamma (x - mean) / sqrt(variance + epsilon) + beta) of dense maps `x`, [images, height, width, channels], to `out`.
    ///
    /// # Panics
    /// If a slice is shorter than the shape says.
    pub fn relu(&self, x: &[f32], shape: [usize; 4], out: &mut [f32]) {
        let [images, height, width, channels] = shape;
        let len = shape.iter().product();
        let rows = self.of(Maps::dense(&x[..len], shape));
        let (row, count) = (width * channels, tile_rows(images, height, width * channels * 4, 1, 4));
        let work = out[..len].chunks_mut((row * count).max(1)).enumerate().collect();
        threads::each(work, 1, |(i, out)| dispatch(Draw { rows: &rows, first: i * count, out, row }));
    }

    /// The gradient of [`Norm::relu`] at dense maps `x` whose outputs have the gradient `above`: that of `x` goes to `gradient`, those of
    /// gamma and beta come back. With `batch` the statistics are those of this very input and depend on it.
    ///
    /// # Panics
    /// If a slice is shorter than the shape says.
    pub fn relu_backward(
        &self,
        x: &[f32],
        above: &[f32],
        shape: [usize; 4],
        batch: bool,
        gradient: &mut [f32],
    ) -> [Vec<f32>; 2] {
        let [images, height, width, channels] = shape;
        let len = shape.iter().product();
        let chunk = (width * channels * tile_rows(images, height, width * channels * 4, 1, 4)).max(1);
        let (x, above, gradient) = (&x[..len], &above[..len], &mut gradient[..len]);
        let work = gradient.chunks_mut(chunk).zip(x.chunks(chunk).zip(above.chunks(chunk))).collect();
        let sums: Vec<Sums> =
            threads::map(work, 1, |(gradient, (x, above))| self.rectify(x, above, gradient));
        let NormGradients { gamma, beta, descent } =
            self.descend(&sums, batch.then_some(images * height * width));
        let work = gradient.chunks_mut(chunk).zip(x.chunks(chunk)).collect();
        threads::each(work, 1, |(gradient, x)| descent.along(x, gradient));
        [gamma, beta]
    }

    /// What passes the rectifier of a task's rows, whose outputs are `open` > 0: `gradient` in place, and its sums.
    pub(crate) fn pass(&self, place: Place, open: Middle<'_>, input: Maps<'_>, gradient: &mut [f32]) -> Sums {
        close(open, input.width * input.channels, gradient);
        let row = input.width * input.channels;
        let first = (place.image * input.height + place.first) * row;
        let input_rows = &input.values[first..first + gradient.len()];
        Sums(gradient_sums(gradient, input_rows, input.channels, &self.mean))
    }

    /// `gradient` becomes what of `above` passes the rectifier behind the normalized `x`; and its sums.
    fn rectify(&self, x: &[f32], above: &[f32], gradient: &mut [f32]) -> Sums {
        dispatch(Rectify { norm: self, x, above, gradient: &mut *gradient });
        Sums(gradient_sums(gradient, x, self.mean.len(), &self.mean))
    }

    /// The gradients of gamma and beta, and how the gradient goes on to the input: the statistics are those of a `batch` of
    /// so many pixels, or do not depend on the input.
    pub(crate) fn descend(&self, sums: &[Sums], batch: Option<usize>) -> NormGradients {
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
        NormGradients {
            gamma: round(gamma),
            beta: round(beta),
            descent: Descent { scale: self.scale.clone(), slope, offset },
        }
    }
}

/// For each channel the sums of the gradient and of gradient x (input - mean).
pub(crate) struct Sums([Vec<f64>; 2]);

/// What a normalization learns from a gradient, and how the gradient goes on.
pub(crate) struct NormGradients {
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

/// Draws rows into memory: `first` counts them through all images.
struct Draw<'a, R> {
    rows: &'a R,
    first: usize,
    out: &'a mut [f32],
    row: usize,
}

impl<R: Rows> WithSimd for Draw<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let height = self.rows.height();
        for (y, out) in (self.first..).zip(self.out.chunks_exact_mut(self.row)) {
            self.rows.fill(simd, y / height, y % height, out);
        }
    }
}

/// Mean and biased variance of each channel of dense maps, [images, height, width, channels]: all means, then all variances.
///
/// # Panics
/// If there are fewer values than the shape says.
pub fn channel_statistics(values: &[f32], shape: [usize; 4]) -> Vec<f32> {
    moments(values, shape).statistics()
}

/// The sum of each channel of dense maps, [images, height, width, channels].
///
/// # Panics
/// If there are fewer values than the shape says.
pub fn channel_sums(values: &[f32], shape: [usize; 4]) -> Vec<f32> {
    moments(values, shape).sums()
}

/// Tile by tile, in a fixed order.
fn moments(values: &[f32], [images, height, width, channels]: [usize; 4]) -> Moments {
    let row = width * channels;
    let rows = tile_rows(images, height, row * size_of::<f32>(), 1, 4);
    let tiles = values[..images * height * row].chunks((rows * row).max(1)).collect();
    Moments::join_all(threads::map(tiles, 1, |rows| Moments::of(rows, channels)), channels)
}
