//! The two files of a head, checked before they are trusted.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::Deserialize;

use crate::math::{Vec3, vec3};
use awing::{
    Error, Result,
    files::{LONGEST_SETTINGS, read_bytes},
};

/// Materials as the file numbers them.
pub(super) const MATERIALS: usize = 12;

/// The longest model that is read, in bytes: a head of 26,719 vertices and 153 modes has 26 million.
const LONGEST_MODEL: u64 = 1 << 30;

/// No head is larger, in centimeters; products of such numbers stay finite.
const FARTHEST: f32 = 1000.0;

/// What the two files hold.
pub(super) struct HeadFile {
    pub mean: Vec<Vec3>,
    pub uv: Vec<[f32; 2]>,
    /// Corners of triangles and quads: vertex and uv, -1 where a triangle has no fourth.
    pub polygons: Vec<[i32; 4]>,
    pub polygon_uv: Vec<[i32; 4]>,
    pub polygon_material: Vec<u8>,
    pub identity: Modes,
    pub expression: Modes,
    pub expression_names: Vec<String>,
    pub landmarks68: [u32; 68],
}

/// Shapes that are added to the mean, kept as 16-bit integers: half the memory to read for each face, and exact to
/// 1/30000 of the mode's greatest move.
pub(crate) struct Modes {
    /// Centimeters a step, one a mode.
    pub scale: Vec<f32>,
    /// Mode after mode, x y z of each vertex.
    pub steps: Vec<i16>,
    /// Numbers a mode.
    pub width: usize,
}

impl Modes {
    fn new(count: usize, width: usize, values: &[f32]) -> Self {
        let mut modes =
            Self { scale: Vec::with_capacity(count), steps: Vec::with_capacity(values.len()), width };
        for mode in values.chunks_exact(width) {
            let greatest = mode.iter().fold(1e-6_f32, |m, v| m.max(v.abs()));
            let scale = greatest / 30_000.0;
            modes.scale.push(scale);
            modes.steps.extend(mode.iter().map(|v| (v / scale).round() as i16));
        }
        modes
    }

    pub(crate) fn count(&self) -> usize {
        self.scale.len()
    }

    /// How a mode moves a vertex at a weight of 1, in centimeters.
    pub(crate) fn at(&self, mode: usize, vertex: u32) -> [f32; 3] {
        let from = mode * self.width + vertex as usize * 3;
        [0, 1, 2].map(|i| self.scale[mode] * f32::from(self.steps[from + i]))
    }

