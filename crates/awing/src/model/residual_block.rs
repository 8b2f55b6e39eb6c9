use super::layers::{Initialiser, convolve, norm_relu};
use burn::{
    module::Module,
    nn::{BatchNorm, conv::Conv2d},
    tensor::Tensor,
};

/// The hierarchical block (Bulat and Tzimiropoulos 2017): three 3 x 3 convolutions of half, a quarter and a quarter
/// of the output channels, each on the one before, normalised and rectified first; their outputs side by side, plus
/// the input.
#[derive(Module, Debug)]
pub struct ResidualBlock {
    norm1: BatchNorm,
    conv1: Conv2d,
    norm2: BatchNorm,
    conv2: Conv2d,
    norm3: BatchNorm,
    conv3: Conv2d,
    projection: Option<Projection>,
}

/// Brings the input to the number of output channels, where they differ.
#[derive(Module, Debug)]
pub(crate) struct Projection {
    norm: BatchNorm,
    conv: Conv2d,
}

impl ResidualBlock {
    pub(super) fn new(init: &mut Initialiser, inputs: usize, outputs: usize) -> Self {
        let (half, quarter) = (outputs / 2, outputs / 4);
        Self {
            norm1: init.norm(inputs),
            conv1: init.conv(inputs, half, 3, 1, false),
            norm2: init.norm(half),
            conv2: init.conv(half, quarter, 3, 1, false),
            norm3: init.norm(quarter),
            conv3: init.conv(quarter, quarter, 3, 1, false),
            projection: (inputs != outputs).then(|| Projection {
                norm: init.norm(inputs),
                conv: init.conv(inputs, outputs, 1, 1, false),
            }),
        }
    }

    /// [batch, inputs, height, width] to [batch, outputs, height, width].
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let a = convolve(&self.conv1, norm_relu(&self.norm1, x.clone()));
        let b = convolve(&self.conv2, norm_relu(&self.norm2, a.clone()));
        let c = convolve(&self.conv3, norm_relu(&self.norm3, b.clone()));
        let residual = match &self.projection {
            Some(Projection { norm, conv }) => convolve(conv, norm_relu(norm, x)),
            None => x,
        };
        Tensor::cat(vec![a, b, c], 1) + residual
    }
}
