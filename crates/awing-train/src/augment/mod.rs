//! Crops of faces for training and evaluation: cut, turned, scaled, moved, mirrored, and made harder to see.
//!
//! [`Augmenter`] takes a photo, a face box and its landmarks and gives a [`FaceCrop`]: pixels and points that belong
//! together. All geometry is composed into one [`Transform`](awing::geometry::Transform), so the photo is resampled once.
//! The effects on pixels follow in the order in which a camera meets them: something stands before the face
//! ([`Occlusion`]), light and film ([`Color`], [`Gray`]), lens ([`Blur`]), sensor ([`Noise`]), file ([`Jpeg`]).
//! Everything follows from the seed.

mod augmenter;
mod blur;
mod color;
mod config;
mod gray;
mod jpeg;
mod noise;
mod occlusion;
mod photo_part;

pub use augmenter::{Augmenter, FaceCrop};
pub use blur::Blur;
pub use color::Color;
pub use config::AugmentConfig;
pub use gray::Gray;
pub use jpeg::Jpeg;
pub use noise::Noise;
pub(crate) use noise::add_noise;
pub use occlusion::Occlusion;
pub use photo_part::PhotoPart;
