//! A head of some 2,500 vertices in the file's own form, drawn by formulas: an egg with a nose, eyeballs and a mouth, for tests that
//! must not need a real one.

use std::path::Path;

use awing::{Error, Result};
use serde_json::json;

/// Half the head's width, height and depth, in centimeters, and its middle.
const HALF: [f32; 3] = [7.6, 11.0, 10.0];
const MIDDLE: [f32; 3] = [0.0, 1.0, 1.0];
/// Columns and rows of the face's grid: odd, so that one column is the middle of the face.
const COLUMNS: usize = 49;
const ROWS: usize = 41;

/// Where the landmarks of the face's own right and of the middle are looked for, seen from the front: number, x and y in centimeters.
#[rustfmt::skip]
const RIGHT: [(usize, f32, f32); 39] = [
    (0, -6.9, 3.7), (1, -6.9, 1.5), (2, -6.8, -0.5), (3, -6.4, -2.4), (4, -5.6, -4.5), (5, -4.5, -5.9), (6, -3.1, -6.9), (7, -1.5, -7.5),
    (8, 0.0, -7.8), (17, -5.8, 5.4), (18, -4.9, 6.0), (19, -3.8, 6.5), (20, -2.4, 6.3), (21, -1.2, 6.0), (27, 0.0, 3.9), (28, 0.0, 2.7),
    (29, 0.0, 1.6), (30, 0.0, 0.4), (31, -1.5, -1.1), (32, -0.7, -1.1), (33, 0.0, -1.2), (36, -4.8, 3.4), (37, -3.9, 4.1), (38, -2.6, 4.1),
    (39, -1.6, 3.4), (40, -2.6, 2.7), (41, -3.9, 2.7), (48, -3.0, -3.5), (49, -1.9, -2.4), (50, -0.7, -1.9), (51, 0.0, -2.0),
    (57, 0.0, -5.1), (58, -0.7, -5.0), (59, -1.9, -4.5), (60, -2.1, -3.4), (61, -0.9, -2.9), (62, 0.0, -2.9), (66, 0.0, -4.0),
    (67, -0.9, -4.0),
];

/// Writes `face_model.json` and `face_model.safetensors` into a folder, which is made where there is none.
///
/// # Errors
/// [`Error::Io`] when the folder or a file cannot be written.
pub fn write_drawn_head(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::io(folder, "create the folder"))?;
    let (description, tensors) = drawn_head();
    for (name, bytes) in [
        ("face_model.json", description.to_string().into_bytes()),
        ("face_model.safetensors", safetensors(&tensors)),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(Error::io(&path, "write"))?;
    }
    Ok(())
}

/// One tensor of the file.
pub(crate) struct Tensor {
    pub name: &'static str,
    /// As safetensors calls the type of its numbers.
    pub kind: &'static str,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// The bytes of a safetensors file.
pub(crate) fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let (mut header, mut at) = (serde_json::Map::new(), 0);
    for t in tensors {
        let offsets = [at, at + t.bytes.len()];
        header.insert(t.name.into(), json!({ "dtype": t.kind, "shape": t.shape, "data_offsets": offsets }));
        at += t.bytes.len();
    }
    let header = serde_json::Value::Object(header).to_string().into_bytes();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(tensors.iter().flat_map(|t| &t.bytes));
    bytes
}

#[derive(Default)]
struct Mesh {
    places: Vec<[f32; 3]>,
    uv: Vec<[f32; 2]>,
    quads: Vec<[i32; 4]>,
    materials: Vec<u8>,
}

impl Mesh {
    /// Adds a grid over the unit square, `place` and `uv` of its share across and up. Quads go round to the left as seen from outside.
    fn grid(
        &mut self,
        material: u8,
        [columns, rows]: [usize; 2],
        place: impl Fn(f32, f32) -> [f32; 3],
        uv: impl Fn(f32, f32) -> [f32; 2],
    ) {
        let first = self.places.len();
        for row in 0..rows {
            for column in 0..columns {
                let (s, t) = (column as f32 / (columns - 1) as f32, row as f32 / (rows - 1) as f32);
                self.places.push(place(s, t));
                self.uv.push(uv(s, t));
                if row + 1 < rows && column + 1 < columns {
                    let at = (first + row * columns + column) as i32;
                    let above = at + columns as i32;
                    // Quads are cut from their first corner to the third: so that the cuts are mirror images, too.
                    let left = 2 * column + 1 < columns;
                    let quad = [at, at + 1, above + 1, above];
                    self.quads.push(if left { quad } else { [quad[1], quad[2], quad[3], quad[0]] });
                    self.materials.push(material);
                }
            }
        }
    }
}

