//! The codec between points and maps: [`Codec::encode`] draws target maps and weights for training,
//! [`Codec::decode`] reads points and scores from predicted maps. Both sides live here and share one coordinate
//! convention, so that they cannot drift: pixel p of the network's input and cell q of a map at stride s meet at
//! q = (p + 0.5) / s - 0.5, and the area of a map of n cells is [-0.5, n - 0.5) squared.
//!
//! Maps are row-major slices `[channel, y, x]`: one channel for each point of the scheme, then, if the scheme has lines
//! and the configuration asks for it, one for the boundary.
//!
//! ```
//! use awing::{heatmap::{Codec, CodecConfig}, scheme::{Landmark, Scheme}};
//!
//! let scheme = Scheme::builtin("mtfl-5")?;
//! let codec = Codec::new(CodecConfig { size: 32, ..Default::default() })?;
//! let points = [(40.3, 50.0), (90.0, 49.2), (64.0, 70.0), (45.5, 95.0), (85.0, 94.1)];
//! let face = points.map(|(x, y)| Landmark::visible(x, y));
//! let count = codec.channels(&scheme) * 32 * 32;
//! let (mut targets, mut weights) = (vec![0.0; count], vec![0.0; count]);
//! codec.encode(&scheme, &face, &mut targets, &mut weights)?;
//! let (point, score) = codec.decode(&targets, 5)?[0];
//! assert!(point.distance(face[0].point) < 0.1 && score > 0.8);
//! # Ok::<(), awing::Error>(())
//! ```

mod boundary;
mod center_of_mass;
mod codec;
mod config;
mod dark;
mod decoder;
mod distance_transform;
mod gaussian;
mod map;
mod spline;
mod weight_map;

pub(crate) use gaussian::Window;
pub(crate) use weight_map::raise_near_peaks;

pub use codec::Codec;
pub use config::{BoundaryConfig, Center, CodecConfig, Occluded, WeightMapConfig};
pub use decoder::{Decoder, Peak};
