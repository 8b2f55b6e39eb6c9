//! The One-Euro filter (Casiez, Roussel, Vogel, CHI 2012): steady where a point rests, quick where it moves.

use crate::{
    error::{Error, Result},
    geometry::Point,
};
use std::f64::consts::TAU;

/// The cutoff frequency of the speed's own low pass in Hz, the authors' value.
const SPEED_CUTOFF: f64 = 1.0;
/// Frames closer than this, in seconds, count as this far apart.
const SHORTEST_STEP: f64 = 1e-3;

/// How points are smoothed. Speeds are measured in sizes of the face, so that a face of 50 pixels and one of 500 are smoothed alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smoothing {
    /// The cutoff frequency in Hz of a point at rest: lower is steadier. Positive.
    pub min_cutoff: f64,
    /// By how many Hz the cutoff rises when a point moves by one face size a second: higher follows movement more closely. Not negative.
    pub speed_gain: f64,
}

impl Default for Smoothing {
    /// Half a hertz at rest and 100 Hz more for each face size a second: of the settings that were tried on clips made from validation photos
    /// (`awing eval-video`), the steadiest at rest among those that stay within a tenth of a frame of a face that moves.
    fn default() -> Self {
        Self { min_cutoff: 0.5, speed_gain: 100.0 }
    }
}

impl Smoothing {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn validate(&self) -> Result<()> {
        if !(self.min_cutoff.is_finite() && self.min_cutoff > 0.0) {
            let problem = format!("{} is not a positive number of Hz", self.min_cutoff);
            return Err(Error::invalid("min_cutoff", problem));
        }
        if !(self.speed_gain.is_finite() && self.speed_gain >= 0.0) {
            let problem = format!("{} is not a number from 0 on", self.speed_gain);
            return Err(Error::invalid("speed_gain", problem));
        }
        Ok(())
    }
}

/// A filter for each coordinate of a face's points.
#[derive(Clone, Debug)]
pub(super) struct PointFilter {
    smoothing: Smoothing,
    time: f64,
    coordinates: Vec<[OneEuro; 2]>,
}

impl PointFilter {
    /// Begins at `points`.
    pub(super) fn new(smoothing: Smoothing, points: &[Point], time: f64) -> Self {
        let coordinates = points.iter().map(|p| [OneEuro::new(p.x), OneEuro::new(p.y)]).collect();
        Self { smoothing, time, coordinates }
    }

    /// The smoothed points; `size` is that of the face, in the same unit as the points.
    pub(super) fn smooth(&mut self, points: &[Point], size: f64, time: f64) -> Vec<Point> {
        let step = (time - self.time).max(SHORTEST_STEP);
        self.time = time;
        let gain = self.smoothing.speed_gain / size.max(f64::MIN_POSITIVE);
        let next = |filter: &mut OneEuro, value| filter.next(value, step, self.smoothing.min_cutoff, gain);
        let pairs = self.coordinates.iter_mut().zip(points);
        pairs.map(|([x, y], p)| Point::new(next(x, p.x), next(y, p.y))).collect()
    }
}

/// The filter of one number.
#[derive(Clone, Copy, Debug)]
struct OneEuro {
    value: f64,
    speed: f64,
}

impl OneEuro {
    fn new(value: f64) -> Self {
        Self { value, speed: 0.0 }
    }

    /// The filtered value `step` seconds after the last one.
    fn next(&mut self, value: f64, step: f64, min_cutoff: f64, gain: f64) -> f64 {
        let speed = (value - self.value) / step;
        self.speed += weight(SPEED_CUTOFF, step) * (speed - self.speed);
        self.value += weight(min_cutoff + gain * self.speed.abs(), step) * (value - self.value);
        self.value
    }
}

