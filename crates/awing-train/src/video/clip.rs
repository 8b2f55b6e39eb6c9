//! Clips made from a still photo by a movement that is known, so that a tracker can be held against it.

use crate::{augment::add_noise, dataset::Sample};
use awing::{
    Error, Result,
    geometry::{Point, Rect, Transform, warp},
    scheme::Landmark,
};
use image::{Rgb, RgbImage};
use std::{f64::consts::TAU, ops::Range, str::FromStr, sync::Arc};

/// Frames of a clip.
pub(super) const FRAMES: usize = 60;
/// Frames a second.
pub(super) const RATE: f64 = 30.0;
/// Width and height of a frame in pixels.
const SIDE: usize = 320;
/// The larger side of the face in pixels, before it is zoomed.
const FACE: f64 = 120.0;
/// Standard deviation of the sensor's noise in levels of 0 to 255.
const NOISE: f64 = 5.0;
/// When something stands before the face.
const HIDDEN: Range<usize> = 25..31;
/// The first frame after the cut.
const CUT: usize = FRAMES / 2;

/// What happens in a clip of two seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Nothing.
    Rest,
    /// To and fro by a third of the face, at most one face size a second.
    Pan,
    /// Rest, and dashes of half a face in a fifth of a second.
    Dash,
    /// 40 % larger and 30 % smaller.
    Zoom,
    /// By 20 degrees to either side.
    Turn,
    /// 40 % brighter and darker, once a second.
    Light,
    /// A fifth of a second long something stands before the face.
    Hidden,
    /// Another face after one second.
    Cut,
}

impl Motion {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Rest, Self::Pan, Self::Dash, Self::Zoom, Self::Turn, Self::Light, Self::Hidden, Self::Cut];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Pan => "pan",
            Self::Dash => "dash",
            Self::Zoom => "zoom",
            Self::Turn => "turn",
            Self::Light => "light",
            Self::Hidden => "hidden",
            Self::Cut => "cut",
        }
    }

    /// Shift in face sizes, zoom and turn in degrees after `t` seconds.
    fn at(self, t: f64) -> (Point, f64, f64) {
        let wave = |seconds: f64| (TAU * t / seconds).sin();
        let still = Point::default();
        match self {
            Self::Rest | Self::Light | Self::Hidden | Self::Cut => (still, 1.0, 0.0),
            Self::Pan => (Point::new(0.33 * wave(2.0), 0.1 * wave(1.3)), 1.0, 0.0),
            Self::Dash => {
                // Every 0.6 s there or back again.
                let (count, part) = ((t / 0.6).floor(), ((t % 0.6) / 0.2).min(1.0));
                let way = part * part * (3.0 - 2.0 * part);
                let from = if count % 2.0 == 0.0 { way } else { 1.0 - way };
                (Point::new(0.5 * from - 0.25, 0.0), 1.0, 0.0)
            }
            Self::Zoom => (still, (0.35 * wave(2.0)).exp(), 0.0),
            Self::Turn => (still, 1.0, 20.0 * wave(2.0)),
        }
    }
}

impl FromStr for Motion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|motion| motion.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::invalid("motion", format!("`{text}` is unknown; choose from {names}"))
        })
    }
}

/// One frame of a clip.
pub(super) struct ClipFrame {
    pub(super) image: RgbImage,
    pub(super) time: f64,
    /// The annotation, moved along.
    pub(super) landmarks: Vec<Landmark>,
    /// From the photo to the frame.
    pub(super) view: Transform,
    /// Whether something stands before the face.
    pub(super) hidden: bool,
    /// Which of the photos it shows.
    pub(super) scene: usize,
}

/// A photo in which something happens.
pub(super) struct Clip {
    motion: Motion,
    scenes: Vec<Scene>,
    seed: u64,
}

struct Scene {
    photo: Arc<RgbImage>,
    landmarks: Vec<Landmark>,
    face: Rect,
}

impl Clip {
    /// A clip of one annotated face, and of another after a cut.
    pub(super) fn new(motion: Motion, face: &Sample, other: &Sample, seed: u64) -> Result<Self> {
        let scene = |sample: &Sample| {
            let face = sample.landmark_box().ok_or_else(|| {
                Error::invalid("landmarks", "fewer than two are annotated").about(&sample.name)
            })?;
            Ok(Scene { photo: sample.load_image()?, landmarks: sample.landmarks.clone(), face })
        };
        let mut scenes = vec![scene(face)?];
        if motion == Motion::Cut {
            scenes.push(scene(other)?);
        }
        Ok(Self { motion, scenes, seed })
    }

