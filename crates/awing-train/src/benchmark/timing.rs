use awing::Result;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Repeats that are not counted: memory is fetched, caches and branch predictors learn.
const WARM_UP: usize = 2;
/// Repeats that are counted, at least.
const LEAST: usize = 3;

/// How long the repeats of a work took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The middle one.
    pub median_ms: f64,
    /// A quarter were faster.
    pub first_quartile_ms: f64,
    /// A quarter were slower.
    pub third_quartile_ms: f64,
    /// The fastest.
    pub min_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// How many there were.
    pub repeats: usize,
}

impl Timing {
    /// Repeats `work` for about `seconds`, three times at least. What `prepare` does before each repeat is not timed.
    pub(super) fn of<T>(
        seconds: f64,
        mut prepare: impl FnMut() -> Result<T>,
        mut work: impl FnMut(T) -> Result<()>,
    ) -> Result<Self> {
        for _ in 0..WARM_UP {
            work(prepare()?)?;
        }
        let (begun, mut times) = (Instant::now(), Vec::new());
        while times.len() < LEAST || begun.elapsed().as_secs_f64() < seconds {
            let prepared = prepare()?;
            let started = Instant::now();
            work(prepared)?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Self::from_times(times))
    }

    /// The order statistics of `times`, which must not be empty.
    fn from_times(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let place = part * (times.len() - 1) as f64;
            let (low, high) = (times[place.floor() as usize], times[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        Self {
            median_ms: at(0.5),
            first_quartile_ms: at(0.25),
            third_quartile_ms: at(0.75),
            min_ms: at(0.0),
            max_ms: at(1.0),
            repeats: times.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics_worked_out_by_hand() {
        // Sorted 1 2 4 8: the middle is half way from 2 to 4, the first quartile three quarters of the way from 1 to 2.
        let timing = Timing::from_times(vec![4.0, 1.0, 8.0, 2.0]);
        assert_eq!(
            timing,
            Timing {
                median_ms: 3.0,
                first_quartile_ms: 1.75,
                third_quartile_ms: 5.0,
                min_ms: 1.0,
                max_ms: 8.0,
                repeats: 4
            }
        );
    }

    #[test]
    fn without_time_there_are_still_a_few_repeats_each_prepared() {
        let (mut prepared, mut done) = (0, 0);
        let timing = Timing::of(
            0.0,
            || {
                prepared += 1;
                Ok(prepared)
            },
            |number| {
                done = number;
                Ok(())
            },
        );
        assert_eq!((timing.unwrap().repeats, prepared, done), (LEAST, LEAST + WARM_UP, LEAST + WARM_UP));
    }
}
