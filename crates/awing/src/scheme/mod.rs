//! What a landmark set means: names, mirror pairs, boundary lines, normalizers. Schemes are data, not code: the
//! built-in ones are TOML files in this folder, and a user's own file has the same form.
//!
//! ```toml
//! name = "cat-3"
//! points = ["left eye", "right eye", "nose"]   # their order is the order of the annotation
//! mirror = [[0, 1]]                            # the pairs that change places; points on the midline are left out
//!
//! [[normalizers]]                              # distances that errors are divided by; may be left out
//! name = "inter-ocular"
//! between = [[0], [1]]                         # from the mean of these points to the mean of those
//!
//! [[lines]]                                    # curves of the boundary map and of overlays; may be left out
//! name = "face"
//! points = [0, 2, 1]
//! color = "#8fb8de"
//! ```
//!
//! `solid` says where points lie on the mean head, which finds how a head is turned; it may be left out, and the example `mean_head` learns it
//! from annotated faces. x runs right, y down, z away from the camera, in a unit of one's own; `spread` is how far a coordinate varies from face
//! to face. Four points or more, not all in one plane: a flat head looks the same turned to either side.
//!
//! ```toml
//! solid = [
//!   { point = 0, at = [-0.35, -0.4, 0.3], spread = 0.03 },
//!   …
//! ]
//! ```
//!
//! `head` says which vertices of a morphable head the points are, for faces that are rendered from it (the crate `awing-render`); it may be left out.
//!
//! ```toml
//! [head]
//! vertices = [1225, 1888, …]                   # of ICT-FaceKit's head, one for each point
//! outline = [0, 1, …]                          # the points that people mark on the edge of the face as it is seen
//! ```

mod builtin;
mod check;
mod conversion;
mod file;
mod landmark;

pub(crate) use check::has_depth;
pub use conversion::Conversion;
pub use landmark::{Landmark, Visibility};

use crate::geometry::mirror_x;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A landmark set. Indices count from 0. Make one with [`Scheme::find`], [`Scheme::builtin`] or [`Scheme::load`],
/// which check it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheme {
    /// A short name: "300w-68".
    pub name: String,
    /// One name a point. Points of the same name in two schemes stand for the same place (see [`Conversion`]).
    pub points: Vec<String>,
    /// `mirror[i]` is the point that i becomes in a mirror image; i itself for points on the midline.
    pub mirror: Vec<usize>,
    /// The lines of the boundary map, also drawn on overlays. May be empty: then no boundary channel is learnt.
    pub lines: Vec<Line>,
    /// Distances that errors are divided by: a name ("inter-ocular", "inter-pupil", "torso"), and the points whose
    /// mean is each of its ends. The first is the customary one for this scheme; none where the field uses a box.
    pub normalizers: Vec<(String, [Vec<usize>; 2])>,
    /// Where points lie on the mean head; some may be left out, and all where nobody measured it.
    pub solid: Vec<SolidPoint>,
    /// Which vertices of a morphable head the points are; `None` where nobody has said it.
    pub head: Option<HeadPoints>,
}

/// Points as vertices of a morphable head; those of the built-in schemes are of ICT-FaceKit's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadPoints {
    /// The vertex of each point, in the scheme's order, counted from 0.
    pub vertices: Vec<u32>,
    /// The points, counted from 0, that people mark on the edge of the face as it is seen, not on a place of the skin: those of the jaw.
    #[serde(default)]
    pub outline: Vec<usize>,
}

/// A boundary line through landmarks, drawn as a spline.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is: "jaw", "left eye, upper lid".
    pub name: String,
    /// The points it runs through, in order.
    pub points: Vec<usize>,
    /// Color on overlays, red green blue.
    pub color: [u8; 3],
}

/// Where a point lies on the mean head that looks into the camera.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SolidPoint {
    /// The point of the scheme.
    pub point: usize,
    /// x to the right of the image, y down, z away from the camera, in the head's unit.
    pub at: [f64; 3],
    /// Standard deviation of a coordinate from face to face, in the same unit.
    pub spread: f64,
}

