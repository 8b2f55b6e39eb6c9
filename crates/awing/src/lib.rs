//! Face landmarks on a photo or a camera's frames, in one call.
//!
//! The modules follow the photo: [`photo`] decodes it, [`detection`] finds the faces, [`prediction`] their landmarks and the pose of the head,
//! [`tracking`] follows them from frame to frame. In between, [`geometry`] cuts the face out, the [`network`] turns the crop into heatmaps, and
//! [`heatmap`] the maps into points; [`scheme`] says what each point means.
//!
//! Training, evaluation and export are in the crate `awing-train`, the command in `awing-cli`.

#![cfg_attr(docsrs, feature(doc_cfg))]

/// The page that crates.io shows: what it shows must compile.
#[cfg(all(doctest, feature = "builtin-model"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod detection;
mod error;
pub mod files;
pub mod geometry;
pub mod heatmap;
pub mod network;
pub mod photo;
pub mod prediction;
pub mod scheme;
pub mod tracking;

pub use error::{Error, ErrorKind, Result};
