use crate::loss::PixelLoss;
use serde::{Deserialize, Serialize};

/// Where a pixel of a map lies, by its target (Wang et al. 2019, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelKind {
    /// The target reaches the weight map's threshold, 0.2.
    Foreground,
    /// It does not, but one of the eight neighbours does.
    HardBackground,
    /// All the rest.
    Background,
}

impl PixelKind {
    /// All kinds, in the order of [`PixelShares`].
    pub const ALL: [Self; 3] = [Self::Foreground, Self::HardBackground, Self::Background];

    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Foreground => "foreground",
            Self::HardBackground => "hard background",
            Self::Background => "background",
        }
    }
}

/// On which pixels loss and gradient fall at one moment of a run: for foreground, hard background and background a share in [0, 1] each,
/// which sum to 1. Measured on the last stack's maps of the points.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PixelShares {
    /// Passes over the data done.
    pub epoch: f64,
    /// Optimizer steps done.
    pub step: usize,
    /// Of the pixels.
    pub pixels: [f64; 3],
    /// Of the loss, by the run's own weights.
    pub loss: [f64; 3],
    /// Of the gradient's absolute values, by the run's own weights.
    pub gradient: [f64; 3],
}

/// Sums over pixels.
#[derive(Clone, Debug, Default)]
pub(super) struct ShareSums {
    pixels: [f64; 3],
    loss: [f64; 3],
    gradient: [f64; 3],
}

/// One pixel on its way into the loss.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pixel {
    pub(super) target: f64,
    pub(super) prediction: f64,
    /// What it counts in the run's loss.
    pub(super) weight: f64,
    pub(super) kind: PixelKind,
}

impl ShareSums {
    pub(super) fn add(&mut self, pixel: Pixel, loss: &PixelLoss) {
        let kind = pixel.kind as usize;
        let (value, gradient) = loss.value_and_gradient(pixel.target, pixel.prediction);
        self.pixels[kind] += 1.0;
        self.loss[kind] += pixel.weight * value;
        self.gradient[kind] += pixel.weight * gradient.abs();
    }

    pub(super) fn shares(&self, epoch: f64, step: usize) -> PixelShares {
        let share = |sums: [f64; 3]| {
            let total: f64 = sums.iter().sum();
            if total > 0.0 { sums.map(|sum| sum / total) } else { [0.0; 3] }
        };
        PixelShares {
            epoch,
            step,
            pixels: share(self.pixels),
            loss: share(self.loss),
            gradient: share(self.gradient),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Squared errors of 0.5 (weight 11), 0.1 (weight 11) and 0.2: 2.75, 0.11 and 0.04; gradients 11, 2.2 and 0.4.
    #[test]
    fn shares_by_hand() {
        let mut sums = ShareSums::default();
        let pixel = |target, prediction, weight, kind| Pixel { target, prediction, weight, kind };
        sums.add(pixel(1.0, 0.5, 11.0, PixelKind::Foreground), &PixelLoss::Mse);
        sums.add(pixel(0.1, 0.2, 11.0, PixelKind::HardBackground), &PixelLoss::Mse);
        sums.add(pixel(0.0, 0.2, 1.0, PixelKind::Background), &PixelLoss::Mse);
        let shares = sums.shares(1.0, 2);
        let close = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close(shares.pixels, [1.0 / 3.0; 3]));
        assert!(close(shares.loss, [2.75 / 2.9, 0.11 / 2.9, 0.04 / 2.9]), "{shares:?}");
        assert!(close(shares.gradient, [11.0 / 13.6, 2.2 / 13.6, 0.4 / 13.6]), "{shares:?}");
        assert_eq!(ShareSums::default().shares(0.0, 0).loss, [0.0; 3]);
    }
}
