use awing::{Error, Result};
use serde::{Deserialize, Serialize};

/// How the learning rate changes along a run. Positions are fractions of the whole run, so that the same schedule
/// serves a number of epochs and a number of minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScheduleConfig {
    /// Multiplied by `factor` at each position: by default a tenth at 1/3 and at 2/3, the paper's epochs 80 and 160 of
    /// 240.
    Step {
        /// Fractions of the run, rising, each within 0 to 1.
        #[serde(default = "thirds")]
        at: Vec<f64>,
        /// What the rate is multiplied by.
        #[serde(default = "tenth")]
        factor: f64,
    },
    /// Rises linearly during `warm_up`, then falls along half a cosine to `floor`.
    Cosine {
        /// Fraction of the run; 0 to 0.9.
        #[serde(default = "default_warm_up")]
        warm_up: f64,
        /// The last rate as a fraction of the highest; 0 to 1.
        #[serde(default = "default_floor")]
        floor: f64,
    },
}

fn thirds() -> Vec<f64> {
    vec![1.0 / 3.0, 2.0 / 3.0]
}
fn tenth() -> f64 {
    0.1
}
fn default_warm_up() -> f64 {
    0.04
}
fn default_floor() -> f64 {
    0.01
}

impl ScheduleConfig {
    /// What the learning rate is multiplied by at `progress`, the part of the run that is done, from 0 to 1.
    pub fn factor(&self, progress: f64) -> f64 {
        match self {
            Self::Step { at, factor } => {
                at.iter().filter(|position| progress >= **position).fold(1.0, |rate, _| rate * factor)
            }
            // A rate of exactly 0 at the first step would waste it.
            Self::Cosine { warm_up, .. } if progress < *warm_up => (progress / warm_up).max(1e-3),
            Self::Cosine { warm_up, floor } => {
                let t = ((progress - warm_up) / (1.0 - warm_up)).clamp(0.0, 1.0);
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * t).cos())
            }
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the setting.
    pub fn validate(&self) -> Result<()> {
        let within = |field: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(Error::invalid(
                    format!("schedule.{field}"),
                    format!("{value} is not within {low} to {high}"),
                ))
            }
        };
        match self {
            Self::Step { at, factor } => {
                at.iter().try_for_each(|p| within("at", *p, 0.0, 1.0))?;
                within("factor", *factor, 1e-9, 1.0)
            }
            Self::Cosine { warm_up, floor } => {
                within("warm_up", *warm_up, 0.0, 0.9)?;
                within("floor", *floor, 0.0, 1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_steps_fall_at_epochs_80_and_160_of_240() {
        let schedule: ScheduleConfig = toml::from_str("kind = 'step'").unwrap();
        for (epoch, factor) in [(0, 1.0), (79, 1.0), (80, 0.1), (159, 0.1), (160, 0.01), (239, 0.01)] {
            let got = schedule.factor(f64::from(epoch) / 240.0);
            assert!((got - factor).abs() < 1e-12, "epoch {epoch}: {got}");
        }
    }

    #[test]
    fn the_cosine_rises_then_falls_to_its_floor() {
        let schedule = ScheduleConfig::Cosine { warm_up: 0.2, floor: 0.1 };
        assert!((schedule.factor(0.1) - 0.5).abs() < 1e-12);
        assert!((schedule.factor(0.2) - 1.0).abs() < 1e-12);
        // Half way down: the mean of 1 and the floor.
        assert!((schedule.factor(0.6) - 0.55).abs() < 1e-12);
        assert!((schedule.factor(1.0) - 0.1).abs() < 1e-12);
        assert!((schedule.factor(7.0) - 0.1).abs() < 1e-12);
        assert!(schedule.factor(0.0) > 0.0);
    }

    #[test]
    fn a_bad_position_is_named() {
        let schedule = ScheduleConfig::Step { at: vec![0.5, 80.0], factor: 0.1 };
        assert_eq!(schedule.validate().unwrap_err().to_string(), "schedule.at: 80 is not within 0 to 1");
    }
}
