//! The morphable head: a mean shape, its modes, and what is known about its vertices. Read once, then never changed.

mod file;
mod jaw;
mod openness;
mod topology;

use std::ops::Range;
use std::path::Path;

pub(super) use file::Modes;
pub(super) use jaw::{Crossing, Path as JawPath};
pub(super) use topology::Surface;

use crate::{
    math::{Vec3, vec3},
    mesh::Triangle,
};
use awing::{Error, Result, scheme::HeadPoints};

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
    pub(super) triangles: Vec<Triangle>,
    pub(super) surfaces: Vec<(Surface, Range<usize>)>,
    /// Vertices of the eyeballs: right, left (the face's own).
    pub(super) eyeballs: [Range<usize>; 2],
    /// Vertices of gums, tongue and teeth, which need no work while the mouth is closed.
    pub(super) inner_mouth: Range<usize>,
    /// The 68 landmarks of iBUG as vertices.
    pub(super) landmarks68: [u32; 68],
    /// How open each vertex is to light from all around, 0 to 1.
    pub(super) open: Vec<f32>,
}

impl Head {
    /// Reads `face_model.json` and `face_model.safetensors` in a folder.
    ///
    /// # Errors
    /// [`Error::Io`](awing::Error::Io) when one of them cannot be read, [`Error::Format`](awing::Error::Format) with the field when it is no head:
    /// of another shape or kind of number, with numbers that are not finite or larger than a head's, or naming vertices that are not there.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = file::read(folder)?;
        let topology = topology::sort(&file);
        let mut head = Self {
            open: Vec::new(),
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
        head.open = openness::openness(&head);
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

    /// The places of all vertices with these weights of identity and expression, in the head's own frame.
    pub(super) fn shaped(&self, identity: &[f32], expression: &[f32]) -> Vec<Vec3> {
        let mut numbers: Vec<f32> = self.mean.iter().flat_map(|p| [p.x, p.y, p.z]).collect();
        for (modes, weights) in [(&self.identity, identity), (&self.expression, expression)] {
            let weights: Vec<(usize, f32)> = weights.iter().copied().enumerate().collect();
            modes.add(&weights, 0, &mut numbers);
        }
        numbers.chunks_exact(3).map(|c| vec3(c[0], c[1], c[2])).collect()
    }

    /// Whether points are vertices of this head.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming a vertex that the head has not, or a point of the outline that is none.
    pub(super) fn check(&self, points: &HeadPoints) -> Result<()> {
        let (vertices, count) = (self.vertices(), points.vertices.len());
        if let Some(v) = points.vertices.iter().find(|v| **v as usize >= vertices) {
            return Err(Error::invalid(
                "head.vertices",
                format!("names vertex {v}, but the head has {vertices}"),
            ));
        }
        if let Some(point) = points.outline.iter().find(|point| **point >= count) {
            let what = format!("names point {point}, but there are {count}, counted from 0");
            return Err(Error::invalid("head.outline", what));
        }
        Ok(())
    }

    /// The paths over the skin on which points of the outline are marked, one for each.
    pub(super) fn outline(&self, points: &HeadPoints) -> Vec<JawPath> {
        let vertices: Vec<u32> = points.outline.iter().map(|i| points.vertices[*i]).collect();
        jaw::paths(&self.mean, self.of(Surface::Skin), &self.landmarks68, &vertices)
    }

    /// The 68 landmarks as points, those of the jaw on the outline.
    pub fn points68(&self) -> HeadPoints {
        HeadPoints { vertices: self.landmarks68.to_vec(), outline: (0..17).collect() }
    }

    /// The triangles of one surface.
    pub(super) fn of(&self, surface: Surface) -> &[Triangle] {
        let found = self.surfaces.iter().find(|(s, _)| *s == surface);
        found.map_or(&[], |(_, range)| &self.triangles[range.clone()])
    }

    /// The number of an expression; `None` of one that this head cannot make.
    pub(super) fn expression_index(&self, name: &str) -> Option<usize> {
        self.expression_names.iter().position(|n| n == name)
    }
}
