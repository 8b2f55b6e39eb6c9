use super::layers::{Initializer, by_batch, follow, running_statistics};
use awing::{Error, Result};
use awing_ops::{BlockLayer, residual_block};
use burn::{
    module::Module,
    nn::{BatchNorm, conv::Conv2d},
    tensor::Tensor,
};

/// The hierarchical block (Bulat and Tzimiropoulos 2017): three 3 x 3 convolutions of half, a quarter and a quarter
/// of the output channels, each on the one before, normalized and rectified first; their outputs side by side, plus
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
    /// A block from `inputs` to `outputs` channels; a convolution of 1 x 1 joins them where they differ.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a number is 0 or `outputs` not divisible by 4.
    pub fn new(init: &mut Initializer, inputs: usize, outputs: usize) -> Result<Self> {
        if inputs == 0 || outputs == 0 || !outputs.is_multiple_of(4) {
            let problem = format!(
                "{inputs} to {outputs} channels: none may be 0, and the outputs must be divisible by 4"
            );
            return Err(Error::invalid("residual block", problem));
        }
        let (half, quarter) = (outputs / 2, outputs / 4);
        Ok(Self {
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
        })
    }

    /// [batch, height, width, inputs] to [batch, height, width, outputs]. On an autodiff device it normalizes by the batch's own statistics
    /// and moves the running ones towards them; otherwise, and after `Module::valid`, by the running ones.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let batch = by_batch(&self.norm1, &x);
        let layer = |norm: &BatchNorm, conv: &Conv2d| BlockLayer {
            gamma: norm.gamma.val(),
            beta: norm.beta.val(),
            weight: conv.weight.val(),
            running: (!batch).then(|| running_statistics(norm)),
        };
        let three = [(&self.norm1, &self.conv1), (&self.norm2, &self.conv2), (&self.norm3, &self.conv3)]
            .map(|(norm, conv)| layer(norm, conv));
        let projection = self.projection.as_ref().map(|p| layer(&p.norm, &p.conv));
        let [images, height, width, _] = x.dims();
        let (sum, statistics) = residual_block(x, three, projection, self.norm1.epsilon);
        if batch {
            let norms = [&self.norm1, &self.norm2, &self.norm3];
            let norms = norms.into_iter().chain(self.projection.as_ref().map(|p| &p.norm));
            for (norm, own) in norms.zip(statistics) {
                follow(norm, own, images * height * width);
            }
        }
        sum
    }
}
