//! Surfaces made of rows and columns: hair, hats, cloth, frames.

use crate::math::{Vec3, vec3};

/// Places in rows; texture coordinates run from 0 to 1 along columns (u) and rows (v).
pub(crate) struct Grid {
    pub places: Vec<Vec3>,
    /// Light from all around, 0 to 1, one a place.
    pub open: Vec<f32>,
    columns: usize,
    rows: usize,
    /// The last column is joined to the first.
    round: bool,
}

impl Grid {
    /// `f` gives the place and its openness for u and v in 0..=1; on a round grid u stops before 1.
    pub(crate) fn new(
        columns: usize,
        rows: usize,
        round: bool,
        mut f: impl FnMut(f32, f32) -> (Vec3, f32),
    ) -> Self {
        let mut grid = Self { places: Vec::new(), open: Vec::new(), columns, rows, round };
        for i in 0..columns * rows {
            let [u, v] = grid.uv(i);
            let (place, open) = f(u, v);
            grid.places.push(place);
            grid.open.push(open);
        }
        grid
    }

    /// A tube along a line of places, as for frames and handles: closed at its ends, or `round` into itself.
    pub(crate) fn tube(line: &[Vec3], radius: f32, round: bool) -> Self {
        const SIDES: usize = 8;
        let n = line.len();
        // The ends of an open tube are drawn together by a further row at each.
        let rows = if round { n } else { n + 2 };
        Self::new(SIDES, rows, true, |u, v| {
            let row = (v * (rows - 1) as f32).round() as usize;
            let i = if round { row } else { row.saturating_sub(1).min(n - 1) };
            let end = !round && (row == 0 || row + 1 == rows);
            let (before, after) = if round {
                (line[(i + n - 2) % (n - 1)], line[(i + 1) % (n - 1)])
            } else {
                (line[i.saturating_sub(1)], line[(i + 1).min(n - 1)])
            };
            let along = (after - before).unit();
            let aside = if along.z.abs() < 0.9 { vec3(0.0, 0.0, 1.0) } else { vec3(1.0, 0.0, 0.0) };
            let right = aside.cross(along).unit();
            let up = along.cross(right);
            let (sin, cos) = (u * std::f32::consts::TAU).sin_cos();
            (line[i] + (right * cos + up * sin) * if end { 0.0 } else { radius }, 0.9)
        })
    }

    /// Moves all places outwards by some centimeters; out is where the triangles face, on a round grid that runs down.
    pub(crate) fn raise(&mut self, by: f32) {
        let normals = self.normals(&self.triangles());
        for (place, normal) in self.places.iter_mut().zip(normals) {
            *place += normal * by;
        }
    }

    pub(crate) fn uv(&self, i: usize) -> [f32; 2] {
        let across = if self.round { self.columns } else { self.columns - 1 };
        [
            (i % self.columns) as f32 / across.max(1) as f32,
            (i / self.columns) as f32 / (self.rows - 1).max(1) as f32,
        ]
    }

    pub(crate) fn triangles(&self) -> Vec<[u32; 3]> {
        let last = if self.round { self.columns } else { self.columns - 1 };
        let at = |x: usize, y: usize| (y * self.columns + x % self.columns) as u32;
        let mut triangles = Vec::with_capacity(2 * last * self.rows);
        for y in 0..self.rows - 1 {
            for x in 0..last {
                triangles.push([at(x, y), at(x, y + 1), at(x + 1, y + 1)]);
                triangles.push([at(x, y), at(x + 1, y + 1), at(x + 1, y)]);
            }
        }
        triangles
    }

    /// One a place, of length 1.
    pub(crate) fn normals(&self, triangles: &[[u32; 3]]) -> Vec<Vec3> {
        let mut normals = vec![Vec3::ZERO; self.places.len()];
        for t in triangles {
            let [a, b, c] = t.map(|v| self.places[v as usize]);
            let n = (b - a).cross(c - a);
            for v in t {
                normals[*v as usize] += n;
            }
        }
        normals.into_iter().map(Vec3::unit).collect()
    }
}
