use super::{Timing, Work};
use awing::network::NetworkConfig;
use serde::{Deserialize, Serialize};

/// What was measured of one work. In JSON all its fields, those of the timing among them, are on one level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The work.
    pub work: Work,
    /// The network that it was done with.
    pub network: NetworkConfig,
    /// Faces in a batch.
    pub batch: usize,
    /// Threads that it could use.
    pub threads: usize,
    /// Photos, samples or faces in a repeat.
    pub images: usize,
    /// A repeat's time.
    #[serde(flatten)]
    pub timing: Timing,
    /// `images` in the median time.
    pub images_per_second: f64,
    /// The most memory that the process held, in MiB; `null` where the system does not tell it.
    pub peak_memory_mib: Option<f64>,
}
