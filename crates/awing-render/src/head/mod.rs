//! The morphable head: a mean shape, its modes, and what is known about its vertices. Read once, then never changed.

mod file;
mod jaw;
mod topology;

use std::ops::Range;
use std::path::Path;

pub(super) use file::Modes;
pub(super) use jaw::{Contour, Path as JawPath};
pub(super) use topology::{Corner, Surface, normals};

use super::math::Vec3;
use awing::Result;

/// A morphable head of ICT-FaceKit's form. Centimeters; x to the face's own left (the viewer's right), y up, z forward.
pub struct Head {
    /// The mean shape.
    pub(super) mean: Vec<Vec3>,
    pub(super) uv: Vec<[f32; 2]>,
    /// Modes of identity: weights of the standard normal distribution give plausible heads.
    pub(super) identity: Modes,
    /// Shapes of expression, full at weight 1, and their names.
    pub(super) expression: Modes,
    pub(super) expression_names: Vec<String>,
    /// Triangles to draw, those of one surface side by side.
    pub(super) triangles: Vec<Corner>,
    pub(super) surfaces: Vec<(Surface, Range<usize>)>,
    /// Vertices of the eyeballs: right, left (the face's own).
    pub(super) eyeballs: [Range<usize>; 2],
    /// Vertices of gums, tongue and teeth, which need no work while the mouth is closed.
    pub(super) inner_mouth: Range<usize>,
    /// The 68 landmarks of iBUG as vertices.
    pub(super) landmarks68: [u32; 68],
    pub(super) contour: Contour,
    /// How open each vertex is to light from all around, 0 to 1.
    pub(super) open: Vec<f32>,
}

impl Head {
    /// Reads `face_model.json` and `face_model.safetensors` in a folder.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = file::read(folder)?;
        let topology = topology::sort(&file);
        let contour = Contour::new(&file.mean, &topology, &file.landmarks68);
        let mut head = Self {
            open: Vec::new(),
            contour,
            triangles: topology.triangles,
            surfaces: topology.surfaces,
            eyeballs: topology.eyeballs,
            inner_mouth: topology.inner_mouth,
            mean: file.mean,
            uv: file.uv,
            identity: file.identity,
            expression: file.expression,
            expression_names: file.expression_names,
            landmarks68: file.landmarks68,
        };
        head.open = super::raster::openness(&head);
        Ok(head)
    }

    /// The number of vertices; points asked for are below it.
    pub fn vertices(&self) -> usize {
        self.mean.len()
    }

    /// The vertices of the 68 landmarks, in the order of iBUG / 300-W.
    pub fn landmarks68(&self) -> &[u32; 68] {
        &self.landmarks68
    }

    /// The triangles of one surface.
    pub(super) fn of(&self, surface: Surface) -> &[Corner] {
        let found = self.surfaces.iter().find(|(s, _)| *s == surface);
        found.map_or(&[], |(_, range)| &self.triangles[range.clone()])
    }

    /// The number of an expression; names are checked when the head is read.
    pub(super) fn expression_index(&self, name: &str) -> Option<usize> {
        self.expression_names.iter().position(|n| n == name)
    }
}
