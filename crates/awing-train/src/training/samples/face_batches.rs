//! One step's faces: which, how varied, and their target maps.

use super::{
    SampleMaker, SampleSlot, TrainingSet,
    batch::{Batch, BatchShape, BatchWorker, Batches, mix},
    buffers::Buffers,
    photo_cache::PhotoCache,
};
use crate::{augment::PhotoPart, dataset::ImageSource, training::recipe::Recipe};
use awing::{Error, Result};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// The batches of faces of a run.
pub(crate) struct FaceBatches<'a> {
    set: &'a TrainingSet,
    maker: SampleMaker,
    cache: PhotoCache,
    buffers: Buffers,
    batch: usize,
    seed: u64,
}

/// Makes batches on its own thread.
struct Worker<'a> {
    batches: &'a FaceBatches<'a>,
    maker: SampleMaker,
    /// An epoch and its order, the last one asked for.
    order: Option<(usize, Vec<u32>)>,
}

impl<'a> FaceBatches<'a> {
    /// Of the set, as the recipe says.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming a setting that is out of range.
    pub(crate) fn new(set: &'a TrainingSet, recipe: &Recipe) -> Result<Self> {
        Ok(Self {
            set,
            maker: SampleMaker::new(recipe, set.scheme.clone())?,
            cache: PhotoCache::new(set.len(), recipe.training.cache_mb << 20),
            buffers: Buffers::default(),
            batch: recipe.training.batch,
            seed: recipe.training.seed,
        })
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

impl Batches for FaceBatches<'_> {
    fn worker(&self) -> BatchWorker<'_> {
        let mut worker = Worker { batches: self, maker: self.maker.clone(), order: None };
        Box::new(move |step| worker.make(step))
    }
}

impl Worker<'_> {
    /// The batch of `step`; the last face's error when not a single one of the set can be read.
    fn make(&mut self, step: usize) -> Result<Batch> {
        let FaceBatches { set, batch, seed, buffers, .. } = self.batches;
        let steps = set.steps_per_epoch(*batch);
        let (epoch, start) = (step / steps, step % steps * batch);
        let order = match self.order.take() {
            Some((of, order)) if of == epoch => order,
            _ => self.batches.order(epoch),
        };
        let (side, maps, size) = (self.maker.side(), self.maker.channels(), self.maker.map_size());
        let mut draft = BatchShape { batch: *batch, side, maps, size }.draft(buffers);
        let mut problems = Vec::new();
        for i in 0..*batch {
            let [image, targets, weights] = draft.sample(i);
            let slot = SampleSlot { image, targets, weights };
            self.face(&order, start + i, mix(*seed, (step * batch + i) as u64), slot, &mut problems)?;
        }
        self.order = Some((epoch, order));
        Ok(draft.finish(problems))
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
            let (sample, face_box) = &self.batches.set.faces[face];
            let slot = SampleSlot { image: &mut *image, targets: &mut *targets, weights: &mut *weights };
            let made = self
                .batches
                .photo(face)
                .and_then(|photo| self.maker.make(&photo, *face_box, &sample.landmarks, seed, slot));
            match made {
                Ok(()) => return Ok(()),
                Err(problem) => problems.push(problem.about(&sample.name)),
            }
        }
        Err(problems.pop().unwrap_or_else(|| Error::invalid("faces", "there is none")))
    }
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
        let batches = FaceBatches::new(&set, &recipe).unwrap();
        let mut worker = batches.worker();
        let first = worker(5).unwrap();
        worker(0).unwrap();
        let again = FaceBatches::new(&set, &recipe).unwrap().worker()(5).unwrap();
        assert_eq!(first.images, again.images);
        assert_eq!(first.targets, again.targets);
        assert_eq!(first.weights, again.weights);
        assert_ne!(first.images, worker(6).unwrap().images);
        assert_eq!(first.images.shape().to_vec(), [4, 3, 64, 64]);
        assert_eq!(first.targets.shape().to_vec(), [4, 69, 16, 16]);
    }

    #[test]
    fn an_epoch_shows_each_face_once_in_a_new_order() {
        let (set, recipe) = (set(9), recipe());
        let batches = FaceBatches::new(&set, &recipe).unwrap();
        let mut order = batches.order(0);
        assert_ne!(order, batches.order(1));
        order.sort_unstable();
        assert_eq!(order, (0..9).collect::<Vec<_>>());
        assert_eq!(set.steps_per_epoch(4), 2);
    }

    #[test]
    fn a_face_that_cannot_be_read_is_named_and_replaced() {
        let mut set = set(5);
        set.faces[2].0.image = ImageSource::File("missing.jpg".into());
        let recipe = recipe();
        let problems: Vec<String> = {
            let batches = FaceBatches::new(&set, &recipe).unwrap();
            let mut worker = batches.worker();
            (0..5).flat_map(|step| worker(step).unwrap().problems).map(|e| e.to_string()).collect()
        };
        assert!(
            !problems.is_empty() && problems.iter().all(|p| p.starts_with("missing.jpg: ")),
            "{problems:?}"
        );
        set.faces.truncate(3);
        set.faces.drain(..2);
        let batches = FaceBatches::new(&set, &recipe).unwrap();
        assert!(batches.worker()(0).err().unwrap().to_string().starts_with("missing.jpg: "));
    }
}
