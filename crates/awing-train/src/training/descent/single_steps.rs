//! Training by single steps, without a run's folder, checkpoints and evaluations: for measuring.

use super::{State, descend};
use crate::{
    loss::PixelLoss,
    model::StackedHourglass,
    training::recipe::Recipe,
    training::samples::{Batch, TrainingSet},
};
use awing::{Error, Result};
use burn::tensor::Device;

/// A network on its way.
pub(crate) struct Steps<'a> {
    recipe: &'a Recipe,
    state: Option<State>,
    loss: PixelLoss,
    device: &'a Device,
}

impl<'a> Steps<'a> {
    /// Starts at the random weights of the recipe's seed, on an autodiff device.
    pub(crate) fn new(faces: &'a TrainingSet, recipe: &'a Recipe, device: &'a Device) -> Result<Self> {
        let training = &recipe.training;
        let network = StackedHourglass::new(&recipe.network, faces.scheme.len(), training.seed, device)?;
        let state = State::new(network, &recipe.optimizer, training.moving_average, faces.len());
        Ok(Self { recipe, state: Some(state), loss: recipe.loss.pixel_loss()?, device })
    }

    /// The next step, at a constant learning rate; gives its loss. After an error there is no next step.
    pub(crate) fn step(&mut self, batch: Batch) -> Result<Option<f64>> {
        let Some(state) = self.state.take() else { return Ok(None) };
        let (step, rate) = (state.progress.step, self.recipe.optimizer.learning_rate());
        let clip_norm = self.recipe.training.clip_norm;
        let (state, loss) = descend(state, batch, &self.loss, rate, clip_norm, self.device);
        let loss = loss.map_err(|problem| Error::Training { step, problem })?;
        self.state = Some(state);
        Ok(Some(loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dataset::drawn_faces,
        training::{Batches, FaceBatches, OptimizerConfig, ahead},
    };
    use awing::{network::NetworkConfig, scheme::Scheme};

    #[test]
    fn single_steps_learn_and_batches_ahead_are_the_same() {
        let mut recipe = Recipe::preset("nano").unwrap();
        recipe.network = NetworkConfig { input: 64, stacks: 1, width: 8, ..recipe.network };
        recipe.training.batch = 4;
        let scheme = Scheme::builtin("300w-68").unwrap();
        let faces = TrainingSet::from_samples(scheme, drawn_faces(4, 96, 1)).unwrap();
        let device = Device::flex().autodiff();
        let batches = FaceBatches::new(&faces, &recipe).unwrap();
        let mut steps = Steps::new(&faces, &recipe, &device).unwrap();
        let losses: Vec<f64> = std::thread::scope(|scope| {
            let ahead = ahead(scope, &batches, recipe.training.workers).take(12);
            ahead.map(|batch| steps.step(batch.unwrap()).unwrap().unwrap()).collect()
        });
        assert!(losses[11] < losses[0], "{losses:?}");
        let mut again = Steps::new(&faces, &recipe, &device).unwrap();
        assert_eq!(again.step(batches.worker()(0).unwrap()).unwrap(), Some(losses[0]));
    }

    #[test]
    fn kernels_and_definitions_give_the_same_loss_curve() {
        let mut recipe = Recipe::preset("nano").unwrap();
        recipe.network = NetworkConfig { input: 128, stacks: 2, width: 16, ..recipe.network };
        recipe.training.batch = 8;
        // At a high rate the first steps are little more than the gradient's signs, and those of small ones are chance.
        recipe.optimizer = OptimizerConfig::Adamw { learning_rate: 1e-4, weight_decay: 1e-4 };
        let scheme = Scheme::builtin("300w-68").unwrap();
        let faces = TrainingSet::from_samples(scheme, drawn_faces(16, 96, 5)).unwrap();
        let device = Device::flex().autodiff();
        let batches = FaceBatches::new(&faces, &recipe).unwrap();
        let run = || -> Vec<f64> {
            let (mut steps, mut worker) = (Steps::new(&faces, &recipe, &device).unwrap(), batches.worker());
            (0..50).map(|step| steps.step(worker(step).unwrap()).unwrap().unwrap()).collect()
        };
        let (ours, defined) = (run(), awing_ops::by_definition(run));
        for (step, (a, b)) in ours.iter().zip(&defined).enumerate() {
            assert!((a - b).abs() <= 0.01 * b, "step {step}: {a} and {b}");
        }
        assert_ne!(ours, defined, "two ways to compute round differently");
    }
}
