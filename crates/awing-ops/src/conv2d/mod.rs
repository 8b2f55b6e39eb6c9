//! Two-dimensional convolution whose backward pass is as fast as its forward pass on the CPU: both are matrix products
//! over tiles of unfolded input that stay in the cache. Other devices run Burn's own convolution.

mod flex;
mod matrix;
mod operation;
mod tiles;

pub use operation::conv2d;
