use super::{
    microkernel::VECTORS,
    vectors::{dispatch, lanes},
    winograd::{MOST_LANES, PLACES, Weigh},
};
use crate::memory;
use burn::{
    backend::{Flex, TensorMetadata, tensor::FloatTensor},
    tensor::Bytes,
};
use rayon::prelude::*;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What was packed from which memory.
static PACKED: Mutex<Vec<(Weak<Bytes>, Arc<Weights>)>> = Mutex::new(Vec::new());

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Window by window ([`super::convolve`]).
    Windows,
    /// Patch by patch ([`super::winograd`]).
    Winograd,
}

/// The weights of a convolution in the order in which the microkernel reads them: panels of [`VECTORS`] vectors of
/// outputs (the last may be narrower), each [kernel rows, kernel columns x inputs, outputs of the panel], filled up with
/// zeros. For Winograd's method each panel is [places of a patch, inputs, outputs of the panel].
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    pub(super) values: Vec<f32>,
    pub(super) method: Method,
    pub(super) kernel: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) lanes: usize,
}

impl Weights {
    /// For the convolution itself: those of `weight`, [outputs, inputs, kernel, kernel]. Packed once for as long as the tensor
    /// lives unchanged, which in prediction is for good.
    pub(crate) fn of(weight: &FloatTensor<Flex>, method: Method) -> Arc<Self> {
        if weight.as_slice::<f32>().map(<[f32]>::len) != Some(weight.bytes().len() / size_of::<f32>()) {
            let weight = weight.to_contiguous();
            return Arc::new(Self::forward(weight.storage::<f32>(), weight.shape().dims(), method));
        }
        // Whoever writes to a tensor's memory while a weak reference to it exists gets another one, and with the last
        // strong one the weak one ends: a reference that still leads to the memory leads to unchanged values.
        let memory = Arc::downgrade(&weight.data_arc());
        let dims: [usize; 4] = weight.shape().dims();
        let packed = || PACKED.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |(of, w): &&(Weak<Bytes>, Arc<Self>)| of.ptr_eq(&memory) && w.is_of(dims, method);
        let known = packed().iter().find(is_it).map(|(_, w)| w.clone());
        known.unwrap_or_else(|| {
            let new = Arc::new(Self::forward(weight.storage::<f32>(), dims, method));
            let mut packed = packed();
            packed.retain(|(of, _)| of.strong_count() > 0);
            packed.push((memory, new.clone()));
            new
        })
    }

    fn is_of(&self, [outputs, inputs, kernel, _]: [usize; 4], method: Method) -> bool {
        (self.outputs, self.inputs, self.kernel, self.method) == (outputs, inputs, kernel, method)
    }

    fn forward(weight: &[f32], [outputs, inputs, kernel, _]: [usize; 4], method: Method) -> Self {
        Self::pack(method, kernel, inputs, outputs, |output, input, row, column| {
            weight[((output * inputs + input) * kernel + row) * kernel + column]
        })
    }

    /// For the gradient of the first `wanted` inputs: inputs and outputs change places and the kernel is turned by half
    /// a turn.
    pub(crate) fn backward(
        weight: &[f32],
        [outputs, inputs, kernel, _]: [usize; 4],
        wanted: usize,
        method: Method,
    ) -> Self {
        Self::pack(method, kernel, outputs, wanted, |input, output, row, column| {
            weight[((output * inputs + input) * kernel + kernel - 1 - row) * kernel + kernel - 1 - column]
        })
    }

    fn pack(
        method: Method,
        kernel: usize,
        inputs: usize,
        outputs: usize,
        at: impl Fn(usize, usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let lanes = lanes();
        let mut weights = Self { values: vec![], method, kernel, inputs, outputs, lanes };
        let len = weights.depth() * outputs.next_multiple_of(lanes);
        let mut values = memory::take_to_keep(len);
        match method {
            Method::Windows => weights.by_windows(at, &mut values[..len]),
            Method::Winograd => weights.by_places(at, &mut values[..len]),
        }
        weights.values = values;
        weights
    }

    fn by_windows(&self, at: impl Fn(usize, usize, usize, usize) -> f32, values: &mut [f32]) {
        let Self { kernel, inputs, outputs, lanes, .. } = *self;
        values.fill(0.0);
        for (first, vectors, start) in self.panels() {
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
    }

    fn by_places(&self, at: impl Fn(usize, usize, usize, usize) -> f32 + Sync, values: &mut [f32]) {
        let Self { inputs, outputs, lanes, .. } = *self;
        let panels: Vec<_> = self.panels().collect();
        let panel = (VECTORS * lanes * self.depth()).max(1);
        values.par_chunks_mut(panel).zip(panels).for_each(|(values, (first, vectors, _))| {
            let pairs = vectors * lanes;
            let mut kernels = [[0.0; MOST_LANES]; 9];
            for input in 0..inputs {
                for (lane, output) in (first..outputs.min(first + pairs)).enumerate() {
                    for (place, kernel) in kernels.iter_mut().enumerate() {
                        kernel[lane] = at(output, input, place / 3, place % 3);
                    }
                }
                let (plane, out) = (inputs * pairs, &mut values[input * pairs..]);
                dispatch(Weigh { kernels: &kernels, pairs, out, plane });
            }
        });
    }

    /// Weights of an output.
    fn depth(&self) -> usize {
        self.inputs
            * match self.method {
                Method::Windows => self.kernel * self.kernel,
                Method::Winograd => PLACES,
            }
    }

    /// First output, vectors, and place in `values` of each panel.
    pub(super) fn panels(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (lanes, outputs) = (self.lanes, self.outputs);
        let depth = self.depth();
        let vectors = outputs.div_ceil(lanes);
        (0..vectors).step_by(VECTORS).map(move |v| (v * lanes, VECTORS.min(vectors - v), v * lanes * depth))
    }
}

impl Drop for Weights {
    fn drop(&mut self) {
        memory::give(std::mem::take(&mut self.values));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_packed_once_and_again_after_they_changed() {
        let mut weight = memory::tensor(vec![1.0; 20_000], [20, 1000, 1, 1]);
        let first = Weights::of(&weight, Method::Windows);
        assert!(Arc::ptr_eq(&first, &Weights::of(&weight.clone(), Method::Windows)));
        weight.storage_mut::<f32>()[0] = 2.0;
        let second = Weights::of(&weight, Method::Windows);
        assert_eq!((first.values[0], second.values[0]), (1.0, 2.0));
        drop(weight);
        let weight = memory::tensor(vec![3.0; 20_000], [20, 1000, 1, 1]);
        let again = Weights::of(&weight, Method::Windows);
        assert_eq!(again.values[0], 3.0);
    }
}
