use super::{batch::Batch, checkpoint::State, gradient_norm::clip};
use crate::loss::{PixelLoss, stacked_loss};
use burn::{
    optim::GradientsParams,
    tensor::{Device, Tensor},
};

/// One optimiser step; gives its loss, or what is wrong with it. The joint norm of the gradients is cut to `clip_norm`; 0 turns that off.
pub(super) fn descend(
    mut state: State,
    batch: Batch,
    loss: &PixelLoss,
    learning_rate: f64,
    clip_norm: f64,
    device: &Device,
) -> Result<(State, f64), String> {
    let [images, target, weight] =
        [batch.images, batch.targets, batch.weights].map(|data| Tensor::<4>::from_data(data, device));
    let outputs = state.network.forward(images);
    let loss = stacked_loss(outputs, &target, &weight, loss);
    let value = f64::from(loss.clone().into_scalar::<f32>());
    if !value.is_finite() {
        return Err(format!("the loss is {value}"));
    }
    let mut gradients = GradientsParams::from_grads(loss.backward(), &state.network);
    let norm = clip(&state.network, &mut gradients, if clip_norm > 0.0 { clip_norm } else { f64::INFINITY });
    if !norm.is_finite() {
        return Err(format!("the gradient's norm is {norm}"));
    }
    state.network = state.optimiser.step(learning_rate, state.network, gradients);
    state.progress.step += 1;
    state.average.update(&state.network, state.progress.step);
    Ok((state, value))
}
