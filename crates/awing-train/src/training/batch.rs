//! One step's faces: which, how varied, and their target maps.

use super::{Recipe, SampleMaker, SampleSlot, TrainingSet, buffers::Buffers, photo_cache::PhotoCache};
use crate::{augment::PhotoPart, dataset::ImageSource};
use awing::{Error, Result};
use burn::tensor::TensorData;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// The tensors of one step.
pub(crate) struct Batch {
    /// [batch, 3, side, side], red green blue in [0, 1].
    pub(super) images: TensorData,
    /// [batch, channels, size, size] in [0, 1].
    pub(super) targets: TensorData,
    /// The shape of the targets: what each pixel counts, 0 where there is no annotation.
    pub(super) weights: TensorData,
    /// Faces that could not be read, and were replaced by others.
    pub(super) problems: Vec<Error>,
}

/// What the batches of a run are made from: the same recipe, set and step always give the same batch, whatever was made before and
/// by whom.
pub(super) struct Batcher<'a> {
    set: &'a TrainingSet,
    maker: SampleMaker,
    cache: PhotoCache,
    buffers: Buffers,
    batch: usize,
    seed: u64,
}

/// Makes batches on its own thread.
pub(crate) struct BatchWorker<'a> {
    batcher: &'a Batcher<'a>,
    maker: SampleMaker,
    /// An epoch and its order, the last one asked for.
    order: Option<(usize, Vec<u32>)>,
}

impl<'a> Batcher<'a> {
    pub(super) fn new(set: &'a TrainingSet, recipe: &Recipe) -> Result<Self> {
        Ok(Self {
            set,
            maker: SampleMaker::new(recipe, set.scheme.clone())?,
            cache: PhotoCache::new(set.len(), recipe.training.cache_mb << 20),
            buffers: Buffers::default(),
            batch: recipe.training.batch,
            seed: recipe.training.seed,
        })
    }

    /// Steps in a pass over the set. What does not fill a batch is left for another pass, in another order.
    pub(super) fn steps_per_epoch(&self) -> usize {
        (self.set.len() / self.batch).max(1)
    }

    /// One of those who make the batches.
    pub(super) fn worker(&self) -> BatchWorker<'_> {
        BatchWorker { batcher: self, maker: self.maker.clone(), order: None }
    }

    /// The faces of an epoch in their order.
    fn order(&self, epoch: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..).take(self.set.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(mix(!self.seed, epoch as u64)));
        order
    }

    /// The photo of a face, at least the part that its samples can show.
    fn photo(&self, face: usize) -> Result<PhotoPart> {
        let (sample, face_box) = &self.set.faces[face];
        if let ImageSource::Memory(photo) = &sample.image {
            return Ok(photo.clone().into());
        }
        let load = || Ok(sample.load_image()?.into());
        let cut = |whole: &PhotoPart| Ok(PhotoPart::cut(&whole.pixels, self.maker.reach(*face_box)?));
        self.cache.get(face, load, cut)
    }
}

