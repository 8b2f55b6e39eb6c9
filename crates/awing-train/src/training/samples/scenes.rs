use super::outline::{Outline, log_uniform};
use crate::{
    augment::AugmentConfig,
    dataset::{BoxedPhoto, Sample},
};
use awing::{
    Error, Result,
    detection::encode_faces,
    geometry::{Planes, Point, Rect, Transform, warp, warp_into},
    network::NetworkConfig,
    photo::load_image,
};
use image::{Rgb, RgbImage};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::{ops::Range, path::PathBuf};

/// How many scenes are whole photos instead of collages, where there are photos.
const WHOLE_PHOTOS: f64 = 0.4;
/// Of the whole photos, how many come from the photos with boxes, where there are both.
const BOXED_PHOTOS: f64 = 0.5;
/// Sides of faces in a scene, in pixels.
const SIDES: Range<f64> = 16.0..300.0;
/// Photos are enlarged by this at most.
const MOST_ENLARGED: f64 = 2.0;
/// A face of which less than this share is in the scene need not be found.
const LEAST_VISIBLE: f64 = 0.6;
/// Largest rotation of a pasted face, and of a whole photo, in degrees.
const TURNS: [f64; 2] = [50.0, 25.0];
/// Faces and pieces of other things in a collage, at most.
const MOST_FACES: usize = 4;
const MOST_PIECES: usize = 3;

/// What scenes are made of.
#[derive(Clone, Debug, Default)]
pub struct SceneSources {
    /// Faces with landmarks, one a photo; the box around the landmarks is the face.
    pub faces: Vec<Sample>,
    /// Photos with a box around every face. WIDER FACE's boxes begin at the hair; their upper 24.5 % are left out.
    pub photos: Vec<BoxedPhoto>,
    /// Photos without any face.
    pub backgrounds: Vec<PathBuf>,
}

/// A made picture and its faces.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Square, as the network sees it.
    pub picture: RgbImage,
    /// The faces that a detector should find.
    pub faces: Vec<Rect>,
    /// Faces that it need not find: cut off, or marked as invalid.
    pub ignored: Vec<Rect>,
}

/// Makes scenes for a detector to learn from: parts of whole photos, and collages of faces and pieces of other things on photos without
/// faces. The pieces have the same outlines as the pasted faces, so that an outline says nothing.
#[derive(Clone, Debug)]
pub struct SceneMaker {
    sources: SceneSources,
    augment: AugmentConfig,
    side: usize,
}

/// A picture under way.
struct Draft {
    picture: RgbImage,
    faces: Vec<Rect>,
    ignored: Vec<Rect>,
}

impl SceneMaker {
    /// Scenes of `side` x `side` pixels; of `augment` the effects on pixels count.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no face, no background, or a setting out of range.
    pub fn new(sources: SceneSources, augment: AugmentConfig, side: usize) -> Result<Self> {
        augment.validate()?;
        if sources.faces.is_empty() {
            return Err(Error::invalid("faces", "there is none to learn from; give annotated ones"));
        }
        if sources.backgrounds.is_empty() {
            return Err(Error::invalid("backgrounds", "there is none; give some photos without any face"));
        }
        Ok(Self { sources, augment, side })
    }

    /// Width and height of a scene.
    pub fn side(&self) -> usize {
        self.side
    }

    /// What its scenes are made of.
    pub(crate) fn sources(&self) -> &SceneSources {
        &self.sources
    }

    /// Number of annotated faces.
    pub fn faces(&self) -> usize {
        self.sources.faces.len()
    }

