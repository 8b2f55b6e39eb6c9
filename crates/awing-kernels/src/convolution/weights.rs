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

/// The weights of a convolution in the order in which the microkernel reads them: panels of [`VECTORS`] vectors of
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
        Self::pack(method, kernel, inputs, outputs, |output, input, row, column| {
            weight[((output * inputs + input) * kernel + row) * kernel + column]
        })
    }

    /// For the gradient of the first `wanted` inputs: inputs and outputs change places and the kernel is turned by half
    /// a turn.
    ///
    /// # Panics
    /// If there are fewer weights than `dims` says.
    pub fn backward(weight: &[f32], dims: [usize; 4], wanted: usize, method: Method) -> Self {
        let [outputs, inputs, kernel, _] = dims;
        Self::pack(method, kernel, outputs, wanted, |input, output, row, column| {
            weight[((output * inputs + input) * kernel + kernel - 1 - row) * kernel + kernel - 1 - column]
        })
    }

    /// Whether they are those of a convolution of this shape, [outputs, inputs, kernel, kernel], and method.
    pub fn are_for(&self, [outputs, inputs, kernel, _]: [usize; 4], method: Method) -> bool {
        (self.outputs, self.inputs, self.kernel, self.method) == (outputs, inputs, kernel, method)
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
        let work = values.chunks_mut(panel).zip(panels).collect();
        threads::each(work, 1, |(values, (first, vectors, _))| {
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
