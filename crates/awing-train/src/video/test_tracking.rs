use super::clip::{Clip, ClipFrame, Motion};
use crate::{
    dataset::Dataset,
    evaluation::{Normalizer, nme},
};
use awing::{
    Error, Result,
    geometry::{Point, Rect, Transform},
    prediction::{Aligner, Face},
    scheme::{Landmark, Scheme},
    tracking::{Tracker, TrackerConfig},
};
use serde::Serialize;
use std::time::Instant;

/// Points are held against the movement so many frames earlier and later to find their lag.
const LARGEST_LAG: i32 = 8;
/// A face whose box shares this much with the annotated one is that face.
const THE_FACE: f64 = 0.3;

/// How well faces are followed through clips of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrackingFigures {
    /// Frames.
    pub frames: usize,
    /// How far points move against the picture from one frame to the next, in per cent of the scheme's usual distance.
    pub jitter: Option<f64>,
    /// By how many frames the points are behind the movement; `None` for clips without a shift.
    pub lag: Option<f64>,
    /// The mean error against the moved annotation, in per cent of the same distance.
    pub nme: Option<f64>,
    /// Faces that can be seen and were not found.
    pub lost: usize,
    /// Faces that were found beside the annotated one, or while it was hidden: other people of a photo are among them.
    pub others: usize,
    /// How often a face got another number, or a number went over to another face.
    pub number_changes: usize,
    /// In how many frames the detector ran, in per cent.
    pub detections: f64,
    /// Time for a frame in milliseconds.
    pub milliseconds: f64,
}

/// Follows faces through clips that are made of `count` photos of the dataset, or of all, by movements that are known. `None` takes each frame
/// like a photo of its own. `each` is told how many clips are done.
///
/// # Errors
/// Those of the photos and of the aligner; [`Error::Invalid`] when the model's points are not the dataset's, there are too few faces, or one cannot
/// be measured.
pub fn test_tracking(
    aligner: &Aligner,
    dataset: &Dataset,
    count: usize,
    config: Option<TrackerConfig>,
    motion: Motion,
    each: &mut dyn FnMut(usize),
) -> Result<TrackingFigures> {
    if aligner.scheme().points != dataset.scheme.points {
        let problem =
            format!("the model finds {}, the data has {}", aligner.scheme().name, dataset.scheme.name);
        return Err(Error::invalid("scheme", problem));
    }
    let faces = &dataset.samples;
    if faces.is_empty() || faces.len() == 1 && motion == Motion::Cut {
        let problem = format!("{} has too few faces to make clips of", dataset.source);
        return Err(Error::invalid("data", problem));
    }
    let count = count.clamp(1, faces.len());
    let mut sum = Sum::default();
    for i in 0..count {
        // Spread over the data; a cut goes to the next one, or where there is one clip alone to one far away.
        let place = i * faces.len() / count;
        let next = if count == 1 { faces.len() / 2 } else { (i + 1) * faces.len() / count };
        let (face, other) = (&faces[place], &faces[next % faces.len()]);
        let clip = Clip::new(motion, face, other, i as u64)?;
        let run = watch(aligner, &clip, config).map_err(|e| e.about(&face.name))?;
        sum.add(&run, &dataset.scheme, motion).map_err(|e| e.about(&face.name))?;
        each(i + 1);
    }
    Ok(sum.figures())
}

/// What was seen in a frame.
struct Seen {
    /// The annotation in the frame.
    truth: Vec<Landmark>,
    /// From the frame to the photo, in which nothing moves.
    back: Transform,
    hidden: bool,
    scene: usize,
    /// The face and its number.
    face: Option<(u64, Vec<Point>)>,
    others: usize,
}

struct Watched {
    frames: Vec<Seen>,
    detections: u64,
    seconds: f64,
}

