/// A batch normalization by fixed statistics: scale x + shift for each channel.
#[derive(Clone, Debug)]
pub struct Affine {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
}

impl Affine {
    /// gamma (x - mean) / sqrt(variance + epsilon) + beta; all four have one number for each channel.
    pub fn of_norm(gamma: &[f32], beta: &[f32], mean: &[f32], variance: &[f32], epsilon: f64) -> Self {
        let scale: Vec<f64> = gamma
            .iter()
            .zip(variance)
            .map(|(gamma, variance)| f64::from(*gamma) * (1.0 / (f64::from(*variance) + epsilon).sqrt()))
            .collect();
        let shift = beta.iter().zip(mean).zip(&scale);
        Self {
            shift: shift.map(|((b, m), s)| (f64::from(*b) - f64::from(*m) * s) as f32).collect(),
            scale: scale.iter().map(|s| *s as f32).collect(),
        }
    }

    /// Makes a convolution give the normalized outputs: `weight` is [outputs, inputs, kernel, kernel], `bias` `[outputs]`.
    pub fn fold_into(&self, weight: &mut [f32], bias: &mut [f32]) {
        let each = (weight.len() / self.scale.len().max(1)).max(1);
        for (weights, scale) in weight.chunks_exact_mut(each).zip(&self.scale) {
            weights.iter_mut().for_each(|w| *w *= scale);
        }
        for ((bias, scale), shift) in bias.iter_mut().zip(&self.scale).zip(&self.shift) {
            *bias = bias.mul_add(*scale, *shift);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_normalization_worked_out_by_hand() {
        // Variance 3 and epsilon 1 make a deviation of 2: 6 (x - 5) / 2 + 1 = 3 x - 14.
        let norm = Affine::of_norm(&[6.0], &[1.0], &[5.0], &[3.0], 1.0);
        assert_eq!((norm.scale[0], norm.shift[0]), (3.0, -14.0));
        // A convolution that gives 2 x + 7 and is normalized gives 6 x + 7.
        let (mut weight, mut bias) = ([2.0], [7.0]);
        norm.fold_into(&mut weight, &mut bias);
        assert_eq!((weight[0], bias[0]), (6.0, 7.0));
    }
}
