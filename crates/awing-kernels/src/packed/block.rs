use super::affine::Affine;
use crate::{
    convolution::{self, Geometry, Tiling, Weights},
    resample,
    rows::{HalvedNormRelu, Maps, NormRelu, Rows, by_vectors},
    vectors::dispatch,
};
use pulp::{Simd, WithSimd};

/// One layer of a residual block: normalization, ReLU, convolution at stride 1 that keeps the size.
#[derive(Clone, Debug)]
pub struct PackedLayer {
    norm: Affine,
    weights: Weights,
    kernel: usize,
    outputs: usize,
}

impl PackedLayer {
    /// Packs `weight`, [outputs, inputs, k, k] with an odd k as `dims` says, for maps of about this height and width: any size is computed,
    /// this one fast.
    ///
    /// # Panics
    /// If there are fewer weights than `dims` says.
    pub fn new(norm: Affine, weight: &[f32], dims: [usize; 4], size: [usize; 2]) -> Self {
        let geometry = Geometry { images: 1, kernel: dims[2], stride: 1, padding: dims[2] / 2 };
        let weights = Weights::forward(weight, dims, geometry.lasting_method(size, dims[1]));
        Self { norm, weights, kernel: dims[2], outputs: dims[0] }
    }

    fn geometry(&self, images: usize) -> Geometry {
        Geometry { images, kernel: self.kernel, stride: 1, padding: self.kernel / 2 }
    }

    /// All outputs, [images, height, width, outputs].
    fn run(&self, source: &impl Rows, images: usize, out: &mut [f32]) {
        let (geometry, tiling) = (self.geometry(images), Tiling::Fast { unit: 1 });
        convolution::forward(source, geometry, &self.weights, None, tiling, Some(out), None, |_, _, _| ());
    }

    fn of<'a>(&'a self, input: Maps<'a>) -> NormRelu<'a> {
        NormRelu { input, scale: &self.norm.scale, shift: &self.norm.shift }
    }
}

/// A residual block ([`crate::residual_block`]) that predicts.
#[derive(Clone, Debug)]
pub struct PackedBlock {
    /// Three layers, each of what the one before gives.
    layers: [PackedLayer; 3],
    /// A convolution of 1 x 1 where the number of channels changes.
    projection: Option<PackedLayer>,
}

impl PackedBlock {
    /// Three layers, each of what the one before gives, and a projection of the input by 1 x 1 where the number of channels changes.
    pub fn new(layers: [PackedLayer; 3], projection: Option<PackedLayer>) -> Self {
        Self { layers, projection }
    }

    /// Channels of the block's output.
    pub fn outputs(&self) -> usize {
        self.layers.iter().map(|layer| layer.outputs).sum()
    }

    /// Floats that all of these need in `middle`, for each pixel of the input.
    pub fn middle(&self) -> usize {
        self.layers[0].outputs + self.layers[1].outputs
    }

    /// The block at dense maps `x`, [images, height, width, channels], in their place: for a block without a projection.
    ///
    /// # Panics
    /// If a slice is shorter than the shapes say, or the number of channels changes.
    pub fn run(&self, x: &mut [f32], shape: [usize; 4], middle: &mut [f32]) {
        assert!(self.projection.is_none() && shape[3] == self.outputs(), "the block must keep its channels");
        let x = &mut x[..shape.iter().product()];
        let middle = self.two_layers(x, shape, middle);
        self.last_layer(shape, middle, 1, x, |parts, sum| dispatch(Add { parts, sum }));
    }

    /// The block at dense maps `x`, [images, height, width, inputs], to `out`, [images, height, width, outputs].
    ///
    /// # Panics
    /// If a slice is shorter than the shapes say.
    pub fn run_to(&self, x: &[f32], shape: [usize; 4], middle: &mut [f32], out: &mut [f32]) {
        let [images, height, width, inputs] = shape;
        let x = &x[..images * height * width * inputs];
        let sum = &mut out[..images * height * width * self.outputs()];
        match &self.projection {
            None => sum.copy_from_slice(x),
            Some(layer) => layer.run(&layer.of(Maps::dense(x, shape)), images, sum),
        }
        let middle = self.two_layers(x, shape, middle);
        self.last_layer(shape, middle, 1, sum, |parts, sum| dispatch(Add { parts, sum }));
    }

