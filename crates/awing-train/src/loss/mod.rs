//! What training minimises: a pixel loss between predicted and target heatmaps, summed over the stacks. The losses
//! themselves live in the crate `awing-ops`; here they get their configuration.

mod config;

pub use awing_ops::{AdaptiveWing, PixelLoss, heatmap_loss};
pub use config::LossConfig;

use burn::tensor::Tensor;

/// The sum over the stacks of the mean weighted loss of all maps, every stack with the same weight (Wang et al. 2019;
/// Bulat and Tzimiropoulos 2017). `outputs`, `target` and `weight` are [batch, channels, size, size]; the result has
/// shape `[1]`. See [`heatmap_loss`] for the weights.
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
    use awing::{
        heatmap::{BoundaryConfig, Codec, CodecConfig, Decoder},
        scheme::{Landmark, Scheme},
    };
    use burn::tensor::{Device, TensorData};

    /// The published check of label, weight map and loss together: one floored label, a prediction of zero.
    #[test]
    fn the_papers_label_under_the_papers_weights_has_the_golden_loss() {
        let config = CodecConfig { decoder: Decoder::Argmax, ..CodecConfig::paper() };
        let codec = Codec::new(CodecConfig {
            boundary: BoundaryConfig { enabled: false, ..config.boundary.clone() },
            ..config
        })
        .unwrap();
        let scheme = Scheme { lines: vec![], ..Scheme::builtin("mtfl-5").unwrap().as_ref().clone() };
        let mut landmarks = vec![Landmark::missing(); 5];
        landmarks[0] = Landmark::visible(130.0, 121.0);
        let (mut target, mut weight) = (vec![0.0; 5 * 64 * 64], vec![0.0; 5 * 64 * 64]);
        codec.encode(&scheme, &landmarks, &mut target, &mut weight).unwrap();
        let device = Device::flex();
        let tensor =
            |values: Vec<f32>| Tensor::<4>::from_data(TensorData::new(values, [1, 5, 64, 64]), &device);
        let loss = stacked_loss(
            vec![Tensor::zeros([1, 5, 64, 64], &device)],
            &tensor(target),
            &tensor(weight),
            &AdaptiveWing::default().into(),
        );
        let loss: f32 = loss.into_scalar();
        assert!((loss - 0.349105).abs() < 1e-5, "{loss}");
    }

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
