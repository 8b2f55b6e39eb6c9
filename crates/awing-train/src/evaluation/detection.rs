use crate::dataset::BoxedPhoto;
use awing::{
    Result,
    detection::{DetectedFace, FaceDetector},
    geometry::Rect,
    photo::load_image,
};
use serde::Serialize;
use std::time::Instant;

/// A found box is a face's when they overlap by this much, as intersection over union.
pub const FACE_OVERLAP: f64 = 0.4;

/// How well a detector finds faces.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectionFigures {
    /// Photos looked at.
    pub photos: usize,
    /// Faces in them that count.
    pub faces: usize,
    /// Per cent of them that were found; `None` without faces.
    pub recall: Option<f64>,
    /// Area under the curve of precision over recall, from 0 to 1; `None` without faces.
    pub average_precision: Option<f64>,
    /// Boxes that are no face's.
    pub false_alarms: usize,
    /// The score from which on boxes should count for the largest F1, the harmonic mean of precision and recall; `None` where no face was
    /// found.
    pub best_score: Option<f32>,
    /// Mean overlap of found faces with their boxes, from 0 to 1; `None` where none was found.
    pub overlap: Option<f64>,
    /// Where an annotated box lies in the detector's: left, top, right and bottom in widths and heights of it from its upper left corner,
    /// medians over the faces found. [0, 0, 1, 1] is a detector that means the same by a box.
    pub box_in_found: Option<[f64; 4]>,
    /// Milliseconds of a photo that is read already, the median.
    pub milliseconds: f64,
}

/// What a detector found in photos whose faces are known.
pub struct Detections<'a> {
    photos: &'a [BoxedPhoto],
    /// The boxes of each photo.
    found: Vec<Vec<DetectedFace>>,
    milliseconds: f64,
}

impl<'a> Detections<'a> {
    /// Runs a detector over the photos. `each` is told how many are done.
    ///
    /// # Errors
    /// A photo that cannot be read, and those of the detector.
    pub fn find(
        detector: &dyn FaceDetector,
        photos: &'a [BoxedPhoto],
        each: &mut dyn FnMut(usize),
    ) -> Result<Self> {
        let (mut found, mut times) = (Vec::with_capacity(photos.len()), Vec::with_capacity(photos.len()));
        for photo in photos {
            let image = load_image(&photo.path)?;
            let start = Instant::now();
            found.push(detector.detect(&image)?);
            times.push(1e3 * start.elapsed().as_secs_f64());
            each(found.len());
        }
        Ok(Self { photos, found, milliseconds: median(&mut times).unwrap_or(0.0) })
    }

    /// How well that is, where boxes of a lower score than `least_score` do not count. A face of `ignored`, or one whose longer side is
    /// shorter than `least_side` pixels, is neither missed nor a false alarm.
    pub fn figures(&self, least_side: f64, least_score: f32) -> DetectionFigures {
        let mut judged = Judged::default();
        for (photo, found) in self.photos.iter().zip(&self.found) {
            let small = |face: &Rect| face.width().max(face.height()) < least_side;
            let (ignored, faces): (Vec<Rect>, Vec<Rect>) = photo.faces.iter().copied().partition(small);
            let sure: Vec<DetectedFace> =
                found.iter().copied().filter(|face| face.score >= least_score).collect();
            judged.add(&sure, &faces, &[&photo.ignored[..], &ignored].concat());
        }
        judged.figures(self.photos.len(), self.milliseconds)
    }
}

/// What came of the photos so far.
#[derive(Default)]
struct Judged {
    faces: usize,
    /// Score of each box that counts, and whether it is a face's.
    boxes: Vec<(f32, bool)>,
    overlaps: Vec<f64>,
    /// Of each found face: where its annotated box lies in the found one.
    places: [Vec<f64>; 4],
}

impl Judged {
    /// The surest box chooses first; a face goes to one box, and all further ones are false alarms.
    fn add(&mut self, found: &[DetectedFace], faces: &[Rect], ignored: &[Rect]) {
        self.faces += faces.len();
        let mut found = found.to_vec();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut free: Vec<Rect> = faces.to_vec();
        for DetectedFace { face_box, score } in found {
            let shared = |face: &Rect| face.overlap(face_box);
            let best = (0..free.len()).max_by(|a, b| shared(&free[*a]).total_cmp(&shared(&free[*b])));
            match best.filter(|i| shared(&free[*i]) >= FACE_OVERLAP) {
                Some(i) => {
                    let face = free.swap_remove(i);
                    self.boxes.push((score, true));
                    self.overlaps.push(face.overlap(face_box));
                    let (w, h) = (face_box.width(), face_box.height());
                    let place = [
                        (face.x0 - face_box.x0) / w,
                        (face.y0 - face_box.y0) / h,
                        (face.x1 - face_box.x0) / w,
                        (face.y1 - face_box.y0) / h,
                    ];
                    self.places.iter_mut().zip(place).for_each(|(places, v)| places.push(v));
                }
                None if ignored.iter().any(|face| shared(face) >= FACE_OVERLAP) => {}
                None => self.boxes.push((score, false)),
            }
        }
    }