    /// The scene of a seed; the same seed gives the same scene.
    ///
    /// # Errors
    /// A photo that cannot be read.
    pub fn scene(&self, seed: u64) -> Result<Scene> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draft =
            if rng.random_bool(WHOLE_PHOTOS) { self.whole_photo(&mut rng)? } else { self.collage(&mut rng)? };
        let mut planes = Planes::new(self.side);
        for (channel, plane) in planes.planes_mut().into_iter().enumerate() {
            plane.iter_mut().zip(draft.picture.pixels()).for_each(|(v, pixel)| *v = pixel.0[channel]);
        }
        self.augment.degrade(&mut planes, &mut rng);
        draft.picture = planes.to_rgb();
        let Draft { picture, faces, ignored } = draft;
        Ok(Scene { picture, faces, ignored })
    }

    /// Writes a seed's scene as a network learns it: `image` [3, side, side] in [0, 1], `targets` and `weights` [maps, side / stride, side / stride].
    ///
    /// # Errors
    /// A photo that cannot be read.
    pub(crate) fn write(
        &self,
        seed: u64,
        image: &mut [f32],
        targets: &mut [f32],
        weights: &mut [f32],
    ) -> Result<()> {
        let scene = self.scene(seed)?;
        let area = self.side * self.side;
        for (place, pixel) in scene.picture.pixels().enumerate() {
            for (channel, value) in pixel.0.into_iter().enumerate() {
                image[channel * area + place] = f32::from(value) / 255.0;
            }
        }
        targets.fill(0.0);
        encode_faces(&scene.faces, &scene.ignored, self.side / NetworkConfig::STRIDE, targets, weights);
        Ok(())
    }

    /// A part of a photo that has a face, turned a little, over another photo where it ends.
    fn whole_photo(&self, rng: &mut ChaCha8Rng) -> Result<Draft> {
        let boxed = !self.sources.photos.is_empty() && rng.random_bool(BOXED_PHOTOS);
        let (photo, faces, ignored) = match self.sources.photos.choose(rng).filter(|_| boxed) {
            Some(photo) => {
                let faces = photo.faces.iter().map(|face| below_the_hair(*face)).collect();
                (load_image(&photo.path)?, faces, photo.ignored.clone())
            }
            None => {
                let (photo, face) = self.face(rng)?;
                (photo, vec![face], Vec::new())
            }
        };
        let chosen = faces.choose(rng).copied().unwrap_or(Rect::of_image(photo.width(), photo.height()));
        let side = log_uniform(SIDES, rng);
        let scale = (side / chosen.width().max(chosen.height())).min(MOST_ENLARGED);
        let part = self.side as f64 / scale;
        let middle = chosen.center();
        let mut offset = || rng.random_range(-0.45..=0.45) * part;
        let center = Point::new(middle.x + offset(), middle.y + offset());
        let degrees = rng.random_range(-TURNS[1]..=TURNS[1]);
        let transform = Transform::crop(center, part, self.side, degrees, rng.random_bool(0.5));
        let mut draft = Draft {
            picture: warp(&photo, &transform, self.side),
            faces: Vec::new(),
            ignored: ignored.iter().map(|face| moved(*face, &transform)).collect(),
        };
        let whole = Rect::of_image(self.side as u32, self.side as u32);
        for face in faces {
            let face = moved(face, &transform);
            match visible(face, whole) {
                share if share >= LEAST_VISIBLE => draft.faces.push(face),
                share if share > 0.0 => draft.ignored.push(face),
                _ => {}
            }
        }
        if rng.random_bool(0.5) {
            let behind = self.background(rng)?;
            let back = transform.inverse();
            let (width, height) = (f64::from(photo.width()) - 1.0, f64::from(photo.height()) - 1.0);
            for (x, y, pixel) in draft.picture.enumerate_pixels_mut() {
                let p = back.apply(Point::new(f64::from(x), f64::from(y)));
                if !((0.0..=width).contains(&p.x) && (0.0..=height).contains(&p.y)) {
                    *pixel = *behind.get_pixel(x, y);
                }
            }
        }
        Ok(draft)
    }

    /// Faces and pieces of other things on a photo without faces.
    fn collage(&self, rng: &mut ChaCha8Rng) -> Result<Draft> {
        let mut draft = Draft { picture: self.background(rng)?, faces: Vec::new(), ignored: Vec::new() };
        for _ in 0..rng.random_range(0..=MOST_PIECES) {
            let photo = self.empty_photo(rng)?;
            let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
            let side = rng.random_range(0.1..0.5) * width.min(height);
            let x = rng.random_range(0.0..=width - side);
            let y = rng.random_range(0.0..=height - side);
            let piece = Rect::new(x, y, x + side, y + side);
            self.paste(&mut draft.picture, &photo, piece, log_uniform(SIDES, rng), rng);
        }
        for _ in 0..rng.random_range(0..=MOST_FACES) {
            let (photo, face) = self.face(rng)?;
            let side = log_uniform(SIDES, rng);
            let half = 0.5 * side;
            let place = self.place(&face, side, rng);
            let whole = Rect::of_image(self.side as u32, self.side as u32);
            let target = moved(face, &place);
            let room = grown(target, half);
            if draft.faces.iter().chain(&draft.ignored).any(|other| grown(*other, 0.2 * half).overlaps(room))
            {
                continue;
            }
            self.blend(&mut draft.picture, &photo, face, &place, rng);
            let share = visible(target, whole);
            if share >= LEAST_VISIBLE { draft.faces.push(target) } else { draft.ignored.push(target) }
        }
        Ok(draft)
    }

    /// One annotated face and its photo.
    fn face(&self, rng: &mut ChaCha8Rng) -> Result<(RgbImage, Rect)> {
        let sample = self.sources.faces.choose(rng);
        let found = sample.and_then(|sample| sample.landmark_box().map(|face| (sample, face)));
        let (sample, face) =
            found.ok_or_else(|| Error::invalid("faces", "one has no two different points"))?;
        Ok((sample.load_image()?.as_ref().clone(), face))
    }

    fn empty_photo(&self, rng: &mut ChaCha8Rng) -> Result<RgbImage> {
        match self.sources.backgrounds.choose(rng) {
            Some(path) => load_image(path),
            None => Ok(RgbImage::new(64, 64)),
        }
    }

    /// A part of a photo without faces that fills the scene, or, now and then, one color.
    fn background(&self, rng: &mut ChaCha8Rng) -> Result<RgbImage> {
        if rng.random_bool(0.05) {
            let color = [(); 3].map(|()| rng.random());
            return Ok(RgbImage::from_pixel(self.side as u32, self.side as u32, Rgb(color)));
        }
        let photo = self.empty_photo(rng)?;
        let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
        let part = width.min(height) * rng.random_range(0.3..=1.0);
        let middle = |length: f64, rng: &mut ChaCha8Rng| rng.random_range(0.5 * part..=length - 0.5 * part);
        let center = Point::new(middle(width, rng) - 0.5, middle(height, rng) - 0.5);
        let transform = Transform::crop(center, part, self.side, 0.0, rng.random_bool(0.5));
        Ok(warp(&photo, &transform, self.side))
    }

    /// From a photo to a scene where the box becomes `side` pixels large, anyhow turned and anywhere.
    fn place(&self, face: &Rect, side: f64, rng: &mut ChaCha8Rng) -> Transform {
        let scale = side / face.width().max(face.height());
        let degrees = rng.random_range(-TURNS[0]..=TURNS[0]);
        let crop = Transform::crop(
            face.center(),
            self.side as f64 / scale,
            self.side,
            degrees,
            rng.random_bool(0.5),
        );
        let half = 0.5 * self.side as f64;
        let mut shift = || rng.random_range(-half..=half);
        let translation = Point::new(crop.translation.x + shift(), crop.translation.y + shift());
        Transform { translation, ..crop }
    }

    fn paste(&self, picture: &mut RgbImage, photo: &RgbImage, piece: Rect, side: f64, rng: &mut ChaCha8Rng) {
        let place = self.place(&piece, side, rng);
        self.blend(picture, photo, piece, &place, rng);
    }

    /// Blends a box of a photo and what is around it into the picture, in other light.
    fn blend(
        &self,
        picture: &mut RgbImage,
        photo: &RgbImage,
        face: Rect,
        place: &Transform,
        rng: &mut ChaCha8Rng,
    ) {
        let mut planes = Planes::new(self.side);
        warp_into(photo, [0, 0], place, &mut planes);
        let outline = Outline::draw(rng);
        let light: f64 = rng.random_range(0.6..1.4);
        let back = place.inverse();
        let end = [f64::from(photo.width()) - 1.0, f64::from(photo.height()) - 1.0];
        let [red, green, blue] = planes.planes();
        for (i, pixel) in picture.pixels_mut().enumerate() {
            let p = back.apply(Point::new((i % self.side) as f64, (i / self.side) as f64));
            if !((0.0..=end[0]).contains(&p.x) && (0.0..=end[1]).contains(&p.y)) {
                continue;
            }
            let share = outline.share(face, p);
            if share > 0.0 {
                for (value, new) in pixel.0.iter_mut().zip([red[i], green[i], blue[i]]) {
                    let mixed =
                        (1.0 - share) * f64::from(*value) + share * (light * f64::from(new)).min(255.0);
                    *value = mixed.round() as u8;
                }
            }
        }
    }
}

