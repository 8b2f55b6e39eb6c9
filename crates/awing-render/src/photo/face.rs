//! A rendered face and what is known about it.

use awing::{
    geometry::{Point, Rect},
    scheme::{Landmark, Visibility},
};
use image::RgbImage;

use crate::shape::HeadTurn;

/// Whether a point can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seen {
    /// Seen.
    Seen,
    /// Turned away, or hidden by the head itself.
    Hidden,
    /// On a side that is seen, but under hair, glasses, a mask, a hand or a thing.
    Covered,
}

/// One of the points asked for. Pixels: the center of the top-left one is (0, 0); points may lie outside the image.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RenderedPoint {
    /// Where people mark it: the points of the outline on the edge of the face that is seen, all others where they are.
    pub marked: Point,
    /// Where the vertex itself is, seen or not.
    pub vertex: Point,
    /// The vertex in the camera's frame, in centimeters: x right, y up, z towards the camera, from the middle of the face.
    pub place: [f32; 3],
    /// Whether it is seen at `marked`; outside the image every point counts as seen.
    pub seen: Seen,
}

/// A rendered face.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RenderedFace {
    /// The photo, sRGB.
    pub image: RgbImage,
    /// The points in the order they were asked for.
    pub points: Vec<RenderedPoint>,
    /// How the head is turned.
    pub pose: HeadTurn,
    /// 0 open as at rest to 1 closed; the face's own right eye and left eye.
    pub eyes_closed: [f32; 2],
    /// The box around the 68 landmarks as they are marked, in pixels; it may reach outside the image.
    pub face_box: Rect,
}

impl RenderedFace {
    /// The points where people mark them, in pixels and in the order they were asked for; what hides a point, the head itself or something
    /// before it, makes it occluded.
    pub fn landmarks(&self) -> Vec<Landmark> {
        let one = |p: &RenderedPoint| {
            let visibility = match p.seen {
                Seen::Seen => Visibility::Visible,
                Seen::Hidden | Seen::Covered => Visibility::Occluded,
            };
            Landmark { point: p.marked, visibility }
        };
        self.points.iter().map(one).collect()
    }
}
