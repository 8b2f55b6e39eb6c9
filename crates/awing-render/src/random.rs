//! Draws that faces are made from.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One face's own source of chance: the same for a seed and an index, whatever else is drawn.
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    pub(super) fn new(seed: u64, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index);
        Self(rng)
    }

    /// A source for one matter of the face, so that a further draw in one of them does not change the others.
    pub(super) fn branch(&mut self) -> Self {
        Self(ChaCha8Rng::seed_from_u64(self.0.random()))
    }

    /// 0 to 1.
    pub(super) fn unit(&mut self) -> f32 {
        self.0.random::<f32>()
    }

    /// Evenly between two numbers.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True in a share `p` of all draws.
    pub(super) fn odds(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// One of `n`; `n` is at least 1.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n.max(1))
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// The standard normal distribution (Box and Muller).
    pub(super) fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit()).max(1e-12).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit()).cos()
    }

    /// The normal distribution without its tails beyond `limit`.
    pub(super) fn normal_within(&mut self, limit: f32) -> f32 {
        // Few draws are outside; after eight of them the last is cut, so that this always ends.
        for _ in 0..8 {
            let v = self.normal();
            if v.abs() <= limit {
                return v;
            }
        }
        self.normal().clamp(-limit, limit)
    }
}
