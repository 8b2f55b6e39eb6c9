//! The weights of [awing](https://docs.rs/awing) that were learnt from rendered faces alone, as the files of its model folders.
//!
//! **They may be used for anything**, under the terms of the code. The cards say how they were made, and how well they do.

#![no_std]

/// Files of a model folder.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Files {
    /// `config.toml`: the network, the crop, the heatmaps, the landmarks.
    pub config: &'static str,
    /// `model.safetensors`.
    pub weights: &'static [u8],
    /// `calibration.toml`, where scores were calibrated.
    pub calibration: Option<&'static str>,
    /// `README.md`, the model card.
    pub card: &'static str,
}

/// The model of the 68 points of 300-W.
pub const LANDMARKS: Files = Files {
    config: include_str!("../landmarks/config.toml"),
    weights: include_bytes!("../landmarks/model.safetensors"),
    // What points err by on rendered faces does not hold for photos.
    calibration: None,
    card: include_str!("../landmarks/README.md"),
};

/// The face detector.
pub const DETECTOR: Files = Files {
    config: include_str!("../detector/config.toml"),
    weights: include_bytes!("../detector/model.safetensors"),
    calibration: None,
    card: include_str!("../detector/README.md"),
};
