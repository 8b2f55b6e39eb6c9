//! Convolution: tiles that stay in the cache, window by window or by Winograd's method, and the gradients.

#[cfg(feature = "training")]
mod correlate;
mod geometry;
#[cfg(feature = "training")]
mod gradient;
mod layer;
mod patch;
mod weights;
mod windows;
mod winograd;

#[cfg(feature = "training")]
pub(crate) use geometry::Place;
pub(crate) use geometry::Tiling;
pub use geometry::{Geometry, Method};
#[cfg(feature = "training")]
pub use gradient::convolve_backward;
#[cfg(feature = "training")]
pub(crate) use gradient::{Middle, backward, weight_order};
pub(crate) use layer::forward;
pub use weights::Weights;

use crate::rows::Source;

/// Convolves `source`, [images, height, width, inputs], to `out`, [images, …, …, outputs]; the sides are those of
/// [`Geometry::output`]. Outputs start from `bias`.
///
/// # Panics
/// If a slice is shorter than the shapes say, or the weights are for another shape.
pub fn convolve(
    source: &Source<'_>,
    geometry: Geometry,
    weights: &Weights,
    bias: Option<&[f32]>,
    out: &mut [f32],
) {
    forward(source, geometry, weights, bias, Tiling::Fixed, Some(out), None, |_, _, _| ());
}

#[cfg(test)]
#[cfg(feature = "training")]
mod tests {
    use super::*;
    use crate::{Maps, narrower};
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[derive(Clone, Copy, Debug)]
    struct Case {
        /// [images, height, width, inputs]
        shape: [usize; 4],
        /// Channels beside the inputs, for one image or for each.
        beside: (usize, bool),
        outputs: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
    }

    struct Numbers {
        input: Vec<f32>,
        beside: Vec<f32>,
        weight: Vec<f32>,
        bias: Vec<f32>,
        above: Vec<f32>,
    }

    impl Case {
        fn geometry(self) -> Geometry {
            let Self { shape, kernel, stride, padding, .. } = self;
            Geometry { images: shape[0], kernel, stride, padding }
        }

        fn size(self) -> [usize; 2] {
            [self.shape[1], self.shape[2]].map(|side| self.geometry().output(side))
        }

        fn dims(self) -> [usize; 4] {
            [self.outputs, self.shape[3] + self.beside.0, self.kernel, self.kernel]
        }

        fn numbers(self, seed: u64) -> Numbers {
            let rng = &mut ChaCha8Rng::seed_from_u64(seed);
            let mut draw = |n: usize| (0..n).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
            let [images, height, width, _] = self.shape;
            let [rows, columns] = self.size();
            Numbers {
                input: draw(self.shape.iter().product()),
                beside: draw(if self.beside.1 { images } else { 1 } * height * width * self.beside.0),
                weight: draw(self.dims().iter().product()),
                bias: draw(self.outputs),
                above: draw(images * rows * columns * self.outputs),
            }
        }

        /// The definition: calls `visit` with the places of each product in input (or beside it), weight and output.
        fn products(self, mut visit: impl FnMut(Result<usize, usize>, usize, usize)) {
            let ([images, height, width, inputs], [rows, columns]) = (self.shape, self.size());
            let [outputs, depth, kernel, _] = self.dims();
            for image in 0..images {
                for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                    for (a, b) in (0..kernel).flat_map(|a| (0..kernel).map(move |b| (a, b))) {
                        let (row, column) = (y * self.stride + a, x * self.stride + b);
                        let inside = |at: usize, side| (self.padding..side + self.padding).contains(&at);
                        if !inside(row, height) || !inside(column, width) {
                            continue;
                        }
                        let pixel = (row - self.padding) * width + column - self.padding;
                        for (output, channel) in (0..outputs).flat_map(|o| (0..depth).map(move |c| (o, c))) {
                            let from = if channel < inputs {
                                Ok((image * height * width + pixel) * inputs + channel)
                            } else {
                                let image = if self.beside.1 { image } else { 0 };
                                Err((image * height * width + pixel) * self.beside.0 + channel - inputs)
                            };
                            let weight = ((output * depth + channel) * kernel + a) * kernel + b;
                            visit(from, weight, ((image * rows + y) * columns + x) * outputs + output);
                        }
                    }
                }
            }
        }