    fn figures(mut self, photos: usize, milliseconds: f64) -> DetectionFigures {
        self.boxes.sort_by(|a, b| b.0.total_cmp(&a.0));
        let hits = self.overlaps.len();
        let faces = (self.faces > 0).then_some(self.faces as f64);
        let [left, top, right, bottom] = self.places.each_mut().map(|v| median(v));
        DetectionFigures {
            photos,
            faces: self.faces,
            recall: faces.map(|faces| 100.0 * hits as f64 / faces),
            average_precision: faces.map(|faces| average_precision(&self.boxes, faces)),
            false_alarms: self.boxes.len() - hits,
            best_score: best_score(&self.boxes, self.faces),
            overlap: (hits > 0).then(|| self.overlaps.iter().sum::<f64>() / hits as f64),
            box_in_found: (|| Some([left?, top?, right?, bottom?]))(),
            milliseconds,
        }
    }
}

/// The area under the best precision at each recall or beyond it, of boxes by falling score.
fn average_precision(boxes: &[(f32, bool)], faces: f64) -> f64 {
    let mut hits = 0.0;
    // Precision at each face that is found.
    let at_hits = boxes.iter().enumerate().filter_map(|(i, (_, hit))| {
        hits += f64::from(u8::from(*hit));
        hit.then_some(hits / (i + 1) as f64)
    });
    let precisions: Vec<f64> = at_hits.collect();
    let mut best = 0.0_f64;
    let envelope = precisions.iter().rev().map(|p| {
        best = best.max(*p);
        best
    });
    envelope.sum::<f64>() / faces
}

/// The score of the last box, by falling score, that should count for the largest F1 = 2 hits / (boxes + faces); of equal ones the highest.
fn best_score(boxes: &[(f32, bool)], faces: usize) -> Option<f32> {
    let (mut hits, mut best) = (0, (0.0, None));
    for (i, (score, hit)) in boxes.iter().enumerate() {
        hits += usize::from(*hit);
        let f1 = 2.0 * hits as f64 / (i + 1 + faces) as f64;
        // Boxes of one score count together.
        let is_last = boxes.get(i + 1).is_none_or(|next| next.0 < *score);
        if is_last && f1 > best.0 {
            best = (f1, Some(*score));
        }
    }
    best.1
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(x: f64, side: f64, score: f32) -> DetectedFace {
        DetectedFace { face_box: Rect::new(x, 0.0, x + side, side), score }
    }

    #[test]
    fn hits_misses_and_false_alarms_by_hand() {
        let face = |x: f64| Rect::new(x, 0.0, x + 10.0, 10.0);
        let mut judged = Judged::default();
        // Two of three faces; a second box on the first and one on nothing; one on a face that does not count.
        let boxes = [
            found(0.0, 10.0, 9.0),
            found(1.0, 10.0, 8.0),
            found(50.0, 10.0, 7.0),
            found(100.0, 5.0, 6.0),
            found(20.0, 10.0, 5.0),
        ];
        judged.add(&boxes, &[face(0.0), face(20.0), face(300.0)], &[Rect::new(100.0, 0.0, 105.0, 5.0)]);
        let figures = judged.figures(1, 2.0);
        assert_eq!((figures.faces, figures.false_alarms), (3, 2));
        assert!((figures.recall.unwrap() - 200.0 / 3.0).abs() < 1e-9);
        // Precision 1 at the first face, 2 / 4 at the second, nothing at the third.
        assert!((figures.average_precision.unwrap() - 0.5).abs() < 1e-9);
        assert_eq!((figures.overlap, figures.box_in_found), (Some(1.0), Some([0.0, 0.0, 1.0, 1.0])));
        // F1 is 2 / 4 with the first box, 2 / 5 and 2 / 6 with the next two, 4 / 7 with the last.
        assert_eq!(figures.best_score, Some(5.0));
        // Equal scores count together: 2 / 2 with the first alone, 2 / 3 with both.
        assert_eq!(best_score(&[(3.0, true), (3.0, false), (2.0, false)], 1), Some(3.0));
        assert_eq!(best_score(&[(3.0, false)], 1), None);
    }

    #[test]
    fn a_box_of_another_meaning_is_measured() {
        let mut judged = Judged::default();
        // The annotated box fills the lower right 8 x 9 of a found one of 10 x 10.
        judged.add(&[found(0.0, 10.0, 1.0)], &[Rect::new(2.0, 1.0, 10.0, 10.0)], &[]);
        let figures = judged.figures(1, 0.0);
        assert_eq!((figures.overlap, figures.box_in_found), (Some(0.72), Some([0.2, 0.1, 1.0, 1.0])));
    }

    #[test]
    fn without_faces_only_false_alarms_count() {
        let mut judged = Judged::default();
        judged.add(&[found(0.0, 10.0, 1.0)], &[], &[]);
        let figures = judged.figures(1, 0.0);
        assert_eq!((figures.recall, figures.average_precision, figures.false_alarms), (None, None, 1));
        assert_eq!(figures.best_score, None);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }
}
