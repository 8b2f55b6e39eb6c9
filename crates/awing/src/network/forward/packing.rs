use super::buffers::DEPTH;
use crate::{
    error::Result,
    network::{NetworkConfig, Weights, weights::StoredTensor},
};
use awing_kernels::{
    packed::{Affine, PackedBlock, PackedConvolution, PackedLayer},
    threads,
};
use std::collections::BTreeMap;

/// The epsilon of every batch normalization, PyTorch's default.
const EPSILON: f64 = 1e-5;

/// The layers of a network by their path, packed as they are asked for; the blocks, which hold nearly all weights, beforehand and on
/// threads.
pub(super) struct Layers {
    weights: Weights,
    blocks: BTreeMap<String, PackedBlock>,
    /// Height and width of the maps at the configured size.
    size: [usize; 2],
}

/// A convolution as it is read.
pub(super) struct Convolution {
    /// [outputs, inputs, kernel, kernel]
    pub(super) weight: Vec<f32>,
    pub(super) dims: [usize; 4],
    pub(super) bias: Vec<f32>,
}

impl Layers {
    pub(super) fn of(config: &NetworkConfig, weights: Weights) -> Result<Self> {
        let mut layers = Self { weights, blocks: BTreeMap::new(), size: [config.map_size(); 2] };
        let width = config.width;
        let side = |level: usize| (config.map_size() >> level).max(1);
        let mut read = vec![
            layers.read_block("block1", width / 4, width / 2, 2 * side(0))?,
            layers.read_block("block2", width / 2, width / 2, side(0))?,
            layers.read_block("block3", width / 2, width, side(0))?,
        ];
        for stack in 0..config.stacks {
            let path = |rest: &str| format!("stacks.{stack}.{rest}");
            for level in 0..DEPTH {
                for (branch, level_of) in [("skip", level), ("down", level + 1), ("up", level + 1)] {
                    let path = path(&format!("hourglass.{branch}.{level}"));
                    read.push(layers.read_block(&path, width, width, side(level_of))?);
                }
            }
            read.push(layers.read_block(&path("hourglass.bottom"), width, width, side(DEPTH))?);
            read.push(layers.read_block(&path("top"), width, width, side(0))?);
        }
        layers.blocks =
            threads::map(read, 1, |block| (block.path.clone(), block.pack())).into_iter().collect();
        Ok(layers)
    }

    /// The block at a path.
    ///
    /// # Errors
    /// [`crate::Error::Model`] when there is none, or it was asked for before.
    pub(super) fn block(&mut self, path: &str) -> Result<PackedBlock> {
        match self.blocks.remove(path) {
            Some(block) => Ok(block),
            // Says that it is missing.
            None => self.weights.take(path, &[]).and_then(|_| self.block(path)),
        }
    }

    /// The convolution at a path, with a bias.
    pub(super) fn convolution(&mut self, path: &str, dims: [usize; 4]) -> Result<Convolution> {
        let weight = self.weights.take(&format!("{path}.weight"), &dims)?;
        let bias = self.weights.take(&format!("{path}.bias"), &dims[..1])?;
        Ok(Convolution { weight, dims, bias })
    }

    /// The batch normalization at a path, by its running statistics.
    pub(super) fn norm(&mut self, path: &str, channels: usize) -> Result<Affine> {
        let mut take = |name: &str| self.weights.take(&format!("{path}.{name}"), &[channels]);
        let (gamma, beta) = (take("gamma")?, take("beta")?);
        let (mean, variance) = (take("running_mean")?, take("running_var")?);
        Ok(Affine::of_norm(&gamma, &beta, &mean, &variance, EPSILON))
    }

    /// Checks that every tensor was taken.
    pub(super) fn none_left(&self) -> Result<()> {
        self.weights.none_left()
    }

    /// Height and width of the maps at the configured size.
    pub(super) fn size(&self) -> [usize; 2] {
        self.size
    }

    fn read_block(&mut self, path: &str, inputs: usize, outputs: usize, side: usize) -> Result<Block> {
        let (half, quarter) = (outputs / 2, outputs / 4);
        let mut layers = Vec::with_capacity(4);
        for (i, (from, to)) in [(inputs, half), (half, quarter), (quarter, quarter)].into_iter().enumerate() {
            let norm = self.norm(&format!("{path}.norm{}", i + 1), from)?;
            layers.push(self.read_layer(norm, &format!("{path}.conv{}", i + 1), [to, from, 3, 3])?);
        }
        if inputs != outputs {
            let norm = self.norm(&format!("{path}.projection.norm"), inputs)?;
            let path = format!("{path}.projection.conv");
            layers.push(self.read_layer(norm, &path, [outputs, inputs, 1, 1])?);
        }
        Ok(Block { path: path.to_owned(), layers, side })
    }

