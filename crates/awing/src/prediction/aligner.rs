use super::Face;
use crate::{
    detection::{DetectedFace, FaceDetector, FaceVerifier},
    error::{Error, Result},
    geometry::{CropRule, Point, Rect, Transform, warp},
    heatmap::Codec,
    network::{Calibration, HeatmapNetwork, ModelConfig},
    scheme::SharedScheme,
};
use awing_kernels::threads;
use image::{RgbImage, imageops::flip_horizontal};
use std::{fmt, sync::Arc};

/// Pixels of the crops that the network sees at a time, unless it is told another number of faces: 16 of 256 x 256. So a network of a large input
/// does not take the memory of 16 such at once.
const BATCH_PIXELS: usize = 16 * 256 * 256;
/// No photo has more faces than this.
const MOST_FACES: usize = 10_000;

/// A trained model ready to find landmarks. It can be shared between threads; a clone shares weights and detector.
///
/// ```no_run
/// use awing::{geometry::Rect, photo::load_image, prediction::Aligner};
///
/// let aligner = Aligner::load("runs/train/mine/best")?;
/// let photo = load_image("photo.jpg".as_ref())?;
/// for face in aligner.align(&photo)? {
///     println!("{:?}", face.landmarks);
/// }
/// // Where a face is known to be:
/// for face in aligner.align_in_boxes(&photo, &[Rect::new(80.0, 60.0, 210.0, 200.0)]) {
///     println!("{:?}", face?.landmarks);
/// }
/// # Ok::<(), awing::Error>(())
/// ```
///
/// Threads share one aligner; there is nothing to lock:
///
/// ```no_run
/// use awing::{Error, prediction::Aligner};
///
/// let aligner = Aligner::load("runs/train/mine/best")?;
/// let photos = [image::RgbImage::new(64, 48), image::RgbImage::new(48, 64)];
/// let counts: Vec<Result<usize, Error>> = std::thread::scope(|scope| {
///     let threads: Vec<_> =
///         photos.iter().map(|photo| scope.spawn(|| Ok(aligner.align(photo)?.len()))).collect();
///     threads.into_iter().map(|thread| thread.join().unwrap()).collect()
/// });
/// println!("{counts:?}");
/// # Ok::<(), Error>(())
/// ```
///
/// Each call uses all cores by itself, so threads are for programs that have them already; for many photos at hand
/// [`Aligner::align_batch`] is quicker. Photos must stand upright: [`crate::photo::load_image`] and
/// [`crate::photo::decode_image`] turn them by their EXIF orientation, `image::open` does not.
#[derive(Clone)]
pub struct Aligner {
    network: Arc<dyn HeatmapNetwork>,
    codec: Codec,
    crop: CropRule,
    input: usize,
    channels: usize,
    scheme: SharedScheme,
    calibration: Option<Calibration>,
    detector: Arc<dyn FaceDetector>,
    batch: usize,
    mirrored: bool,
}

/// The raw maps of one face.
#[derive(Clone, Debug)]
pub struct Maps {
    /// Row by row, [channels, size, size]: one map a landmark, then the boundary where the network predicts it.
    pub values: Vec<f32>,
    /// Number of maps.
    pub channels: usize,
    /// Side in cells.
    pub size: usize,
    /// From the photo to the network's input; cell q is input pixel 4 q + 1.5.
    pub transform: Transform,
}

impl fmt::Debug for Aligner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut aligner = f.debug_struct("Aligner");
        aligner.field("scheme", &self.scheme.name).field("input", &self.input).finish_non_exhaustive()
    }
}

impl Aligner {
    /// An aligner from its parts; `detector` finds the faces for [`Aligner::align`].
    ///
    /// # Errors
    /// [`Error::Invalid`] when a setting of the model is out of range.
    pub(super) fn of_parts(
        config: ModelConfig,
        calibration: Option<Calibration>,
        network: Arc<dyn HeatmapNetwork>,
        detector: Arc<dyn FaceDetector>,
    ) -> Result<Self> {
        let (codec, channels, input) = (config.codec()?, config.maps(), config.network.input);
        Ok(Self {
            network,
            codec,
            crop: config.crop,
            input,
            channels,
            scheme: config.scheme,
            calibration,
            detector,
            batch: (BATCH_PIXELS / (input * input)).clamp(1, 16),
            mirrored: false,
        })
    }

