//! The whole way from a seed to a photo.

use awing::{
    Error, Result,
    geometry::{Point, Rect},
};
use image::RgbImage;
use rayon::prelude::*;

use super::head::Head;
use super::math::{Vec3, smooth};
use super::paint::{Atlas, Look, Noise, paint};
use super::photo::{RenderedFace, RenderedPoint, Visible, contour, develop};
use super::random::Chance;
use super::raster::{Buffer, ShadowMap};
use super::scene::{Camera, Cutout, Material, Outfit, Scene};
use super::shade::{Background, Eye, Lights, SAMPLES, Studio, shade};
use super::shape::{Bearing, Expression, HeadPose, Person};

/// Renders faces.
pub struct Renderer {
    head: Head,
    /// For faces that are small and large in pixels.
    atlases: [Atlas; 2],
    noise: Noise,
    points: Vec<u32>,
    photos: Vec<RgbImage>,
}

/// A head as asked for, where chance shall not decide.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub pose: Option<HeadPose>,
    /// Neither expression nor identity, nothing around the head, a distant camera.
    pub plain: bool,
    /// Closed eyes.
    pub eyes_closed: bool,
}

impl Renderer {
    /// A renderer of the 68 landmarks of iBUG / 300-W.
    pub fn new(head: Head) -> Self {
        let points = head.landmarks68().to_vec();
        Self {
            atlases: [Atlas::new(&head, 384), Atlas::new(&head, 640)],
            noise: Noise::new(),
            points,
            photos: Vec::new(),
            head,
        }
    }

    /// Asks for other points, as vertices of the head. Those of the jaw's contour (the first 17 of the 68) are marked where
    /// the contour is seen.
    pub fn with_points(mut self, vertices: &[u32]) -> Result<Self> {
        if let Some(v) = vertices.iter().find(|v| **v as usize >= self.head.vertices()) {
            let what = format!("names vertex {v}, but the head has {}", self.head.vertices());
            return Err(Error::invalid("points", what));
        }
        self.points = vertices.to_vec();
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
        let pose = asked.pose.unwrap_or_else(|| HeadPose::random(&mut turn));
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

        // The head first: what it hides of itself, then the rest: what that covers.
        let screen: Vec<[f32; 3]> = scene
            .places
            .iter()
            .map(|p| {
                let [x, y, near] = camera.project(*p);
                [x * SAMPLES as f32 + 0.5, y * SAMPLES as f32 + 0.5, near]
            })
            .collect();
        let mut buffer = Buffer::new(size * SAMPLES, size * SAMPLES);
        let strands = outfit.strands;
        let cut = |part: usize| Cut {
            scene: &scene,
            cutout: scene.parts[part].cutout,
            noise: &self.noise,
            strands,
            look: &look,
        };
        let draw = |buffer: &mut Buffer, part: usize| {
            let (p, cut) = (&scene.parts[part], cut(part));
            let triangles = &scene.triangles[p.triangles.clone()];
            buffer.draw(&screen, triangles, p.triangles.start as u32, p.both_sides, |t, w| cut.keeps(t, w));
        };
        let marked68 = contour(&self.head, &scene.places, &camera, bearing.rotation());
        let places: Vec<Vec3> = self.points.iter().map(|v| scene.places[*v as usize]).collect();
        let jaw = |v: &u32| self.head.landmarks68[..17].iter().position(|l| l == v);
        let marked: Vec<Vec3> =
            self.points.iter().map(|v| jaw(v).map_or(scene.places[*v as usize], |i| marked68[i])).collect();
        // On the edge of the face the depth falls off steeply.
        let asked_of: Vec<(Vec3, f32)> = self
            .points
            .iter()
            .zip(&marked)
            .map(|(v, p)| (*p, if jaw(v).is_some() { 1.2 } else { 0.5 }))
            .collect();
        // Lashes are thin enough to see lids through.
        (0..scene.head_parts)
            .filter(|p| scene.parts[*p].cutout == Cutout::None)
            .for_each(|p| draw(&mut buffer, p));
        let others = scene.parts[..scene.head_parts].last().map_or(0, |p| p.triangles.end as u32);
        let visible = Visible::by_head(&buffer, &camera, &asked_of);
        let is_lens = |p: &usize| scene.parts[*p].material == Material::Lens;
        let lens = outfit.lens;
        let opaque_glass = lens.opacity > 0.7 || lens.mirror > 0.5;
        (scene.head_parts..scene.parts.len()).filter(|p| !is_lens(p)).for_each(|p| draw(&mut buffer, p));
        let mut glass: Option<Buffer> = None;
        for p in (0..scene.parts.len()).filter(is_lens) {
            draw(glass.get_or_insert_with(|| Buffer::new(size * SAMPLES, size * SAMPLES)), p);
        }
        let mut seen = visible.by_all(&buffer, &camera, &asked_of, others);
        if let Some(glass) = glass.as_ref().filter(|_| opaque_glass) {
            for (all, behind) in seen.iter_mut().zip(visible.by_all(glass, &camera, &asked_of, others)) {
                if behind == super::photo::Seen::Covered {
                    *all = behind;
                }
            }
        }
        (0..scene.head_parts)
            .filter(|p| scene.parts[*p].cutout != Cutout::None)
            .for_each(|p| draw(&mut buffer, p));

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
            up: bearing.rotation().of(super::math::vec3(0.0, 1.0, 0.0)),
        };
        let pixels_a_cm = camera.focal / camera.distance;
        let forward = bearing.rotation().of(super::math::vec3(0.0, 0.25, 1.0)).unit();
        let brightness = lights.on(forward);
        let albedo = super::paint::skin_tone(look.melanin, 0.0, 0.0);
        let face_brightness = (0.3 * brightness.x * albedo.x + 0.6 * brightness.y * albedo.y + 0.1 * brightness.z * albedo.z)
            // Cameras see more than the face.
            * 0.6
            + 0.4 * 0.3 * (brightness.y);
        let studio = Studio {
            canvas: paint(atlas, &self.noise, &look, &mut paints),
            lights,
            shadow,
            noise: &self.noise,
            eyes: [eye(0), eye(1)],
            wares: outfit.wares,
            strands,
            lens,
            mean: &self.head.mean,
            detail: smooth(3.0, 16.0, pixels_a_cm) * 0.9,
            look: Look::clone(&look),
        };
        let colors = shade(&scene, &screen, &camera, &buffer, glass.as_ref(), &background, &studio);
        let image = develop(&colors, size, face_brightness, &mut film);

