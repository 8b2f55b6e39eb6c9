//! The network as a Burn module, which learns: CoordConv, the hierarchical residual block, the hourglass, and the stack of them that turns face
//! crops into heatmaps (Wang et al. 2019, section 6; Bulat and Tzimiropoulos 2017 for the block). [`awing::network`] has the forward pass that
//! predicts.

mod coord_conv;
mod hourglass;
mod layers;
mod on_device;
mod residual_block;
mod stacked_hourglass;
mod trainable_detector;
mod trainable_model;
mod weights;

pub use coord_conv::{CoordConv, boundary_coordinates, coordinates};
pub use hourglass::Hourglass;
pub use layers::Initializer;
pub use on_device::OnDevice;
pub use residual_block::ResidualBlock;
pub use stacked_hourglass::{Stack, StackedHourglass};
pub use trainable_detector::{TrainableDetector, detector_on};
pub use trainable_model::{TrainableModel, aligner_on, save_calibration, save_model, write_model};
pub use weights::{
    load_weights, parameter_count, place_weights, save_weights, transfer_weights, weights_are_finite,
    weights_of,
};