/// The place of the egg in a direction: degrees to the viewer's right of the front, and up.
fn egg(azimuth: f32, elevation: f32) -> [f32; 3] {
    let ((sa, ca), (se, ce)) = (azimuth.to_radians().sin_cos(), elevation.to_radians().sin_cos());
    // The nose stands out below the eyes.
    let far = (azimuth / 11.0).powi(2) + ((elevation + 4.0) / 9.0).powi(2);
    let nose = 2.4 * (-far).exp();
    [MIDDLE[0] + HALF[0] * sa * ce, MIDDLE[1] + HALF[1] * se, MIDDLE[2] + HALF[2] * ca * ce + nose]
}

/// How far forward the egg reaches there, without its nose.
fn front(x: f32, y: f32) -> f32 {
    let (a, b) = ((x - MIDDLE[0]) / HALF[0], (y - MIDDLE[1]) / HALF[1]);
    MIDDLE[2] + HALF[2] * (1.0 - a * a - b * b).max(0.0).sqrt()
}

/// The description and the tensors.
pub(crate) fn drawn_head() -> (serde_json::Value, Vec<Tensor>) {
    let mut mesh = Mesh::default();
    let same = |s: f32, t: f32| [s, t];
    mesh.grid(0, [COLUMNS, ROWS], |s, t| egg(192.0 * s - 96.0, 160.0 * t - 75.0), same);
    let skin = mesh.places.len();
    mesh.grid(1, [13, 13], |s, t| egg(96.0 + 168.0 * s, 160.0 * t - 75.0), |s, t| [1.0 + s, t]);
    // Gums and teeth behind the lips, a strip each.
    for (material, deep) in [(2, 1.5), (3, 1.0)] {
        let strip = |s: f32, t: f32| {
            let (x, y) = (4.0 * s - 2.0, t - 4.0);
            [x, y, front(x, y) - deep]
        };
        mesh.grid(material, [5, 3], strip, same);
    }
    // Balls that stand 2 mm out of the skin: left, right; the iris is a quad of its own in the file.
    for (side, ball, iris) in [(1.0, 4, 5), (-1.0, 6, 7)] {
        let (x, y) = (3.2 * side, 3.4);
        let z = front(x, y) - 1.0;
        let on = |s: f32, t: f32| {
            let (sa, ca) = (std::f32::consts::TAU * (s - 0.5)).sin_cos();
            let (se, ce) = (std::f32::consts::PI * (t - 0.5)).sin_cos();
            [x + 1.2 * sa * ce, y + 1.2 * se, z + 1.2 * ca * ce]
        };
        mesh.grid(ball, [13, 9], on, same);
        let flat = |s: f32, t: f32| [x + s - 0.5, y + t - 0.5, z];
        mesh.grid(iris, [2, 2], flat, same);
    }
    // Tear film and the shells around the eye, which nobody draws, and lashes.
    for material in 8..11 {
        mesh.grid(material, [2, 2], |s, t| [s, t, 0.0], same);
    }
    for side in [-1.0, 1.0] {
        let lash = |s: f32, t: f32| {
            let (x, y) = (3.2 * side + 2.4 * (s - 0.5), 4.2);
            [x, y + 0.3 * t, front(x, y) + 0.1 + 0.6 * t]
        };
        mesh.grid(11, [5, 2], lash, |s, t| [s, 0.83 + 0.15 * t]);
    }

    let landmarks = landmarks(&mesh.places[..skin]);
    // A wider and a longer head.
    let identity = [
        shape(&mesh.places, |[x, ..]| [0.05 * x, 0.0, 0.0]),
        shape(&mesh.places, |[_, y, _]| [0.0, 0.04 * y, 0.0]),
    ];
    let expressions: [(&str, Vec<f32>); 6] = [
        ("eyeBlink_R", blink(&mesh.places[..skin], mesh.places.len(), -3.2)),
        ("eyeBlink_L", blink(&mesh.places[..skin], mesh.places.len(), 3.2)),
        (
            "jawOpen",
            shape(&mesh.places, |[_, y, z]| [0.0, if y < -3.5 && z > 3.0 { -2.0 } else { 0.0 }, 0.0]),
        ),
        ("mouthSmile_R", smile(&mesh.places, -3.0)),
        ("mouthSmile_L", smile(&mesh.places, 3.0)),
        (
            "mouthPucker",
            shape(&mesh.places, |[x, y, z]| {
                let at =
                    (-(x / 3.0).powi(2) - ((y + 3.5) / 2.0).powi(2)).exp() * f32::from(u8::from(z > 3.0));
                [-0.5 * x * at, 0.0, 0.8 * at]
            }),
        ),
    ];

    let floats = |v: &[f32]| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let ints = |v: &[i32]| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let (n, q) = (mesh.places.len(), mesh.quads.len());
    let corners = ints(mesh.quads.as_flattened());
    let modes = |all: Vec<f32>| floats(&all);
    let tensors = vec![
        Tensor {
            name: "vertices",
            kind: "F32",
            shape: vec![n, 3],
            bytes: floats(mesh.places.as_flattened()),
        },
        Tensor { name: "uv", kind: "F32", shape: vec![n, 2], bytes: floats(mesh.uv.as_flattened()) },
        Tensor { name: "polygons", kind: "I32", shape: vec![q, 4], bytes: corners.clone() },
        Tensor { name: "polygon_uv", kind: "I32", shape: vec![q, 4], bytes: corners },
        Tensor { name: "polygon_material", kind: "U8", shape: vec![q], bytes: mesh.materials },
        Tensor { name: "identity", kind: "F32", shape: vec![2, n, 3], bytes: modes(identity.concat()) },
        Tensor {
            name: "expression",
            kind: "F32",
            shape: vec![expressions.len(), n, 3],
            bytes: modes(expressions.iter().flat_map(|(_, s)| s).copied().collect()),
        },
    ];
    let materials: Vec<String> = (0..12).map(|i| format!("material{i}")).collect();
    let names: Vec<&str> = expressions.iter().map(|(name, _)| *name).collect();
    let description = json!({
        "identities": ["wide", "long"], "expressions": names, "materials": materials, "landmarks68": landmarks,
    });
    (description, tensors)
}

