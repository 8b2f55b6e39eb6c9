use super::Face;
use crate::{
    detection::{DetectedFace, FaceDetector, FaceVerifier},
    error::{Error, Result},
    geometry::{CropRule, Point, Rect, Transform, mirror_x, warp},
    heatmap::{Center, Codec},
    network::{Calibration, HeatmapNetwork, ModelConfig},
    scheme::{Scheme, SharedScheme},
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
    /// With [`Aligner::with_mirror`] what the network makes of the face's mirror image, in the same form, as it leaves it: columns run the
    /// other way, and the points of a mirror pair have each other's maps.
    pub mirrored: Option<Vec<f32>>,
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

    /// Lets the network see each face's mirror image too, and takes the mean of both answers: of their maps, or, where the network learnt
    /// floored labels, of their points and scores. A slightly lower NME, twice the time.
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
            let mut mirrored = self.mirrored.then(|| self.forward_mirrored(&images).into_iter());
            let mut maps = self.network.forward(&images).into_iter();
            results.extend(chunk.into_iter().map(|crop| {
                let (_, transform) = crop?;
                let values = maps.next().unwrap_or_default();
                let mirrored = mirrored.as_mut().map(|maps| maps.next().unwrap_or_default());
                Ok(Maps { values, mirrored, channels: self.channels, size: self.codec.size(), transform })
            }));
        }
        results
    }

    /// Points and scores in photo pixels from a face's maps.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the maps hold a number that is not finite.
    pub fn decode(&self, maps: &Maps, face_box: Rect) -> Result<Face> {
        if maps.values.iter().chain(maps.mirrored.iter().flatten()).any(|v| !v.is_finite()) {
            return Err(Error::invalid(
                "heatmaps",
                "hold a number that is not finite: the model's weights are damaged",
            ));
        }
        let back = maps.transform.inverse();
        let peaks = self.peaks(maps)?;
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

    /// The last stack's maps of each crop's mirror image.
    fn forward_mirrored(&self, crops: &[&RgbImage]) -> Vec<Vec<f32>> {
        let images: Vec<RgbImage> = threads::map(crops.to_vec(), 1, flip_horizontal);
        self.network.forward(&images.iter().collect::<Vec<_>>())
    }

    /// Each point in pixels of the network's input, and its score. Of two answers to floored labels it is the mean of the points, not a
    /// point of the mean maps: a floored label lies half a cell off on one side on average, in the mirror image on the other, and each
    /// answer's own decoding makes up for it, while a mean map has lost which side is which.
    fn peaks(&self, maps: &Maps) -> Result<Vec<(Point, f32)>> {
        let Some(mirrored) = &maps.mirrored else {
            return self.codec.decode(&maps.values, self.scheme.len());
        };
        if self.codec.config().center == Center::Exact {
            return self.codec.decode(&maps.mean(&self.scheme), self.scheme.len());
        }
        let straight = self.codec.decode(&maps.values, self.scheme.len())?;
        let mirrored = self.codec.decode(mirrored, self.scheme.len())?;
        let mean = |(&(p, score), &partner): (&(Point, f32), &usize)| {
            let (q, other) = mirrored[partner];
            let x = f64::midpoint(p.x, mirror_x(q.x, self.input));
            (Point::new(x, f64::midpoint(p.y, q.y)), f32::midpoint(score, other))
        };
        Ok(straight.iter().zip(&self.scheme.mirror).map(mean).collect())
    }
}

impl Maps {
    /// The maps to look at: with a mirror image the mean of both answers, the mirror image's turned back by the pairs of `scheme`, which
    /// must be the model's.
    pub fn mean(&self, scheme: &Scheme) -> Vec<f32> {
        let mut mean = self.values.clone();
        let Some(mirrored) = &self.mirrored else { return mean };
        let area = (self.size * self.size).max(1);
        for (channel, map) in mean.chunks_exact_mut(area).enumerate() {
            // The boundary is its own partner.
            let partner = scheme.mirror.get(channel).map_or(channel, |partner| *partner);
            let other = mirrored.chunks_exact(area).nth(partner).unwrap_or_default();
            for (row, other) in
                map.chunks_exact_mut(self.size.max(1)).zip(other.chunks_exact(self.size.max(1)))
            {
                for (value, other) in row.iter_mut().zip(other.iter().rev()) {
                    *value = 0.5 * (*value + other);
                }
            }
        }
        mean
    }
}

