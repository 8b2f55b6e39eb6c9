//! Everything before the camera, as one pool of vertices and triangles: the head first, then what is on and around it.

mod camera;
mod dress;
mod grid;
mod material;

pub(super) use camera::Camera;
pub(super) use dress::Outfit;
pub(super) use grid::Grid;
pub(super) use material::{Cutout, Gaps, Lens, Material, Strands, Ware};

use std::ops::Range;

use crate::head::{Head, Surface};
use crate::math::{Vec3, smooth};
use crate::mesh::Triangle;
use crate::shape::{Bearing, Person};

/// Triangles of one material.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub material: Material,
    pub triangles: Range<usize>,
    pub both_sides: bool,
    pub cutout: Cutout,
}

impl Part {
    /// Whether it throws shadows: what lies inside the head and what light passes does not.
    pub(super) fn casts(&self) -> bool {
        let inside = [
            Surface::Socket,
            Surface::Gums,
            Surface::Teeth,
            Surface::EyeLeft,
            Surface::EyeRight,
            Surface::Lashes,
        ];
        self.material != Material::Lens
            && self.cutout != Cutout::Wisps
            && !inside.iter().any(|s| self.material == Material::Head(*s))
    }
}

/// The scene; places are relative to the middle of the face, the camera looks at it from the front (+z).
pub(super) struct Scene {
    pub places: Vec<Vec3>,
    pub normals: Vec<Vec3>,
    pub uv: Vec<[f32; 2]>,
    /// How much light from all around reaches a vertex, 0 to 1.
    pub open: Vec<f32>,
    /// How far each vertex goes with the head (1) or the body (0).
    share: Vec<f32>,
    pub triangles: Vec<Triangle>,
    pub parts: Vec<Part>,
    /// Parts up to this one belong to the head itself.
    pub head_parts: usize,
}

impl Scene {
    /// The bare head in its own frame.
    pub(super) fn new(head: &Head, person: &Person, jaw_open: f32) -> Self {
        let mut open = head.open.clone();
        let mut scene = Self {
            share: head.mean.iter().map(|p| Bearing::share(*p)).collect(),
            places: person.places.clone(),
            normals: person.normals.clone(),
            uv: head.uv.clone(),
            triangles: Vec::with_capacity(head.triangles.len() + 20_000),
            parts: Vec::new(),
            head_parts: 0,
            open: Vec::new(),
        };
        for surface in person.surfaces(head) {
            let start = scene.triangles.len();
            scene.triangles.extend_from_slice(head.of(surface));
            scene.parts.push(Part {
                material: Material::Head(surface),
                triangles: start..scene.triangles.len(),
                both_sides: surface == Surface::Lashes,
                cutout: if surface == Surface::Lashes { Cutout::Lashes } else { Cutout::None },
            });
            // The mean head keeps its mouth shut; how much light falls in depends on how far this one is open.
            let lit = match surface {
                Surface::Gums => 0.25 + 0.4 * jaw_open,
                Surface::Teeth => 0.55 + 0.4 * jaw_open,
                Surface::Socket => 0.2 + 0.3 * jaw_open,
                _ => continue,
            };
            for v in head.of(surface).iter().flat_map(|t| t.v) {
                let place = head.mean[v as usize];
                // Sockets of the eyes lie above the mouth's.
                let deep = if place.y > 0.5 { 0.5 } else { smooth(6.0, 11.0, place.z) };
                open[v as usize] = (lit * deep).min(1.0);
            }
        }
        scene.open = open;
        scene.head_parts = scene.parts.len();
        scene
    }

    /// Adds a grid of the head's frame. `share`: as the head's own places (`None`), or all alike.
    pub(super) fn add(&mut self, grid: &Grid, material: Material, cutout: Cutout, share: Option<f32>) {
        let triangles = grid.triangles();
        let normals = grid.normals(&triangles);
        let start = self.parts.last().map_or(0, |p| p.triangles.end);
        let first = (self.places.len() as u32, self.uv.len() as u32);
        for (i, place) in grid.places.iter().enumerate() {
            self.vertex(
                *place,
                normals[i],
                grid.uv(i),
                grid.open[i],
                share.unwrap_or_else(|| Bearing::share(*place)),
            );
        }
        let corner = |t: [u32; 3]| Triangle { v: t.map(|v| v + first.0), t: t.map(|v| v + first.1) };
        self.triangles.extend(triangles.into_iter().map(corner));
        self.part(start, material, cutout);
    }

    fn vertex(&mut self, place: Vec3, normal: Vec3, uv: [f32; 2], open: f32, share: f32) {
        self.places.push(place);
        self.normals.push(normal);
        self.uv.push(uv);
        self.open.push(open);
        self.share.push(share);
    }

    /// Makes a part of the triangles from `start` on.
    fn part(&mut self, start: usize, material: Material, cutout: Cutout) {
        // Single strands on the far side of the head are not worth their time.
        let both_sides = cutout != Cutout::Wisps;
        self.parts.push(Part { material, triangles: start..self.triangles.len(), both_sides, cutout });
    }

    /// Turns everything from the head's frame into the camera's, `origin` (already turned) to the middle.
    pub(super) fn pose(&mut self, bearing: &Bearing, origin: Vec3) {
        for ((place, normal), share) in self.places.iter_mut().zip(&mut self.normals).zip(&self.share) {
            let (p, n) = bearing.turn(*place, *normal, *share);
            (*place, *normal) = (p - origin, n);
        }
    }

    /// Texture coordinates inside a triangle, by the weights of its corners.
    pub(super) fn uv_at(&self, triangle: &Triangle, weights: [f32; 3]) -> [f32; 2] {
        let [a, b, c] = triangle.t.map(|t| self.uv[t as usize]);
        [0, 1].map(|i| a[i] * weights[0] + b[i] * weights[1] + c[i] * weights[2])
    }

    /// The part a triangle belongs to.
    pub(super) fn part_of(&self, triangle: u32) -> usize {
        self.parts.partition_point(|p| p.triangles.end <= triangle as usize)
    }
}