    pub(super) fn frames(&self) -> impl Iterator<Item = ClipFrame> {
        (0..FRAMES).map(|number| self.frame(number))
    }

    fn frame(&self, number: usize) -> ClipFrame {
        let time = number as f64 / RATE;
        let (shift, zoom, degrees) = self.motion.at(time);
        let index = usize::from(number >= CUT && self.scenes.len() > 1);
        let scene = &self.scenes[index];
        let size = scene.face.width().max(scene.face.height());
        let center = scene.face.center();
        let center = Point::new(center.x - shift.x * size, center.y - shift.y * size);
        let view = Transform::crop(center, size / FACE * SIDE as f64 / zoom, SIDE, degrees, false);
        let mut image = warp(&scene.photo, &view, SIDE);
        let landmarks =
            scene.landmarks.iter().map(|l| Landmark { point: view.apply(l.point), ..*l }).collect();
        if self.motion == Motion::Light {
            let gain = 1.0 + 0.4 * (TAU * time).sin();
            image.iter_mut().for_each(|v| *v = (f64::from(*v) * gain) as u8);
        }
        let hidden = self.motion == Motion::Hidden && HIDDEN.contains(&number);
        if hidden {
            hide(&mut image);
        }
        add_noise(&mut image, NOISE, self.seed.wrapping_mul(1000).wrapping_add(number as u64));
        ClipFrame { image, time, landmarks, view, hidden, scene: index }
    }
}

/// A striped board before the middle of the frame, larger than the face.
fn hide(image: &mut RgbImage) {
    let reach = ((SIDE as f64 - 1.3 * FACE) / 2.0) as u32;
    for y in reach..SIDE as u32 - reach {
        for x in reach..SIDE as u32 - reach {
            let light = if (x + y / 2) / 16 % 2 == 0 { 20 } else { 0 };
            image.put_pixel(x, y, Rgb([70 + light, 90 + light, 60 + light]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::drawn_faces;

    fn clip(motion: Motion) -> Clip {
        let faces = drawn_faces(2, 256, 5);
        Clip::new(motion, &faces[0], &faces[1], 1).unwrap()
    }

    /// A landmark moves with the pixels around it.
    #[test]
    fn the_annotation_moves_with_the_picture() {
        for motion in Motion::ALL {
            let clip = clip(motion);
            let frames: Vec<ClipFrame> = clip.frames().collect();
            assert_eq!(frames.len(), FRAMES);
            for frame in &frames {
                let scene = &clip.scenes[frame.scene];
                for (landmark, known) in frame.landmarks.iter().zip(&scene.landmarks) {
                    assert!(frame.view.inverse().apply(landmark.point).distance(known.point) < 1e-6);
                }
                let face = Rect::around(frame.landmarks.iter().map(|l| l.point)).unwrap();
                assert!(
                    face.x0 > 0.0 && face.y0 > 0.0 && face.x1 < 320.0 && face.y1 < 320.0,
                    "{motion:?} {face:?}"
                );
            }
            let hidden = frames.iter().filter(|f| f.hidden).count();
            assert_eq!(hidden, if motion == Motion::Hidden { HIDDEN.len() } else { 0 });
            assert_eq!(frames[FRAMES - 1].scene, usize::from(motion == Motion::Cut));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_clip() {
        let image = |motion| clip(motion).frame(28).image;
        assert_eq!(image(Motion::Rest), image(Motion::Rest));
        assert_ne!(image(Motion::Rest), image(Motion::Hidden));
    }

    #[test]
    fn names_are_the_same_everywhere() {
        assert!(Motion::ALL.iter().all(|motion| motion.name().parse::<Motion>().unwrap() == *motion));
        let error = "jump".parse::<Motion>().unwrap_err().to_string();
        assert!(error.starts_with("motion: `jump` is unknown; choose from rest, pan"), "{error}");
    }

    #[test]
    fn a_dash_ends_where_it_is_said_to() {
        // There by 0.2 s, rest until 0.6 s, back by 0.8 s.
        for (time, x) in [(0.0, -0.25), (0.1, 0.0), (0.2, 0.25), (0.5, 0.25), (0.7, 0.0), (0.9, -0.25)] {
            assert!((Motion::Dash.at(time).0.x - x).abs() < 1e-9, "{time}");
        }
    }
}
