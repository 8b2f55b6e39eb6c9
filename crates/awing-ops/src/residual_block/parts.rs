use burn::backend::{Backend, tensor::FloatTensor};

/// Gamma, beta and weight of each layer: the three of the block, then the projection's where there is one.
pub(super) type Parts<B> = Vec<[FloatTensor<B>; 3]>;

/// What a block gives.
pub(super) struct Outputs<B: Backend> {
    pub(super) sum: FloatTensor<B>,
    /// The outputs of the first two layers, for the backward pass.
    pub(super) middle: [FloatTensor<B>; 2],
    /// Those that the layers were normalized by, one after the other: means, then variances of each.
    pub(super) statistics: FloatTensor<B>,
}

pub(super) struct Gradients<B: Backend> {
    pub(super) input: FloatTensor<B>,
    /// Gamma, beta, weight of each layer in turn.
    pub(super) parts: Vec<FloatTensor<B>>,
}
