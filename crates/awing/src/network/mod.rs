//! The stacked hourglass that turns face crops into heatmaps (Wang et al. 2019, section 6; METHOD.md, section 2): its configuration, its
//! weights, the files that a model is kept in, and the forward pass that predicts, over `awing-kernels`.
//!
//! The crate `awing-train` has the same network as a Burn module, which learns; a test there holds the two together.

mod builtin;
mod calibration;
mod config;
mod forward;
mod heatmap_network;
mod model;
mod model_files;
mod weights;

pub use builtin::Builtin;
pub use calibration::Calibration;
pub use config::NetworkConfig;
pub use forward::Network;
pub use heatmap_network::HeatmapNetwork;
pub use model::{Model, ModelConfig};
pub use model_files::ModelFiles;
pub use weights::{WeightTensor, WeightType, Weights};
