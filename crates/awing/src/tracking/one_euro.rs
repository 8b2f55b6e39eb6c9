//! The One-Euro filter (Casiez, Roussel, Vogel, CHI 2012): steady where a point rests, quick where it moves.

use crate::{
    error::{Error, Result},
    geometry::Point,
};
use std::f64::consts::TAU;

/// The cutoff frequency of the speed's own low pass in Hz: the authors' 1 Hz follows a dash late.
const SPEED_CUTOFF: f64 = 2.0;
/// Frames closer than this, in seconds, count as this far apart.
const SHORTEST_STEP: f64 = 1e-3;

/// How a face's points are smoothed: its movement as a whole, and each point's within the face. Speeds are measured in sizes of the face, so that
/// a face of 50 pixels and one of 500 are smoothed alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smoothing {
    /// The cutoff frequency in Hz of what is at rest: lower is steadier. Positive.
    pub min_cutoff: f64,
    /// By how many Hz the cutoff rises for what moves by one face size a second: higher follows movement more closely. Not negative.
    pub speed_gain: f64,
}

impl Default for Smoothing {
    /// Half a hertz at rest and 80 Hz more for each face size a second: on clips made from validation photos (`awing eval-video`) a face that moves is
    /// followed within a tenth of a frame. Less at rest is hardly steadier, and takes longer to settle after a movement. See docs/VIDEO.md.
    fn default() -> Self {
        Self { min_cutoff: 0.5, speed_gain: 80.0 }
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

/// The filter of one point of the plane. Its cutoff follows the length of its speed, so that it treats all directions alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneEuro {
    value: Point,
    speed: Point,
}

impl OneEuro {
    /// Begins at `value`, at rest.
    pub(super) fn new(value: Point) -> Self {
        Self { value, speed: Point::new(0.0, 0.0) }
    }

    /// Where it is.
    pub(super) fn value(&self) -> Point {
        self.value
    }

    /// The filtered value `step` seconds after the last one; `smoothing` has the unit of the values.
    pub(super) fn next(&mut self, value: Point, step: f64, smoothing: Smoothing) -> Point {
        let step = step.max(SHORTEST_STEP);
        let toward = |from: Point, to: Point, weight: f64| {
            Point::new(from.x + weight * (to.x - from.x), from.y + weight * (to.y - from.y))
        };
        let speed = Point::new((value.x - self.value.x) / step, (value.y - self.value.y) / step);
        self.speed = toward(self.speed, speed, weight(SPEED_CUTOFF, step));
        let cutoff = smoothing.min_cutoff + smoothing.speed_gain * self.speed.x.hypot(self.speed.y);
        self.value = toward(self.value, value, weight(cutoff, step));
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

    /// Along a line that is neither horizontal nor vertical.
    fn along(value: f64) -> Point {
        Point::new(0.6 * value, -0.8 * value)
    }

    #[test]
    fn two_steps_have_the_values_worked_out_by_hand() {
        // A step of 1 / (4 pi) seconds: the weight of cutoff c is c / (c + 2). Speed: 0 + 1/2 (1 / step - 0) = 2 pi. Cutoff 1 + 2 pi / pi = 3,
        // weight 3/5: the value goes from 0 to 3/5.
        let (mut filter, step) = (OneEuro::new(along(0.0)), 1.0 / (2.0 * TAU));
        let smoothing = Smoothing { min_cutoff: 1.0, speed_gain: 1.0 / std::f64::consts::PI };
        assert!(filter.next(along(1.0), step, smoothing).distance(along(0.6)) < 1e-12);
        // Speed: 2 pi + 1/2 ((1 - 3/5) 4 pi - 2 pi) = 1.8 pi. Cutoff 2.8, weight 2.8/4.8 = 7/12: 3/5 + 7/12 * 2/5 = 5/6.
        assert!(filter.next(along(1.0), step, smoothing).distance(along(5.0 / 6.0)) < 1e-12);
    }

    #[test]
    fn one_frame_left_out_hardly_matters() {
        let smoothing = Smoothing { min_cutoff: 1.0, speed_gain: 0.0 };
        let mut filter = OneEuro::new(along(0.0));
        let mut other = filter;
        filter.next(along(10.0), 0.01, smoothing);
        let (a, b) = (filter.next(along(10.0), 0.01, smoothing), other.next(along(10.0), 0.02, smoothing));
        // 1 - (1 - 0.0591)^2 = 0.1147 of the way, and 0.1116.
        assert!(a.distance(along(1.147)) < 1e-3 && b.distance(along(1.116)) < 1e-3, "{a:?} {b:?}");
    }

    proptest! {
        #[test]
        fn filtered_values_stay_between_what_was_seen(
            values in prop::collection::vec(-100.0..100.0_f64, 2..20), rate in 1e-3..1e6_f64,
        ) {
            let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            let mut filter = OneEuro::new(along(values[0]));
            for value in &values[1..] {
                let x = filter.next(along(*value), 1.0 / rate, Smoothing::default()).x / 0.6;
                prop_assert!(x >= low - 1e-9 && x <= high + 1e-9);
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