    /// The means of each 2 x 2 pixels of what [`PackedBlock::run_to`] gives, [images, height / 2, width / 2, outputs]; what is linear is
    /// done after the halving, on a quarter of the pixels.
    ///
    /// # Panics
    /// If a slice is shorter than the shapes say, or height or width is odd.
    pub fn run_halved(&self, x: &[f32], shape: [usize; 4], middle: &mut [f32], out: &mut [f32]) {
        let [images, height, width, inputs] = shape;
        assert!(height.is_multiple_of(2) && width.is_multiple_of(2), "height and width must be even");
        let x = &x[..images * height * width * inputs];
        let sum = &mut out[..images * height * width / 4 * self.outputs()];
        match &self.projection {
            None => resample::gather(x, shape, 0.25, sum),
            Some(layer) => layer.run(&HalvedNormRelu(layer.of(Maps::dense(x, shape))), images, sum),
        }
        let middle = self.two_layers(x, shape, middle);
        self.last_layer(shape, middle, 2, sum, |parts, sum| dispatch(AddHalved { parts, width, sum }));
    }

    /// The outputs of the first two layers, in `middle`.
    fn two_layers<'m>(&self, x: &[f32], shape: [usize; 4], middle: &'m mut [f32]) -> [&'m [f32]; 2] {
        let [images, height, width, _] = shape;
        let pixels = images * height * width;
        let [a, b, _] = &self.layers;
        let (first, second) = middle.split_at_mut(pixels * a.outputs);
        let second = &mut second[..pixels * b.outputs];
        a.run(&a.of(Maps::dense(x, shape)), images, first);
        b.run(&b.of(Maps::dense(first, [images, height, width, a.outputs])), images, second);
        [first, second]
    }

    /// The last layer, in tiles of a multiple of `unit` rows: `add` takes the tile's outputs of all three layers, and its part of the sum.
    fn last_layer(
        &self,
        [images, height, width, _]: [usize; 4],
        [first, second]: [&[f32]; 2],
        unit: usize,
        sum: &mut [f32],
        add: impl Fn([(&[f32], usize); 3], &mut [f32]) + Sync + Send,
    ) {
        let [a, b, c] = &self.layers;
        let source = c.of(Maps::dense(second, [images, height, width, b.outputs]));
        let tiling = Tiling::Fast { unit };
        let geometry = c.geometry(images);
        convolution::forward(
            &source,
            geometry,
            &c.weights,
            None,
            tiling,
            None,
            Some(sum),
            |place, own, sum| {
                let start = (place.image * height + place.first) * width;
                let pixels = own.len() / c.outputs;
                let of = |count: usize| start * count..(start + pixels) * count;
                let parts = [
                    (&first[of(a.outputs)], a.outputs),
                    (&second[of(b.outputs)], b.outputs),
                    (&*own, c.outputs),
                ];
                add(parts, sum.unwrap_or_default());
            },
        );
    }
}

/// To each pixel of `sum`, its channels in three parts, what the layers gave.
struct Add<'a> {
    /// The outputs of a layer, and their channels.
    parts: [(&'a [f32], usize); 3],
    sum: &'a mut [f32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { parts: [(a, a_count), (b, b_count), (c, c_count)], sum } = self;
        let pixels = a.chunks_exact(a_count).zip(b.chunks_exact(b_count)).zip(c.chunks_exact(c_count));
        for (sum, ((a, b), c)) in sum.chunks_exact_mut(a_count + b_count + c_count).zip(pixels) {
            let (to_a, rest) = sum.split_at_mut(a_count);
            let (to_b, to_c) = rest.split_at_mut(b_count);
            by_vectors(simd, to_a, [a], |[own], sum| simd.add_f32s(own, sum));
            by_vectors(simd, to_b, [b], |[own], sum| simd.add_f32s(own, sum));
            by_vectors(simd, to_c, [c], |[own], sum| simd.add_f32s(own, sum));
        }
    }
}

/// To each pixel of `sum`, its channels in three parts, the means of 2 x 2 pixels of what the layers gave.
struct AddHalved<'a> {
    /// The outputs of a layer, and their channels.
    parts: [(&'a [f32], usize); 3],
    /// Pixels in a row of these.
    width: usize,
    sum: &'a mut [f32],
}

impl WithSimd for AddHalved<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { parts, width, sum } = self;
        let quarter = simd.splat_f32s(0.25);
        let step = parts.iter().map(|part| part.1).sum();
        let mut start = 0;
        for (own, count) in parts {
            let row = width * count;
            for (rows, sums) in own.chunks_exact(2 * row).zip(sum.chunks_exact_mut(width / 2 * step)) {
                let (top, bottom) = rows.split_at(row);
                let pairs = top.chunks_exact(2 * count).zip(bottom.chunks_exact(2 * count));
                for (sum, (top, bottom)) in sums.chunks_exact_mut(step).zip(pairs) {
                    let ((a, b), (c, d)) = (top.split_at(count), bottom.split_at(count));
                    by_vectors(simd, &mut sum[start..start + count], [a, b, c, d], |[a, b, c, d], sum| {
                        let four = simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d));
                        simd.mul_add_e_f32s(quarter, four, sum)
                    });
                }
            }
            start += count;
        }
    }
}
