use super::affine::Affine;
use crate::{
    convolution::{self, Geometry, Tiling, Weights},
    resample,
    residual_block::Add,
    rows::{HalvedNormRelu, Maps, NormRelu, by_vectors},
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
        let weights = Weights::forward(weight, dims, geometry.method(size, dims[1]));
        Self { norm, weights, kernel: dims[2], outputs: dims[0] }
    }

    fn geometry(&self, images: usize) -> Geometry {
        Geometry { images, kernel: self.kernel, stride: 1, padding: self.kernel / 2 }
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

    /// Floats that [`PackedBlock::run`] and [`PackedBlock::run_halved`] need in `middle`, for each pixel of the input.
    pub fn middle(&self) -> usize {
        self.layers[0].outputs + self.layers[1].outputs
    }

    /// The block at dense maps `x`, [images, height, width, inputs], to `out`, [images, height, width, outputs].
    ///
    /// # Panics
    /// If a slice is shorter than the shapes say.
    pub fn run(&self, x: &[f32], shape: [usize; 4], middle: &mut [f32], out: &mut [f32]) {
        let [images, height, width, inputs] = shape;
        let outputs = self.outputs();
        let sum = &mut out[..images * height * width * outputs];
        let x = &x[..images * height * width * inputs];
        if let Some(layer) = &self.projection {
            let source = layer.of(Maps::dense(x, shape));
            let tiling = Tiling::Fast { unit: 1 };
            convolution::forward(
                &source,
                layer.geometry(images),
                &layer.weights,
                None,
                tiling,
                Some(&mut *sum),
                None,
                |_, _, _| (),
            );
        }
        let past = self.projection.is_none().then_some(x);
        self.layers(x, shape, middle, 1, sum, |own, count, start, place, sum| {
            let at = place * width * inputs;
            dispatch(Add { own, count, sum, start, step: outputs, input: past.map(|x| &x[at..]) });
        });
    }

    /// The means of each 2 x 2 pixels of what [`PackedBlock::run`] gives, [images, height / 2, width / 2, outputs]; what is linear is done
    /// after the halving, on a quarter of the pixels.
    ///
    /// # Panics
    /// If a slice is shorter than the shapes say, or height or width is odd.
    pub fn run_halved(&self, x: &[f32], shape: [usize; 4], middle: &mut [f32], out: &mut [f32]) {
        let [images, height, width, inputs] = shape;
        assert!(height.is_multiple_of(2) && width.is_multiple_of(2), "height and width must be even");
        let outputs = self.outputs();
        let sum = &mut out[..images * height * width / 4 * outputs];
        let x = &x[..images * height * width * inputs];
        match &self.projection {
            None => resample::gather(x, shape, 0.25, sum),
            Some(layer) => {
                let source = HalvedNormRelu(layer.of(Maps::dense(x, shape)));
                let tiling = Tiling::Fast { unit: 1 };
                convolution::forward(
                    &source,
                    layer.geometry(images),
                    &layer.weights,
                    None,
                    tiling,
                    Some(&mut *sum),
                    None,
                    |_, _, _| (),
                );
            }
        }
        self.layers(x, shape, middle, 2, sum, |own, count, start, _, sum| {
            dispatch(AddHalved { own, width, count, sum, start, step: outputs });
        });
    }

    /// The three layers, in tiles of a multiple of `unit` rows; `add` takes the outputs of each tile, their channels, the first of these
    /// in the sum, the first row of the tile, counted through all images, and the tile's part of the sum.
    fn layers(
        &self,
        x: &[f32],
        [images, height, width, inputs]: [usize; 4],
        middle: &mut [f32],
        unit: usize,
        sum: &mut [f32],
        add: impl Fn(&[f32], usize, usize, usize, &mut [f32]) + Sync + Send,
    ) {
        let pixels = images * height * width;
        let (first, second) = middle.split_at_mut(pixels * self.layers[0].outputs);
        let second = &mut second[..pixels * self.layers[1].outputs];
        let maps = |values, channels| Maps::dense(values, [images, height, width, channels]);
        let mut start = 0;
        let mut run = |layer: &PackedLayer, input: Maps<'_>, kept: Option<&mut [f32]>| {
            let sum = Some(&mut *sum);
            convolution::forward(
                &layer.of(input),
                layer.geometry(images),
                &layer.weights,
                None,
                Tiling::Fast { unit },
                kept,
                sum,
                |place, own, sum| {
                    let row = place.image * height + place.first;
                    add(own, layer.outputs, start, row, sum.unwrap_or_default());
                },
            );
            start += layer.outputs;
        };
        let [a, b, c] = &self.layers;
        run(a, maps(x, inputs), Some(&mut *first));
        run(b, maps(first, a.outputs), Some(&mut *second));
        run(c, maps(second, b.outputs), None);
    }
}

/// sum\[.., start..\] += the means of 2 x 2 pixels of own; pixels of the sum lie `step` floats apart.
struct AddHalved<'a> {
    own: &'a [f32],
    width: usize,
    count: usize,
    sum: &'a mut [f32],
    start: usize,
    step: usize,
}

impl WithSimd for AddHalved<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { own, width, count, sum, start, step } = self;
        let quarter = simd.splat_f32s(0.25);
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
    }
}
