use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::Tensor,
};

/// Scales all gradients together so that their joint L2 norm is at most `limit`; returns the norm before. The
/// direction of the step stays what it was.
pub(crate) fn clip<M: Module>(module: &M, gradients: &mut GradientsParams, limit: f64) -> f64 {
    let mut sum = SumOfSquares { gradients, sum: None };
    module.visit(&mut sum);
    let norm = sum.sum.map_or(0.0, |s| f64::from(s.into_scalar::<f32>()).sqrt());
    if norm > limit && norm.is_finite() {
        module.visit(&mut Scale { gradients, factor: limit / norm });
    }
    norm
}

struct SumOfSquares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let square = gradient.square().sum();
            self.sum = Some(self.sum.take().map_or(square.clone(), |sum| sum + square));
        }
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient * self.factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[derive(Module, Debug)]
    struct Two {
        a: Param<Tensor<1>>,
        b: Param<Tensor<2>>,
    }

    #[test]
    fn the_joint_norm_is_limited_and_the_direction_kept() {
        let device = Device::flex().autodiff();
        let two = Two {
            a: Param::from_tensor(Tensor::zeros([1], &device)),
            b: Param::from_tensor(Tensor::zeros([1, 1], &device)),
        };
        let gradients = || {
            // Gradients 3 and 4: norm 5.
            let loss = two.a.val() * 3.0 + two.b.val().reshape([1]) * 4.0;
            GradientsParams::from_grads(loss.backward(), &two)
        };
        let read = |g: &GradientsParams| {
            (
                g.get::<1>(two.a.id).unwrap().into_scalar::<f32>(),
                g.get::<2>(two.b.id).unwrap().into_scalar::<f32>(),
            )
        };
        let mut clipped = gradients();
        assert!((clip(&two, &mut clipped, 1.0) - 5.0).abs() < 1e-6);
        let (a, b) = read(&clipped);
        assert!((a - 0.6).abs() < 1e-6 && (b - 0.8).abs() < 1e-6, "{a} {b}");
        let mut kept = gradients();
        clip(&two, &mut kept, 10.0);
        assert_eq!(read(&kept), (3.0, 4.0));
    }
}
