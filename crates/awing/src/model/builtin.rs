//! The model of 68 points that ships inside the library. How it was trained, on what and how well it does is in its card,
//! `builtin/README.md`; `builtin/train.sh` trains it again.

use super::{Calibration, Model, weights::weights_from_bytes};
use crate::error::Result;
use burn::tensor::Device;
use std::{path::Path, sync::OnceLock};

const CONFIG: &str = include_str!("../../builtin/config.toml");
const CALIBRATION: &str = include_str!("../../builtin/calibration.toml");
const WEIGHTS: &[u8] = include_bytes!("../../builtin/model.safetensors");

impl Model {
    /// The model card of [`Model::builtin`]: what data made it, what it may be used for, how well it does.
    pub const BUILTIN_CARD: &str = include_str!("../../builtin/README.md");

    /// The model that ships inside, with the 68 points of 300-W; nothing is read from the disk. It was learnt from images that are for
    /// research: it must not be used in a commercial product.
    ///
    /// # Errors
    /// [`crate::Error::Model`] when the library was built with damaged files.
    pub fn builtin(device: &Device) -> Result<Self> {
        // On the CPU it is decoded once: the detector looks at its faces with it too, and clones share their weights.
        static ON_CPU: OnceLock<Model> = OnceLock::new();
        if *device != Device::flex() {
            return Self::decoded(device);
        }
        if let Some(model) = ON_CPU.get() {
            return Ok(model.clone());
        }
        let model = Self::decoded(device)?;
        Ok(ON_CPU.get_or_init(|| model).clone())
    }

    fn decoded(device: &Device) -> Result<Self> {
        let (config, weights) = (Path::new("builtin/config.toml"), Path::new("builtin/model.safetensors"));
        let mut model = Self::with_random_weights(CONFIG, config, (weights, WEIGHTS.len() as u64), device)?;
        model.network = weights_from_bytes(model.network, WEIGHTS, weights)?;
        let path = Path::new("builtin/calibration.toml");
        model.calibration = Some(Calibration::from_toml(CALIBRATION, path, model.scheme.len())?);
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::parameter_count, scheme::Scheme};

    #[test]
    fn it_is_small_and_has_the_68_points() {
        let model = Model::builtin(&Device::flex().autodiff()).unwrap();
        assert_eq!(model.scheme.marks(), Scheme::builtin("300w-68").unwrap().marks());
        assert!(WEIGHTS.len() <= 8_000_000 && WEIGHTS.len() >= 2 * parameter_count(&model.network));
    }

    #[test]
    fn its_card_says_what_it_must_not_be_used_for() {
        for text in ["300-W", "research", "must not be used in a commercial product", "awing train", "NME"] {
            assert!(Model::BUILTIN_CARD.contains(text), "{text}");
        }
    }
}