impl BatchWorker<'_> {
    /// The batch of `step`, counted from 0.
    ///
    /// # Errors
    /// The last face's error when not a single one of the set can be read.
    pub(crate) fn make(&mut self, step: usize) -> Result<Batch> {
        let Batcher { batch, seed, .. } = *self.batcher;
        let steps = self.batcher.steps_per_epoch();
        let (epoch, start) = (step / steps, step % steps * batch);
        let order = match self.order.take() {
            Some((of, order)) if of == epoch => order,
            _ => self.batcher.order(epoch),
        };
        let (image_len, maps_len) = (self.maker.image_len(), self.maker.maps_len());
        let take = |len: usize| self.batcher.buffers.take(batch * len);
        let (mut images, mut targets, mut weights) = (take(image_len), take(maps_len), take(maps_len));
        let mut problems = Vec::new();
        for i in 0..batch {
            let slot = SampleSlot {
                image: &mut images.values_mut()[i * image_len..][..image_len],
                targets: &mut targets.values_mut()[i * maps_len..][..maps_len],
                weights: &mut weights.values_mut()[i * maps_len..][..maps_len],
            };
            self.face(&order, start + i, mix(seed, (step * batch + i) as u64), slot, &mut problems)?;
        }
        self.order = Some((epoch, order));
        let (side, size, channels) = (self.maker.side(), self.maker.map_size(), self.maker.channels());
        Ok(Batch {
            images: images.into_data([batch, 3, side, side]),
            targets: targets.into_data([batch, channels, size, size]),
            weights: weights.into_data([batch, channels, size, size]),
            problems,
        })
    }

    /// The face at `place` of the order, varied by `seed`; one that cannot be read gives way to the next in the order.
    fn face(
        &mut self,
        order: &[u32],
        place: usize,
        seed: u64,
        slot: SampleSlot<'_>,
        problems: &mut Vec<Error>,
    ) -> Result<()> {
        let SampleSlot { image, targets, weights } = slot;
        for next in 0..order.len() {
            let face = order[(place + next) % order.len()] as usize;
            let (sample, face_box) = &self.batcher.set.faces[face];
            let slot = SampleSlot { image: &mut *image, targets: &mut *targets, weights: &mut *weights };
            let made = self
                .batcher
                .photo(face)
                .and_then(|photo| self.maker.make(&photo, *face_box, &sample.landmarks, seed, slot));
            match made {
                Ok(()) => return Ok(()),
                Err(problem) => problems.push(problem.about(&sample.name)),
            }
        }
        Err(problems.pop().unwrap_or_else(|| Error::invalid("--data", "holds no face")))
    }
}

/// Two numbers to one seed (the finaliser of SplitMix64): neighbours get seeds that have nothing in common.
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{ImageSource, drawn_faces};
    use awing::{network::NetworkConfig, scheme::Scheme};

    fn recipe() -> Recipe {
        let mut recipe = Recipe::preset("nano").unwrap();
        recipe.network = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: true, coord_conv: true };
        recipe.training.batch = 4;
        recipe
    }

    fn set(count: usize) -> TrainingSet {
        TrainingSet::from_samples(Scheme::builtin("300w-68").unwrap(), drawn_faces(count, 96, 3)).unwrap()
    }

    #[test]
    fn a_step_is_the_same_whatever_came_before_and_whoever_makes_it() {
        let (set, recipe) = (set(9), recipe());
        let batcher = Batcher::new(&set, &recipe).unwrap();
        let mut worker = batcher.worker();
        let first = worker.make(5).unwrap();
        worker.make(0).unwrap();
        let again = Batcher::new(&set, &recipe).unwrap().worker().make(5).unwrap();
        assert_eq!(first.images, again.images);
        assert_eq!(first.targets, again.targets);
        assert_eq!(first.weights, again.weights);
        assert_ne!(first.images, worker.make(6).unwrap().images);
        assert_eq!(first.images.shape().to_vec(), [4, 3, 64, 64]);
        assert_eq!(first.targets.shape().to_vec(), [4, 69, 16, 16]);
    }

    #[test]
    fn an_epoch_shows_each_face_once_in_a_new_order() {
        let (set, recipe) = (set(9), recipe());
        let batcher = Batcher::new(&set, &recipe).unwrap();
        let mut order = batcher.order(0);
        assert_ne!(order, batcher.order(1));
        order.sort_unstable();
        assert_eq!(order, (0..9).collect::<Vec<_>>());
        assert_eq!(batcher.steps_per_epoch(), 2);
    }

    #[test]
    fn a_face_that_cannot_be_read_is_named_and_replaced() {
        let mut set = set(5);
        set.faces[2].0.image = ImageSource::File("missing.jpg".into());
        let recipe = recipe();
        let batcher = Batcher::new(&set, &recipe).unwrap();
        let mut worker = batcher.worker();
        let problems: Vec<String> =
            (0..5).flat_map(|step| worker.make(step).unwrap().problems).map(|e| e.to_string()).collect();
        assert!(
            !problems.is_empty() && problems.iter().all(|p| p.starts_with("missing.jpg: ")),
            "{problems:?}"
        );
        set.faces.truncate(3);
        set.faces.drain(..2);
        let batcher = Batcher::new(&set, &recipe).unwrap();
        assert!(batcher.worker().make(0).err().unwrap().to_string().starts_with("missing.jpg: "));
    }
}
