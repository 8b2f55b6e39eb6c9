use burn::backend::tensor::FloatTensor;

/// The gradients of input, scale and offset.
pub(crate) type Gradients3<B> = [FloatTensor<B>; 3];
