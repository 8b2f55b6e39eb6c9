//! Cartoon faces drawn by this library, with 68 landmarks in the order of 300-W: free of anybody's rights, in any
//! number, and right to a fraction of a pixel. For tests, demonstrations, and for trying out a training.

mod anatomy;
mod canvas;
mod portrait;

use super::{ImageSource, Landmark, Sample, write_points};
use crate::picture::save_picture;
use anatomy::Anatomy;
use awing::Result;
use image::RgbImage;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::{path::Path, sync::Arc};

/// Photos smaller than this hold no recognisable face.
const MIN_SIZE: usize = 32;
/// Side of the photos in files.
const FILE_SIZE: usize = 256;

/// `count` faces in square photos of `size_px` pixels (at least 32: smaller ones are drawn at 32), in memory, with
/// 68 visible landmarks each in the order of 300-W. The face takes a half to two thirds of the photo. They differ in pose, build,
/// expression, colors, light and background; face i depends on `seed` and i alone.
pub fn drawn_faces(count: usize, size_px: usize, seed: u64) -> Vec<Sample> {
    let sample = |i| {
        let (image, landmarks) = draw_face(size_px, seed, i);
        Sample::new(format!("drawn/{i:05}"), ImageSource::Memory(Arc::new(image)), landmarks)
    };
    (0..count).into_par_iter().map(sample).collect()
}

/// Writes `count` faces of 256 x 256 pixels into `folder` as `drawn_00000.jpg` with `drawn_00000.pts` beside it, and so on:
/// the form of 300-W, with points counted from 1.
///
/// # Errors
/// [`Error::Io`](awing::Error::Io) when a file cannot be written.
pub fn write_drawn(folder: &Path, count: usize, seed: u64) -> Result<()> {
    (0..count).into_par_iter().try_for_each(|i| {
        let (image, landmarks) = draw_face(FILE_SIZE, seed, i);
        let photo = folder.join(format!("drawn_{i:05}.jpg"));
        save_picture(&photo, &image)?;
        let points: Vec<_> = landmarks.iter().map(|landmark| landmark.point).collect();
        write_points(&photo.with_extension("pts"), &points)
    })
}

fn draw_face(size_px: usize, seed: u64, index: usize) -> (RgbImage, Vec<Landmark>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index as u64);
    let size = size_px.max(MIN_SIZE);
    let anatomy = Anatomy::random(size, &mut rng);
    let landmarks = anatomy.landmarks().into_iter().map(|p| Landmark::visible(p.x, p.y)).collect();
    (portrait::paint(&anatomy, size, &mut rng), landmarks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(sample: &Sample) -> Arc<RgbImage> {
        match &sample.image {
            ImageSource::Memory(image) => image.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_face_depends_on_seed_and_index_alone() {
        let (few, many) = (drawn_faces(2, 64, 5), drawn_faces(4, 64, 5));
        for (a, b) in few.iter().zip(&many) {
            assert_eq!((&a.name, image(a), &a.landmarks), (&b.name, image(b), &b.landmarks));
        }
        assert_ne!(image(&many[0]), image(&many[1]));
        assert_ne!(image(&many[0]), image(&drawn_faces(1, 64, 6)[0]));
        assert_eq!(image(&drawn_faces(1, 0, 5)[0]).dimensions(), (32, 32));
    }

    #[test]
    fn every_landmark_lies_in_the_photo_with_room_around_the_face() {
        for sample in drawn_faces(60, 96, 1) {
            assert_eq!(sample.landmarks.len(), 68);
            let face = sample.landmark_box().unwrap();
            assert!(face.x0 > 3.0 && face.y0 > 3.0 && face.x1 < 92.0 && face.y1 < 92.0, "{face:?}");
            let side = face.width().max(face.height());
            assert!((0.45 * 96.0..0.7 * 96.0).contains(&side), "{side}");
        }
    }

    #[test]
    fn files_hold_the_photo_and_points_counted_from_one() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("new");
        write_drawn(&inside, 2, 3).unwrap();
        assert_eq!(awing::photo::load_image(&inside.join("drawn_00001.jpg")).unwrap().width(), 256);
        let text = std::fs::read_to_string(inside.join("drawn_00001.pts")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[1], lines[2]), (72, "version: 1", "n_points: 68", "{"));
        let first = drawn_faces(2, 256, 3)[1].landmarks[0].point;
        assert_eq!(lines[3], format!("{:.6} {:.6}", first.x + 1.0, first.y + 1.0));
        assert_eq!(lines[71], "}");
    }
}
