use super::{State, gradient_norm::clip};
use crate::{
    loss::{PixelLoss, stacked_loss},
    training::samples::Batch,
};
use burn::{
    module::Module,
    optim::GradientsParams,
    tensor::{Device, Tensor},
};

/// Steps in a row that may be skipped: one odd batch is no reason to end a run of days, a run that has gone wild is.
pub(crate) const MOST_SKIPPED: usize = 10;

/// One optimizer step; gives its loss. The joint norm of the gradients is cut to `clip_norm`; 0 turns that off. Where the loss or a gradient is
/// not finite the step is skipped: weights, running statistics, optimizer and average stay what they were, and what was wrong is given
/// instead.
pub(crate) fn descend(
    mut state: State,
    batch: Batch,
    loss: &PixelLoss,
    learning_rate: f64,
    clip_norm: f64,
    device: &Device,
) -> (State, Result<f64, String>) {
    let [images, target, weight] =
        [batch.images, batch.targets, batch.weights].map(|data| Tensor::<4>::from_data(data, device));
    // The pass moves the running statistics.
    let before = state.network.valid();
    let outputs = state.network.forward(images);
    let loss = stacked_loss(outputs, &target, &weight, loss);
    let value = f64::from(loss.clone().into_scalar::<f32>());
    state.progress.step += 1;
    let mut gradients = None;
    let problem = if value.is_finite() {
        let mut found = GradientsParams::from_grads(loss.backward(), &state.network);
        let norm = clip(&state.network, &mut found, if clip_norm > 0.0 { clip_norm } else { f64::INFINITY });
        gradients = norm.is_finite().then_some(found);
        format!("the gradient's norm is {norm}")
    } else {
        format!("the loss is {value}")
    };
    let Some(gradients) = gradients else {
        state.network = before.train();
        state.skipped += 1;
        return (state, Err(problem));
    };
    // Shared weights would have to be copied to be changed.
    drop(before);
    state.skipped = 0;
    state.network = state.optimizer.step(learning_rate, state.network, gradients);
    state.average.update(&state.network, state.progress.step);
    (state, Ok(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dataset::drawn_faces,
        loss::LossConfig,
        model::{StackedHourglass, weights_of},
        training::{Batches, FaceBatches, OptimizerConfig, Recipe, TrainingSet},
    };
    use awing::{network::NetworkConfig, scheme::Scheme};
    use burn::tensor::TensorData;

    #[test]
    fn a_step_that_is_skipped_leaves_everything_as_it_was() {
        let mut recipe = Recipe::preset("nano").unwrap();
        recipe.network = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: true, coord_conv: true };
        recipe.training.batch = 2;
        let scheme = Scheme::builtin("300w-68").unwrap();
        let faces = TrainingSet::from_samples(scheme, drawn_faces(4, 96, 1)).unwrap();
        let batches = FaceBatches::new(&faces, &recipe).unwrap();
        let device = Device::flex().autodiff();
        let loss = LossConfig::default().pixel_loss().unwrap();
        let optimizer = OptimizerConfig::Adamw { learning_rate: 1e-3, weight_decay: 1e-4 };
        let step = |state, batch| descend(state, batch, &loss, 1e-3, 1.0, &device);
        // A number of the image or of the targets that is none; weights with which the loss is finite, and its gradient's norm is not.
        let spoil = |spoilt: usize| {
            let mut batch = batches.worker()(1).unwrap();
            let data =
                [&mut batch.images, &mut batch.targets, &mut batch.weights].into_iter().nth(spoilt).unwrap();
            let (shape, mut values) = (data.shape().clone(), data.iter::<f32>().collect::<Vec<_>>());
            match spoilt {
                2 => values.iter_mut().for_each(|weight| *weight *= 1e34),
                _ => values[5] = f32::NAN,
            }
            *data = TensorData::new(values, shape);
            batch
        };
        let run = |spoilt: &[usize]| {
            let network = StackedHourglass::new(&recipe.network, 68, 1, &device).unwrap();
            let mut state = State::new(network, &optimizer, 0.0, 4);
            state = step(state, batches.worker()(0).unwrap()).0;
            for (i, spoilt) in spoilt.iter().enumerate() {
                let made;
                (state, made) = step(state, spoil(*spoilt));
                let problem = made.unwrap_err();
                let expected = ["the loss is NaN", "the loss is NaN", "the gradient's norm is inf"][*spoilt];
                assert_eq!(problem, expected);
                assert_eq!((state.progress.step, state.skipped), (2 + i, 1 + i));
            }
            let (state, made) = step(state, batches.worker()(2).unwrap());
            assert_eq!(state.skipped, 0);
            (made.unwrap(), weights_of(&state.network, ""), weights_of(state.average.module(), ""))
        };
        let (whole, skipping) = (run(&[]), run(&[0, 1, 2, 0]));
        assert!(whole == skipping, "a skipped step has changed something");
    }
}
