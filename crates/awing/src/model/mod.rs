//! The network: CoordConv, the hierarchical residual block, the hourglass, and the stack of them that turns face
//! crops into heatmaps (Wang et al. 2019, section 6; Bulat and Tzimiropoulos 2017 for the block).

#[cfg(feature = "builtin-model")]
mod builtin;
mod calibration;
mod coord_conv;
mod folder;
mod hourglass;
mod layers;
mod network_config;
mod residual_block;
mod stacked_hourglass;
mod weights;

pub use calibration::Calibration;
pub use coord_conv::{CoordConv, boundary_coordinates, coordinates};
pub use folder::Model;
pub use hourglass::Hourglass;
pub use layers::Initialiser;
pub use network_config::NetworkConfig;
pub use residual_block::ResidualBlock;
pub use stacked_hourglass::{Stack, StackedHourglass};
pub(crate) use weights::{Tensors, place_tensors, tensors_of, weights_from_bytes};
pub use weights::{
    WeightType, load_weights, parameter_count, save_weights, transfer_weights, weights_are_finite,
};