        let on_photo = |p: Vec3| {
            let [x, y, _] = camera.project(p);
            Point::new(f64::from(x), f64::from(y))
        };
        let points = (0..places.len()).map(|i| RenderedPoint {
            marked: on_photo(marked[i]),
            vertex: on_photo(places[i]),
            place: [places[i].x, places[i].y, places[i].z],
            seen: seen[i],
        });
        let all68 = (0..68).map(|i| {
            on_photo(if i < 17 { marked68[i] } else { scene.places[self.head.landmarks68[i] as usize] })
        });
        let face_box = Rect::around(all68).unwrap_or(Rect::new(0.0, 0.0, 0.0, 0.0));
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

/// The gaps of one part.
struct Cut<'a> {
    scene: &'a Scene,
    cutout: Cutout,
    noise: &'a Noise,
    strands: super::shade::Strands,
    look: &'a Look,
}

impl Cut<'_> {
    fn keeps(&self, triangle: &super::head::Corner, w: [f32; 3]) -> bool {
        let uv = || {
            let t = triangle.t.map(|t| self.scene.uv[t as usize]);
            [0, 1].map(|i| t[0][i] * w[0] + t[1][i] * w[1] + t[2][i] * w[2])
        };
        match self.cutout {
            Cutout::None => true,
            Cutout::Lashes => {
                // Six cards lie above each other on the texture: three of the upper lid, three of the lower.
                let [u, v] = uv();
                let upper = v > 0.5;
                let along = ((if upper { 0.988 } else { 0.486 } - v).rem_euclid(0.166) / 0.14).min(1.0);
                let (length, many) = if upper { (0.95, 1.0) } else { (0.55, 0.45) };
                let across = ((u + 0.01 * along) * 95.0).fract() - 0.5;
                let strand = Noise::near(
                    &self.noise.grain,
                    (u * 95.0).floor() * 0.137,
                    v.mul_add(6.0, 0.5).floor() * 0.31,
                );
                let density = self.look.lash_density * many;
                along < length * (0.75 + 0.3 * strand)
                    && across.abs() < 0.26 * density * (1.1 - along / length)
            }
            Cutout::Strands(ragged) => {
                let [u, v] = uv();
                let streak = self.strands.streak(self.noise, [u, v], Noise::near);
                // Each strand has its own length; the ends of v are the tips.
                let uneven = 0.35 + 0.7 * streak + 0.2 * Noise::near(&self.noise.cloud, 3.0 * u, 0.5);
                v < 1.0 - ragged * uneven.clamp(0.0, 1.0)
            }
            Cutout::Wisps => {
                let [u, v] = uv();
                v < 0.93 && self.strands.streak(self.noise, [u + 0.37, v], Noise::near) > 0.55
            }
        }
    }
}
