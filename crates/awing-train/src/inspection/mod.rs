//! What a dataset holds, and what is probably wrong with it.
//!
//! [`figures()`] counts and measures. [`check()`] looks for mistakes: broken images, faces that come twice, faces without extent, points
//! outside their images, exchanged coordinates, left and right mixed up, exchanged and misplaced points, wrong mirror pairs. What a face should
//! look like is learnt from the other faces of the dataset, so it works for any landmark set.
//!
//! ```no_run
//! use awing_train::{dataset::{Dataset, OpenOptions}, inspection};
//! let faces = Dataset::open(&"300w:faces".parse()?, &OpenOptions::default())?;
//! println!("{} faces", inspection::figures(&faces, &|_| ()).faces);
//! for finding in inspection::check(&faces, &|_| ()).findings {
//!     println!("{finding}"); // faces/a.pts: a.jpg: x and y are exchanged; …
//! }
//! # Ok::<(), awing::Error>(())
//! ```

mod check;
mod figures;
mod finding;
mod images;
mod mean_head;
mod pairs;
mod pose;
mod shape;
mod shapes;
mod variation;

pub use check::{CheckReport, check};
pub use figures::{Figures, PointFigures, Spread, figures};
pub use finding::{Finding, FindingKind};
pub use mean_head::learn_mean_head;
pub use pose::{Pose, pose};
