use super::{
    SceneMaker,
    batch::{BatchShape, BatchWorker, Batches, mix},
    buffers::Buffers,
};
use awing::{detection::DetectorModel, network::NetworkConfig};

/// The scenes of each step.
pub(crate) struct SceneBatches<'a> {
    maker: &'a SceneMaker,
    buffers: Buffers,
    batch: usize,
    seed: u64,
}

impl<'a> SceneBatches<'a> {
    pub(crate) fn new(maker: &'a SceneMaker, batch: usize, seed: u64) -> Self {
        Self { maker, buffers: Buffers::default(), batch, seed }
    }
}

impl Batches for SceneBatches<'_> {
    fn worker(&self) -> BatchWorker<'_> {
        let side = self.maker.side();
        let shape = BatchShape {
            batch: self.batch,
            side,
            maps: DetectorModel::MAPS,
            size: side / NetworkConfig::STRIDE,
        };
        Box::new(move |step| {
            let mut draft = shape.draft(&self.buffers);
            for i in 0..self.batch {
                let seed = mix(self.seed, (step * self.batch + i) as u64);
                let [image, targets, weights] = draft.sample(i);
                self.maker.write(seed, image, targets, weights)?;
            }
            Ok(draft.finish(Vec::new()))
        })
    }
}
