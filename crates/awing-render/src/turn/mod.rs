//! A photo of a face turned in space: the fitted head carries its colors, a relief those of what is around it.

mod relief;

use awing::{
    Error, Result,
    geometry::{Point, Rect},
    scheme::{HeadPoints, Landmark, Visibility},
};
use image::RgbImage;

use crate::fit::{FittedHead, HeadFitter};
use crate::head::{Head, JawPath, Surface};
use crate::math::{Rotation, Vec3, vec3};
use crate::mesh::Triangle;
use crate::photo::{RenderedFace, RenderedPoint, Seen, Visible, contour};
use crate::random::Chance;
use crate::raster::{Buffer, NONE, SAMPLES};
use crate::scene::Camera;
use crate::shape::HeadTurn;
use relief::Relief;

/// The photo that comes out, and the relief, in longer sides of the face's box.
const OUT: f64 = 2.0;
const AROUND: f64 = 3.4;
/// The largest photo that comes out, and the picture in which it is seen what a head hides of itself, in pixels a side.
const LARGEST: f64 = 320.0;
const IN_PHOTO: usize = 192;
/// How far heads turn, and up to where they may turn to both sides, in degrees of yaw.
const PROFILE: f32 = 90.0;
const EITHER_SIDE: f32 = 10.0;

/// Turns photos of faces. Made once for a head and the landmarks that the photos have.
pub struct Turner {
    head: Head,
    points: HeadPoints,
    /// The paths of the points of the outline.
    outline: Vec<JawPath>,
    fitter: HeadFitter,
}

/// A photo of a face and the head behind it, to be turned as often as one likes.
pub struct TurnablePhoto<'a> {
    turner: &'a Turner,
    photo: &'a RgbImage,
    landmarks: &'a [Landmark],
    fitted: &'a FittedHead,
    face: Rect,
    scene: Scene,
    /// Where each point lies that is not on the outline, in the frame of the photo's camera.
    carried: Vec<Vec3>,
}

/// Everything that is seen, with its place in the photo.
struct Scene {
    /// In the frame of the photo's camera; the head's vertices first.
    places: Vec<Vec3>,
    seen: Vec<[f32; 2]>,
    triangles: Vec<Triangle>,
}

impl Turner {
    /// For landmarks that are these points of a head.
    ///
    /// # Errors
    /// [`Error::Invalid`] as of [`Renderer::with_points`](crate::Renderer::with_points).
    pub fn new(head: Head, points: HeadPoints) -> Result<Self> {
        let fitter = HeadFitter::new(&head, &points)?;
        Ok(Self { outline: head.outline(&points), head, points, fitter })
    }

    /// The head behind the landmarks of a photo, in its pixels: [`HeadFitter::fit`].
    ///
    /// # Errors
    /// As of [`HeadFitter::fit`].
    pub fn fit(&self, landmarks: &[Landmark]) -> Result<FittedHead> {
        self.fitter.fit(landmarks)
    }

    /// A turn farther to the side that the head is turned to, up to a profile, where a photo still shows what will be seen; the same for the same
    /// seed and index. A head that looks into the camera may turn to both sides.
    pub fn farther(&self, fitted: &FittedHead, seed: u64, index: u64) -> HeadTurn {
        let mut c = Chance::new(seed, index);
        let HeadTurn { yaw, pitch, roll } = fitted.turn;
        let to_the_left = if yaw.abs() < EITHER_SIDE { c.odds(0.5) } else { yaw < 0.0 };
        let sign = if to_the_left { -1.0 } else { 1.0 };
        let yaw = sign * c.between((yaw * sign + 8.0).min(PROFILE), PROFILE);
        HeadTurn { yaw, pitch: pitch + 6.0 * c.normal_within(2.0), roll: roll + 10.0 * c.normal_within(2.0) }
    }

