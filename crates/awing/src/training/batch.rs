//! One step's faces: which, how varied, and their target maps.

use super::{Recipe, TrainingSet};
use crate::{
    augment::Augmenter,
    error::{Error, Result},
    heatmap::Codec,
    prediction::images_data,
};
use burn::tensor::TensorData;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

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

/// Makes the batch of any step: the same recipe, set and step always give the same batch, whatever was made before and
/// by how many threads.
pub(super) struct Batcher<'a> {
    set: &'a TrainingSet,
    augmenter: Augmenter,
    codec: Codec,
    channels: usize,
    side: usize,
    batch: usize,
    seed: u64,
}

impl<'a> Batcher<'a> {
    pub(super) fn new(set: &'a TrainingSet, recipe: &Recipe) -> Result<Self> {
        let codec =
            Codec::new(recipe.heatmap.clone().for_maps(recipe.network.map_size(), recipe.network.boundary))?;
        Ok(Self {
            set,
            augmenter: Augmenter::new(recipe.augment, set.scheme.clone(), recipe.crop, recipe.network.input)?,
            channels: codec.channels(&set.scheme),
            codec,
            side: recipe.network.input,
            batch: recipe.training.batch,
            seed: recipe.training.seed,
        })
    }

    /// Steps in a pass over the set. What does not fill a batch is left for another pass, in another order.
    pub(super) fn steps_per_epoch(&self) -> usize {
        (self.set.len() / self.batch).max(1)
    }

    /// The batch of `step`, counted from 0.
    ///
    /// # Errors
    /// The last face's error when not a single one of the set can be read.
    pub(super) fn make(&self, step: usize) -> Result<Batch> {
        let epoch = step / self.steps_per_epoch();
        let order = self.order(epoch);
        let start = step % self.steps_per_epoch() * self.batch;
        let made: Vec<_> = (0..self.batch)
            .into_par_iter()
            .map(|slot| self.face(&order, start + slot, mix(self.seed, (step * self.batch + slot) as u64)))
            .collect();
        let (mut crops, mut targets, mut weights, mut problems) = (vec![], vec![], vec![], vec![]);
        for face in made {
            let (crop, target, weight, skipped) = face?;
            crops.push(crop);
            targets.extend(target);
            weights.extend(weight);
            problems.extend(skipped);
        }
        let size = self.codec.size();
        let shape = [self.batch, self.channels, size, size];
        Ok(Batch {
            images: images_data(&crops, self.side),
            targets: TensorData::new(targets, shape),
            weights: TensorData::new(weights, shape),
            problems,
        })
    }

    /// The face at `place` of the order, varied by `seed`; one that cannot be read gives way to the next in the order.
    #[expect(clippy::type_complexity, reason = "a crop, its targets, its weights, what was skipped")]
    fn face(
        &self,
        order: &[usize],
        place: usize,
        seed: u64,
    ) -> Result<(image::RgbImage, Vec<f32>, Vec<f32>, Vec<Error>)> {
        let len = self.channels * self.codec.size() * self.codec.size();
        let mut skipped = Vec::new();
        for next in 0..order.len() {
            let (sample, face_box) = &self.set.faces[order[(place + next) % order.len()]];
            let made = sample.load_image().and_then(|photo| {
                let crop = self.augmenter.sample(&photo, *face_box, &sample.landmarks, seed)?;
                let (mut target, mut weight) = (vec![0.0; len], vec![0.0; len]);
                self.codec.encode(&self.set.scheme, &crop.landmarks, &mut target, &mut weight)?;
                Ok((crop.image, target, weight))
            });
            match made {
                Ok((crop, target, weight)) => return Ok((crop, target, weight, skipped)),
                Err(problem) => skipped.push(problem.about(&sample.name)),
            }
        }
        Err(skipped.pop().unwrap_or_else(|| Error::invalid("--data", "holds no face")))
    }

    /// The faces of an epoch in their order.
    fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.set.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(mix(!self.seed, epoch as u64)));
        order
    }
}

/// Two numbers to one seed (the finaliser of SplitMix64): neighbours get seeds that have nothing in common.
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dataset::{ImageSource, drawn_faces},
        model::NetworkConfig,
        scheme::Scheme,
    };

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
        let first = batcher.make(5).unwrap();
        batcher.make(0).unwrap();
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let again = one_thread.install(|| Batcher::new(&set, &recipe).unwrap().make(5)).unwrap();
        assert_eq!(first.images, again.images);
        assert_eq!(first.targets, again.targets);
        assert_ne!(first.images, batcher.make(6).unwrap().images);
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
        let problems: Vec<String> =
            (0..5).flat_map(|step| batcher.make(step).unwrap().problems).map(|e| e.to_string()).collect();
        assert!(
            !problems.is_empty() && problems.iter().all(|p| p.starts_with("missing.jpg: ")),
            "{problems:?}"
        );
        set.faces.truncate(3);
        set.faces.drain(..2);
        let batcher = Batcher::new(&set, &recipe).unwrap();
        assert!(batcher.make(0).err().unwrap().to_string().starts_with("missing.jpg: "));
    }
}