    /// Who finds the faces for [`Aligner::align`], instead of the detector that ships inside.
    pub fn with_detector(self, detector: Arc<dyn FaceDetector>) -> Self {
        Self { detector, ..self }
    }

    /// How many faces the network sees at a time; 16 unless set, fewer of a network whose input is larger than 256 pixels.
    pub fn with_batch(self, batch: usize) -> Self {
        Self { batch: batch.max(1), ..self }
    }

    /// Lets the network see each face's mirror image too, and takes the mean of both answers' maps: a slightly lower NME, twice the
    /// time.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the scheme does not say which points change places in a mirror.
    pub fn with_mirror(self) -> Result<Self> {
        if self.scheme.mirror.iter().enumerate().all(|(point, partner)| point == *partner) {
            let problem = format!("{} has no mirror pairs; add them to its file", self.scheme.name);
            return Err(Error::invalid("mirror", problem));
        }
        Ok(Self { mirrored: true, ..self })
    }

    /// What the points mean.
    pub fn scheme(&self) -> &SharedScheme {
        &self.scheme
    }

    /// What its scores say of errors, where that was measured.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    /// How many faces the network sees at a time.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The square crop that the network sees of a face: `input` x `input` pixels.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the box is not finite or smaller than two pixels, or lies outside the photo.
    pub fn crop(&self, photo: &RgbImage, face_box: Rect) -> Result<(RgbImage, Transform)> {
        let whole = Rect::of_image(photo.width(), photo.height());
        if face_box.is_usable(0.0) && !face_box.overlaps(whole) {
            let Rect { x0, y0, x1, y1 } = face_box;
            return Err(Error::invalid(
                "box",
                format!(
                    "{x0} {y0} {x1} {y1} lies outside the image of {} x {} pixels; boxes are x0 y0 x1 y1 in pixels",
                    photo.width(),
                    photo.height()
                ),
            ));
        }
        let transform = self.crop.transform(face_box, self.input, 0.0, false)?;
        Ok((warp(photo, &transform, self.input), transform))
    }

    /// The whole photo as the network sees it, its larger side filling the input: for photos that are face crops already.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the photo is smaller than two pixels.
    pub fn crop_whole(&self, photo: &RgbImage) -> Result<(RgbImage, Transform)> {
        let rule = CropRule { margin: 1.0, shift_y: 0.0 };
        let whole = Rect::of_image(photo.width(), photo.height());
        let transform = rule.transform(whole, self.input, 0.0, false)?;
        Ok((warp(photo, &transform, self.input), transform))
    }

    /// All faces of a photo and their landmarks, the surest face first; none is no error.
    ///
    /// # Errors
    /// Those of the detector, and the first of a face; [`Error::Invalid`] where no detector is built in and none was given.
    pub fn align(&self, photo: &RgbImage) -> Result<Vec<Face>> {
        let boxes = self.detect(photo)?;
        self.align_in_boxes(photo, &boxes).into_iter().collect()
    }

    /// [`Aligner::align`] of many photos: quicker, since the network sees the faces of several photos together. A photo that fails gives an
    /// error in its place.
    pub fn align_batch(&self, photos: &[RgbImage]) -> Vec<Result<Vec<Face>>> {
        let boxes: Vec<Result<Vec<Rect>>> =
            threads::map(photos.iter().collect(), 1, |photo| self.detect(photo));
        let places: Vec<(&RgbImage, Rect)> = (photos.iter().zip(&boxes))
            .flat_map(|(photo, boxes)| boxes.iter().flatten().map(move |face_box| (photo, *face_box)))
            .collect();
        let mut faces = self.align_places(&places).into_iter();
        boxes.into_iter().map(|boxes| faces.by_ref().take(boxes?.len()).collect()).collect()
    }

    /// The boxes of the photo's faces, the surest first.
    pub(crate) fn detect(&self, photo: &RgbImage) -> Result<Vec<Rect>> {
        few_enough(self.detector.detect(photo)?.into_iter().map(|face| face.face_box).collect())
    }

    /// The landmarks of each box, in the order of the boxes; a box that cannot be used gives an error in its place.
    pub fn align_in_boxes(&self, photo: &RgbImage, boxes: &[Rect]) -> Vec<Result<Face>> {
        let places: Vec<(&RgbImage, Rect)> = boxes.iter().map(|face_box| (photo, *face_box)).collect();
        self.align_places(&places)
    }

