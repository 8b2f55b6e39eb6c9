use super::microkernel::VECTORS;
use burn::{
    backend::{Flex, TensorMetadata, tensor::FloatTensor},
    tensor::Bytes,
};
use pulp::{Arch, Simd, WithSimd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What was packed from which memory.
static PACKED: Mutex<Vec<(Weak<Bytes>, Arc<Weights>)>> = Mutex::new(Vec::new());

/// Floats in this processor's vectors.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// The weights of a convolution in the order in which the microkernel reads them: panels of [`VECTORS`] vectors of
/// outputs (the last may be narrower), each [kernel rows, kernel columns x inputs, outputs of the panel], filled up with
/// zeros.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(super) values: Vec<f32>,
    pub(super) kernel: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) lanes: usize,
}

impl Weights {
    /// For the convolution itself: those of `weight`, [outputs, inputs, kernel, kernel]. Packed once for as long as the tensor
    /// lives unchanged, which in prediction is for good.
    pub(crate) fn of(weight: &FloatTensor<Flex>) -> Arc<Self> {
        if weight.as_slice::<f32>().map(<[f32]>::len) != Some(weight.bytes().len() / size_of::<f32>()) {
            let weight = weight.to_contiguous();
            return Arc::new(Self::forward(weight.storage::<f32>(), weight.shape().dims()));
        }
        // Whoever writes to a tensor's memory while a weak reference to it exists gets another one, and with the last
        // strong one the weak one ends: a reference that still leads to the memory leads to unchanged values.
        let memory = Arc::downgrade(&weight.data_arc());
        let dims: [usize; 4] = weight.shape().dims();
        let packed = || PACKED.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            packed().iter().find(|(of, w)| of.ptr_eq(&memory) && w.is_of(dims)).map(|(_, w)| w.clone());
        known.unwrap_or_else(|| {
            let new = Arc::new(Self::forward(weight.storage::<f32>(), dims));
            let mut packed = packed();
            packed.retain(|(of, _)| of.strong_count() > 0);
            packed.push((memory, new.clone()));
            new
        })
    }

    fn is_of(&self, [outputs, inputs, kernel, _]: [usize; 4]) -> bool {
        (self.outputs, self.inputs, self.kernel) == (outputs, inputs, kernel)
    }

    fn forward(weight: &[f32], [outputs, inputs, kernel, _]: [usize; 4]) -> Self {
        Self::pack(kernel, inputs, outputs, |output, input, row, column| {
            weight[((output * inputs + input) * kernel + row) * kernel + column]
        })
    }

    /// For the gradient of the first `wanted` inputs: inputs and outputs change places and the kernel is turned by half
    /// a turn.
    pub(crate) fn backward(weight: &[f32], [outputs, inputs, kernel, _]: [usize; 4], wanted: usize) -> Self {
        Self::pack(kernel, outputs, wanted, |input, output, row, column| {
            weight[((output * inputs + input) * kernel + kernel - 1 - row) * kernel + kernel - 1 - column]
        })
    }

    fn pack(
        kernel: usize,
        inputs: usize,
        outputs: usize,
        at: impl Fn(usize, usize, usize, usize) -> f32,
    ) -> Self {
        let lanes = lanes();
        let mut values = vec![0.0; kernel * kernel * inputs * outputs.next_multiple_of(lanes)];
        let mut weights = Self { values: vec![], kernel, inputs, outputs, lanes };
        for (first, vectors, start) in weights.panels() {
            let width = vectors * lanes;
            for (output, lane) in (first..outputs).zip(0..width) {
                for row in 0..kernel {
                    for column in 0..kernel {
                        for input in 0..inputs {
                            let place = ((row * kernel + column) * inputs + input) * width + lane;
                            values[start + place] = at(output, input, row, column);
                        }
                    }
                }
            }
        }
        weights.values = values;
        weights
    }

    /// First output, vectors, and place in `values` of each panel.
    pub(super) fn panels(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (lanes, outputs) = (self.lanes, self.outputs);
        let depth = self.kernel * self.kernel * self.inputs;
        let vectors = outputs.div_ceil(lanes);
        (0..vectors).step_by(VECTORS).map(move |v| (v * lanes, VECTORS.min(vectors - v), v * lanes * depth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory;

    #[test]
    fn weights_are_packed_once_and_again_after_they_changed() {
        let mut weight = memory::tensor(vec![1.0; 20_000], [20, 1000, 1, 1]);
        let first = Weights::of(&weight);
        assert!(Arc::ptr_eq(&first, &Weights::of(&weight.clone())));
        weight.storage_mut::<f32>()[0] = 2.0;
        let second = Weights::of(&weight);
        assert_eq!((first.values[0], second.values[0]), (1.0, 2.0));
        drop(weight);
        let again = Weights::of(&memory::tensor(vec![3.0; 20_000], [20, 1000, 1, 1]));
        assert_eq!(again.values[0], 3.0);
    }
}
