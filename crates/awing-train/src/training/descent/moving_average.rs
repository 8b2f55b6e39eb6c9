use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::Tensor,
};
use std::collections::VecDeque;

/// The exponential moving average of all weights and running statistics: steadier than the weights themselves, and
/// what is evaluated and kept.
#[derive(Clone, Debug)]
pub(crate) struct MovingAverage<M> {
    average: M,
    decay: f64,
}

impl<M: Module> MovingAverage<M> {
    /// Starts at `module`. A decay of 0 follows the module step by step.
    pub(crate) fn new(module: &M, decay: f64) -> Self {
        Self { average: module.valid(), decay }
    }

    /// Goes on from an average of an earlier run.
    pub(crate) fn resume(average: M, decay: f64) -> Self {
        Self { average, decay }
    }

    /// Takes in the module after optimizer step `step`, counted from 1. Early steps weigh more, so that the random
    /// start is forgotten: the decay is at most step / (step + 10).
    pub(crate) fn update(&mut self, module: &M, step: usize) {
        let decay = self.decay.min(step as f64 / (step as f64 + 10.0));
        let mut collect = Collect(VecDeque::new());
        module.valid().visit(&mut collect);
        // A clone shares its running statistics with the module, and mapping changes them in place: whoever has a clone of the average would
        // see it change. The snapshot has its own.
        self.average = self.average.valid().map(&mut Blend { new: collect.0, decay });
    }

    /// The average, off the tape.
    pub(crate) fn module(&self) -> &M {
        &self.average
    }
}

/// The float tensors of a module in visiting order, flat.
struct Collect(VecDeque<Tensor<1>>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push_back(param.val().flatten(0, D - 1));
    }
}

struct Blend {
    new: VecDeque<Tensor<1>>,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.new.pop_front() {
            None => param,
            Some(new) => {
                let decay = self.decay;
                param.map(|old| {
                    let shape = old.dims();
                    old * decay + new.reshape(shape) * (1.0 - decay)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::{
        module::RunningState,
        nn::{BatchNorm, BatchNormConfig},
        tensor::Device,
    };

    #[derive(Module, Debug)]
    struct One {
        w: Param<Tensor<2>>,
    }

    fn one(value: f32) -> One {
        One { w: Param::from_tensor(Tensor::from_data([[value]], &Device::flex().autodiff())) }
    }

    #[test]
    fn the_average_is_the_running_blend() {
        let mut average = MovingAverage::new(&one(0.0), 0.5);
        // Step 1: decay 1/11. Step 20: 20/30, capped at 0.5.
        average.update(&one(11.0), 1);
        assert!((average.module().w.val().into_scalar::<f32>() - 10.0).abs() < 1e-5);
        average.update(&one(20.0), 20);
        assert!((average.module().w.val().into_scalar::<f32>() - 15.0).abs() < 1e-5);
        assert!(!average.module().w.val().device().is_autodiff());
    }

    #[test]
    fn a_clone_of_the_average_keeps_its_own_running_statistics() {
        let norm = |mean: f32| {
            let device = Device::flex().autodiff();
            let running_mean = RunningState::new(Tensor::from_data([mean], &device));
            BatchNorm { running_mean, ..BatchNormConfig::new(1).init(&device) }
        };
        let mean = |norm: &BatchNorm| norm.running_mean.value().into_scalar::<f32>();
        let mut average = MovingAverage::new(&norm(0.0), 0.5);
        let kept = average.module().clone();
        average.update(&norm(11.0), 1);
        assert!((mean(average.module()) - 10.0).abs() < 1e-5);
        assert_eq!(mean(&kept), 0.0);
    }
}