    /// Cuts out as many faces at a time as the network sees, so that a crowd takes no more memory.
    fn align_places(&self, places: &[(&RgbImage, Rect)]) -> Vec<Result<Face>> {
        let mut faces = Vec::with_capacity(places.len());
        for places in places.chunks(self.batch) {
            let crops = threads::map(places.to_vec(), 1, |(photo, face_box)| self.crop(photo, face_box));
            let rects: Vec<Rect> = places.iter().map(|place| place.1).collect();
            faces.extend(self.align_crops(crops, &rects));
        }
        faces
    }

    /// The landmarks of crops that [`Aligner::crop`] made, one box a crop; errors stay in their places.
    pub fn align_crops(
        &self,
        crops: Vec<Result<(RgbImage, Transform)>>,
        boxes: &[Rect],
    ) -> Vec<Result<Face>> {
        self.map_crops(crops)
            .into_iter()
            .zip(boxes)
            .map(|(maps, face_box)| maps.and_then(|maps| self.decode(&maps, *face_box)))
            .collect()
    }

    /// The raw maps of crops that [`Aligner::crop`] made; errors stay in their places.
    pub fn map_crops(&self, crops: Vec<Result<(RgbImage, Transform)>>) -> Vec<Result<Maps>> {
        let mut results = Vec::with_capacity(crops.len());
        let mut crops = crops.into_iter().peekable();
        while crops.peek().is_some() {
            let chunk: Vec<_> = crops.by_ref().take(self.batch).collect();
            let images: Vec<&RgbImage> = chunk.iter().flatten().map(|(image, _)| image).collect();
            let mut maps = self.forward(&images).into_iter();
            results.extend(chunk.into_iter().map(|crop| {
                let (_, transform) = crop?;
                let values = maps.next().unwrap_or_default();
                Ok(Maps { values, channels: self.channels, size: self.codec.size(), transform })
            }));
        }
        results
    }

    /// Points and scores in photo pixels from a face's maps.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the maps hold a number that is not finite.
    pub fn decode(&self, maps: &Maps, face_box: Rect) -> Result<Face> {
        if maps.values.iter().any(|v| !v.is_finite()) {
            return Err(Error::invalid(
                "heatmaps",
                "hold a number that is not finite: the model's weights are damaged",
            ));
        }
        let back = maps.transform.inverse();
        let peaks = self.codec.decode(&maps.values, self.scheme.len())?;
        let landmarks: Vec<Point> = peaks.iter().map(|(p, _)| back.apply(*p)).collect();
        let scores: Vec<f32> = peaks.iter().map(|(_, score)| *score).collect();
        let score = scores.iter().sum::<f32>() / scores.len().max(1) as f32;
        let expected = |calibration: &Calibration| {
            scores.iter().enumerate().map(|(point, score)| calibration.expected(point, *score)).collect()
        };
        let expected_errors: Vec<f64> = self.calibration.as_ref().map(expected).unwrap_or_default();
        let finite = landmarks.iter().all(|p| p.is_finite()) && scores.iter().all(|s| s.is_finite());
        if !(finite && expected_errors.iter().all(|e| e.is_finite())) {
            return Err(Error::invalid("landmarks", "are not finite: the model's weights are damaged"));
        }
        Ok(Face { face_box, score, landmarks, scores, expected_errors })
    }

    /// The last stack's maps of each crop.
    fn forward(&self, crops: &[&RgbImage]) -> Vec<Vec<f32>> {
        let mut maps = self.network.forward(crops);
        if self.mirrored {
            let images: Vec<RgbImage> = threads::map(crops.to_vec(), 1, flip_horizontal);
            let answers = self.network.forward(&images.iter().collect::<Vec<_>>());
            for (maps, answer) in maps.iter_mut().zip(&answers) {
                self.join_mirrored(maps, answer);
            }
        }
        maps
    }

    /// The mean of a face's maps and those of its mirror image, turned back.
    fn join_mirrored(&self, maps: &mut [f32], answer: &[f32]) {
        let size = self.codec.size();
        for (channel, map) in maps.chunks_exact_mut(size * size).enumerate() {
            // The boundary is its own partner.
            let partner = self.scheme.mirror.get(channel).map_or(channel, |partner| *partner);
            let other = &answer[partner * size * size..(partner + 1) * size * size];
            for (row, other) in map.chunks_exact_mut(size).zip(other.chunks_exact(size)) {
                for (value, other) in row.iter_mut().zip(other.iter().rev()) {
                    *value = 0.5 * (*value + other);
                }
            }
        }
    }
}

