//! Many photos: the landmarks of all of them, a batch at a time.

use super::{Aligner, Face, Maps, aligner::few_enough};
use crate::{
    detection::FaceDetector,
    error::Result,
    geometry::{Rect, Transform},
    photo::Photo,
};
use awing_kernels::threads;
use image::RgbImage;
use std::{fmt, path::Path, sync::Arc};

/// Photos of more pixels than this are opened one after another, so that a few files of strangers do not take the memory of many at once.
const LARGE: u64 = 64_000_000;
/// Of more faces in a photo the crops are not held all at once.
const CROWD: usize = 64;

/// The boxes of the faces of a photo, by its name.
pub type KnownBoxes = dyn Fn(&Path) -> Result<Vec<Rect>> + Send + Sync;

/// Where the faces of a photo are.
#[derive(Clone)]
#[non_exhaustive]
pub enum FaceBoxes {
    /// The photo is one face, cut out with some room around it by hand or by another program: the network sees the whole
    /// photo and nothing else.
    WholeImage,
    /// Where a detector finds them.
    Detected(Arc<dyn FaceDetector>),
    /// The same boxes in every photo.
    Given(Vec<Rect>),
    /// The boxes that are known for a photo of this name; none is a photo without a face.
    Known(Arc<KnownBoxes>),
}

impl fmt::Debug for FaceBoxes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WholeImage => f.write_str("WholeImage"),
            Self::Detected(detector) => f.debug_tuple("Detected").field(detector).finish(),
            Self::Given(boxes) => f.debug_tuple("Given").field(boxes).finish(),
            Self::Known(_) => f.write_str("Known"),
        }
    }
}

impl FaceBoxes {
    fn of(&self, photo: &Path, image: &RgbImage) -> Result<Vec<Rect>> {
        let boxes = match self {
            Self::WholeImage => Ok(vec![Rect::of_image(image.width(), image.height())]),
            Self::Detected(detector) => {
                let faces = detector.detect(image).map_err(|e| e.about(&photo.to_string_lossy()))?;
                Ok(faces.into_iter().map(|face| face.face_box).collect())
            }
            Self::Given(boxes) => Ok(boxes.clone()),
            Self::Known(boxes) => boxes(photo),
        };
        boxes.and_then(few_enough).map_err(|e| e.about(&photo.to_string_lossy()))
    }
}

/// What was found in one photo.
#[derive(Debug)]
pub struct PhotoFaces {
    /// Width of the photo in pixels.
    pub width: u32,
    /// Height of the photo in pixels.
    pub height: u32,
    /// One entry a box, in their order; a box that cannot be used gives an error in its place.
    pub faces: Vec<Result<PhotoFace>>,
}

/// One face of a photo.
#[derive(Clone, Debug)]
pub struct PhotoFace {
    /// The landmarks.
    pub face: Face,
    /// What the network saw and answered, where it was asked for.
    pub maps: Option<(RgbImage, Maps)>,
}

/// Finds the landmarks in photos and tells `each` of every photo, in order. Photos are read in parallel,
/// as many at a time as the network sees faces ([`Aligner::batch`]), and dropped once their faces are cut out: memory
/// does not grow with their number, and little with that of their faces. `keep_maps` hands on crops and raw maps too.
///
/// # Errors
/// The first that `each` returns; it ends the work. A photo that cannot be read is told to `each`.
pub fn align_photos<E>(
    aligner: &Aligner,
    photos: &[Photo],
    boxes: &FaceBoxes,
    keep_maps: bool,
    mut each: impl FnMut(&Photo, Result<PhotoFaces>) -> Result<(), E>,
) -> Result<(), E> {
    for group in photos.chunks(aligner.batch()) {
        let small = |photo: &Photo| {
            let image = photo.load_small(LARGE).transpose()?;
            Some(image.and_then(|image| prepare(aligner, photo, image, boxes)))
        };
        let prepared: Vec<Option<_>> = threads::map(group.iter().collect(), 1, small);
        let mut cuts = Vec::new();
        let mut answers = Vec::with_capacity(group.len());
        for (photo, prepared) in group.iter().zip(prepared) {
            let large = || prepare(aligner, photo, photo.load()?, boxes);
            let prepared = prepared.unwrap_or_else(large);
            answers.push(prepared.map(|p| {
                let count = p.cuts.len();
                cuts.extend(p.cuts);
                (p.width, p.height, count)
            }));
        }
        let mut faces = faces_of(aligner, cuts, keep_maps).into_iter();
        for (photo, answer) in group.iter().zip(answers) {
            let answer = answer.map(|(width, height, count)| PhotoFaces {
                width,
                height,
                faces: faces.by_ref().take(count).collect(),
            });
            each(photo, answer)?;
        }
    }
    Ok(())
}

type Crop = (RgbImage, Transform);

/// A face that is cut out, or of a crowd that is still to be.
enum Cut {
    Done(Result<Crop>),
    Later(Arc<RgbImage>),
}

/// A photo's size and its faces.
struct Prepared {
    width: u32,
    height: u32,
    cuts: Vec<(Rect, Cut)>,
}

