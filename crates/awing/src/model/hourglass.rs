use super::{layers::Initialiser, residual_block::ResidualBlock};
use awing_ops::{add_doubled, halve};
use burn::{module::Module, tensor::Tensor};

/// Halvings of the map inside an hourglass.
const DEPTH: usize = 4;

/// An hourglass of depth 4 (Newell et al. 2016): at each level one branch stays at full size, the other is halved,
/// goes through the next level and is doubled again; the two are added.
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
    pub(super) fn new(init: &mut Initialiser, width: usize) -> Self {
        let mut blocks = || (0..DEPTH).map(|_| ResidualBlock::new(init, width, width)).collect();
        let (skip, down, up) = (blocks(), blocks(), blocks());
        Self { skip, down, bottom: ResidualBlock::new(init, width, width), up }
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