    /// A photo with its landmarks, in its pixels, and the head behind them.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the fitted head has not this head's modes, or not as many points as there are landmarks, or does not lie in the photo.
    pub fn photo<'a>(
        &'a self,
        photo: &'a RgbImage,
        landmarks: &'a [Landmark],
        fitted: &'a FittedHead,
    ) -> Result<TurnablePhoto<'a>> {
        let (head, vertices) = (&self.head, &self.points.vertices);
        let sizes = [fitted.identity.len(), fitted.expression.len(), fitted.points.len(), landmarks.len()];
        if sizes != [head.identity.count(), head.expression.count(), vertices.len(), vertices.len()] {
            return Err(Error::invalid("fitted", "is of another head, or of other landmarks"));
        }
        let face = Rect::around(fitted.points.iter().copied()).filter(|face| face.width() > 1.0);
        let whole = Rect::of_image(photo.width(), photo.height());
        let face = face.filter(|face| photo.width() > 1 && photo.height() > 1 && whole.overlaps(*face));
        let face = face.ok_or_else(|| Error::invalid("fitted", "lies outside of the photo"))?;

        let (camera, turn) = (fitted.pose.camera(), fitted.pose.rotation());
        let [x, y, z] = fitted.middle.map(|v| v as f32);
        let own = head.shaped(&fitted.identity, &fitted.expression);
        let in_photo: Vec<Vec3> = own.iter().map(|p| turn.of(*p - vec3(x, y, z))).collect();
        let carried = self.carried(&in_photo, landmarks, &camera, face);
        let scene = self.scene(in_photo, &camera, face);
        Ok(TurnablePhoto { turner: self, photo, landmarks, fitted, face, scene, carried })
    }

    /// A landmark that the photo shows goes with its pixel, at the depth of its vertex; the others are where the head has them.
    fn carried(&self, in_photo: &[Vec3], landmarks: &[Landmark], camera: &Camera, face: Rect) -> Vec<Vec3> {
        let vertices: Vec<(Vec3, f32)> =
            self.points.vertices.iter().map(|v| (in_photo[*v as usize], 0.5)).collect();
        let looked = camera_of(camera, face);
        let buffer = drawn(in_photo, &self.head.triangles, &looked, IN_PHOTO);
        let shown = Visible::by_head(&buffer, &looked, &vertices).alone();
        let one = |((landmark, (vertex, _)), shown): ((&Landmark, &(Vec3, f32)), Seen)| match landmark
            .position()
            .filter(|_| shown == Seen::Seen)
        {
            Some(at) => camera.place([at.x as f32, at.y as f32], vertex.z),
            None => *vertex,
        };
        landmarks.iter().zip(&vertices).zip(shown).map(one).collect()
    }

    /// The head's surface, then the relief around it.
    fn scene(&self, in_photo: Vec<Vec3>, camera: &Camera, face: Rect) -> Scene {
        let on_photo = |p: &Vec3| {
            let [x, y, _] = camera.project(*p);
            [x, y]
        };
        let side = AROUND * face.width().max(face.height());
        let center = face.center();
        let corner = [center.x - 0.5 * side, center.y - 0.5 * side].map(|v| v as f32);
        let relief = Relief::new(&in_photo, &self.head.triangles, camera, corner, side as f32);
        let surfaces = [Surface::Skin, Surface::EyeRight, Surface::EyeLeft, Surface::Teeth, Surface::Gums];
        // What looks away from the photo's camera has no colors in it.
        let faces_it = |t: &&Triangle| {
            let [a, b, c] = t.v.map(|v| in_photo[v as usize]);
            (b - a).cross(c - a).unit().dot(camera.towards((a + b + c) * (1.0 / 3.0))) > 0.05
        };
        let own = surfaces.iter().flat_map(|surface| self.head.of(*surface)).filter(faces_it);
        let mut triangles: Vec<Triangle> = own.map(|t| Triangle { v: t.v, t: t.v }).collect();
        let first = in_photo.len() as u32;
        triangles.extend(relief.triangles.iter().map(|t| {
            let v = t.v.map(|v| v + first);
            Triangle { v, t: v }
        }));
        let seen = in_photo.iter().map(on_photo).chain(relief.seen).collect();
        let places = in_photo.into_iter().chain(relief.places).collect();
        Scene { places, seen, triangles }
    }

    /// The camera of the photo that comes out: as far away as before, the face in the middle.
    fn camera_on(&self, camera: &Camera, places: &[Vec3], turn: Rotation, scale: f32, size: usize) -> Camera {
        let unit = Camera { focal: camera.focal * scale, center: [0.0; 2], ..*camera };
        let edge = contour(&self.outline, places, &unit, &turn);
        let inner = self.points.vertices.iter().map(|v| places[*v as usize]);
        let mut bounds = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
        for place in edge.into_iter().chain(inner) {
            let [x, y, _] = unit.project(place);
            bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
        }
        let half = size as f32 / 2.0 - 0.5;
        Camera {
            center: [half - (bounds[0] + bounds[2]) / 2.0, half - (bounds[1] + bounds[3]) / 2.0],
            ..unit
        }
    }
}

