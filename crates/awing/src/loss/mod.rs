//! What training minimises: a pixel loss between predicted and target heatmaps, summed over the stacks. The losses
//! themselves live in the crate `awing-ops`; here they get their configuration.

mod config;

pub use awing_ops::{AdaptiveWing, PixelLoss, heatmap_loss};
pub use config::LossConfig;

use burn::tensor::Tensor;

/// The sum over the stacks of the mean weighted loss of all maps, every stack with the same weight (Wang et al. 2019;
/// Bulat and Tzimiropoulos 2017). `outputs`, `target` and `weight` are [batch, channels, size, size]; the result has
/// shape [1]. See [`heatmap_loss`] for the weights.
pub fn stacked_loss(
    outputs: Vec<Tensor<4>>,
    target: &Tensor<4>,
    weight: &Tensor<4>,
    loss: &PixelLoss,
) -> Tensor<1> {
    outputs
        .into_iter()
        .map(|output| heatmap_loss(output, target.clone(), Some(weight.clone()), loss))
        .reduce(|sum, loss| sum + loss)
        .unwrap_or_else(|| Tensor::zeros([1], &target.device()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn stacks_add_up() {
        // MSE of 0.5 everywhere is 0.25, of 1 it is 1; the pixel of weight 0 does not count.
        let device = Device::flex();
        let full = |value: f32| Tensor::<4>::full([1, 1, 1, 2], value, &device);
        let weight = Tensor::<4>::from_data([[[[1.0_f32, 0.0]]]], &device);
        let loss = stacked_loss(vec![full(0.5), full(1.0)], &full(0.0), &weight, &PixelLoss::Mse);
        assert_eq!(loss.into_scalar::<f32>(), 1.25);
    }
}