    /// Adds the modes by their weights to the numbers from `start` on.
    pub(crate) fn add(&self, weights: &[(usize, f32)], start: usize, numbers: &mut [f32]) {
        // A block stays in the first cache while all modes pass over it.
        const BLOCK: usize = 1536;
        for (at, block) in numbers.chunks_mut(BLOCK).enumerate() {
            for &(mode, weight) in weights {
                let from = mode * self.width + start + at * BLOCK;
                let k = weight * self.scale[mode];
                let steps = &self.steps[from..from + block.len()];
                for (n, s) in block.iter_mut().zip(steps) {
                    *n += k * f32::from(*s);
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Description {
    expressions: Vec<String>,
    identities: Vec<String>,
    materials: Vec<String>,
    landmarks68: Vec<u32>,
}

pub(super) fn read(folder: &Path) -> Result<HeadFile> {
    let load = |name: &str, most: u64| {
        let path = folder.join(name);
        read_bytes(&path, most).map(|bytes| (path, bytes))
    };
    let (json_path, json) = load("face_model.json", LONGEST_SETTINGS)?;
    let said: Description = serde_json::from_slice(&json).map_err(|e| {
        Error::format(&json_path, e.line(), "the whole file", format!("is no description of a head: {e}"))
            .because(e)
    })?;
    let (path, bytes) = load("face_model.safetensors", LONGEST_MODEL)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| {
        Error::format(&path, None, "the whole file", format!("is no safetensors file: {e}")).because(e)
    })?;
    let file = Tensors { path, tensors };

    let mean: Vec<Vec3> =
        file.floats("vertices", &[0, 3])?.chunks_exact(3).map(|c| vec3(c[0], c[1], c[2])).collect();
    let uv: Vec<[f32; 2]> = file.floats("uv", &[0, 2])?.chunks_exact(2).map(|c| [c[0], c[1]]).collect();
    let polygons = file.corners("polygons", mean.len())?;
    let polygon_uv = file.corners("polygon_uv", uv.len())?;
    let polygon_material = file.materials("polygon_material", polygons.len())?;
    if polygon_uv.len() != polygons.len() {
        let what = format!("has {} rows, but there are {} polygons", polygon_uv.len(), polygons.len());
        return Err(file.wrong("polygon_uv", what));
    }
    if let Some(row) = polygons.iter().zip(&polygon_uv).position(|(p, u)| (p[3] < 0) != (u[3] < 0)) {
        return Err(
            file.wrong("polygon_uv", format!("row {row} has another number of corners than its polygon"))
        );
    }
    let modes = |name: &str, names: usize| {
        let values = file.floats(name, &[names, mean.len(), 3])?;
        Ok(Modes::new(names, mean.len() * 3, &values))
    };
    let identity = modes("identity", said.identities.len())?;
    let expression = modes("expression", said.expressions.len())?;
    if said.materials.len() != MATERIALS {
        let what = format!("names {} materials, expected {MATERIALS}", said.materials.len());
        return Err(Error::format(&json_path, None, "materials", what));
    }
    let landmarks68 = vertices::<68>(&json_path, "landmarks68", said.landmarks68, mean.len())?;
    Ok(HeadFile {
        mean,
        uv,
        polygons,
        polygon_uv,
        polygon_material,
        identity,
        expression,
        expression_names: said.expressions,
        landmarks68,
    })
}

/// A list of `N` vertices.
fn vertices<const N: usize>(path: &Path, field: &str, given: Vec<u32>, below: usize) -> Result<[u32; N]> {
    if let Some(vertex) = given.iter().find(|v| **v as usize >= below) {
        return Err(Error::format(
            path,
            None,
            field,
            format!("names vertex {vertex}, but there are {below}"),
        ));
    }
    given.try_into().map_err(|given: Vec<u32>| {
        Error::format(path, None, field, format!("holds {} numbers, expected {N}", given.len()))
    })
}

struct Tensors<'a> {
    path: PathBuf,
    tensors: SafeTensors<'a>,
}

impl Tensors<'_> {
    fn wrong(&self, field: &str, what: impl Into<String>) -> Error {
        Error::format(&self.path, None, field, what)
    }

    /// The bytes of a tensor of this shape; 0 stands for any size but none.
    fn view(&self, name: &str, shape: &[usize]) -> Result<(Dtype, &[u8])> {
        let view = self.tensors.tensor(name).map_err(|e| self.wrong(name, e.to_string()))?;
        let fits = view.shape().len() == shape.len()
            && view.shape().iter().zip(shape).all(|(is, want)| is == want || (*want == 0 && *is > 0));
        if !fits {
            return Err(
                self.wrong(name, format!("has the shape {:?}, expected {shape:?} (0: any)", view.shape()))
            );
        }
        Ok((view.dtype(), view.data()))
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let values: Vec<f32> = match self.view(name, shape)? {
            (Dtype::F32, data) => {
                data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
            (Dtype::F16, data) => {
                data.chunks_exact(2).map(|b| half(u16::from_le_bytes([b[0], b[1]]))).collect()
            }
            (other, _) => return Err(self.wrong(name, format!("is of type {other:?}, expected F32 or F16"))),
        };
        match values.iter().position(|v| !v.is_finite() || v.abs() > FARTHEST) {
            None => Ok(values),
            Some(at) => {
                let what = format!("number {at} is {}, expected -{FARTHEST} to {FARTHEST}", values[at]);
                Err(self.wrong(name, what))
            }
        }
    }

    fn corners(&self, name: &str, below: usize) -> Result<Vec<[i32; 4]>> {
        let (Dtype::I32, data) = self.view(name, &[0, 4])? else {
            return Err(self.wrong(name, "is not of type I32"));
        };
        let number = |b: &[u8]| i32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let rows: Vec<[i32; 4]> = data
            .chunks_exact(16)
            .map(|r| [number(&r[0..4]), number(&r[4..8]), number(&r[8..12]), number(&r[12..16])])
            .collect();
        let good = |v: i32| usize::try_from(v).is_ok_and(|v| v < below);
        match rows
            .iter()
            .position(|r| !(good(r[0]) && good(r[1]) && good(r[2]) && (r[3] == -1 || good(r[3]))))
        {
            None => Ok(rows),
            Some(at) => Err(self.wrong(
                name,
                format!("row {at} is {:?}, expected numbers from 0 to {}", rows[at], below - 1),
            )),
        }
    }

    fn materials(&self, name: &str, rows: usize) -> Result<Vec<u8>> {
        let (Dtype::U8, data) = self.view(name, &[rows])? else {
            return Err(self.wrong(name, "is not of type U8"));
        };
        match data.iter().position(|m| usize::from(*m) >= MATERIALS) {
            None => Ok(data.to_vec()),
            Some(at) => {
                Err(self.wrong(name, format!("polygon {at} has material {}, expected 0 to 11", data[at])))
            }
        }
    }
}

/// An IEEE half as f32.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    match exponent {
        0 => sign * fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2.0_f32.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read() {
        assert_eq!(
            [half(0x3c00), half(0xc000), half(0x3555), half(1)],
            [1.0, -2.0, 0.333_251_95, 5.960_464_5e-8]
        );
        assert!(!half(0x7c00).is_finite() && !half(0x7e00).is_finite());
    }

    #[test]
    fn modes_add_by_their_weights() {
        let modes = Modes::new(2, 3, &[1.0, 0.0, -1.0, 0.0, 0.5, 0.0]);
        let mut numbers = [10.0; 3];
        modes.add(&[(0, 2.0), (1, -1.0)], 0, &mut numbers);
        assert!((numbers[0] - 12.0).abs() < 1e-4 && (numbers[1] - 9.5).abs() < 1e-4, "{numbers:?}");
    }
}
