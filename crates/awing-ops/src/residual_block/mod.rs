//! The residual block of the network as one operation: three convolutions, each on the one before, normalised and
//! rectified first, side by side plus the input. Every device composes it from tensor operations ([`portable`]); the CPU
//! has a kernel ([`flex`]) that keeps nothing but the outputs of two layers and goes over memory as seldom as it can.

mod flex;
mod operation;
mod portable;

pub use operation::{BlockLayer, residual_block};