impl FaceVerifier for Aligner {
    fn verify(&self, photo: &RgbImage, boxes: &[Rect]) -> Vec<Option<DetectedFace>> {
        let found = self.align_in_boxes(photo, boxes).into_iter();
        found
            .map(|face| {
                let face = face.ok()?;
                let face_box = Rect::around(face.landmarks.iter().copied())?.to_sixteenths();
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
    use crate::{
        heatmap::{CodecConfig, Decoder},
        network::NetworkConfig,
        prediction::brightness::aligner,
        scheme::Landmark,
    };

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

    /// What is read from the right answers for faces and their mirror images, less where the points are: its mean, and the largest
    /// distance. Once by [`Aligner::decode`] and once from the mean of the maps.
    fn errors(heatmap: CodecConfig) -> [(Point, f64); 2] {
        /// Is not asked.
        struct Silent;
        impl HeatmapNetwork for Silent {
            fn forward(&self, _: &[&RgbImage]) -> Vec<Vec<f32>> {
                Vec::new()
            }
        }
        let network = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: false, coord_conv: false };
        let scheme = Scheme::builtin("mtfl-5").unwrap();
        let config = ModelConfig { network, crop: CropRule::default(), heatmap, scheme: scheme.clone() };
        let codec = config.codec().unwrap();
        let aligner = Aligner::of_parts(config, None, Arc::new(Silent), Arc::new(Middle(90))).unwrap();
        let draw = |face: &[Landmark]| {
            let mut maps = [(); 2].map(|()| vec![0.0_f32; 5 * 16 * 16]);
            let [targets, weights] = &mut maps;
            codec.encode(&scheme, face, targets, weights).unwrap();
            maps[0].clone()
        };
        let mut errors = [(Point::default(), 0.0_f64); 2];
        // Over a whole cell of 4 pixels, in steps of an eighth of a pixel.
        for step in 0..32 {
            let (x, y) = (f64::from(step) / 8.0 + 0.0625, f64::from(31 - step) / 8.0 + 0.0625);
            let face = [(16.0, 20.0), (40.0, 20.0), (28.0, 28.0), (20.0, 40.0), (36.0, 40.0)]
                .map(|(u, v)| Landmark::visible(u + x, v + y));
            let maps = Maps {
                values: draw(&face),
                mirrored: Some(draw(&scheme.mirror_landmarks(&face, 64))),
                channels: 5,
                size: 16,
                transform: Transform { matrix: [[1.0, 0.0], [0.0, 1.0]], translation: Point::default() },
            };
            let found = aligner.decode(&maps, Rect::new(0.0, 0.0, 63.0, 63.0)).unwrap();
            let of_mean = codec.decode(&maps.mean(&scheme), 5).unwrap();
            let of_mean: Vec<Point> = of_mean.iter().map(|(p, _)| *p).collect();
            for ((sum, most), points) in errors.iter_mut().zip([&found.landmarks, &of_mean]) {
                for (p, truth) in points.iter().zip(&face) {
                    sum.x += (p.x - truth.point.x) / (32.0 * 5.0);
                    sum.y += (p.y - truth.point.y) / (32.0 * 5.0);
                    *most = most.max(p.distance(truth.point));
                }
            }
        }
        errors
    }

    /// Pixel 4 k + f has the label of cell k. In a mirror 64 pixels wide it is pixel 4 (15 - k) + 3 - f, whose label turned back is cell k up
    /// to f = 3 and cell k + 1 beyond: half a pixel to the right of the unmirrored ones on average, which decoding a mean map cannot know.
    #[test]
    fn floored_labels_are_read_without_bias_in_the_mirror_too() {
        for decoder in [Decoder::QuarterShift, Decoder::CenterOfMass, Decoder::Dark] {
            let [(points, most), (of_mean, _)] = errors(CodecConfig { decoder, ..CodecConfig::paper() });
            assert!(points.x.abs() < 1e-3 && points.y.abs() < 1e-3, "{decoder:?}: {points:?}");
            // Half a cell, 2 pixels, in y; in x the two answers are a pixel apart and their mean is nearer.
            assert!(most < 2.0_f64.hypot(1.5), "{decoder:?}: {most}");
            assert!(of_mean.x > 0.2 && of_mean.y.abs() < 1e-3, "{decoder:?}: {of_mean:?}");
        }
        for decoder in [Decoder::CenterOfMass, Decoder::Dark] {
            let [(_, points), (_, of_mean)] = errors(CodecConfig { decoder, ..CodecConfig::default() });
            assert!(points < 0.05 && of_mean < 0.05, "unrounded labels lose nothing: {points} {of_mean}");
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
