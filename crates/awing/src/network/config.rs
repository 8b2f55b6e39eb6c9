use crate::{
    error::{Error, Result},
    scheme::Scheme,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The size and the parts of a stacked hourglass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Side of the square input in pixels; divisible by 64. The maps are a quarter of it.
    pub input: usize,
    /// Number of hourglasses, 1 or more. Each predicts all maps; the last one's are the answer.
    pub stacks: usize,
    /// Channels inside the hourglasses; divisible by 8.
    pub width: usize,
    /// Predict the boundary map as one more channel, and feed its coordinates to the next stack.
    pub boundary: bool,
    /// Give the first convolution and each hourglass the coordinates of their pixels.
    pub coord_conv: bool,
}

impl NetworkConfig {
    /// Input pixels for each cell of the maps.
    pub const STRIDE: usize = 4;

    /// The sizes that have a name: `paper` (4 stacks, 256 wide, 256 px: Wang et al. 2019), `base` (2, 128, 256 px),
    /// `small` (2, 64, 256 px), `nano` (2, 48, 128 px: for laptops and tests).
    pub const PRESETS: [&str; 4] = ["paper", "base", "small", "nano"];

    /// A preset by its name; see [`NetworkConfig::PRESETS`].
    ///
    /// # Errors
    /// [`Error::Invalid`] listing the names.
    pub fn preset(name: &str) -> Result<Self> {
        let (stacks, width, input) = match name {
            "paper" => (4, 256, 256),
            "base" => (2, 128, 256),
            "small" => (2, 64, 256),
            "nano" => (2, 48, 128),
            _ => {
                return Err(Error::invalid(
                    "preset",
                    format!("`{name}` is unknown; choose one of {}", Self::PRESETS.join(", ")),
                ));
            }
        };
        Ok(Self { input, stacks, width, boundary: true, coord_conv: true })
    }

    /// Side of the square maps in cells.
    pub fn map_size(&self) -> usize {
        self.input / Self::STRIDE
    }

    /// Without lines in the scheme there is no boundary to predict.
    pub fn fit(&mut self, scheme: &Scheme) {
        self.boundary &= !scheme.lines.is_empty();
    }

    /// Maps for `points` landmarks: one each, and the boundary map.
    pub fn channels(&self, points: usize) -> usize {
        points + usize::from(self.boundary)
    }

    /// Checks that a file of `room` bytes can hold the weights of a network for so many maps: a few words of settings must not ask for the
    /// memory of a large one.
    ///
    /// # Errors
    /// [`Error::Model`] naming the file when it cannot.
    pub fn check_weights(&self, maps: usize, file: &Path, room: u64) -> Result<()> {
        let [stacks, width, maps] = [self.stacks, self.width, maps].map(|n| n as u64);
        // The fourteen blocks of an hourglass, and the layer of its maps. A weight takes two bytes or more.
        let least = 2 * stacks * width * (86 * width + maps);
        if room >= least {
            return Ok(());
        }
        let problem = format!(
            "holds {room} bytes, and a network of this configuration has {least} or more; does config.toml belong to these weights?"
        );
        Err(Error::model(file, "file", problem))
    }

    /// Checks that a network of this size exists.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn validate(&self) -> Result<()> {
        let check = |good: bool, field: &str, value: usize, rule: &str| {
            if good { Ok(()) } else { Err(Error::invalid(field, format!("{value} {rule}"))) }
        };
        check(
            self.input > 0 && self.input.is_multiple_of(64) && self.input <= 4096,
            "network.input",
            self.input,
            "must be a multiple of 64, from 64 to 4096: four halvings of a map that is a quarter of the input",
        )?;
        check((1..=64).contains(&self.stacks), "network.stacks", self.stacks, "must be from 1 to 64")?;
        check(
            (8..=4096).contains(&self.width) && self.width.is_multiple_of(8),
            "network.width",
            self.width,
            "must be a multiple of 8, from 8 to 4096: the blocks split it into halves and quarters",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid() {
        for name in NetworkConfig::PRESETS {
            NetworkConfig::preset(name).unwrap().validate().unwrap();
        }
        assert!(NetworkConfig::preset("big").unwrap_err().to_string().contains("paper, base, small, nano"));
    }

    #[test]
    fn a_bad_size_is_named() {
        let config = NetworkConfig { input: 100, ..NetworkConfig::preset("nano").unwrap() };
        assert!(config.validate().unwrap_err().to_string().starts_with("network.input: 100 must be"));
        let config = NetworkConfig { width: 20, ..NetworkConfig::preset("nano").unwrap() };
        assert!(config.validate().unwrap_err().to_string().starts_with("network.width: 20 must be"));
    }
}
