//! Where landmarks are seen, and whether.

use super::face::Seen;
use crate::head::{Crossing, JawPath};
use crate::math::{Rotation, Vec3, smooth, vec3};
use crate::raster::{Buffer, NONE, SAMPLES};
use crate::scene::Camera;

/// The place of each point of the outline where people mark it: the outermost one of its path, as the head is turned.
pub(crate) fn contour(paths: &[JawPath], places: &[Vec3], camera: &Camera, turn: &Rotation) -> Vec<Vec3> {
    paths.iter().map(|path| outermost(path, places, camera, turn).of(places)).collect()
}

/// The outermost place of a path, as the head is turned.
pub(crate) fn outermost(path: &JawPath, places: &[Vec3], camera: &Camera, turn: &Rotation) -> Crossing {
    // How much the left side of the head looks into the camera, -1 to 1.
    let left = turn.of(vec3(1.0, 0.0, 0.0)).z;
    // Outwards is across the jaw, and on the far side, where the cheek is the contour, along the path. What is outwards
    // on a head seen from the front is its projection on a turned one, which keeps its sense up to a right angle.
    let far = smooth(0.05, 0.4, if path.at < 8.0 { left } else { -left });
    let out = [0, 1].map(|k| path.across[k] + (path.along[k] - path.across[k]) * far);
    let out = turn.of(vec3(out[0], out[1], 0.0));
    // Near a right angle nothing is left of that projection: on the far side the edge is then where the nose points to.
    let nose = turn.of(vec3(0.0, 0.0, 1.0));
    let sideways = far * smooth(0.9, 0.98, left.abs());
    let out = out.unit().mix(vec3(nose.x, nose.y, 0.0).unit(), sideways);
    let reach = |crossing: &Crossing| {
        let [x, y, _] = camera.project(crossing.of(places));
        x * out.x - y * out.y
    };
    let farthest = path.crossings.iter().max_by(|a, b| reach(a).total_cmp(&reach(b)));
    farthest.copied().unwrap_or(Crossing { from: 0, to: 0, share: 0.0 })
}

/// What the depth buffer says about places: first of the head alone, then of the whole scene.
pub(crate) struct Visible {
    hidden: Vec<bool>,
}

impl Visible {
    /// To be asked when only the head is drawn, of places and how many centimeters of the head may lie before them.
    pub(crate) fn by_head(buffer: &Buffer, camera: &Camera, places: &[(Vec3, f32)]) -> Self {
        let hidden = |(p, slack): &(Vec3, f32)| before(buffer, camera, *p, *slack, 0) > 0.75;
        Self { hidden: places.iter().map(hidden).collect() }
    }

    /// Of a scene that has nothing but the head.
    pub(crate) fn alone(self) -> impl Iterator<Item = Seen> {
        self.hidden.into_iter().map(|hidden| if hidden { Seen::Hidden } else { Seen::Seen })
    }

    /// To be asked when everything is drawn; triangles from `others` on are not the head's.
    pub(crate) fn by_all(
        &self,
        buffer: &Buffer,
        camera: &Camera,
        places: &[(Vec3, f32)],
        others: u32,
    ) -> Vec<Seen> {
        let one = |((p, _), hidden): (&(Vec3, f32), &bool)| match hidden {
            true => Seen::Hidden,
            false if before(buffer, camera, *p, 0.0, others) > 0.5 => Seen::Covered,
            false => Seen::Seen,
        };
        places.iter().zip(&self.hidden).map(one).collect()
    }
}

/// The share of the samples around a place that lie more than `slack` centimeters before it and belong to triangles from
/// `first` on. Outside the image nothing does.
fn before(buffer: &Buffer, camera: &Camera, p: Vec3, slack: f32, first: u32) -> f32 {
    let [x, y, near] = camera.project(p);
    let limit = 1.0 / (1.0 / near - slack).max(0.1);
    let (mut nearer, mut all) = (0.0, 0.0_f32);
    for dy in -2..=2 {
        for dx in -2..=2 {
            let sample = |v: f32, d: i32| (v * SAMPLES as f32 + 0.5).round() + d as f32;
            let (sx, sy) = (sample(x, dx), sample(y, dy));
            if sx >= 0.0 && sy >= 0.0 && sx < buffer.width as f32 && sy < buffer.height as f32 {
                let at = sy as usize * buffer.width + sx as usize;
                all += 1.0;
                let id = buffer.id[at];
                if id != NONE && id >= first && buffer.depth[at] > limit {
                    nearer += 1.0;
                }
            }
        }
    }
    if all == 0.0 { 0.0 } else { nearer / all }
}
