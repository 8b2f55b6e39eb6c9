use crate::{
    rows::{by_vectors, rectified},
    vectors::dispatch,
};
use pulp::{Simd, WithSimd};

/// What is done with the outputs of a convolution while they are in the cache.
#[derive(Clone, Copy, Debug)]
pub enum Finish<'a> {
    /// Nothing: they go out as they are.
    Keep,
    /// max(0, x) goes out.
    Relu,
    /// max(0, x) goes out, and beside it one number for each pixel: the sum of channels times weights, plus an offset, as a convolution of
    /// 1 x 1 gives one more channel.
    ReluAndOne {
        /// One for each channel.
        weights: &'a [f32],
        /// Added to the sum.
        offset: f32,
    },
    /// max(0, x + map) goes out, where the map, [height, width, outputs], is the same for every image.
    PlusRelu(&'a [f32]),
    /// x is added to what is there.
    Add,
    /// Pixels learn where they are: what their coordinates give is added.
    At {
        /// What each coordinate gives.
        position: &'a Position,
        /// [images, height, width]: where above 0.05, or not a number, the pixel is on the boundary.
        boundary: Option<&'a [f32]>,
    },
}

/// What the coordinates of a pixel add to each output: the weights of a convolution of 1 x 1 for the channels of a CoordConv.
#[derive(Clone, Debug)]
pub struct Position {
    /// For the row, the column and the radius of the pixel; then for row and column again where it is on the boundary.
    pub weights: [Vec<f32>; 5],
}

impl Position {
    /// The row or column `i` of `n` as a coordinate: from -1 to 1, both ends included.
    pub fn along(i: usize, n: usize) -> f32 {
        if n > 1 { 2.0 * i as f32 / (n - 1) as f32 - 1.0 } else { 0.0 }
    }

    /// Row, column, and distance from the middle, 1 in the corners.
    pub fn of([y, x]: [usize; 2], [height, width]: [usize; 2]) -> [f32; 3] {
        let (row, column) = (Self::along(y, height), Self::along(x, width));
        [row, column, (0.5 * (row * row + column * column)).sqrt()]
    }
}

/// max(0, out + map), in place.
struct Rectified<'a> {
    out: &'a mut [f32],
    map: Option<&'a [f32]>,
}

impl WithSimd for Rectified<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.map {
            None => by_vectors(simd, self.out, [], |[], x| rectified(simd, x)),
            Some(map) => {
                by_vectors(simd, self.out, [map], |[map], x| rectified(simd, simd.add_f32s(x, map)));
            }
        }
    }
}

/// For each pixel of `values` the sum of channels times weights, plus an offset.
struct Sums<'a> {
    values: &'a [f32],
    weights: &'a [f32],
    offset: f32,
    sums: &'a mut [f32],
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (weights, weights_rest) = S::as_simd_f32s(self.weights);
        for (sum, pixel) in self.sums.iter_mut().zip(self.values.chunks_exact(self.weights.len())) {
            let (values, rest) = S::as_simd_f32s(pixel);
            let mut total = simd.splat_f32s(0.0);
            for (value, weight) in values.iter().zip(weights) {
                total = simd.mul_add_e_f32s(*value, *weight, total);
            }
            let rest: f32 = rest.iter().zip(weights_rest).map(|(v, w)| v * w).sum();
            *sum = simd.reduce_sum_f32s(total) + rest + self.offset;
        }
    }
}

/// Adds `own` to `sum`.
struct Added<'a> {
    own: &'a [f32],
    sum: &'a mut [f32],
}

impl WithSimd for Added<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        by_vectors(simd, self.sum, [self.own], |[own], sum| simd.add_f32s(own, sum));
    }
}

/// Adds what the coordinates give to rows from `first` on.
struct Placed<'a> {
    out: &'a mut [f32],
    position: &'a Position,
    boundary: Option<&'a [f32]>,
    first: usize,
    size: [usize; 2],
}

impl WithSimd for Placed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { out, position, boundary, first, size } = self;
        let [by_row, by_column, by_radius, edge_row, edge_column] = &position.weights;
        let channels = by_row.len();
        for (i, out) in out.chunks_exact_mut(channels).enumerate() {
            let place = Position::of([first + i / size[1], i % size[1]], size);
            let [row, column, radius] = place.map(|v| simd.splat_f32s(v));
            // Negated, so that a NaN counts as above.
            let on_boundary = boundary.is_some_and(|boundary| boundary[i] > 0.05 || boundary[i].is_nan());
            if on_boundary {
                let weights: [&[f32]; 5] = [by_row, by_column, by_radius, edge_row, edge_column];
                by_vectors(simd, out, weights, |[a, b, c, d, e], x| {
                    let x = simd.mul_add_e_f32s(row, simd.add_f32s(a, d), x);
                    let x = simd.mul_add_e_f32s(column, simd.add_f32s(b, e), x);
                    simd.mul_add_e_f32s(radius, c, x)
                });
            } else {
                let weights: [&[f32]; 3] = [by_row, by_column, by_radius];
                by_vectors(simd, out, weights, |[a, b, c], x| {
                    let x = simd.mul_add_e_f32s(row, a, x);
                    simd.mul_add_e_f32s(radius, c, simd.mul_add_e_f32s(column, b, x))
                });
            }
        }
    }
}

impl Finish<'_> {
    /// Does it for the rows from `first` on of an image: `out` are their outputs, `beside` what these are added to, or the numbers beside
    /// them.
    pub(crate) fn apply(
        self,
        [image, first]: [usize; 2],
        size: [usize; 2],
        out: &mut [f32],
        beside: Option<&mut [f32]>,
    ) {
        let beside = beside.unwrap_or_default();
        match self {
            Self::Keep => {}
            Self::Relu => dispatch(Rectified { out, map: None }),
            Self::ReluAndOne { weights, offset } => {
                dispatch(Rectified { out: &mut *out, map: None });
                dispatch(Sums { values: out, weights, offset, sums: beside });
            }
            Self::PlusRelu(map) => {
                let start = map.len() / size[0] * first;
                dispatch(Rectified { map: Some(&map[start..start + out.len()]), out });
            }
            Self::Add => dispatch(Added { own: out, sum: beside }),
            Self::At { position, boundary } => {
                let boundary = boundary.map(|boundary| &boundary[(image * size[0] + first) * size[1]..]);
                dispatch(Placed { out, position, boundary, first, size });
            }
        }
    }
}