fn watch(aligner: &Aligner, clip: &Clip, config: Option<TrackerConfig>) -> Result<Watched> {
    let mut tracker = config.map(Tracker::new).transpose()?;
    let mut watched = Watched { frames: Vec::new(), detections: 0, seconds: 0.0 };
    for frame in clip.frames() {
        let start = Instant::now();
        let faces: Vec<(u64, Face)> = match &mut tracker {
            Some(tracker) => {
                let faces = tracker.track(aligner, &frame.image, frame.time)?;
                faces.into_iter().map(|found| (found.id, found.face)).collect()
            }
            None => aligner.align(&frame.image)?.into_iter().map(|face| (0, face)).collect(),
        };
        watched.seconds += start.elapsed().as_secs_f64();
        watched.frames.push(Seen::new(frame, faces));
    }
    watched.detections = tracker.map_or(watched.frames.len() as u64, |tracker| tracker.detections());
    Ok(watched)
}

impl Seen {
    fn new(frame: ClipFrame, faces: Vec<(u64, Face)>) -> Self {
        let annotated = Rect::around(frame.landmarks.iter().filter_map(Landmark::position));
        let shared = |face: &Face| {
            let found = Rect::around(face.landmarks.iter().copied());
            found.zip(annotated).map_or(0.0, |(found, annotated)| found.overlap(annotated))
        };
        let count = faces.len();
        let best = faces.into_iter().max_by(|(_, a), (_, b)| shared(a).total_cmp(&shared(b)));
        let face = best.filter(|(_, face)| !frame.hidden && shared(face) >= THE_FACE);
        Self {
            truth: frame.landmarks,
            back: frame.view.inverse(),
            hidden: frame.hidden,
            scene: frame.scene,
            others: count - usize::from(face.is_some()),
            face: face.map(|(id, face)| (id, face.landmarks)),
        }
    }
}

/// A mean in the making.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

#[derive(Default)]
struct Sum {
    frames: usize,
    jitter: Mean,
    lag: Mean,
    nme: Mean,
    lost: usize,
    others: usize,
    number_changes: usize,
    detections: u64,
    seconds: f64,
}

impl Sum {
    fn add(&mut self, watched: &Watched, scheme: &Scheme, motion: Motion) -> Result<()> {
        let normalizer = Normalizer::usual(scheme);
        self.frames += watched.frames.len();
        self.detections += watched.detections;
        self.seconds += watched.seconds;
        // Of the frame before: in which scene, which number, and its points in the photo.
        let mut last: Option<(usize, Vec<Point>)> = None;
        let mut number: Option<(usize, u64)> = None;
        for seen in &watched.frames {
            self.others += seen.others;
            let Some((id, points)) = &seen.face else {
                self.lost += usize::from(!seen.hidden);
                last = None;
                continue;
            };
            let distance = normalizer.distance(scheme, &seen.truth, None)?;
            self.nme.add(100.0 * nme(points, &seen.truth, distance)?);
            let still: Vec<Point> = points.iter().map(|p| seen.back.apply(*p)).collect();
            if let Some((_, before)) = last.filter(|(scene, _)| *scene == seen.scene) {
                let distance = distance * seen.back.scale();
                let moved = still.iter().zip(&before).map(|(a, b)| a.distance(*b)).sum::<f64>();
                self.jitter.add(100.0 * moved / still.len() as f64 / distance);
            }
            if let Some((scene, before)) = number {
                self.number_changes += usize::from((scene == seen.scene) != (before == *id));
            }
            number = Some((seen.scene, *id));
            last = Some((seen.scene, still));
        }
        if matches!(motion, Motion::Pan | Motion::Dash) {
            let mean = |points: &mut dyn Iterator<Item = Point>| Point::mean(points).map(|p| p.x);
            let known =
                watched.frames.iter().map(|f| mean(&mut f.truth.iter().filter_map(Landmark::position)));
            let found =
                watched.frames.iter().map(|f| mean(&mut f.face.iter().flat_map(|(_, p)| p.iter().copied())));
            if let Some(lag) = lag(&known.collect::<Vec<_>>(), &found.collect::<Vec<_>>()) {
                self.lag.add(lag);
            }
        }
        Ok(())
    }

    fn figures(&self) -> TrackingFigures {
        let frames = self.frames.max(1) as f64;
        TrackingFigures {
            frames: self.frames,
            jitter: self.jitter.value(),
            lag: self.lag.value(),
            nme: self.nme.value(),
            lost: self.lost,
            others: self.others,
            number_changes: self.number_changes,
            detections: 100.0 * self.detections as f64 / frames,
            milliseconds: 1000.0 * self.seconds / frames,
        }
    }
}

