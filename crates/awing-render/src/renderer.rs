//! The whole way from a seed to a photo.

use awing::{
    Result,
    geometry::{Point, Rect},
    scheme::HeadPoints,
};
use image::RgbImage;
use rayon::prelude::*;

use crate::exposure::Exposure;
use crate::head::{Head, JawPath};
use crate::math::{Vec3, smooth, vec3};
use crate::paint::{Atlas, Look, Noise, paint, skin_tone};
use crate::photo::{RenderedFace, RenderedPoint, contour, develop};
use crate::random::Chance;
use crate::raster::ShadowMap;
use crate::scene::{Camera, Gaps, Outfit, Scene};
use crate::shade::{Background, Eye, Lights, Studio, lay, shade};
use crate::shape::{Bearing, Expression, HeadTurn, Person};

/// The share of photos without a face that show a head from behind.
const FROM_BEHIND: f32 = 0.2;

/// Renders faces.
pub struct Renderer {
    head: Head,
    /// For faces that are small and large in pixels.
    atlases: [Atlas; 2],
    noise: Noise,
    /// The jaw of the 68 landmarks, by which the face's box is measured.
    jaw: Vec<JawPath>,
    points: HeadPoints,
    /// The paths of the points of the outline.
    outline: Vec<JawPath>,
    photos: Vec<RgbImage>,
}

/// A head as asked for, where chance shall not decide.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub pose: Option<HeadTurn>,
    /// Neither expression nor identity, nothing around the head, a distant camera.
    pub plain: bool,
    /// Closed eyes.
    pub eyes_closed: bool,
}

impl Renderer {
    /// A renderer of the 68 landmarks of iBUG / 300-W.
    pub fn new(head: Head) -> Self {
        let points = head.points68();
        let jaw = head.outline(&points);
        Self {
            atlases: [Atlas::new(&head, 384), Atlas::new(&head, 640)],
            noise: Noise::new(),
            points,
            outline: jaw.clone(),
            jaw,
            photos: Vec::new(),
            head,
        }
    }

    /// Asks for other points, however many, such as those of a scheme ([`Scheme::head`](awing::scheme::Scheme::head)). Those of the outline are marked where
    /// the face's edge is seen.
    ///
    /// # Errors
    /// [`Error::Invalid`](awing::Error::Invalid) naming a vertex that the head has not, or a point of the outline that is none.
    pub fn with_points(mut self, points: HeadPoints) -> Result<Self> {
        self.head.check(&points)?;
        self.outline = self.head.outline(&points);
        self.points = points;
        Ok(self)
    }

    /// Photos without faces to cut backgrounds from; without them all are drawn. Empty ones are left out.
    pub fn with_backgrounds(mut self, photos: Vec<RgbImage>) -> Self {
        self.photos = photos.into_iter().filter(|p| p.width() > 1 && p.height() > 1).collect();
        self
    }

    /// The face number `index` of a seed, as a photo of `size` by `size` pixels (at least 16, at most 2048). The same
    /// arguments give the same bytes.
    pub fn face(&self, seed: u64, index: u64, size: usize) -> RenderedFace {
        self.asked(seed, index, size, &Asked::default())
    }

    /// Faces `first` to `first + count - 1`, on all threads.
    pub fn faces(&self, seed: u64, first: u64, count: usize, size: usize) -> Vec<RenderedFace> {
        (0..count as u64).into_par_iter().map(|i| self.face(seed, first + i, size)).collect()
    }

    /// The photo number `index` of a seed without any face: things that lie on each other, or a head from behind, which has all of a head but that.
    /// Photos for a detector to learn from what is none; `size` as for [`Renderer::face`].
    pub fn scenery(&self, seed: u64, index: u64, size: usize) -> RgbImage {
        let size = size.clamp(16, 2048);
        // Not the draws of the face of the same number.
        let mut c = Chance::new(!seed, index);
        if c.odds(FROM_BEHIND) {
            let yaw = c.between(150.0, 210.0);
            let pose =
                HeadTurn { yaw, pitch: c.normal_within(2.0) * 12.0, roll: c.normal_within(2.0) * 15.0 };
            return self.asked(!seed, index, size, &Asked { pose: Some(pose), ..Asked::default() }).image;
        }
        let lights = Lights::random(&mut c);
        let mut background = Background::random(size, &self.photos, &self.noise, &lights, &mut c);
        lay(&mut background, &self.noise, &lights, &mut c);
        develop(&background.colors, size, 0.3, &mut c)
    }

