//! Batch normalization followed by ReLU as one operation: one pass over memory forward, two backward, and nothing kept
//! for the backward pass but the input. Every device runs the definition in tensor operations ([`portable`]), the CPU
//! a kernel of its own ([`flex`]).

mod flex;
mod gradients;
mod operation;
pub(crate) mod portable;

pub(crate) use operation::NormKernel;
pub use operation::{channel_statistics, norm_relu};