fn prepare(aligner: &Aligner, photo: &Photo, image: RgbImage, boxes: &FaceBoxes) -> Result<Prepared> {
    let path = photo.path();
    let (width, height) = image.dimensions();
    let rects = boxes.of(path, &image)?;
    let cuts = if matches!(boxes, FaceBoxes::WholeImage) {
        rects.into_iter().map(|b| (b, Cut::Done(aligner.crop_whole(&image)))).collect()
    } else if rects.len() <= CROWD {
        rects.into_iter().map(|b| (b, Cut::Done(aligner.crop(&image, b)))).collect()
    } else {
        let image = Arc::new(image);
        rects.into_iter().map(|b| (b, Cut::Later(image.clone()))).collect()
    };
    Ok(Prepared { width, height, cuts })
}

/// Runs the network a batch at a time, so that the crops of a crowd and the maps of few faces are held at once.
fn faces_of(aligner: &Aligner, cuts: Vec<(Rect, Cut)>, keep_maps: bool) -> Vec<Result<PhotoFace>> {
    let mut faces = Vec::with_capacity(cuts.len());
    let mut cuts = cuts.into_iter().peekable();
    while cuts.peek().is_some() {
        let batch: Vec<(Rect, Cut)> = cuts.by_ref().take(aligner.batch()).collect();
        let rects: Vec<Rect> = batch.iter().map(|(rect, _)| *rect).collect();
        let cut = |(rect, cut): (Rect, Cut)| match cut {
            Cut::Done(crop) => crop,
            Cut::Later(image) => aligner.crop(&image, rect),
        };
        let crops: Vec<Result<Crop>> = threads::map(batch, 1, cut);
        let kept: Vec<Option<RgbImage>> = crops
            .iter()
            .map(|crop| crop.as_ref().ok().filter(|_| keep_maps).map(|(image, _)| image.clone()))
            .collect();
        let maps = aligner.map_crops(crops);
        faces.extend(maps.into_iter().zip(rects).zip(kept).map(|((maps, rect), crop)| {
            let maps = maps?;
            let face = aligner.decode(&maps, rect)?;
            Ok(PhotoFace { face, maps: crop.map(|crop| (crop, maps)) })
        }));
    }
    faces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Error, prediction::brightness::small_aligner};
    use std::path::PathBuf;

    #[test]
    fn a_broken_photo_or_box_fails_alone_and_batches_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..5).map(|i| folder.path().join(format!("{i}.png"))).collect();
        let photos: Vec<Photo> = paths.iter().cloned().map(Photo::from).collect();
        for (i, path) in paths.iter().enumerate() {
            let side = 40 + 10 * i as u32;
            RgbImage::from_fn(side, side, |x, y| image::Rgb([x as u8, y as u8, 90])).save(path).unwrap();
        }
        std::fs::write(&paths[2], "no image").unwrap();
        // The second box lies outside the photos of 40 to 60 pixels.
        let boxes = FaceBoxes::Given(vec![Rect::new(5.0, 5.0, 30.0, 30.0), Rect::new(65.0, 5.0, 90.0, 30.0)]);
        let run = |batch: usize| {
            let aligner = small_aligner("mtfl-5").with_batch(batch);
            let mut told = Vec::new();
            align_photos(&aligner, &photos, &boxes, batch == 1, |photo, found| {
                assert_eq!(photo.path(), paths[told.len()]);
                told.push(found.map(|f| (f.width, f.faces)));
                Ok::<_, ()>(())
            })
            .unwrap();
            told
        };
        let (one, many) = (run(1), run(4));
        assert!(one[2].is_err() && many[2].is_err());
        for i in [0, 1, 3, 4] {
            let ((width, a), (_, b)) = (one[i].as_ref().unwrap(), many[i].as_ref().unwrap());
            assert_eq!(*width, 40 + 10 * i as u32);
            assert_eq!(a[1].is_err(), *width < 65, "{width}");
            let (a, b) = (a[0].as_ref().unwrap(), b[0].as_ref().unwrap());
            assert!(b.maps.is_none());
            let (crop, maps) = a.maps.as_ref().unwrap();
            assert_eq!((crop.width(), maps.values.len()), (64, 6 * 16 * 16));
            for (p, q) in a.face.landmarks.iter().zip(&b.face.landmarks) {
                assert!(p.distance(*q) < 1e-2, "{p:?} {q:?}");
            }
        }
        let aligner = small_aligner("mtfl-5");
        let stopped = align_photos(&aligner, &photos, &boxes, false, |_, _| Err("enough"));
        assert_eq!(stopped, Err("enough"));
    }

    #[test]
    fn known_boxes_are_asked_by_name_and_their_errors_are_told() {
        let known = |path: &Path| match path.to_str() {
            Some("a.jpg") => Ok(vec![Rect::new(1.0, 2.0, 30.0, 40.0)]),
            Some("b.jpg") => Ok(vec![]),
            _ => Err(Error::invalid("image", "is not known")),
        };
        let boxes = FaceBoxes::Known(Arc::new(known));
        let image = RgbImage::new(50, 50);
        assert_eq!(boxes.of(Path::new("a.jpg"), &image).unwrap(), [Rect::new(1.0, 2.0, 30.0, 40.0)]);
        assert!(boxes.of(Path::new("b.jpg"), &image).unwrap().is_empty());
        let error = boxes.of(Path::new("c.jpg"), &image).unwrap_err().to_string();
        assert_eq!(error, "c.jpg: image: is not known");
        assert_eq!(FaceBoxes::WholeImage.of(Path::new("b.jpg"), &image).unwrap()[0].width(), 50.0);
    }
}