impl TurnablePhoto<'_> {
    /// The face as if it were turned otherwise: [`Turner::farther`] says how it may be. The landmarks go with what they lie on, those of the
    /// outline to the edge that is then seen. What the photo does not show comes out as a smear. The photo that comes out has the face in its
    /// middle, as large as it was, and is at most 320 pixels wide; `eyes_closed` is not known, and NaN.
    pub fn turned(&self, turn: HeadTurn) -> RenderedFace {
        let Self { turner, scene, fitted, .. } = self;
        // The same camera looks at the head from elsewhere: everything turns about the middle of the points.
        let (camera, before, after) = (fitted.pose.camera(), fitted.pose.rotation(), turn.rotation());
        let farther = |place: &Vec3| after.of(before.back(*place));
        let places: Vec<Vec3> = scene.places.iter().map(farther).collect();
        let side = OUT * self.face.width().max(self.face.height());
        let scale = (LARGEST / side).min(1.0);
        let size = ((side * scale).round() as usize).max(16);
        let out = turner.camera_on(&camera, &places, after, scale as f32, size);
        let buffer = drawn(&places, &scene.triangles, &out, size);
        let image = colored(self.photo, scene, &places, &out, &buffer, size, head_box(self.face));

        let mut marks: Vec<(Vec3, f32)> = self.carried.iter().map(|place| (farther(place), 0.5)).collect();
        let edge = contour(&turner.outline, &places, &out, &after);
        for (point, place) in turner.points.outline.iter().zip(edge) {
            marks[*point] = (place, 1.2);
        }
        // Of the head alone: what is around it may hide it too, but how deep that lies is a guess.
        let of_head = drawn(&places, &turner.head.triangles, &out, size);
        let seen = Visible::by_head(&of_head, &out, &marks).alone();
        let on_photo = |p: Vec3| {
            let [x, y, _] = out.project(p);
            Point::new(f64::from(x), f64::from(y))
        };
        let points = turner.points.vertices.iter().zip(&marks).zip(seen).zip(self.landmarks).map(
            |(((vertex, (mark, _)), seen), landmark)| {
                let place = places[*vertex as usize];
                let covered = landmark.visibility == Visibility::Occluded && seen == Seen::Seen;
                RenderedPoint {
                    marked: on_photo(*mark),
                    vertex: on_photo(place),
                    place: [place.x, place.y, place.z],
                    seen: if covered { Seen::Covered } else { seen },
                }
            },
        );
        let points: Vec<RenderedPoint> = points.collect();
        let face_box = Rect::around(points.iter().map(|p| p.marked)).unwrap_or(Rect::new(0.0, 0.0, 0.0, 0.0));
        RenderedFace { image, points, pose: turn, eyes_closed: [f32::NAN; 2], face_box }
    }
}

/// The photo's camera with the face in the middle of [`IN_PHOTO`] pixels: to see what the head hides of itself.
fn camera_of(camera: &Camera, face: Rect) -> Camera {
    let scale = IN_PHOTO as f32 / (OUT * face.width().max(face.height())) as f32;
    let half = IN_PHOTO as f32 / 2.0;
    let center = [(camera.center[0], face.center().x), (camera.center[1], face.center().y)];
    Camera {
        focal: camera.focal * scale,
        center: center.map(|(c, f)| half + (c - f as f32) * scale),
        ..*camera
    }
}

/// Which triangle each sample of a photo of `size` pixels a side sees.
fn drawn(places: &[Vec3], triangles: &[Triangle], camera: &Camera, size: usize) -> Buffer {
    let mut buffer = Buffer::new(size * SAMPLES, size * SAMPLES);
    buffer.draw(&on_screen(places, camera), triangles, 0, false, |_, _| true);
    buffer
}

/// Where places are, in samples, and their depths.
fn on_screen(places: &[Vec3], camera: &Camera) -> Vec<[f32; 3]> {
    let one = |place: &Vec3| {
        let [x, y, near] = camera.project(*place);
        [x * SAMPLES as f32 + 0.5, y * SAMPLES as f32 + 0.5, near]
    };
    places.iter().map(one).collect()
}

