//! Convolution, channels last: Burn's own on most devices ([`portable`]), and on the CPU a kernel ([`flex`]) on tiles that
//! stay in the cache, forward and backward.

mod flex;
mod operation;
pub(crate) mod portable;

pub use operation::conv2d;
pub(crate) use operation::{ConvKernel, Hyper};
