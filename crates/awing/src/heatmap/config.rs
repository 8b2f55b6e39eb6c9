use super::Decoder;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How points become maps and maps become points. The default fits a network with 256 px input and 64 x 64 maps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodecConfig {
    /// Width and height of a map in cells, 4 to 2048. Follows from the network ([`CodecConfig::for_maps`]), so it is
    /// not written to files.
    #[serde(skip)]
    pub size: usize,
    /// Pixels of the network's input that one cell covers in each direction; more than 0. 4 for the networks of this crate.
    #[serde(skip)]
    pub stride: f64,
    /// Spread of the Gaussian around a point in cells, 0.5 to 16. Left out: 1.5, and 1.75 with floored centres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
    /// Where the Gaussian is drawn.
    pub center: Center,
    /// What becomes of points that are annotated but hidden.
    pub occluded: Occluded,
    /// How points are read from maps.
    pub decoder: Decoder,
    /// The boundary map, one more channel.
    pub boundary: BoundaryConfig,
    /// The weights of the loss.
    pub weight_map: WeightMapConfig,
}

/// Where the Gaussian of a point is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Center {
    /// At the unrounded position, up to three sigma around it; the peak cell is below 1 unless the point is at its
    /// centre.
    #[default]
    Exact,
    /// At the cell floor(pixel / stride), peak exactly 1, in a window of 7 x 7 cells: the quantised labels of Wang et
    /// al. 2019. Unlike in their code, windows are cut, not shifted, at the left and upper border. Decoders add back
    /// the half cell that flooring takes on average.
    Floor,
}

/// What becomes of points that are annotated but hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occluded {
    /// They have no weight, like missing ones.
    Ignore,
    /// They are learnt like visible ones, for they are scored like these.
    #[default]
    Train,
}

/// The boundary map: how near each cell is to the lines of the scheme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BoundaryConfig {
    /// Whether there is a boundary channel, for schemes that have lines. Follows from the network.
    #[serde(skip)]
    pub enabled: bool,
    /// Spread in cells, 0.5 to 16: the map is exp(-D^2 / (2 sigma^2)) at distance D < 3 sigma of a line, else 0.
    pub sigma: f64,
}

impl Default for BoundaryConfig {
    fn default() -> Self {
        Self { enabled: true, sigma: 1.0 }
    }
}

/// The weighted loss map of Wang et al. 2019: cells whose neighbourhood of 3 x 3 reaches `threshold` in the
/// target weigh `weight` + 1, all others 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeightMapConfig {
    /// Whether cells differ in weight; otherwise all weigh 1.
    pub enabled: bool,
    /// W, what cells near a peak weigh more; 0 or more.
    pub weight: f64,
    /// The target value that counts as near, inclusive; above 0, at most 1.
    pub threshold: f64,
}

impl Default for WeightMapConfig {
    fn default() -> Self {
        Self { enabled: true, weight: 10.0, threshold: 0.2 }
    }
}

impl Default for CodecConfig {
    fn default() -> Self {
        Self {
            size: 64,
            stride: 4.0,
            sigma: None,
            center: Center::default(),
            occluded: Occluded::default(),
            decoder: Decoder::default(),
            boundary: BoundaryConfig::default(),
            weight_map: WeightMapConfig::default(),
        }
    }
}

impl CodecConfig {
    /// The paper's own labels and decoder: floored centres, hidden points learnt like visible ones (the author's loader does not ask which
    /// is which), and the quarter shift.
    pub fn paper() -> Self {
        Self {
            center: Center::Floor,
            occluded: Occluded::Train,
            decoder: Decoder::QuarterShift,
            ..Self::default()
        }
    }

    /// The same settings for the maps of a network: `size` cells a side, with a boundary channel or without.
    pub fn for_maps(mut self, size: usize, boundary: bool) -> Self {
        self.size = size;
        self.boundary.enabled = boundary;
        self
    }

    /// The spread of a point's Gaussian in cells.
    pub fn sigma(&self) -> f64 {
        self.sigma.unwrap_or(match self.center {
            Center::Exact => 1.5,
            Center::Floor => 1.75,
        })
    }

    /// Checks every number against the range in its documentation.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting.
    pub fn check(&self) -> Result<()> {
        let within = |field: &str, value: f64, min: f64, max: f64| {
            // Also false for NaN.
            if (min..=max).contains(&value) {
                return Ok(());
            }
            Err(Error::invalid(format!("heatmap.{field}"), format!("{value} is not within {min} to {max}")))
        };
        within("size", self.size as f64, 4.0, 2048.0)?;
        within("stride", self.stride, 1e-3, 1e3)?;
        within("sigma", self.sigma(), 0.5, 16.0)?;
        within("boundary.sigma", self.boundary.sigma, 0.5, 16.0)?;
        within("weight_map.weight", self.weight_map.weight, 0.0, 1e6)?;
        within("weight_map.threshold", self.weight_map.threshold, 1e-6, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_toml_and_may_be_partial() {
        let config = CodecConfig { sigma: Some(2.0), ..CodecConfig::paper() };
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<CodecConfig>(&text).unwrap(), config);
        let partial: CodecConfig =
            toml::from_str("decoder = \"center-of-mass\"\n[boundary]\nsigma = 2.0").unwrap();
        assert_eq!((partial.size, partial.stride, partial.decoder), (64, 4.0, Decoder::CenterOfMass));
        assert_eq!(partial.boundary, BoundaryConfig { enabled: true, sigma: 2.0 });
        assert!(toml::from_str::<CodecConfig>("stride = 8").is_err(), "it follows from the network");
    }

    #[test]
    fn the_network_decides_the_size_of_the_maps() {
        let config = CodecConfig::default().for_maps(32, false);
        assert_eq!((config.size, config.stride, config.boundary.enabled), (32, 4.0, false));
    }

    #[test]
    fn sigma_follows_the_kind_of_label() {
        assert_eq!(CodecConfig::default().sigma(), 1.5);
        assert_eq!(CodecConfig::paper().sigma(), 1.75);
    }

    #[test]
    fn values_out_of_range_are_named() {
        let mut config = CodecConfig::default();
        assert!(config.check().is_ok());
        config.stride = f64::NAN;
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "heatmap.stride: NaN is not within 0.001 to 1000"
        );
        config = CodecConfig { size: 3, ..CodecConfig::default() };
        assert!(config.check().is_err());
        config = CodecConfig { sigma: Some(0.0), ..CodecConfig::default() };
        assert!(config.check().is_err());
        config = CodecConfig::default();
        config.weight_map.threshold = 0.0;
        assert!(config.check().unwrap_err().to_string().starts_with("heatmap.weight_map.threshold"));
    }
}
