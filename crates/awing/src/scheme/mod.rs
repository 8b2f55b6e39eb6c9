//! What a landmark set means: names, mirror pairs, boundary lines, normalisers. Schemes are data, not code: the
//! built-in ones are TOML files in this folder, and a user's own file has the same form.

use std::sync::Arc;

/// A landmark set. Indices count from 0. Make one with [`Scheme::builtin`] or [`Scheme::load`], which check it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheme {
    /// A short name: "300w-68".
    pub name: String,
    /// One name a point.
    pub points: Vec<String>,
    /// `mirror[i]` is the point that i becomes in a mirror image; i itself for points on the midline.
    pub mirror: Vec<usize>,
    /// The lines of the boundary map, also drawn on overlays. May be empty: then no boundary channel is learnt.
    pub lines: Vec<Line>,
    /// Points whose mean is each end of the inter-ocular distance (outer eye corners).
    pub inter_ocular: Option<[Vec<usize>; 2]>,
    /// Points whose mean is each end of the inter-pupil distance.
    pub inter_pupil: Option<[Vec<usize>; 2]>,
}

/// A boundary line through landmarks, drawn as a spline.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is: "jaw", "left eye, upper lid".
    pub name: String,
    /// The points it runs through, in order.
    pub points: Vec<usize>,
    /// Colour on overlays, red green blue.
    pub colour: [u8; 3],
}

/// Schemes are shared by samples, models and reports.
pub type SharedScheme = Arc<Scheme>;
