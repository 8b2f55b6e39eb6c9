//! Batches are made ahead of the network, by threads of their own.

use super::{Batch, Batches};
use awing::Result;
use std::{
    ops::RangeFrom,
    sync::mpsc::{Receiver, RecvError, sync_channel},
    thread::{Builder, Scope},
};

/// Batches that wait for the network, at most, from each worker; it makes one more meanwhile.
const AHEAD: usize = 1;

/// The batches of a run in their order.
pub(crate) struct Loader<'env> {
    /// Each worker's; they take turns.
    workers: Vec<Worker<'env>>,
    turn: usize,
}

impl<'env> Loader<'env> {
    /// Makes the batches of `steps` on `workers` threads, which end when the loader is dropped; on the thread that waits for them where the system
    /// allows no more threads.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, 'env>,
        batches: &'env dyn Batches,
        steps: RangeFrom<usize>,
        workers: usize,
    ) -> Self {
        let start = |first: usize| {
            let (sender, receiver) = sync_channel(AHEAD);
            let own_steps = (steps.start + first..).step_by(workers);
            let (mut make, mut steps) = (batches.worker(), own_steps.clone());
            let beside = Builder::new().spawn_scoped(scope, move || {
                for step in own_steps {
                    if sender.send(make(step)).is_err() {
                        break;
                    }
                }
            });
            match beside {
                Ok(_) => Worker::Beside(receiver),
                Err(_) => {
                    let mut make = batches.worker();
                    Worker::Here(Box::new(move || steps.next().map(&mut make)))
                }
            }
        };
        Self { workers: (0..workers).map(start).collect(), turn: 0 }
    }

    /// Waits for the next batch.
    ///
    /// # Errors
    /// When its worker has ended, which only a fault in it does.
    pub(crate) fn next(&mut self) -> Result<Result<Batch>, RecvError> {
        let batch = match self.workers.get_mut(self.turn) {
            Some(Worker::Beside(batches)) => batches.recv()?,
            Some(Worker::Here(make)) => make().ok_or(RecvError)?,
            None => return Err(RecvError),
        };
        self.turn = (self.turn + 1) % self.workers.len();
        Ok(batch)
    }
}

/// Who makes every so many-th batch.
enum Worker<'env> {
    Beside(Receiver<Result<Batch>>),
    Here(Box<dyn FnMut() -> Option<Result<Batch>> + 'env>),
}

/// All batches in their order, made beside by `workers` threads as in a run.
pub(crate) fn ahead<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    batches: &'env dyn Batches,
    workers: usize,
) -> impl Iterator<Item = Result<Batch>> + use<'scope, 'env> {
    let mut loader = Loader::start(scope, batches, 0.., workers);
    std::iter::from_fn(move || loader.next().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dataset::{ImageSource, drawn_faces},
        training::{FaceBatches, Recipe, TrainingSet},
    };
    use awing::{network::NetworkConfig, scheme::Scheme};

    #[test]
    fn batches_are_the_same_whoever_makes_them_and_whatever_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut faces = drawn_faces(7, 96, 3);
        for (i, face) in faces.iter_mut().enumerate() {
            let path = folder.path().join(format!("{i}.png"));
            face.load_image().unwrap().save(&path).unwrap();
            face.image = ImageSource::File(path);
        }
        let set = TrainingSet::from_samples(Scheme::builtin("300w-68").unwrap(), faces).unwrap();
        let mut recipe = Recipe::preset("nano").unwrap();
        recipe.network = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: true, coord_conv: true };
        recipe.training.batch = 3;
        let made = |workers: usize, cache_mb: usize| -> Vec<_> {
            let mut recipe = recipe.clone();
            recipe.training.cache_mb = cache_mb;
            let batches = FaceBatches::new(&set, &recipe).unwrap();
            std::thread::scope(|scope| {
                let mut batches = Loader::start(scope, &batches, 2.., workers);
                let mut next = |_| batches.next().unwrap().unwrap();
                (0..7).map(&mut next).map(|b| (b.images, b.targets, b.weights)).collect()
            })
        };
        let expected = made(1, 0);
        assert_ne!(expected[0].0, expected[1].0);
        for (workers, cache_mb) in [(1, 1), (2, 0), (2, 1), (4, 0), (4, 1)] {
            assert!(made(workers, cache_mb) == expected, "{workers} workers, {cache_mb} MB");
        }
    }
}
