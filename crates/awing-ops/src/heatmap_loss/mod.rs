//! The loss between heatmaps: as tensor operations that every device runs ([`portable`]), on the CPU by a kernel of awing-kernels
//! ([`flex`]), once as a kernel for GPUs (`cube`), and the operation that dispatches. The formulas are in awing-kernels, in f64.

#[cfg(feature = "wgpu")]
mod cube;
mod flex;
mod operation;
mod parts;
mod portable;

pub use operation::heatmap_loss;
