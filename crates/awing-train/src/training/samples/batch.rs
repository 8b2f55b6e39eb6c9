use super::buffers::{Buffer, Buffers};
use awing::{Error, Result};
use burn::tensor::TensorData;

/// The tensors of one step.
pub struct Batch {
    /// [batch, 3, side, side], red green blue in [0, 1].
    pub images: TensorData,
    /// [batch, maps, size, size] in [0, 1].
    pub targets: TensorData,
    /// The shape of the targets: what each pixel counts, 0 where there is no annotation.
    pub weights: TensorData,
    /// Samples that could not be read, and were replaced by others.
    pub problems: Vec<Error>,
}

/// Makes the batch of a step, counted from 0, on its own thread.
pub type BatchWorker<'a> = Box<dyn FnMut(usize) -> Result<Batch> + Send + 'a>;

/// What the batches of a run are made from. The same step always gives the same batch, whatever was made before and by whom.
pub trait Batches: Sync {
    /// One of those who make the batches.
    fn worker(&self) -> BatchWorker<'_>;
}

/// How many numbers a batch takes.
#[derive(Clone, Copy)]
pub(crate) struct BatchShape {
    /// Samples.
    pub(crate) batch: usize,
    /// Width and height of the images.
    pub(crate) side: usize,
    /// Maps of a sample.
    pub(crate) maps: usize,
    /// Width and height of a map.
    pub(crate) size: usize,
}

/// A batch that is being written.
pub(crate) struct Draft {
    shape: BatchShape,
    images: Buffer,
    targets: Buffer,
    weights: Buffer,
}

impl BatchShape {
    /// Memory for a batch, whatever is in it.
    pub(crate) fn draft(self, buffers: &Buffers) -> Draft {
        let [image, maps] = self.lengths();
        let take = |length: usize| buffers.take(self.batch * length);
        Draft { shape: self, images: take(image), targets: take(maps), weights: take(maps) }
    }

    /// Numbers in a sample's image, and in its targets or weights.
    fn lengths(self) -> [usize; 2] {
        [3 * self.side * self.side, self.maps * self.size * self.size]
    }
}

impl Draft {
    /// The places of sample `i`: image, targets, weights.
    pub(crate) fn sample(&mut self, i: usize) -> [&mut [f32]; 3] {
        let [image, maps] = self.shape.lengths();
        let part = |length: usize| i * length..(i + 1) * length;
        [
            &mut self.images.values_mut()[part(image)],
            &mut self.targets.values_mut()[part(maps)],
            &mut self.weights.values_mut()[part(maps)],
        ]
    }

    /// The batch, without a copy.
    pub(crate) fn finish(self, problems: Vec<Error>) -> Batch {
        let BatchShape { batch, side, maps, size } = self.shape;
        Batch {
            images: self.images.into_data([batch, 3, side, side]),
            targets: self.targets.into_data([batch, maps, size, size]),
            weights: self.weights.into_data([batch, maps, size, size]),
            problems,
        }
    }
}

/// Two numbers to one seed (the finalizer of SplitMix64): neighbors get seeds that have nothing in common.
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