/// A box around all of a head, hair and ears, by that around its landmarks.
fn head_box(face: Rect) -> Rect {
    let (w, h) = (0.3 * face.width(), 0.4 * face.height());
    Rect::new(face.x0 - w, face.y0 - 2.0 * h, face.x1 + w, face.y1 + h)
}

/// The photo that comes out; `head` is where the head is in the photo that was given.
fn colored(
    photo: &RgbImage,
    scene: &Scene,
    places: &[Vec3],
    camera: &Camera,
    buffer: &Buffer,
    size: usize,
    head: Rect,
) -> RgbImage {
    let screen = on_screen(places, camera);
    let mut image = RgbImage::new(size as u32, size as u32);
    let (mut covered, mut around) = (vec![false; size * size], vec![false; size * size]);
    for (i, pixel) in image.pixels_mut().enumerate() {
        let (x, y) = (i % size, i / size);
        let (mut sum, mut count) = ([0.0; 3], 0.0);
        for s in 0..SAMPLES * SAMPLES {
            let (sx, sy) = (x * SAMPLES + s % SAMPLES, y * SAMPLES + s / SAMPLES);
            let id = buffer.id[sy * buffer.width + sx];
            if id != NONE {
                let corners = scene.triangles[id as usize].v.map(|v| v as usize);
                let weights = weights(corners.map(|v| screen[v]), [sx as f32, sy as f32]);
                let at = [0, 1].map(|i| (0..3).map(|k| weights[k] * scene.seen[corners[k]][i]).sum());
                let [x, y] = at.map(f64::from);
                around[i] |= x < head.x0 || x > head.x1 || y < head.y0 || y > head.y1;
                let color = sampled(photo, at);
                (0..3).for_each(|i| sum[i] += color[i]);
                count += 1.0;
            }
        }
        if count > 0.0 {
            pixel.0 = sum.map(|v| (v / count).round() as u8);
            covered[i] = true;
        }
    }
    extend(&mut image, &covered, &around);
    image
}

/// Gives what nothing covers the color of the nearest pixel of its row that shows what is around the head; rows without any that of the nearest row
/// with some.
fn extend(image: &mut RgbImage, covered: &[bool], around: &[bool]) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let nearest = |all: &[usize], to: usize| all.iter().copied().min_by_key(|i| i.abs_diff(to));
    let rows: Vec<usize> = (0..height).filter(|y| around[y * width..][..width].contains(&true)).collect();
    let before = image.clone();
    for y in 0..height {
        let Some(row) = nearest(&rows, y) else { return };
        let there: Vec<usize> = (0..width).filter(|x| around[row * width + x]).collect();
        for x in (0..width).filter(|x| !covered[y * width + x]) {
            if let Some(from) = nearest(&there, x) {
                image.put_pixel(x as u32, y as u32, *before.get_pixel(from as u32, row as u32));
            }
        }
    }
}

/// The shares of a triangle's corners at a place of the screen, in space.
fn weights([a, b, c]: [[f32; 3]; 3], at: [f32; 2]) -> [f32; 3] {
    let cross = |p: [f32; 3], q: [f32; 3]| (p[0] - at[0]) * (q[1] - at[1]) - (p[1] - at[1]) * (q[0] - at[0]);
    let flat = [cross(b, c) * a[2], cross(c, a) * b[2], cross(a, b) * c[2]];
    let sum = flat[0] + flat[1] + flat[2];
    flat.map(|w| w / if sum.abs() < 1e-12 { 1e-12 } else { sum })
}

/// A photo's color between pixels; beyond its border the nearest one.
fn sampled(photo: &RgbImage, at: [f32; 2]) -> [f32; 3] {
    let cell = |v: f32, length: u32| {
        let v = v.clamp(0.0, length as f32 - 1.0);
        let low = (v as u32).min(length.saturating_sub(2));
        (low, (low + 1).min(length - 1), v - low as f32)
    };
    let ((x0, x1, tx), (y0, y1, ty)) = (cell(at[0], photo.width()), cell(at[1], photo.height()));
    let pixel = |x: u32, y: u32| photo.get_pixel(x, y).0.map(f32::from);
    let mix = |a: [f32; 3], b: [f32; 3], t: f32| [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t);
    mix(mix(pixel(x0, y0), pixel(x1, y0), tx), mix(pixel(x0, y1), pixel(x1, y1), tx), ty)
}
