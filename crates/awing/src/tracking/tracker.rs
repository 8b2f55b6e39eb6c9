use super::{Smoothing, cut::Glance, face_filter::FaceFilter};
use crate::{
    error::{Error, Result},
    geometry::Rect,
    prediction::{Aligner, Face},
};
use image::RgbImage;
use serde::Serialize;

/// A detected box that shares this much with a face that is followed is that face.
const SAME_FACE: f64 = 0.3;
/// A face that was lost is looked for where it was: boxes that share this much with its last one are that face.
const FOUND_AGAIN: f64 = 0.15;
/// Two faces whose boxes share more than this are one.
const TWICE: f64 = 0.55;
/// The box around the points shares at least this much with the box in which they were looked for.
const LEAST_SHARED: f64 = 0.3;
/// At least this much of a face is inside the frame.
const LEAST_VISIBLE: f64 = 0.4;

/// How faces are followed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackerConfig {
    /// The detector looks for new faces at every so many frames; it runs in between only where no face is there or one was lost. Positive.
    pub detect_every: usize,
    /// A face whose points score less on average is lost. 0 to 1.
    pub least_score: f32,
    /// For so many seconds a face that was lost keeps its number. Not negative.
    pub patience: f64,
    /// How points are smoothed; `None` gives them as the network finds them.
    pub smoothing: Option<Smoothing>,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self { detect_every: 30, least_score: 0.35, patience: 1.0, smoothing: Some(Smoothing::default()) }
    }
}

impl TrackerConfig {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn validate(&self) -> Result<()> {
        if self.detect_every == 0 {
            return Err(Error::invalid("detect_every", "0 frames; 1 runs the detector at every frame"));
        }
        if !(0.0..=1.0).contains(&self.least_score) {
            return Err(Error::invalid(
                "least_score",
                format!("{} is not between 0 and 1", self.least_score),
            ));
        }
        if !(self.patience.is_finite() && self.patience >= 0.0) {
            return Err(Error::invalid("patience", format!("{} is not a number of seconds", self.patience)));
        }
        self.smoothing.map_or(Ok(()), |smoothing| smoothing.validate())
    }
}

/// A face of a frame and its number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrackedFace {
    /// The number: the same in all frames that show this face, counted from 1 and never used again.
    pub id: u64,
    /// The landmarks, and the box around them.
    #[serde(flatten)]
    pub face: Face,
}

/// Follows faces through the frames of a video.
///
/// A face is looked for in the box around the points that it had in the frame before, as the network found them: boxes that are smoothed, that move late
/// or that run ahead were measured to be no steadier. The detector runs only where there is none, where one was lost, and now and then to
/// find new ones. After a cut to another scene everything begins anew. The aligner stays the caller's, so that one can serve many videos.
///
/// ```
/// use awing::{prediction::Aligner, tracking::{Tracker, TrackerConfig}};
///
/// let aligner = Aligner::builtin()?;
/// let mut tracker = Tracker::new(TrackerConfig::default())?;
/// let camera = (0..3).map(|i| (image::RgbImage::new(320, 240), f64::from(i) / 30.0));
/// for (frame, seconds) in camera {
///     for found in tracker.track(&aligner, &frame, seconds)? {
///         println!("face {}: {:?}", found.id, found.face.landmarks);
///     }
/// }
/// # Ok::<(), awing::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tracker {
    config: TrackerConfig,
    tracks: Vec<Track>,
    /// The number of the next new face.
    next: u64,
    /// The time of the last frame, and how the last one looked that shows something.
    time: Option<f64>,
    glance: Option<Glance>,
    /// Frames since the detector ran.
    since: usize,
    detections: u64,
}

/// A face that is followed.
#[derive(Clone, Debug)]
struct Track {
    id: u64,
    /// Around the points that were found last, before they were smoothed: where it is looked for.
    face_box: Rect,
    /// When it was seen last.
    seen: f64,
    filter: Option<FaceFilter>,
    /// In this frame; `None` where it is lost.
    face: Option<Face>,
}