/// By how many frames `found` is behind `known`: where the two correlate most, to a part of a frame.
fn lag(known: &[Option<f64>], found: &[Option<f64>]) -> Option<f64> {
    let correlation = |lag: i32| {
        let pairs: Vec<(f64, f64)> = (0_i32..)
            .zip(found)
            .filter_map(|(i, found)| {
                let known = known.get(usize::try_from(i - lag).ok()?)?;
                known.zip(*found)
            })
            .collect();
        correlation(&pairs)
    };
    let all: Vec<f64> = (-LARGEST_LAG..=LARGEST_LAG).map(correlation).collect::<Option<_>>()?;
    let best = (0..all.len()).max_by(|a, b| all[*a].total_cmp(&all[*b]))?;
    // The top of the parabola through it and its neighbours.
    let part = match (best.checked_sub(1).map(|i| all[i]), all.get(best + 1)) {
        (Some(before), Some(after)) => {
            let bend = before - 2.0 * all[best] + after;
            if bend < 0.0 { 0.5 * (before - after) / bend } else { 0.0 }
        }
        _ => 0.0,
    };
    Some(best as f64 - f64::from(LARGEST_LAG) + part)
}

/// Pearson's; `None` where one side does not vary by more than rounding.
fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let count = pairs.len() as f64;
    let (a, b) = pairs.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0 / count, b + pair.1 / count));
    let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in pairs {
        (aa, ab, bb) = (aa + (x - a) * (x - a), ab + (x - a) * (y - b), bb + (y - b) * (y - b));
    }
    let scale = (aa * bb).sqrt();
    (scale > 1e-9).then(|| ab / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_that_comes_later_is_behind_by_so_much() {
        let wave = |shift: f64| {
            (0..60)
                .map(|i| Some((std::f64::consts::TAU * (f64::from(i) - shift) / 40.0).sin()))
                .collect::<Vec<_>>()
        };
        for shift in [0.0, 0.4, 2.0, 3.7] {
            let mut found = wave(shift);
            found[20] = None;
            let lag = lag(&wave(0.0), &found).unwrap();
            assert!((lag - shift).abs() < 0.15, "{lag} instead of {shift}");
        }
        assert_eq!(lag(&wave(0.0), &[Some(1.0); 60]), None);
        assert_eq!(lag(&wave(0.0), &[None; 60]), None);
    }

    /// Two points 10 apart that are the scheme's usual distance.
    fn scheme() -> Scheme {
        let text =
            "name = \"two\"\npoints = [\"a\", \"b\"]\n[[normalizers]]\nname = \"a-b\"\nbetween = [[0], [1]]";
        Scheme::from_toml(text, "two").unwrap()
    }

    #[test]
    fn figures_have_the_values_worked_out_by_hand() {
        let frame = |scene: usize, face: Option<(u64, f64)>, hidden: bool| Seen {
            truth: vec![Landmark::visible(0.0, 0.0), Landmark::visible(10.0, 0.0)],
            // The photo is twice as large as the frame.
            back: Transform { matrix: [[2.0, 0.0], [0.0, 2.0]], translation: Point::default() },
            hidden,
            scene,
            face: face.map(|(id, x)| (id, vec![Point::new(x, 0.0), Point::new(10.0 + x, 0.0)])),
            others: usize::from(hidden),
        };
        let frames = vec![
            frame(0, Some((1, 0.0)), false),
            frame(0, Some((1, 1.0)), false),
            frame(0, None, true),
            frame(0, None, false),
            // The same face under another number, then another face under the same one.
            frame(0, Some((2, 1.0)), false),
            frame(1, Some((2, 4.0)), false),
        ];
        let mut sum = Sum::default();
        sum.add(&Watched { frames, detections: 3, seconds: 0.6 }, &scheme(), Motion::Rest).unwrap();
        let figures = sum.figures();
        // From the first to the second frame by a tenth of the distance; errors 0, 10, 10, 40 per cent.
        assert_eq!((figures.jitter, figures.nme, figures.lag), (Some(10.0), Some(15.0), None));
        assert_eq!((figures.lost, figures.others, figures.number_changes), (1, 1, 2));
        assert_eq!((figures.frames, figures.detections, figures.milliseconds), (6, 50.0, 100.0));
    }
}
