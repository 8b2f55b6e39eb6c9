//! Where things are on the texture: made once from the mean head.

use crate::head::{Head, Surface};
use crate::math::{Vec3, bell, smooth, vec3};
use crate::raster::{Buffer, NONE};

/// One texel's place and what grows and shines there; all shares are 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Region {
    /// Whether the skin covers this texel.
    pub used: bool,
    /// Signed distance to the lips' edge in texels of a texture of 512, positive inside; far from the lips only that it is far.
    pub lips: f32,
    /// 1 where the lips meet.
    pub mouth: f32,
    pub cheek: f32,
    pub nose: f32,
    pub ear: f32,
    /// The hollow under the eye.
    pub under_eye: f32,
    /// The upper lid, up to the crease.
    pub lid: f32,
    pub forehead: f32,
    pub beard: f32,
    pub moustache: f32,
    /// Where hair grows on the head.
    pub hair: f32,
}

/// The regions, and texture coordinates of the 68 landmarks.
pub(crate) struct Atlas {
    /// Texels a side of the texture.
    pub size: usize,
    pub regions: Vec<Region>,
    pub points: [[f32; 2]; 68],
    /// The place on the mean head, in centimeters.
    pub places: Vec<Vec3>,
}

impl Atlas {
    pub(crate) fn new(head: &Head, size: usize) -> Self {
        let skin = head.of(Surface::Skin);
        let to_screen = |uv: &[f32; 2]| [uv[0] * size as f32 - 0.5, (1.0 - uv[1]) * size as f32 - 0.5, 0.0];
        let screen: Vec<[f32; 3]> = head.uv.iter().map(to_screen).collect();
        let mut buffer = Buffer::new(size, size);
        let flat: Vec<_> = skin.iter().map(|t| crate::mesh::Triangle { v: t.t, t: t.v }).collect();
        buffer.draw(&screen, &flat, 0, true, |_, _| true);

        let mut points = [[0.0; 2]; 68];
        for triangle in skin {
            for (v, t) in triangle.v.iter().zip(triangle.t) {
                for (point, landmark) in points.iter_mut().zip(&head.landmarks68) {
                    if v == landmark {
                        *point = head.uv[t as usize];
                    }
                }
            }
        }
        let outline = |from: usize, n: usize| -> Vec<[f32; 2]> {
            smooth_polygon(
                &(from..from + n).map(|i| to_screen(&points[i])).map(|p| [p[0], p[1]]).collect::<Vec<_>>(),
            )
        };
        let (outer, inner) = (outline(48, 12), outline(60, 8));
        let places: Vec<Vec3> = (0..size * size).map(|i| place(head, &screen, &flat, &buffer, i)).collect();
        let regions = (0..size * size).map(|i| {
            if buffer.id[i] == NONE {
                return Region::default();
            }
            let at = [(i % size) as f32, (i / size) as f32];
            let mut region = of_place(places[i]);
            let unit = 512.0 / size as f32;
            let near = |line: &[[f32; 2]]| inside(line, at) * unit;
            region.lips = near(&outer);
            region.mouth = smooth(-6.0, 1.0, near(&inner));
            region.moustache *= smooth(1.0, -4.0, region.lips);
            region.beard *= smooth(1.0, -4.0, region.lips);
            region
        });
        Self { size, regions: regions.collect(), points, places }
    }
}

impl Atlas {
    /// The region of a texture coordinate.
    pub(crate) fn region_at(&self, uv: [f32; 2]) -> &Region {
        &self.regions[self.index(uv)]
    }

    /// The texel of a texture coordinate.
    pub(crate) fn index(&self, [u, v]: [f32; 2]) -> usize {
        let cell = |t: f32| ((t * self.size as f32) as usize).min(self.size - 1);
        cell(1.0 - v) * self.size + cell(u)
    }
}

fn place(
    head: &Head,
    screen: &[[f32; 3]],
    flat: &[crate::mesh::Triangle],
    buffer: &Buffer,
    i: usize,
) -> Vec3 {
    if buffer.id[i] == NONE {
        return Vec3::ZERO;
    }
    let triangle = &flat[buffer.id[i] as usize];
    let [a, b, c] = triangle.v.map(|v| screen[v as usize]);
    let [pa, pb, pc] = triangle.t.map(|v| head.mean[v as usize]);
    let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    let (x, y) = ((i % buffer.width) as f32, (i / buffer.width) as f32);
    let wb = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area;
    let wc = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area;
    pa + (pb - pa) * wb + (pc - pa) * wc
}

