use super::MovingAverage;
use crate::{
    model::{StackedHourglass, weights_are_finite},
    training::recipe::OptimizerConfig,
};
use burn::optim::ModuleOptimizer;
use serde::{Deserialize, Serialize};

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimizer steps done.
    pub step: usize,
    /// Seconds of training so far, over all its parts.
    pub seconds: f64,
    /// Faces that the run learns from.
    pub faces: usize,
    /// What the figure of the best model so far lacks, as [`Goal::missing`](crate::training::Goal::missing) has it: for landmarks the lowest
    /// validation NME, in per cent.
    #[serde(rename = "best_nme")]
    pub best: Option<f64>,
}

/// What has come together since the last line of the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Since {
    /// The sum of the losses.
    pub(crate) loss: f64,
    /// Steps; skipped ones do not count.
    pub(crate) steps: usize,
    /// Seconds of training, evaluations not counted.
    pub(crate) seconds: f64,
    /// Of the last step.
    pub(crate) learning_rate: f64,
}

impl Since {
    pub(crate) fn add(&mut self, loss: f64, seconds: f64, learning_rate: f64) {
        self.loss += loss;
        self.steps += 1;
        self.seconds += seconds;
        self.learning_rate = learning_rate;
    }

    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss / self.steps as f64
    }
}

/// What training goes on from.
pub(crate) struct State {
    pub(crate) progress: Progress,
    pub(crate) since: Since,
    pub(crate) network: StackedHourglass,
    pub(crate) average: MovingAverage<StackedHourglass>,
    pub(crate) optimizer: ModuleOptimizer,
    /// Steps in a row, up to now, that were skipped.
    pub(crate) skipped: usize,
}

impl State {
    /// The state before the first step.
    pub(crate) fn new(
        network: StackedHourglass,
        optimizer: &OptimizerConfig,
        decay: f64,
        faces: usize,
    ) -> Self {
        Self {
            progress: Progress { faces, ..Progress::default() },
            since: Since::default(),
            average: MovingAverage::new(&network, decay),
            network,
            optimizer: optimizer.init(),
            skipped: 0,
        }
    }

    /// Whether all its weights are finite numbers.
    pub(crate) fn is_finite(&self) -> bool {
        weights_are_finite(&self.network) && weights_are_finite(self.average.module())
    }
}