/// The vertices of the landmarks: the nearest ones seen from the front, no vertex twice, the left side the mirror image of the right.
fn landmarks(skin: &[[f32; 3]]) -> Vec<u32> {
    let mut found = vec![0; 68];
    let mut taken = vec![false; skin.len()];
    for (i, x, y) in RIGHT {
        let apart = |v: &usize| (skin[*v][0] - x).hypot(skin[*v][1] - y);
        // The grid reaches behind the ears; what is not seen from the front is no landmark of this head.
        let may_be = |v: &usize| {
            let column = v % COLUMNS;
            (2..=COLUMNS / 2).contains(&column) && !taken[*v] && (x == 0.0) == (column == COLUMNS / 2)
        };
        let nearest =
            (0..skin.len()).filter(may_be).min_by(|a, b| apart(a).total_cmp(&apart(b))).unwrap_or(0);
        taken[nearest] = true;
        let (row, column) = (nearest / COLUMNS, nearest % COLUMNS);
        found[i] = nearest as u32;
        found[mirrored(i)] = (row * COLUMNS + COLUMNS - 1 - column) as u32;
    }
    found
}

/// The mirror image of each of the 68 points.
pub(crate) fn mirrored(i: usize) -> usize {
    #[rustfmt::skip]
    const MIRROR: [usize; 68] = [
        16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 27, 28, 29, 30, 35, 34, 33, 32, 31,
        45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
    ];
    MIRROR[i]
}

/// A mode: how each vertex moves.
fn shape(places: &[[f32; 3]], of: impl Fn([f32; 3]) -> [f32; 3]) -> Vec<f32> {
    places.iter().flat_map(|p| of(*p)).collect()
}

/// Both lids of the eye at `x` come together; only the skin moves.
fn blink(skin: &[[f32; 3]], vertices: usize, at: f32) -> Vec<f32> {
    let mut mode = shape(skin, |[x, y, z]| {
        let near = (x - at).abs() < 2.2 && (y - 3.4).abs() < 1.3 && z > 3.0;
        [0.0, if near { -0.9 * (y - 3.4) } else { 0.0 }, 0.0]
    });
    mode.resize(vertices * 3, 0.0);
    mode
}

/// The corner of the mouth at `x` goes out and up.
fn smile(places: &[[f32; 3]], at: f32) -> Vec<f32> {
    shape(places, |[x, y, z]| {
        let near =
            (-((x - at) / 1.5).powi(2) - ((y + 3.5) / 1.5).powi(2)).exp() * f32::from(u8::from(z > 3.0));
        [0.5 * at.signum() * near, 0.8 * near, 0.0]
    })
}