/// What a frame can be asked.
trait Look {
    fn align(&self, boxes: &[Rect]) -> Result<Vec<Face>>;
    fn detect(&self) -> Result<Vec<Rect>>;
    /// The frame's own box.
    fn whole(&self) -> Rect;
}

struct Frame<'a> {
    aligner: &'a Aligner,
    image: &'a RgbImage,
}

impl Look for Frame<'_> {
    fn align(&self, boxes: &[Rect]) -> Result<Vec<Face>> {
        self.aligner.align_in_boxes(self.image, boxes).into_iter().collect()
    }

    fn detect(&self) -> Result<Vec<Rect>> {
        self.aligner.detect(self.image)
    }

    fn whole(&self) -> Rect {
        Rect::of_image(self.image.width(), self.image.height())
    }
}

impl Tracker {
    /// A tracker that has seen nothing yet.
    ///
    /// # Errors
    /// Those of [`TrackerConfig::validate`].
    pub fn new(config: TrackerConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self { config, tracks: Vec::new(), next: 1, time: None, glance: None, since: 0, detections: 0 })
    }

    /// The faces of the next frame, by number. `time` is the frame's in seconds, from any start on.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the time is not finite or before the last one, or the frame has no pixels; those of [`Aligner::align`].
    pub fn track(&mut self, aligner: &Aligner, frame: &RgbImage, time: f64) -> Result<Vec<TrackedFace>> {
        if frame.width() == 0 || frame.height() == 0 {
            return Err(Error::invalid("frame", "has no pixels"));
        }
        if let Some(glance) = Glance::new(frame) {
            if self.glance.as_ref().is_some_and(|last| last.is_cut(&glance)) {
                self.tracks.clear();
            }
            self.glance = Some(glance);
        }
        self.step(&Frame { aligner, image: frame }, time)
    }

    /// In how many frames the detector ran.
    pub fn detections(&self) -> u64 {
        self.detections
    }

    fn step(&mut self, frame: &impl Look, time: f64) -> Result<Vec<TrackedFace>> {
        let last = self.time.unwrap_or(time);
        if !time.is_finite() || time < last {
            let problem = format!("{time} s is not a time after {last} s, the frame before");
            return Err(Error::invalid("time", problem));
        }
        self.time = Some(time);
        self.tracks.retain(|track| track.face.is_some() || time - track.seen <= self.config.patience);
        self.follow(frame, time)?;
        self.since += 1;
        let lost = self.tracks.iter().any(|track| track.face.is_none());
        if self.tracks.is_empty() || lost || self.since >= self.config.detect_every {
            self.since = 0;
            self.detections += 1;
            self.find(frame, time)?;
        }
        self.tracks.sort_by_key(|track| track.id);
        let faces = self.tracks.iter().filter_map(|track| Some((track.id, track.face.clone()?)));
        Ok(faces.map(|(id, face)| TrackedFace { id, face }).collect())
    }

    /// Looks for every face near its last place.
    fn follow(&mut self, frame: &impl Look, time: f64) -> Result<()> {
        let whole = frame.whole();
        self.tracks.retain(|track| track.face_box.overlaps(whole));
        let boxes: Vec<Rect> = self.tracks.iter().map(|track| track.face_box).collect();
        let faces = if boxes.is_empty() { Vec::new() } else { frame.align(&boxes)? };
        for ((track, searched), face) in self.tracks.iter_mut().zip(boxes).zip(faces) {
            match plausible(&face, searched, whole, self.config.least_score) {
                Some(found) => track.see(face, found, time, self.config.smoothing),
                None => track.lose(),
            }
        }
        // Two that came to the same face: the older number stays.
        let mut kept: Vec<Rect> = Vec::new();
        self.tracks.sort_by_key(|track| (track.face.is_none(), track.id));
        self.tracks.retain(|track| {
            let twice = kept.iter().any(|other| other.overlap(track.face_box) > TWICE);
            if track.face.is_some() && !twice {
                kept.push(track.face_box);
            }
            track.face.is_none() || !twice
        });
        Ok(())
    }

    /// Lets the detector look for faces that nobody follows.
    fn find(&mut self, frame: &impl Look, time: f64) -> Result<()> {
        let whole = frame.whole();
        let mut boxes = frame.detect()?;
        let followed: Vec<Rect> =
            self.tracks.iter().filter(|t| t.face.is_some()).map(|t| t.face_box).collect();
        boxes.retain(|found| {
            found.is_usable(2.0)
                && found.overlaps(whole)
                && followed.iter().all(|known| known.overlap(*found) < SAME_FACE)
        });
        if boxes.is_empty() {
            return Ok(());
        }
        // The detector's boxes are loose: the points are looked for again in the box around those found first.
        let first = frame.align(&boxes)?;
        let boxes: Vec<Rect> = (first.iter().zip(boxes))
            .filter_map(|(face, searched)| plausible(face, searched, whole, self.config.least_score))
            .collect();
        let faces = if boxes.is_empty() { Vec::new() } else { frame.align(&boxes)? };
        for (face, searched) in faces.into_iter().zip(boxes) {
            let Some(found) = plausible(&face, searched, whole, self.config.least_score) else { continue };
            if self.tracks.iter().any(|t| t.face.is_some() && t.face_box.overlap(found) >= SAME_FACE) {
                continue;
            }
            let lost = self.tracks.iter_mut().filter(|track| track.face.is_none());
            let nearest = lost.max_by(|a, b| a.face_box.overlap(found).total_cmp(&b.face_box.overlap(found)));
            match nearest.filter(|track| track.face_box.overlap(found) >= FOUND_AGAIN) {
                Some(track) => track.see(face, found, time, self.config.smoothing),
                None => {
                    let mut track = Track::new(self.next, found, time);
                    self.next += 1;
                    track.see(face, found, time, self.config.smoothing);
                    self.tracks.push(track);
                }
            }
        }
        Ok(())
    }
}