    pub(super) fn asked(&self, seed: u64, index: u64, size: usize, asked: &Asked) -> RenderedFace {
        let size = size.clamp(16, 2048);
        let atlas = &self.atlases[usize::from(size > 320)];
        let mut c = Chance::new(seed, index);
        let [mut shape, mut turn, mut paints, mut light, mut things, mut film] = [(); 6].map(|()| c.branch());

        let (identity, mut expression) = match asked.plain {
            true => (Vec::new(), Expression::neutral()),
            false => (Person::random_identity(&self.head, &mut shape), Expression::random(&mut shape)),
        };
        if asked.eyes_closed {
            expression.moves.push(("eyeBlink", [1.0; 2]));
        }
        let pose = asked.pose.unwrap_or_else(|| HeadTurn::random(&mut turn));
        if !asked.plain {
            expression.look_back(&pose, &mut turn);
        }
        let person = Person::new(&self.head, &identity, &expression);
        let bearing = Bearing::new(&pose, &mut turn);
        let look = Look::random(&mut paints);
        let mut scene = Scene::new(&self.head, &person, expression.weight("jawOpen"));
        let outfit = match asked.plain {
            true => Outfit::none(),
            false => Outfit::put_on(&mut scene, &self.head, &person, atlas, &look, &mut things),
        };

        let middle = (0..68).fold(Vec3::ZERO, |sum, i| sum + person.landmark(&self.head, i)) * (1.0 / 68.0);
        let origin = bearing.head(middle);
        scene.pose(&bearing, origin);
        let camera = self.camera(&scene, size, asked.plain, &mut turn);

        let places: Vec<Vec3> = self.points.vertices.iter().map(|v| scene.places[*v as usize]).collect();
        // Where each is marked, and how much of the head may lie before it: on the edge of the face the depth falls off steeply.
        let mut marks: Vec<(Vec3, f32)> = places.iter().map(|place| (*place, 0.5)).collect();
        let edge = contour(&self.outline, &scene.places, &camera, bearing.rotation());
        for (point, place) in self.points.outline.iter().zip(edge) {
            marks[*point] = (place, 1.2);
        }
        let gaps = Gaps { noise: &self.noise, strands: outfit.strands, lashes: look.lash_density };
        let exposure = Exposure::new(&scene, &camera, size, &gaps, &outfit.lens, &marks);

        let lights = Lights::random(&mut light);
        let mut shadow = ShadowMap::new(lights.key.direction, 224, 17.0);
        let from_lamp = shadow.screen(&scene.places);
        for part in scene.parts.iter().filter(|p| p.casts()) {
            shadow.draw(&from_lamp, &scene.triangles[part.triangles.clone()], part.both_sides);
        }
        let background = Background::random(size, &self.photos, &self.noise, &lights, &mut light);
        let eye = |i: usize| Eye {
            center: bearing.head(person.eyes[i]) - origin,
            gaze: bearing.rotation().of(person.gaze[i]),
            radius: person.eye_radius,
            lid: {
                let [a, b] = [[37, 38], [43, 44]][i].map(|l| person.landmark(&self.head, l));
                bearing.head((a + b) * 0.5) - origin
            },
            up: bearing.rotation().of(vec3(0.0, 1.0, 0.0)),
        };
        let pixels_a_cm = camera.focal / camera.distance;
        let brightness = brightness(&lights, &bearing, &look);
        let studio = Studio {
            canvas: paint(atlas, &self.noise, &look, &mut paints),
            lights,
            shadow,
            noise: &self.noise,
            eyes: [eye(0), eye(1)],
            wares: outfit.wares,
            strands: outfit.strands,
            lens: outfit.lens,
            mean: &self.head.mean,
            detail: smooth(3.0, 16.0, pixels_a_cm) * 0.9,
            look,
        };
        let colors = shade(&scene, &exposure, &camera, &background, &studio);
        let image = develop(&colors, size, brightness, &mut film);

        let on_photo = |p: Vec3| {
            let [x, y, _] = camera.project(p);
            Point::new(f64::from(x), f64::from(y))
        };
        let points = (0..places.len()).map(|i| RenderedPoint {
            marked: on_photo(marks[i].0),
            vertex: on_photo(places[i]),
            place: [places[i].x, places[i].y, places[i].z],
            seen: exposure.seen[i],
        });
        let jaw = contour(&self.jaw, &scene.places, &camera, bearing.rotation());
        let inner = self.head.landmarks68[17..].iter().map(|v| scene.places[*v as usize]);
        let face_box =
            Rect::around(jaw.into_iter().chain(inner).map(on_photo)).unwrap_or(Rect::new(0.0, 0.0, 0.0, 0.0));
        RenderedFace { image, points: points.collect(), pose, eyes_closed: person.closed, face_box }
    }

    /// A camera that sees the face at a size and place that vary.
    fn camera(&self, scene: &Scene, size: usize, plain: bool, c: &mut Chance) -> Camera {
        // From an arm's length, as for a picture of oneself, to a long lens.
        let distance = if plain { 20_000.0 } else { 35.0 * (c.unit() * 2.4).exp() };
        let unit = Camera { distance, focal: distance, center: [0.0; 2] };
        let mut bounds = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
        for v in self.head.landmarks68 {
            let [x, y, _] = unit.project(scene.places[v as usize]);
            bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
        }
        let side = (bounds[2] - bounds[0]).max(bounds[3] - bounds[1]).max(1.0);
        let share = if plain { 0.55 } else { c.between(0.42, 0.68) };
        let scale = share * size as f32 / side;
        let mut shift = |low: f32, high: f32| {
            let free = size as f32 * (1.0 - share) * if plain { 0.0 } else { 0.22 };
            size as f32 / 2.0 - 0.5 + c.between(-free, free) - scale * (low + high) / 2.0
        };
        let center = [shift(bounds[0], bounds[2]), shift(bounds[1], bounds[3])];
        Camera { distance, focal: distance * scale, center }
    }
}

/// How bright the picture is on average, by which a camera exposes it: mostly the face, in part what is around it.
fn brightness(lights: &Lights, bearing: &Bearing, look: &Look) -> f32 {
    let light = lights.on(bearing.rotation().of(vec3(0.0, 0.25, 1.0)).unit());
    let skin = light.times(skin_tone(look.melanin, 0.0, 0.0));
    (0.3 * skin.x + 0.6 * skin.y + 0.1 * skin.z) * 0.6 + 0.4 * 0.3 * light.y
}
