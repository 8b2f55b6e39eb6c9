//! Convolution, channels last: Burn's own on most devices ([`portable`]), and on the CPU a kernel ([`flex`]) of
//! awing-kernels, forward and backward.

mod flex;
mod hyper;
mod operation;
pub(crate) mod portable;

pub(crate) use hyper::Hyper;
pub(crate) use operation::ConvKernel;
pub use operation::conv2d;