/// The box around the landmarks in one that WIDER FACE's annotators drew: the median over the faces of its validation part that awing
/// was given to learn from.
fn below_the_hair(face: Rect) -> Rect {
    Rect::new(face.x0, face.y0 + 0.245 * face.height(), face.x1, face.y1)
}

/// The upright box of the same size where the box's middle comes to lie.
fn moved(face: Rect, transform: &Transform) -> Rect {
    let center = transform.apply(face.center());
    let [w, h] = [face.width(), face.height()].map(|side| 0.5 * side * transform.scale());
    Rect::new(center.x - w, center.y - h, center.x + w, center.y + h)
}

fn grown(face: Rect, by: f64) -> Rect {
    Rect::new(face.x0 - by, face.y0 - by, face.x1 + by, face.y1 + by)
}

/// The share of a box that lies in the scene.
fn visible(face: Rect, scene: Rect) -> f64 {
    let width = face.x1.min(scene.x1) - face.x0.max(scene.x0);
    let height = face.y1.min(scene.y1) - face.y0.max(scene.y0);
    width.max(0.0) * height.max(0.0) / (face.width() * face.height())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::drawn_faces;

    fn maker(folder: &std::path::Path) -> SceneMaker {
        let wall = folder.join("wall.png");
        RgbImage::from_pixel(200, 160, Rgb([20, 60, 90])).save(&wall).unwrap();
        let photo = BoxedPhoto {
            path: wall.clone(),
            faces: vec![Rect::new(50.0, 50.0, 90.0, 90.0)],
            ignored: vec![],
        };
        let sources =
            SceneSources { faces: drawn_faces(6, 96, 1), photos: vec![photo], backgrounds: vec![wall] };
        SceneMaker::new(sources, AugmentConfig::none(), 128).unwrap()
    }

    #[test]
    fn scenes_follow_from_the_seed_and_hold_faces_in_view() {
        let folder = tempfile::tempdir().unwrap();
        let maker = maker(folder.path());
        let whole = Rect::of_image(128, 128);
        let (mut faces, mut ignored) = (0, 0);
        for seed in 0..60 {
            let scene = maker.scene(seed).unwrap();
            assert_eq!(scene, maker.scene(seed).unwrap());
            assert_eq!(scene.picture.dimensions(), (128, 128));
            assert!(scene.faces.iter().all(|face| visible(*face, whole) >= LEAST_VISIBLE));
            for (i, face) in scene.faces.iter().enumerate() {
                assert!(scene.faces[..i].iter().all(|other| other.overlap(*face) == 0.0), "{seed}");
            }
            (faces, ignored) = (faces + scene.faces.len(), ignored + scene.ignored.len());
        }
        assert!(faces > 30 && ignored > 5, "{faces} {ignored}");
        assert_ne!(maker.scene(0).unwrap(), maker.scene(1).unwrap());
    }

    #[test]
    fn boxes_move_with_the_picture() {
        // Half as large, and mirrored: x 10 of 100 becomes (100 - 1 - 10 + 0.5) / 2 - 0.5 = 44.25.
        let transform = Transform::crop(Point::new(49.5, 49.5), 100.0, 50, 0.0, true);
        let face = moved(Rect::new(0.0, 20.0, 20.0, 60.0), &transform);
        assert!((face.center().x - 44.25).abs() < 1e-9 && (face.width() - 10.0).abs() < 1e-9, "{face:?}");
        assert!((face.height() - 20.0).abs() < 1e-9);
        assert_eq!(visible(Rect::new(-10.0, 0.0, 10.0, 10.0), Rect::new(0.0, 0.0, 99.0, 99.0)), 0.5);
    }

    #[test]
    fn nothing_to_make_scenes_from_is_an_error() {
        let problem = SceneMaker::new(SceneSources::default(), AugmentConfig::none(), 128).unwrap_err();
        assert!(problem.to_string().starts_with("faces: there is none"));
        let sources = SceneSources { faces: drawn_faces(1, 96, 1), ..SceneSources::default() };
        assert!(
            SceneMaker::new(sources, AugmentConfig::none(), 128)
                .unwrap_err()
                .to_string()
                .starts_with("backgrounds")
        );
    }
}
