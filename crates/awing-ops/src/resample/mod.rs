//! Half and double the size, channels last: the two ways in and out of an hourglass.

mod flex;
mod operation;
mod portable;

pub use operation::{add_doubled, halve};
