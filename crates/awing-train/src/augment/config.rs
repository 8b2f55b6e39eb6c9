use super::{Blur, Color, Gray, Jpeg, Noise, Occlusion};
use awing::{Error, Result, geometry::Planes};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How much training crops vary. Strengths do not depend on the crop's size in pixels.
///
/// The geometric defaults are the ranges of Wang et al. 2019: rotation within 50 degrees, translation
/// within 25 of 256 pixels, scale within 15 %, half of the faces mirrored; with random blur, noise and occlusion,
/// for which the paper gives no numbers. Those are set near what later public training code uses (occlusion 0.4,
/// blur 0.3, noise 0.2, gray 0.2); color and JPEG are this library's own choice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Largest rotation to either side, in degrees; drawn uniformly. 0 to 180.
    pub rotation: f64,
    /// Largest shift to either side, horizontally and vertically, as a fraction of the crop's side. 0 to 1.
    pub shift: f64,
    /// Largest change of scale: the factor is drawn from 1 - scale to 1 + scale. 0 to below 1.
    pub scale: f64,
    /// Probability of a mirror image. 0 to 1.
    pub mirror: f64,
    /// Something stands before the face.
    pub occlusion: Occlusion,
    /// Brightness, contrast and saturation.
    #[serde(alias = "colour")]
    pub color: Color,
    /// Black and white.
    #[serde(alias = "grey")]
    pub gray: Gray,
    /// Out of focus.
    pub blur: Blur,
    /// Noise of the sensor.
    pub noise: Noise,
    /// Compression artefacts.
    pub jpeg: Jpeg,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            rotation: 50.0,
            shift: 25.0 / 256.0,
            scale: 0.15,
            mirror: 0.5,
            occlusion: Occlusion::default(),
            color: Color::default(),
            gray: Gray::default(),
            blur: Blur::default(),
            noise: Noise::default(),
            jpeg: Jpeg::default(),
        }
    }
}

impl AugmentConfig {
    /// No variation at all: every sample is the plain crop.
    pub fn none() -> Self {
        Self { rotation: 0.0, shift: 0.0, scale: 0.0, mirror: 0.0, ..Self::geometric() }
    }

    /// What Wang et al. 2019 vary: rotation, shift, scale, mirror, blur, noise and occlusion; no color, no JPEG.
    pub fn paper() -> Self {
        let plain = Self::geometric();
        Self { color: plain.color, gray: plain.gray, jpeg: plain.jpeg, ..Self::default() }
    }

    /// The default geometry, and pixels left as they are.
    pub fn geometric() -> Self {
        Self {
            occlusion: Occlusion { probability: 0.0, ..Occlusion::default() },
            color: Color { probability: 0.0, ..Color::default() },
            gray: Gray { probability: 0.0 },
            blur: Blur { probability: 0.0, ..Blur::default() },
            noise: Noise { probability: 0.0, ..Noise::default() },
            jpeg: Jpeg { probability: 0.0, ..Jpeg::default() },
            ..Self::default()
        }
    }