impl FaceVerifier for Aligner {
    fn verify(&self, photo: &RgbImage, boxes: &[Rect]) -> Vec<Option<DetectedFace>> {
        let found = self.align_in_boxes(photo, boxes).into_iter();
        found
            .map(|face| {
                let face = face.ok()?;
                let face_box = Rect::around(face.landmarks.iter().copied())?;
                face_box.is_usable(2.0).then_some(DetectedFace { face_box, score: face.score })
            })
            .collect()
    }
}

/// Refuses boxes that no photo has, such as those of a detector that went wrong.
pub(super) fn few_enough(boxes: Vec<Rect>) -> Result<Vec<Rect>> {
    if boxes.len() <= MOST_FACES {
        return Ok(boxes);
    }
    let problem = format!("{} in one photo; {MOST_FACES} are the most that are looked at", boxes.len());
    Err(Error::invalid("boxes", problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{prediction::brightness::aligner, scheme::Scheme};

    fn photo() -> RgbImage {
        RgbImage::from_fn(90, 80, |x, y| image::Rgb([(x * 3) as u8, (y * 2) as u8, (x * y) as u8]))
    }

    /// Whatever the network thinks of left and right, with both images it must find the mirror image of what it finds in the mirror.
    #[test]
    fn with_the_mirror_a_mirrored_photo_gives_the_mirrored_points() {
        let scheme = Scheme::builtin("300w-68").unwrap();
        let aligner = aligner(scheme.clone(), Arc::new(Middle(90))).with_mirror().unwrap();
        let find = |photo: &RgbImage, face_box: Rect| {
            aligner.align_in_boxes(photo, &[face_box]).remove(0).unwrap().landmarks
        };
        // Pixel 89 - x is pixel x of the mirror image.
        let straight = find(&photo(), Rect::new(20.0, 20.0, 60.0, 60.0));
        let mirrored = find(&flip_horizontal(&photo()), Rect::new(29.0, 20.0, 69.0, 60.0));
        for (point, partner) in straight.iter().zip(&scheme.mirror) {
            let other = mirrored[*partner];
            assert!(Point::new(89.0 - other.x, other.y).distance(*point) < 0.05, "{point:?} {other:?}");
        }
    }

    /// A face in the photo's middle, or an error for photos that are not as wide as expected.
    #[derive(Debug)]
    struct Middle(u32);

    impl FaceDetector for Middle {
        fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedFace>> {
            match photo.width() {
                width if width == self.0 => {
                    let face_box = Rect::new(20.0, 20.0, 60.0, 60.0);
                    Ok(vec![DetectedFace { face_box, score: 1.0 }; 2])
                }
                1 => Ok(vec![]),
                width => Err(Error::invalid("width", width.to_string())),
            }
        }
    }

    #[test]
    fn a_batch_of_photos_gives_what_each_gives_alone() {
        let scheme = Scheme::builtin("mtfl-5").unwrap();
        let aligner = aligner(scheme, Arc::new(Middle(90))).with_batch(3);
        let photos = [photo(), RgbImage::new(1, 8), RgbImage::new(7, 8), flip_horizontal(&photo())];
        let together = aligner.align_batch(&photos);
        assert_eq!(together.len(), 4);
        assert_eq!(together[0].as_ref().unwrap().len(), 2);
        assert!(together[1].as_ref().unwrap().is_empty());
        assert!(together[2].is_err());
        for (photo, faces) in photos.iter().zip(&together) {
            match (aligner.align(photo), faces) {
                (Ok(alone), Ok(faces)) => {
                    for (a, b) in alone.iter().zip(faces) {
                        assert!(a.landmarks.iter().zip(&b.landmarks).all(|(a, b)| a.distance(*b) < 0.05));
                    }
                }
                (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string()),
                (alone, together) => panic!("{alone:?} {together:?}"),
            }
        }
    }

    #[test]
    fn without_mirror_pairs_there_is_no_mirror() {
        let scheme =
            std::sync::Arc::new(Scheme::from_toml("name = \"odd\"\npoints = [\"p\", \"q\"]", "odd").unwrap());
        let problem = aligner(scheme, Arc::new(Middle(90))).with_mirror().err().unwrap().to_string();
        assert_eq!(problem, "mirror: odd has no mirror pairs; add them to its file");
    }
}
