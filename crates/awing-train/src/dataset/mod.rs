//! Readers and writers of annotated faces.
//!
//! [`Dataset::open`] reads one of the field's annotation formats ([`Format`]) into [`Sample`]s, all in one
//! coordinate convention: pixels, the centre of the top-left pixel is (0, 0). A bad annotation becomes an entry in
//! [`Dataset::problems`] and the rest is used. [`convert()`] writes samples again, in any of the formats; [`split()`] parts
//! them, so that no person stands on both sides. Images lie below one folder: names that lead out of it are refused.
//!
//! A format has one home, its file in `formats`. For data of one's own, use `csv`: one line a face, image paths relative to the file.
//!
//! | column | meaning |
//! |---|---|
//! | `image` | image file, relative to the CSV file |
//! | `box_x0,box_y0,box_x1,box_y1` | face box; optional, may be empty |
//! | `own_x0,own_y0,own_x1,own_y1` | the box that the data set's protocol divides errors by, as AFLW's; optional, may be empty |
//! | `x0,y0,x1,y1,…` | the points of the scheme, in its order |
//! | `v0,v1,…` | 2 visible, 1 hidden, 0 not annotated; optional |
//! | `subsets` | the subsets it belongs to, `;` between them; optional |
//!
//! # Example
//! ```no_run
//! use awing_train::dataset::{Dataset, OpenOptions};
//! let dataset = Dataset::open(&"csv:faces/annotations.csv".parse()?, &OpenOptions::default())?;
//! for sample in &dataset.samples {
//!     let image = sample.load_image()?;
//!     assert!(image.width() > 0);
//! }
//! # Ok::<(), awing::Error>(())
//! ```

mod box_choice;
mod boxed_photo;
mod boxes;
mod choice;
mod collect;
mod convert;
mod drawn;
mod fit;
mod folder;
mod formats;
mod image_table;
mod images;
mod mat;
mod open;
#[cfg(test)]
mod real;
mod sample;
mod source;
mod spelling;
mod split;
mod stated_size;
mod text;

use awing::scheme::{Landmark, Visibility};
pub use box_choice::BoxChoice;
pub use boxed_photo::BoxedPhoto;
pub use boxes::BoxFile;
pub use convert::{Converted, convert};
pub use drawn::{drawn_faces, write_drawn};
pub use fit::{Change, ChangeKind, fit};
pub use folder::{IMAGE_EXTENSIONS, IMAGE_KINDS, has_image_ending, is_leaving};
pub use formats::{Format, write_points};
pub use images::Images;
pub use open::{BoxedPhotos, Dataset, OpenOptions};
pub use sample::{ImageSource, Place, Sample};
pub use source::DataSource;
pub use spelling::find_file;
pub use split::{Grouping, Part, check_shares, split};
pub(crate) use stated_size::other_size;