impl Track {
    fn new(id: u64, face_box: Rect, time: f64) -> Self {
        Self { id, face_box, seen: time, filter: None, face: None }
    }

    /// The face is in this frame; `found` is the box around its points.
    fn see(&mut self, mut face: Face, found: Rect, time: f64, smoothing: Option<Smoothing>) {
        self.face_box = found;
        self.seen = time;
        if let Some(smoothing) = smoothing {
            let filter = self.filter.get_or_insert_with(|| FaceFilter::new(smoothing, &face.landmarks, time));
            face.landmarks = filter.smooth(&face.landmarks, time);
        }
        face.face_box = Rect::around(face.landmarks.iter().copied()).unwrap_or(found);
        self.face = Some(face);
    }

    /// The face is not in this frame.
    fn lose(&mut self) {
        self.face = None;
        self.filter = None;
    }
}

/// The box around a face's points, where they are sure enough and have the size and the place of a face that was looked for in this box.
fn plausible(face: &Face, searched: Rect, whole: Rect, least_score: f32) -> Option<Rect> {
    let found = Rect::around(face.landmarks.iter().copied()).filter(|found| found.is_usable(2.0))?;
    let width = found.x1.min(whole.x1) - found.x0.max(whole.x0);
    let height = found.y1.min(whole.y1) - found.y0.max(whole.y0);
    let visible = width.max(0.0) * height.max(0.0) / (found.width() * found.height());
    (face.score >= least_score && found.overlap(searched) >= LEAST_SHARED && visible >= LEAST_VISIBLE)
        .then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Point;
    use proptest::prelude::*;

    /// A frame with square faces of 100 pixels, by their left upper corners, in a frame of 1000 x 500.
    struct Scene {
        faces: Vec<Point>,
    }

    impl Scene {
        fn new(faces: &[(f64, f64)]) -> Self {
            Self { faces: faces.iter().map(|(x, y)| Point::new(*x, *y)).collect() }
        }

        fn boxes(&self) -> impl Iterator<Item = Rect> {
            self.faces.iter().map(|p| Rect::new(p.x, p.y, p.x + 100.0, p.y + 100.0))
        }
    }

    impl Look for Scene {
        /// The face that shares most with the box, or an unsure one where there is none.
        fn align(&self, boxes: &[Rect]) -> Result<Vec<Face>> {
            let face = |searched: &Rect| {
                let nearest =
                    self.boxes().max_by(|a, b| a.overlap(*searched).total_cmp(&b.overlap(*searched)));
                let found = nearest.filter(|found| found.overlap(*searched) > 0.2);
                let r = found.unwrap_or(*searched);
                Face {
                    face_box: *searched,
                    score: if found.is_some() { 0.8 } else { 0.1 },
                    landmarks: vec![Point::new(r.x0, r.y0), Point::new(r.x1, r.y0), Point::new(r.x1, r.y1)],
                    scores: vec![0.8; 3],
                    expected_errors: vec![],
                }
            };
            Ok(boxes.iter().map(face).collect())
        }

        fn detect(&self) -> Result<Vec<Rect>> {
            // Looser than the points are.
            Ok(self.boxes().map(|r| Rect::new(r.x0 - 8.0, r.y0 - 5.0, r.x1 + 3.0, r.y1 + 9.0)).collect())
        }

        fn whole(&self) -> Rect {
            Rect::of_image(1000, 500)
        }
    }

    fn tracker(config: TrackerConfig) -> Tracker {
        Tracker::new(config).unwrap()
    }

    /// The numbers of the faces and where they are, in pixels.
    fn step(tracker: &mut Tracker, frame: usize, faces: &[(f64, f64)]) -> Vec<(u64, i64)> {
        let found = tracker.step(&Scene::new(faces), frame as f64 / 30.0).unwrap();
        found.iter().map(|f| (f.id, f.face.landmarks[0].x.round() as i64)).collect()
    }

    fn plain() -> TrackerConfig {
        TrackerConfig { smoothing: None, ..TrackerConfig::default() }
    }

    #[test]
    fn a_moving_face_keeps_its_number_and_the_detector_rests() {
        let mut tracker = tracker(plain());
        for i in 0..60 {
            let x = 10.0 * i as f64;
            assert_eq!(step(&mut tracker, i, &[(x, 50.0)]), [(1, x as i64)]);
        }
        // At the first frame, then at every thirtieth.
        assert_eq!(tracker.detections(), 2);
    }

    #[test]
    fn new_faces_get_new_numbers_at_the_next_look() {
        let mut tracker = tracker(TrackerConfig { detect_every: 5, ..plain() });
        assert_eq!(step(&mut tracker, 0, &[(100.0, 50.0)]), [(1, 100)]);
        let both = [(500.0, 50.0), (100.0, 50.0)];
        let numbers: Vec<usize> = (1..7).map(|i| step(&mut tracker, i, &both).len()).collect();
        assert_eq!(numbers, [1, 1, 1, 1, 2, 2]);
        assert_eq!(step(&mut tracker, 7, &both), [(1, 100), (2, 500)]);
    }

    #[test]
    fn a_face_that_was_hidden_for_some_frames_keeps_its_number() {
        let mut tracker = tracker(plain());
        step(&mut tracker, 0, &[(100.0, 50.0), (500.0, 50.0)]);
        for i in 1..10 {
            assert_eq!(step(&mut tracker, i, &[(500.0, 50.0)]), [(2, 500)]);
        }
        // It went on behind what hid it, by half its width.
        assert_eq!(step(&mut tracker, 10, &[(150.0, 50.0), (500.0, 50.0)]), [(1, 150), (2, 500)]);
        assert_eq!(tracker.detections(), 10);
    }

    #[test]
    fn numbers_are_never_used_again() {
        let mut tracker = tracker(TrackerConfig { patience: 0.2, ..plain() });
        step(&mut tracker, 0, &[(100.0, 50.0)]);
        (1..8).for_each(|i| assert!(step(&mut tracker, i, &[]).is_empty()));
        assert_eq!(step(&mut tracker, 8, &[(100.0, 50.0)]), [(2, 100)]);
        // Another face, elsewhere, while the last one is still waited for.
        assert_eq!(step(&mut tracker, 9, &[(700.0, 50.0)]), [(3, 700)]);
    }

    #[test]
    fn two_numbers_on_one_face_become_the_older_one() {
        let mut tracker = tracker(plain());
        step(&mut tracker, 0, &[(100.0, 50.0), (190.0, 50.0)]);
        // The second goes before the first.
        for (i, x) in [170.0, 150.0, 130.0, 110.0, 100.0].into_iter().enumerate() {
            step(&mut tracker, i + 1, &[(100.0, 50.0), (x, 50.0)]);
        }
        assert_eq!(step(&mut tracker, 6, &[(100.0, 50.0)]), [(1, 100)]);
    }

    #[test]
    fn a_face_that_leaves_the_frame_is_lost() {
        let mut tracker = tracker(plain());
        step(&mut tracker, 0, &[(20.0, 50.0)]);
        let seen: Vec<usize> =
            (1..12).map(|i| step(&mut tracker, i, &[(20.0 - 10.0 * i as f64, 50.0)]).len()).collect();
        // 40 of its 100 pixels are left at -60.
        assert_eq!(seen, [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
    }

    #[test]
    fn smoothing_changes_points_and_keeps_faces() {
        let mut tracker = tracker(TrackerConfig::default());
        let mut xs = Vec::new();
        for i in 0..40 {
            let jitter = if i % 2 == 0 { 1.0 } else { -1.0 };
            let found = tracker.step(&Scene::new(&[(100.0 + jitter, 50.0)]), i as f64 / 30.0).unwrap();
            let face = &found[0].face;
            assert_eq!((found[0].id, face.face_box.x0), (1, face.landmarks[0].x));
            xs.push(face.landmarks[0].x);
        }
        assert!(xs[20..].windows(2).all(|w| (w[0] - w[1]).abs() < 1.0), "{xs:?}");
    }

    #[test]
    fn times_and_settings_that_make_no_sense_are_refused() {
        let mut tracker = tracker(plain());
        tracker.step(&Scene::new(&[]), 2.0).unwrap();
        tracker.step(&Scene::new(&[]), 2.0).unwrap();
        for time in [1.0, f64::NAN, f64::INFINITY] {
            let problem = tracker.step(&Scene::new(&[]), time).unwrap_err().to_string();
            assert!(problem.starts_with("time: ") && problem.contains("after 2 s"), "{problem}");
        }
        for (config, field) in [
            (TrackerConfig { detect_every: 0, ..plain() }, "detect_every"),
            (TrackerConfig { least_score: f32::NAN, ..plain() }, "least_score"),
            (TrackerConfig { patience: -1.0, ..plain() }, "patience"),
            (
                TrackerConfig { smoothing: Some(Smoothing { min_cutoff: 0.0, speed_gain: 0.0 }), ..plain() },
                "min_cutoff",
            ),
        ] {
            let problem = Tracker::new(config).unwrap_err().to_string();
            assert!(problem.starts_with(field), "{problem}");
        }
    }

    #[test]
    fn two_trackers_share_an_aligner_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Aligner>();
        shared::<Tracker>();
    }

    proptest! {
        /// Whatever comes and goes, a number stands for one face of a frame and is not given twice.
        #[test]
        fn numbers_are_of_one_face(frames in prop::collection::vec(prop::collection::vec((0.0..950.0_f64, 0.0..450.0_f64), 0..5), 1..20)) {
            let mut tracker = tracker(TrackerConfig::default());
            let mut largest = 0;
            for (i, faces) in frames.iter().enumerate() {
                let found = step(&mut tracker, i, faces);
                prop_assert!(found.windows(2).all(|w| w[0].0 < w[1].0));
                let new = found.iter().filter(|f| f.0 > largest).count() as u64;
                let last = found.last().map_or(largest, |f| f.0.max(largest));
                prop_assert_eq!(last, largest + new);
                largest = last;
            }
        }
    }
}