/// The height of the hairline, by the direction from the middle of the head, in radians over the horizontal: `azimuth`
/// is 0 at the front and half a turn at the nape; the same on both sides.
pub(crate) fn hairline(azimuth: f32) -> f32 {
    const LINE: [[f32; 2]; 10] = [
        [0.0, 0.86],
        [0.35, 0.84],
        [0.7, 0.72],
        [0.95, 0.50],
        [1.15, 0.22],
        [1.35, -0.1],
        [1.55, -0.05],
        [1.95, 0.0],
        [2.3, -0.5],
        [3.15, -0.95],
    ];
    let a = azimuth.abs();
    let after = LINE.iter().position(|p| p[0] > a).unwrap_or(LINE.len() - 1).max(1);
    let ([a0, e0], [a1, e1]) = (LINE[after - 1], LINE[after]);
    e0 + (e1 - e0) * ((a - a0) / (a1 - a0)).clamp(0.0, 1.0)
}

/// The middle of the head, from which hair, hats and hairline are measured.
pub(crate) const MIDDLE: Vec3 = vec3(0.0, 3.0, -0.5);

/// How far a place is above the hairline, in radians.
pub(crate) fn above_hairline(p: Vec3) -> f32 {
    let d = p - MIDDLE;
    let flat = (d.x * d.x + d.z * d.z).sqrt();
    d.y.atan2(flat) - hairline(d.x.atan2(d.z))
}

fn of_place(p: Vec3) -> Region {
    let x = p.x.abs();
    let around = |cx: f32, cy: f32, rx: f32, ry: f32| {
        bell(((x - cx) / rx).powi(2) + ((p.y - cy) / ry).powi(2)) * smooth(2.0, 5.0, p.z)
    };
    // Beards end at a line from below the ear over the cheek to the corner of the mouth; on the neck above the larynx.
    let cheek_line = -2.8 + 2.4 * smooth(3.2, 7.0, x) + 2.2 * smooth(6.5, 7.2, x);
    let beard = smooth(cheek_line + 0.5, cheek_line - 0.5, p.y)
        * smooth(-10.2, -8.4, p.y)
        * smooth(-1.2, 0.8, p.z)
        * (1.0 - smooth(7.5, 7.9, x))
        * smooth(0.5, 1.6, (x / 1.8).hypot((p.y + 5.2) / 0.5)).max(0.35);
    Region {
        used: true,
        lips: 0.0,
        mouth: 0.0,
        cheek: around(4.8, 0.2, 3.4, 3.2),
        nose: around(0.0, 0.3, 2.0, 2.0) * smooth(10.0, 12.0, p.z),
        ear: smooth(7.3, 8.2, x) * smooth(4.0, 2.0, p.z) * smooth(-5.0, -3.0, p.y),
        under_eye: around(3.0, 2.3, 2.1, 1.1),
        lid: around(3.3, 4.4, 2.2, 1.2),
        forehead: smooth(6.0, 8.0, p.y),
        beard,
        moustache: around(0.0, -1.9, 3.2, 1.3).min(0.5) * 2.0 * smooth(-1.1, -1.5, p.y),
        hair: smooth(-0.05, 0.12, above_hairline(p)) * (1.0 - smooth(7.5, 8.2, x)),
    }
}

/// Catmull and Rom's curve through the corners of a closed polygon.
fn smooth_polygon(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let n = points.len();
    let mut curve = Vec::new();
    for i in 0..n {
        let [a, b, c, d] = [i + n - 1, i, i + 1, i + 2].map(|k| points[k % n]);
        for step in 0..6 {
            let t = step as f32 / 6.0;
            curve.push([0, 1].map(|k| {
                let (a, b, c, d) = (a[k], b[k], c[k], d[k]);
                b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
            }));
        }
    }
    curve
}

/// Beyond this distance of a polygon's corner in texels, no place is inside or near.
const FAR: f32 = 260.0;

/// Distance to a polygon, positive inside.
fn inside(polygon: &[[f32; 2]], [x, y]: [f32; 2]) -> f32 {
    // Most places are far from it: how far from its first corner is enough to know then.
    let far = (polygon[0][0] - x).abs() + (polygon[0][1] - y).abs();
    if far > FAR {
        return -far;
    }
    let (mut odd, mut nearest) = (false, f32::INFINITY);
    for (i, b) in polygon.iter().enumerate() {
        let a = polygon[(i + polygon.len() - 1) % polygon.len()];
        if (a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) {
            odd = !odd;
        }
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let along = (((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
        nearest = nearest.min((x - a[0] - along * dx).hypot(y - a[1] - along * dy));
    }
    if odd { nearest } else { -nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_to_a_square() {
        let square = [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]];
        assert_eq!([inside(&square, [1.0, 2.0]), inside(&square, [-3.0, -4.0])], [1.0, -5.0]);
    }
}
