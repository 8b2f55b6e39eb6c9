use super::{
    geometry::Method,
    patch::{MOST_LANES, PLACES, Weigh},
};
use crate::{
    memory,
    microkernel::VECTORS,
    threads,
    vectors::{dispatch, lanes},
};

/// Inputs whose weights are read one after the other: they lie beside each other in memory.
const TOGETHER: usize = 16;

/// The weights of a convolution in the order in which the microkernel reads them: panels of two vectors of
/// outputs (the last may be narrower), each [kernel rows, kernel columns x inputs, outputs of the panel], filled up with
/// zeros. For Winograd's method each panel is [places of a patch, inputs, outputs of the panel].
#[derive(Clone, Debug)]
pub struct Weights {
    pub(crate) values: Vec<f32>,
    pub(crate) method: Method,
    pub(crate) kernel: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) lanes: usize,
}

impl Weights {
    /// For the convolution itself: those of `weight`, [outputs, inputs, kernel, kernel] as `dims` says, packed for `method`.
    ///
    /// # Panics
    /// If there are fewer weights than `dims` says.
    pub fn forward(weight: &[f32], dims: [usize; 4], method: Method) -> Self {
        let [outputs, inputs, kernel, _] = dims;
        Self::pack(method, kernel, inputs, outputs, false, |output, input| {
            &weight[(output * inputs + input) * kernel * kernel..][..kernel * kernel]
        })
    }

    /// For the gradient of the first `wanted` inputs: inputs and outputs change places and the kernel is turned by half
    /// a turn.
    ///
    /// # Panics
    /// If there are fewer weights than `dims` says.
    pub fn backward(weight: &[f32], dims: [usize; 4], wanted: usize, method: Method) -> Self {
        let [outputs, inputs, kernel, _] = dims;
        Self::pack(method, kernel, outputs, wanted, true, |input, output| {
            &weight[(output * inputs + input) * kernel * kernel..][..kernel * kernel]
        })
    }

    /// Whether they are those of a convolution of this shape, [outputs, inputs, kernel, kernel], and method.
    pub fn are_for(&self, [outputs, inputs, kernel, _]: [usize; 4], method: Method) -> bool {
        (self.outputs, self.inputs, self.kernel, self.method) == (outputs, inputs, kernel, method)
    }

    /// `kernel_of` gives the kernel of an output and an input, `turned` or not.
    fn pack<'a>(
        method: Method,
        kernel: usize,
        inputs: usize,
        outputs: usize,
        turned: bool,
        kernel_of: impl Fn(usize, usize) -> &'a [f32] + Sync,
    ) -> Self {
        let lanes = lanes();
        let mut weights = Self { values: vec![], method, kernel, inputs, outputs, lanes };
        let len = weights.depth() * outputs.next_multiple_of(lanes);
        let mut values = memory::take_to_keep(len);
        let panel = (VECTORS * lanes * weights.depth()).max(1);
        let work = values[..len].chunks_mut(panel).zip(weights.panels()).collect();
        threads::each(work, 1, |(values, (first, vectors, _)): (&mut [f32], _)| {
            let width = vectors * lanes;
            let wanted = first..outputs.min(first + width);
            if wanted.len() < width {
                values.fill(0.0);
            }
            let mut kernels = [[[0.0; 9]; MOST_LANES]; TOGETHER];
            for some in (0..inputs).step_by(TOGETHER).map(|first| first..inputs.min(first + TOGETHER)) {
                for (lane, output) in wanted.clone().enumerate() {
                    for (input, kernel) in some.clone().zip(&mut kernels) {
                        let weights = kernel_of(output, input);
                        match method {
                            Method::Windows => {
                                let slots = values[input * width + lane..].iter_mut().step_by(inputs * width);
                                if turned {
                                    slots.zip(weights.iter().rev()).for_each(|(slot, w)| *slot = *w);
                                } else {
                                    slots.zip(weights).for_each(|(slot, w)| *slot = *w);
                                }
                            }
                            Method::Winograd => {
                                kernel[lane].copy_from_slice(weights);
                                if turned {
                                    kernel[lane].reverse();
                                }
                            }
                        }
                    }
                }
                if method == Method::Winograd {
                    for (input, kernels) in some.zip(&kernels) {
                        let (plane, out) = (inputs * width, &mut values[input * width..]);
                        dispatch(Weigh { kernels, pairs: width, out, plane });
                    }
                }
            }
        });
        weights.values = values;
        weights
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
    pub(crate) fn panels(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
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
