//! The weights of SeetaFace's frontal face detector, a cascade of small networks (Wu et al., Funnel-structured cascade for multi-view face
//! detection with alignment-awareness, 2016), for [awing](https://docs.rs/awing) and the crate `rustface`. They are under the BSD licence of
//! two clauses and may be used in products.

#![no_std]

/// The cascade, as `rustface::read_model` reads it.
pub const CASCADE: &[u8] = include_bytes!("../model.bin");