/// The weight of a new value in a low pass of this cutoff in Hz.
fn weight(cutoff: f64, step: f64) -> f64 {
    let part = TAU * cutoff * step;
    part / (part + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_steps_have_the_values_worked_out_by_hand() {
        // A step of 1 / (2 pi) seconds: the weight of cutoff c is c / (c + 1). Speed: 0 + 1/2 (1 / step - 0) = pi. Cutoff 1 + pi / pi = 2,
        // weight 2/3: the value goes from 0 to 2/3.
        let (mut filter, step) = (OneEuro::new(0.0), 1.0 / TAU);
        assert!((filter.next(1.0, step, 1.0, 1.0 / std::f64::consts::PI) - 2.0 / 3.0).abs() < 1e-12);
        // Speed: pi + 1/2 ((1 - 2/3) 2 pi - pi) = pi (1/2 + 1/3) = 5/6 pi. Cutoff 11/6, weight 11/17: 2/3 + 11/17 * 1/3 = 45/51.
        assert!((filter.next(1.0, step, 1.0, 1.0 / std::f64::consts::PI) - 45.0 / 51.0).abs() < 1e-12);
    }

    fn smoothed(values: &[f64], rate: f64, scale: f64, smoothing: Smoothing) -> Vec<f64> {
        let point = |v: f64| [Point::new(v * scale, 0.0)];
        let mut filter = PointFilter::new(smoothing, &point(values[0]), 0.0);
        (1..values.len())
            .map(|i| filter.smooth(&point(values[i]), 100.0 * scale, i as f64 / rate)[0].x / scale)
            .collect()
    }

    #[test]
    fn jitter_shrinks_and_movement_is_followed() {
        let smoothing = Smoothing::default();
        let jitter: Vec<f64> = (0..120).map(|i| if i % 2 == 0 { 0.5 } else { -0.5 }).collect();
        let rest = smoothed(&jitter, 30.0, 1.0, smoothing);
        assert!(rest.iter().skip(60).all(|v| v.abs() < 0.25), "{rest:?}");
        // One face size a second.
        let ramp: Vec<f64> = (0..120).map(|i| i as f64 * 100.0 / 30.0).collect();
        let moved = smoothed(&ramp, 30.0, 1.0, smoothing);
        let behind = (ramp[119] - moved[118]) / (100.0 / 30.0);
        assert!(behind < 1.0, "{behind} frames behind");
    }

    #[test]
    fn one_frame_left_out_hardly_matters() {
        let smoothing = Smoothing { min_cutoff: 1.0, speed_gain: 0.0 };
        let mut filter = PointFilter::new(smoothing, &[Point::new(0.0, 0.0)], 0.0);
        let mut other = filter.clone();
        let goal = [Point::new(10.0, 0.0)];
        filter.smooth(&goal, 100.0, 0.01);
        let (a, b) = (filter.smooth(&goal, 100.0, 0.02)[0].x, other.smooth(&goal, 100.0, 0.02)[0].x);
        // 1 - (1 - 0.0591)^2 = 0.1147 of the way, and 0.1116.
        assert!((a - 1.147).abs() < 1e-3 && (b - 1.116).abs() < 1e-3, "{a} {b}");
    }

    proptest! {
        #[test]
        fn the_size_of_a_face_does_not_matter(
            values in prop::collection::vec(-100.0..100.0_f64, 2..20), scale in 0.01..100.0_f64,
        ) {
            let one = smoothed(&values, 25.0, 1.0, Smoothing::default());
            let other = smoothed(&values, 25.0, scale, Smoothing::default());
            for (a, b) in one.iter().zip(&other) {
                prop_assert!((a - b).abs() < 1e-6);
            }
        }

        #[test]
        fn smoothed_points_stay_between_what_was_seen(
            values in prop::collection::vec(-100.0..100.0_f64, 2..20), rate in 1e-3..1e6_f64,
        ) {
            let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            for v in smoothed(&values, rate, 1.0, Smoothing::default()) {
                prop_assert!(v >= low - 1e-9 && v <= high + 1e-9);
            }
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        assert!(Smoothing::default().validate().is_ok());
        for (min_cutoff, speed_gain, field) in [
            (0.0, 1.0, "min_cutoff"),
            (f64::NAN, 1.0, "min_cutoff"),
            (1.0, -1.0, "speed_gain"),
            (1.0, f64::INFINITY, "speed_gain"),
        ] {
            let problem = Smoothing { min_cutoff, speed_gain }.validate().unwrap_err().to_string();
            assert!(problem.starts_with(field), "{problem}");
        }
    }
}
