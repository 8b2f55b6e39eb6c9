use super::microkernel::VECTORS;
use pulp::{Arch, Simd, WithSimd};

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
    /// From [outputs, inputs, kernel, kernel], for the convolution itself.
    pub(crate) fn forward(weight: &[f32], [outputs, inputs, kernel, _]: [usize; 4]) -> Self {
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
