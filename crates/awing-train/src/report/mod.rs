//! Pictures and files that show what came out: overlays, contact sheets, plots, heatmaps, arrays.
//!
//! Everything is painted here, with anti-aliasing and a font of its own (DejaVu Sans, see `font/LICENSE`), so that it
//! looks the same on a server without a display or a single font.

mod box_sheet;
mod canvas;
mod chart;
mod contact_sheet;
mod dataset_charts;
mod heatmap_picture;
mod npy;
mod overlay;
mod paint;
mod plot;
mod preview;
mod text;

pub use crate::picture::{check_picture_name, save_picture};
pub use box_sheet::box_sheet;
pub use chart::{Chart, Legend, Series, Stroke, chart_picture, chart_svg, save_charts};
pub use contact_sheet::{Tile, contact_sheet};
pub use dataset_charts::dataset_charts;
pub use heatmap_picture::{Heatmaps, heatmap_picture};
pub use npy::write_npy;
pub use overlay::Overlay;
pub use plot::{TrainingRow, ced_chart, loss_charts, reliability_chart, training_charts};
pub use preview::{PreviewFace, preview_sheet, target_sheet};