/// Schemes are shared by samples, models and reports.
pub type SharedScheme = Arc<Scheme>;

impl Scheme {
    /// How many points there are.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are no points; never so in a checked scheme.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The scheme without its places in space, which decide nothing in training: what two runs must share.
    pub fn landmarks_only(&self) -> Self {
        Self { solid: Vec::new(), head: None, ..self.clone() }
    }

    /// The index of the point of this name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.points.iter().position(|p| p == name)
    }

    /// The two ends of a normalizer, each the mean of the points listed.
    pub fn normalizer(&self, name: &str) -> Option<&[Vec<usize>; 2]> {
        self.normalizers.iter().find(|(n, _)| n == name).map(|(_, ends)| ends)
    }

    /// The landmarks of the mirror image of an image `width` pixels wide: x' = width - 1 - x, and the points of each
    /// mirror pair change places together with their visibility. Of landmarks that are too few, the rest is missing.
    pub fn mirror_landmarks(&self, landmarks: &[Landmark], width: usize) -> Vec<Landmark> {
        let mirrored = |&partner: &usize| match landmarks.get(partner) {
            Some(&landmark) => {
                let mut landmark = landmark;
                landmark.point.x = mirror_x(landmark.point.x, width);
                landmark
            }
            None => Landmark::missing(),
        };
        self.mirror.iter().map(mirrored).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::Visibility;
    use proptest::prelude::*;

    #[test]
    fn a_mirror_image_swaps_the_pairs_and_their_visibility() {
        let scheme = Scheme::builtin("mtfl-5").unwrap();
        let mut face = [(30.0, 40.0), (60.0, 41.0), (44.0, 55.0), (33.0, 70.0), (58.0, 71.0)]
            .map(|(x, y)| Landmark::visible(x, y));
        face[0].visibility = Visibility::Occluded;
        face[4] = Landmark::missing();
        let mirror = scheme.mirror_landmarks(&face, 80);
        // 79 - 60 = 19 is now the left eye; the hidden left eye is now the right one; the nose stays the nose.
        assert_eq!(mirror[0], Landmark::visible(19.0, 41.0));
        assert_eq!((mirror[1].point.x, mirror[1].visibility), (49.0, Visibility::Occluded));
        assert_eq!(mirror[2], Landmark::visible(35.0, 55.0));
        assert_eq!(mirror[3].visibility, Visibility::Missing);
        assert_eq!(mirror[4], Landmark::visible(46.0, 70.0));
        assert_eq!(scheme.mirror_landmarks(&face[..1], 80)[0].visibility, Visibility::Missing);
    }

    #[test]
    fn points_and_normalizers_are_found_by_name() {
        let scheme = Scheme::builtin("300w-68").unwrap();
        assert_eq!((scheme.len(), scheme.is_empty()), (68, false));
        assert_eq!(scheme.index_of("nose bridge 4"), Some(30));
        assert_eq!(scheme.index_of("third eye"), None);
        assert_eq!(scheme.normalizer("inter-ocular"), Some(&[vec![36], vec![45]]));
        assert_eq!(scheme.normalizer("torso"), None);
    }

    proptest! {
        #[test]
        fn mirroring_twice_gives_the_same_face(
            name in proptest::sample::select(Scheme::builtin_names()), width in 1_usize..2000,
            seed in -500.0..500.0_f64,
        ) {
            let scheme = Scheme::builtin(name).unwrap();
            let at = |i: usize| Landmark::visible(seed + i as f64, seed * i as f64);
            let face: Vec<_> = (0..scheme.len()).map(at).collect();
            let back = scheme.mirror_landmarks(&scheme.mirror_landmarks(&face, width), width);
            for (a, b) in face.iter().zip(&back) {
                prop_assert!(a.point.distance(b.point) < 1e-9);
            }
        }
    }
}
