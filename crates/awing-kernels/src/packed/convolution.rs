use super::finish::Finish;
use crate::{
    convolution::{self, Geometry, Tiling, Weights},
    rows::{Rows, Source},
};

/// A convolution whose padding keeps the size at stride 1.
#[derive(Clone, Debug)]
pub struct PackedConvolution {
    weights: Weights,
    bias: Vec<f32>,
    kernel: usize,
    stride: usize,
}

impl PackedConvolution {
    /// Packs `weight`, [outputs, inputs, k, k] with an odd k as `dims` says, for outputs of about this height and width: any size is
    /// computed, this one fast. Outputs start from `bias`.
    ///
    /// # Panics
    /// If there are fewer weights than `dims` says, or not one bias for each output.
    pub fn new(weight: &[f32], dims: [usize; 4], bias: Vec<f32>, stride: usize, size: [usize; 2]) -> Self {
        assert_eq!(bias.len(), dims[0], "one bias for each output");
        let geometry = Geometry { images: 1, kernel: dims[2], stride, padding: dims[2] / 2 };
        let weights = Weights::forward(weight, dims, geometry.method(size, dims[1]));
        Self { weights, bias, kernel: dims[2], stride }
    }

    /// Channels of the outputs.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Convolves so many images of `source` to `out`, [images, …, …, outputs], and does what `finish` says; `beside` takes the one number
    /// of each pixel of [`Finish::ReluAndOne`].
    ///
    /// # Panics
    /// If a slice is shorter than the shapes say.
    pub fn run(
        &self,
        source: &Source<'_>,
        images: usize,
        out: &mut [f32],
        finish: Finish<'_>,
        beside: Option<&mut [f32]>,
    ) {
        let (kernel, stride) = (self.kernel, self.stride);
        let geometry = Geometry { images, kernel, stride, padding: kernel / 2 };
        let size = [geometry.output(source.height()), geometry.output(source.width())];
        let pixels = images * size[0] * size[1];
        let out = &mut out[..pixels * self.bias.len()];
        let (kept, joined) = match finish {
            Finish::Add => (None, Some(out)),
            _ => (Some(out), beside.map(|beside| &mut beside[..pixels])),
        };
        let (bias, tiling) = (Some(&self.bias[..]), Tiling::Fast { unit: 1 });
        convolution::forward(
            source,
            geometry,
            &self.weights,
            bias,
            tiling,
            kept,
            joined,
            |place, own, beside| {
                finish.apply([place.image, place.first], size, own, beside);
            },
        );
    }
}