        fn check(self, seed: u64) {
            let Numbers { input, beside, weight, bias, above } = self.numbers(seed);
            let (geometry, dims, [rows, columns]) = (self.geometry(), self.dims(), self.size());
            let [images, height, width, inputs] = self.shape;
            let first = Maps::dense(&input, self.shape);
            let second = Maps::dense(&beside, [images, height, width, self.beside.0]);
            let source = if self.beside.0 == 0 {
                Source::Plain(first)
            } else {
                Source::Joined { first, second, one_for_all: !self.beside.1 }
            };
            let mut expected: Vec<f64> =
                bias.iter().cycle().take(above.len()).map(|b| f64::from(*b)).collect();
            let (mut of_input, mut of_weight) = (vec![0.0; input.len()], vec![0.0; weight.len()]);
            self.products(|from, w, to| {
                let value = f64::from(match from {
                    Ok(at) => input[at],
                    Err(at) => beside[at],
                });
                expected[to] += value * f64::from(weight[w]);
                of_weight[w] += value * f64::from(above[to]);
                if let Ok(at) = from {
                    of_input[at] += f64::from(weight[w]) * f64::from(above[to]);
                }
            });
            let weights = Weights::forward(&weight, dims, geometry.method([rows, columns], dims[1]));
            let mut out = vec![f32::NAN; above.len()];
            convolve(&source, geometry, &weights, Some(&bias), &mut out);
            close(&out, &expected, "output");
            let maps = Maps::dense(&above, [images, rows, columns, self.outputs]);
            let back = self.stride == 1 && self.padding < self.kernel;
            let turned =
                Weights::backward(&weight, dims, inputs, geometry.method([height, width], self.outputs));
            let mut gradient = vec![f32::NAN; input.len()];
            let to = back.then_some((&turned, &mut gradient[..]));
            close(&convolve_backward(&source, maps, geometry, to), &of_weight, "weight gradient");
            if back {
                close(&gradient, &of_input, "input gradient");
            }
        }
    }

    fn close(ours: &[f32], exact: &[f64], what: &str) {
        assert_eq!(ours.len(), exact.len(), "{what}");
        let size = exact.iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
        for (value, exact) in ours.iter().zip(exact) {
            let error = (f64::from(*value) - exact).abs();
            // NaN, where a number was left out, is no less than anything.
            assert!(error <= 3e-5 * size, "{what}: {value} {exact} of {size}");
        }
    }

    #[test]
    fn every_instruction_set_follows_the_definition() {
        for set in narrower::instruction_sets() {
            for (images, inputs, beside, outputs, side, kernel, stride, padding) in [
                (2, 3, (3, false), 19, 32, 7, 2, 3),
                (3, 21, (0, false), 13, 16, 3, 1, 1),
                (2, 7, (2, true), 40, 9, 3, 1, 1),
                (9, 33, (0, false), 69, 4, 1, 1, 0),
            ] {
                let shape = [images, side, side, inputs];
                let case = Case { shape, beside, outputs, kernel, stride, padding };
                narrower::with(set, || case.check(3));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn any_shape_follows_the_definition(
            shape in [1..4_usize, 1..20_usize, 1..20_usize, 1..20_usize], beside in (0..4_usize, any::<bool>()),
            outputs in 1..40_usize, kernel in 1..6_usize, stride in 1..4_usize, padding in 0..4_usize, seed: u64,
        ) {
            prop_assume!(kernel <= shape[1].min(shape[2]) + 2 * padding && padding < kernel);
            Case { shape, beside, outputs, kernel, stride, padding }.check(seed);
        }
    }
}