    fn read_layer(&mut self, norm: Affine, path: &str, dims: [usize; 4]) -> Result<Layer> {
        Ok(Layer { norm, weight: self.weights.take_stored(&format!("{path}.weight"), &dims)?, dims })
    }
}

impl Convolution {
    /// Packed for maps of about this height and width.
    pub(super) fn pack(self, stride: usize, size: [usize; 2]) -> PackedConvolution {
        PackedConvolution::new(&self.weight, self.dims, self.bias, stride, size)
    }

    /// The convolution of this one's outputs, both of 1 x 1: this one first.
    pub(super) fn then(&self, next: &Self) -> Self {
        let ([middle, inputs, ..], outputs) = (self.dims, next.dims[0]);
        let mut weight = vec![0.0; outputs * inputs];
        let mut bias = next.bias.clone();
        let rows = weight.chunks_exact_mut(inputs).zip(&mut bias).zip(next.weight.chunks_exact(middle));
        for ((row, bias), factors) in rows {
            for ((factor, own), own_bias) in
                factors.iter().zip(self.weight.chunks_exact(inputs)).zip(&self.bias)
            {
                row.iter_mut().zip(own).for_each(|(sum, own)| *sum += factor * own);
                *bias += factor * own_bias;
            }
        }
        Self { weight, dims: [outputs, inputs, 1, 1], bias }
    }

    /// The sum of both, of the same shape.
    pub(super) fn plus(mut self, other: &Self) -> Self {
        self.weight.iter_mut().zip(&other.weight).for_each(|(sum, other)| *sum += other);
        self.bias.iter_mut().zip(&other.bias).for_each(|(sum, other)| *sum += other);
        self
    }

    /// The first `inputs` and the others, of which the second has no bias.
    pub(super) fn split_inputs(self, inputs: usize) -> (Self, Self) {
        let [outputs, all, kernel, _] = self.dims;
        let area = kernel * kernel;
        let part = |from: usize, to: usize| {
            let mut part = Vec::with_capacity(outputs * (to - from) * area);
            for weights in self.weight.chunks_exact(all * area) {
                part.extend_from_slice(&weights[from * area..to * area]);
            }
            part
        };
        let second = Self {
            weight: part(inputs, all),
            dims: [outputs, all - inputs, kernel, kernel],
            bias: vec![0.0; outputs],
        };
        let first =
            Self { weight: part(0, inputs), dims: [outputs, inputs, kernel, kernel], bias: self.bias };
        (first, second)
    }
}

/// A block as it is read.
struct Block {
    path: String,
    /// Three, and the projection where there is one.
    layers: Vec<Layer>,
    side: usize,
}

struct Layer {
    norm: Affine,
    weight: StoredTensor,
    dims: [usize; 4],
}

impl Block {
    fn pack(self) -> PackedBlock {
        let size = [self.side; 2];
        // One by one, each decoded when its turn comes and dropped once it is packed.
        let mut packed = self
            .layers
            .into_iter()
            .map(|layer| PackedLayer::new(layer.norm, &layer.weight.into_values(), layer.dims, size));
        let (Some(a), Some(b), Some(c)) = (packed.next(), packed.next(), packed.next()) else {
            unreachable!("a block is read with three layers")
        };
        PackedBlock::new([a, b, c], packed.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_layers_in_one_worked_out_by_hand() {
        let conv = |weight: &[f32], [outputs, inputs]: [usize; 2], bias: &[f32]| Convolution {
            weight: weight.into(),
            dims: [outputs, inputs, 1, 1],
            bias: bias.into(),
        };
        // (x + 2 y + 1, 3 x - 1), then 10 a + b + 5: 13 x + 20 y + 14.
        let first = conv(&[1.0, 2.0, 3.0, 0.0], [2, 2], &[1.0, -1.0]);
        let both = first.then(&conv(&[10.0, 1.0], [1, 2], &[5.0]));
        assert_eq!((&both.weight[..], both.bias[0], both.dims), (&[13.0, 20.0][..], 14.0, [1, 2, 1, 1]));
        let sum = both.plus(&conv(&[1.0, 1.0], [1, 2], &[0.5]));
        assert_eq!((&sum.weight[..], sum.bias[0]), (&[14.0, 21.0][..], 14.5));
        let (own, beside) = first.split_inputs(1);
        assert_eq!((own.weight, own.bias), (vec![1.0, 3.0], vec![1.0, -1.0]));
        assert_eq!((beside.weight, beside.bias), (vec![2.0, 0.0], vec![0.0, 0.0]));
    }
}
