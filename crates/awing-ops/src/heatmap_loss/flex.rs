use super::{operation::LossKernel, parts::LossParts, portable};
use crate::{
    definition,
    dense::{dense, tensor},
    memory,
};
use awing_kernels::{
    loss::{PixelLoss, Prediction, mean_loss, scale},
    memory::take,
};
use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};

impl LossKernel for Flex {
    /// The gradient takes the prediction's memory if nobody else holds that.
    fn loss_parts(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weight: Option<FloatTensor<Self>>,
        loss: &PixelLoss,
    ) -> LossParts<Self> {
        if definition::wanted() {
            return portable::loss_parts::<Self>(prediction, target, weight, loss);
        }
        let mut prediction = dense(prediction);
        let (target, weight) = (dense(target), weight.map(dense));
        let (target, weight) = (target.storage::<f32>(), weight.as_ref().map(|w| w.storage::<f32>()));
        let mean;
        let gradient = if let Some(both) = prediction.try_storage_mut::<f32>() {
            mean = mean_loss(Prediction::InPlace(both), target, weight, loss);
            prediction
        } else {
            let values = prediction.storage::<f32>();
            let mut gradient = take(values.len());
            let apart = Prediction::Apart(values, &mut gradient[..values.len()]);
            mean = mean_loss(apart, target, weight, loss);
            memory::tensor_of(gradient, prediction.shape())
        };
        LossParts { value: scalar(mean.value), gradient, scale: scalar(mean.scale) }
    }

    fn loss_value(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weight: Option<FloatTensor<Self>>,
        loss: &PixelLoss,
    ) -> FloatTensor<Self> {
        if definition::wanted() {
            return portable::loss_parts::<Self>(prediction, target, weight, loss).value;
        }
        let (prediction, target, weight) = (dense(prediction), dense(target), weight.map(dense));
        let values = Prediction::ValueOnly(prediction.storage::<f32>());
        scalar(mean_loss(values, target.storage(), weight.as_ref().map(|w| w.storage()), loss).value)
    }

    /// In place, and not at all where the factor is 1: when every pixel takes part and the loss is what is minimised.
    fn scaled(
        mut gradient: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        above: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let factor = dense(factor).storage::<f32>()[0] * dense(above).storage::<f32>()[0];
        if factor != 1.0 {
            scale(gradient.storage_mut::<f32>(), factor);
        }
        gradient
    }
}

fn scalar(value: f64) -> FloatTensor<Flex> {
    tensor(vec![value as f32], [1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AdaptiveWing;

    fn column(values: &[f32]) -> FloatTensor<Flex> {
        tensor(values.to_vec(), [values.len()])
    }

    fn numbers(tensor: &FloatTensor<Flex>) -> &[f32] {
        tensor.storage()
    }

    /// Predictions, targets mostly 0, and weights of 0, 1 and 11, as in training.
    fn heatmaps(len: usize) -> [Vec<f32>; 3] {
        let wave = |i: usize, step: f32| (i as f32 * step).sin();
        [
            (0..len).map(|i| wave(i, 0.37)).collect(),
            (0..len).map(|i| if i % 9 == 0 { wave(i, 0.11).abs() } else { 0.0 }).collect(),
            (0..len).map(|i| if i % 9 == 0 { 11.0 } else { f32::from(u8::from(i % 5 > 0)) }).collect(),
        ]
    }

    #[test]
    fn a_prediction_that_nobody_else_holds_becomes_the_gradient() {
        let [prediction, target, weight] = heatmaps(16 * 1024 + 100).map(|values| column(&values));
        let loss = &PixelLoss::from(AdaptiveWing::default());
        let parts = |prediction| Flex::loss_parts(prediction, target.clone(), Some(weight.clone()), loss);
        let apart = parts(prediction.clone());
        let value = Flex::loss_value(prediction.clone(), target.clone(), Some(weight.clone()), loss);
        let memory = numbers(&prediction).as_ptr();
        assert_ne!(numbers(&apart.gradient).as_ptr(), memory);
        let in_place = parts(prediction);
        assert_eq!(numbers(&in_place.gradient).as_ptr(), memory);
        assert_eq!(numbers(&in_place.gradient), numbers(&apart.gradient));
        assert_eq!(numbers(&in_place.value), numbers(&apart.value));
        assert_eq!(numbers(&value), numbers(&apart.value));
    }

    #[test]
    fn a_shared_gradient_is_not_scaled_under_its_other_owner() {
        let gradient = column(&[1.0, -2.0]);
        let scaled = Flex::scaled(gradient.clone(), column(&[0.5]), column(&[3.0]));
        assert_eq!(numbers(&scaled), [1.5, -3.0]);
        assert_eq!(numbers(&gradient), [1.0, -2.0]);
        let same = Flex::scaled(gradient.clone(), column(&[0.5]), column(&[2.0]));
        assert_eq!(numbers(&same).as_ptr(), numbers(&gradient).as_ptr());
    }
}
