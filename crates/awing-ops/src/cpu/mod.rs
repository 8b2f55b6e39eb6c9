//! Convolution on the processor, in channels-last order: tiles that stay in the cache, rows that are normalised on the way
//! in, and loops over registers for whatever vectors the processor has (chosen when the program runs).

mod convolve;
mod correlate;
mod dense;
pub(crate) mod layer;
mod microkernel;
pub(crate) mod moments;
pub(crate) mod norm;
pub(crate) mod rows;
pub(crate) mod tile;
pub(crate) mod vectors;
mod weights;
mod winograd;

pub(crate) use dense::dense;
pub(crate) use vectors::dispatch;
pub use vectors::instruction_set;
pub(crate) use weights::Weights;