    /// The effects on pixels, in the order in which a camera meets them.
    pub(crate) fn degrade(&self, crop: &mut Planes, rng: &mut impl Rng) {
        self.occlusion.apply(crop, rng);
        self.color.apply(crop, rng);
        self.gray.apply(crop, rng);
        self.blur.apply(crop, rng);
        self.noise.apply(crop, rng);
        self.jpeg.apply(crop, rng);
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field: "augment.blur.max_sigma".
    pub fn validate(&self) -> Result<()> {
        let Self { rotation, shift, scale, mirror, occlusion, color, gray, blur, noise, jpeg } = *self;
        within("rotation", rotation, 0.0, 180.0)?;
        within("shift", shift, 0.0, 1.0)?;
        within("scale", scale, 0.0, 0.95)?;
        within("mirror", mirror, 0.0, 1.0)?;
        within("occlusion.probability", occlusion.probability, 0.0, 1.0)?;
        within("occlusion.max_side", occlusion.max_side, 0.0, 1.0)?;
        within("occlusion.min_side", occlusion.min_side, 0.0, occlusion.max_side)?;
        within("color.probability", color.probability, 0.0, 1.0)?;
        within("color.brightness", color.brightness, 0.0, 1.0)?;
        within("color.contrast", color.contrast, 0.0, 1.0)?;
        within("color.saturation", color.saturation, 0.0, 1.0)?;
        within("gray.probability", gray.probability, 0.0, 1.0)?;
        within("blur.probability", blur.probability, 0.0, 1.0)?;
        within("blur.max_sigma", blur.max_sigma, 0.0, 0.1)?;
        within("noise.probability", noise.probability, 0.0, 1.0)?;
        within("noise.max_sigma", noise.max_sigma, 0.0, 128.0)?;
        within("jpeg.probability", jpeg.probability, 0.0, 1.0)?;
        within("jpeg.max_quality", f64::from(jpeg.max_quality), 1.0, 100.0)?;
        within("jpeg.min_quality", f64::from(jpeg.min_quality), 1.0, f64::from(jpeg.max_quality))
    }
}

/// Refuses what is not in [low, high], NaN among it.
fn within(field: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(Error::invalid(format!("augment.{field}"), format!("{value} is not between {low} and {high}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_presets_are_valid_and_survive_toml() {
        for config in [AugmentConfig::default(), AugmentConfig::geometric(), AugmentConfig::none()] {
            config.validate().unwrap();
            let text = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<AugmentConfig>(&text).unwrap(), config);
        }
    }

    /// Something before the face has color, is out of focus and noisy with it, and the file is compressed last. Where two neighbours changed
    /// places the bytes would be others.
    #[test]
    fn effects_come_in_the_order_of_a_camera() {
        let mut config = AugmentConfig::default();
        for probability in [
            &mut config.occlusion.probability,
            &mut config.color.probability,
            &mut config.gray.probability,
            &mut config.blur.probability,
            &mut config.noise.probability,
            &mut config.jpeg.probability,
        ] {
            *probability = 1.0;
        }
        // Out of focus whatever is drawn.
        config.blur.max_sigma = 0.1;
        let photo = RgbImage::from_fn(48, 48, |x, y| Rgb([(5 * x) as u8, (3 * y) as u8, (x * y) as u8]));
        let begin = || (Planes::from(&photo), ChaCha8Rng::seed_from_u64(4));
        let in_order = |order: [&str; 6]| {
            let (mut crop, mut rng) = begin();
            for effect in order {
                match effect {
                    "occlusion" => config.occlusion.apply(&mut crop, &mut rng),
                    "color" => config.color.apply(&mut crop, &mut rng),
                    "gray" => config.gray.apply(&mut crop, &mut rng),
                    "blur" => config.blur.apply(&mut crop, &mut rng),
                    "noise" => config.noise.apply(&mut crop, &mut rng),
                    _ => config.jpeg.apply(&mut crop, &mut rng),
                }
            }
            crop.to_rgb()
        };
        let (mut crop, mut rng) = begin();
        config.degrade(&mut crop, &mut rng);
        let camera = ["occlusion", "color", "gray", "blur", "noise", "jpeg"];
        assert_eq!(crop.to_rgb(), in_order(camera));
        for i in 0..5 {
            let mut other = camera;
            other.swap(i, i + 1);
            assert_ne!(crop.to_rgb(), in_order(other), "{other:?}");
        }
    }

    #[test]
    fn a_file_may_set_single_values_but_no_unknown_ones() {
        let config: AugmentConfig = toml::from_str("rotation = 10.0\n[blur]\nprobability = 1.0").unwrap();
        assert_eq!((config.rotation, config.mirror), (10.0, 0.5));
        assert_eq!((config.blur.probability, config.blur.max_sigma), (1.0, Blur::default().max_sigma));
        assert!(toml::from_str::<AugmentConfig>("rotations = 10.0").is_err());
        assert!(toml::from_str::<AugmentConfig>("[blur]\nsigma = 1.0").is_err());
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let mut config = AugmentConfig { rotation: f64::NAN, ..AugmentConfig::default() };
        assert_eq!(
            config.validate().unwrap_err().to_string(),
            "augment.rotation: NaN is not between 0 and 180"
        );
        config = AugmentConfig::default();
        config.occlusion.min_side = 0.9;
        assert!(config.validate().unwrap_err().to_string().starts_with("augment.occlusion.min_side: 0.9"));
        config = AugmentConfig::default();
        config.jpeg.min_quality = 0;
        assert!(config.validate().unwrap_err().to_string().starts_with("augment.jpeg.min_quality"));
    }
}
