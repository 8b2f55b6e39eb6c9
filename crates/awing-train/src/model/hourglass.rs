use super::{layers::Initializer, residual_block::ResidualBlock};
use awing::Result;
use awing_ops::{add_doubled, halve};
use burn::{module::Module, tensor::Tensor};

/// Halvings of the map inside an hourglass.
const DEPTH: usize = 4;

/// An hourglass of depth 4 (Newell et al. 2016): at each level one branch stays at full size, the other is halved,
/// goes through the next level and is doubled again; the two are added.
///
/// ```
/// use awing_train::{Device, model::{Hourglass, Initializer}};
/// use burn::tensor::Tensor;
///
/// let device = Device::flex();
/// let hourglass = Hourglass::new(&mut Initializer::new(1, &device), 16)?;
/// let features = hourglass.forward(Tensor::zeros([1, 32, 32, 16], &device));
/// assert_eq!(features.dims(), [1, 32, 32, 16]);
/// # Ok::<(), awing::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct Hourglass {
    /// The branch that keeps the size, outermost level first.
    skip: Vec<ResidualBlock>,
    /// After halving.
    down: Vec<ResidualBlock>,
    /// At the smallest size.
    bottom: ResidualBlock,
    /// Before doubling.
    up: Vec<ResidualBlock>,
}

impl Hourglass {
    /// An hourglass of `width` channels.
    ///
    /// # Errors
    /// [`awing::Error::Invalid`] when the width is 0 or not divisible by 4.
    pub fn new(init: &mut Initializer, width: usize) -> Result<Self> {
        let mut blocks = || (0..DEPTH).map(|_| ResidualBlock::new(init, width, width)).collect::<Result<_>>();
        let (skip, down, up) = (blocks()?, blocks()?, blocks()?);
        Ok(Self { skip, down, bottom: ResidualBlock::new(init, width, width)?, up })
    }

    /// [batch, height, width, channels] to the same shape; the sides must be divisible by 16.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.level(0, x)
    }

    fn level(&self, level: usize, x: Tensor<4>) -> Tensor<4> {
        let kept = self.skip[level].forward(x.clone());
        let low = self.down[level].forward(halve(x));
        let low = if level + 1 < DEPTH { self.level(level + 1, low) } else { self.bottom.forward(low) };
        add_doubled(kept, self.up[level].forward(low))
    }
}
