use burn::backend::{Backend, tensor::FloatTensor};

/// The mean of the loss, and its derivative with respect to every predicted pixel: `gradient` times `scale`. The
/// number of pixels that take part, which scales the derivative, is known only after the pass that computes it, and the
/// backward pass multiplies by what comes from above anyhow.
pub(super) struct LossParts<B: Backend> {
    /// Shape [1].
    pub(super) value: FloatTensor<B>,
    /// The shape of the prediction.
    pub(super) gradient: FloatTensor<B>,
    /// Shape [1].
    pub(super) scale: FloatTensor<B>,
}
