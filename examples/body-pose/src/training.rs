use crate::{network::PoseNetwork, poses::Poses};
use awing::Result;
use awing_ops::{PixelLoss, heatmap_loss};
use awing_train::Device;
use burn::optim::{AdamWConfig, GradientsParams};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::PI;

/// How to train.
pub(crate) struct Settings {
    pub(crate) loss: PixelLoss,
    pub(crate) epochs: usize,
    pub(crate) batch: usize,
    pub(crate) width: usize,
    pub(crate) learning_rate: f64,
    pub(crate) seed: u64,
}

/// A training loop as Burn's book has it; `each` is told the epoch, from 1, and its mean loss.
///
/// # Errors
/// When a size does not suit the network or an annotation makes no sense.
pub(crate) fn train(
    poses: &Poses,
    settings: &Settings,
    mut each: impl FnMut(usize, f64),
) -> Result<PoseNetwork> {
    let device = Device::flex().autodiff();
    let mut network = PoseNetwork::new(settings.width, poses.scheme.len(), settings.seed, &device)?;
    let mut optimizer = AdamWConfig::new().with_weight_decay(1e-4).init();
    let mut random = ChaCha8Rng::seed_from_u64(settings.seed);
    let mut order: Vec<usize> = (0..poses.people.len()).collect();
    let batch = settings.batch.min(order.len()).max(1);
    let steps = order.len() / batch;
    let mut step = 0;
    for epoch in 1..=settings.epochs {
        order.shuffle(&mut random);
        let mut sum = 0.0;
        // What does not fill a batch has its turn in another epoch.
        for people in order.chunks_exact(batch) {
            let batch = poses.batch(people, settings.seed + step as u64, &device)?;
            let maps = network.forward(batch.images);
            let loss = heatmap_loss(maps, batch.targets, Some(batch.weights), &settings.loss);
            sum += f64::from(loss.clone().into_scalar::<f32>());
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            let progress = step as f64 / (settings.epochs * steps) as f64;
            network = optimizer.step(settings.learning_rate * rate(progress), network, gradients);
            step += 1;
        }
        each(epoch, sum / steps as f64);
    }
    Ok(network)
}

/// A short rise, then half a cosine down.
fn rate(progress: f64) -> f64 {
    if progress < 0.05 {
        (progress + 0.002) / 0.052
    } else {
        0.5 + 0.5 * (PI * (progress - 0.05) / 0.95).cos()
    }
}
