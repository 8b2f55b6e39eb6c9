//! The residual block of the network as one operation: three convolutions, each on the one before, normalized and
//! rectified first, side by side plus the input. Every device composes it from tensor operations ([`portable`]); the CPU
//! runs a kernel of awing-kernels ([`flex`]) that keeps nothing but the outputs of two layers.

mod flex;
mod operation;
mod parts;
mod portable;

pub use operation::{BlockLayer, residual_block};
