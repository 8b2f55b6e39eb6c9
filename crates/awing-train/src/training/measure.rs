//! What a run measures: figures of a validation, and lines of `metrics.csv`.

use std::fmt;

/// How a task's `metrics.csv` is laid out.
#[derive(Debug)]
pub struct Table {
    /// Its columns: of `step`, `epoch`, `seconds`, `learning_rate`, `loss`, `faces_per_second` and those of the measures; `step` is the first.
    pub columns: &'static [&'static str],
    /// What a validation measures; by the first one the best checkpoint is chosen.
    pub measures: &'static [Measure],
    /// What would be perfect of the first one.
    pub goal: Goal,
}

/// A figure that a validation gives.
#[derive(Debug, PartialEq)]
pub struct Measure {
    /// As people call it: `NME`.
    pub name: &'static str,
    /// The column in `metrics.csv`.
    pub column: &'static str,
    /// Digits after the point, there.
    pub digits: usize,
    /// Whether it is in per cent.
    pub percent: bool,
}

/// What would be perfect of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// An error: the smaller the better.
    Zero,
    /// A share of 1: the larger the better.
    One,
}

impl Goal {
    /// What a figure lacks, the smaller the better: an error as it is, of a share the rest to 1 in per cent.
    pub fn missing(self, value: f64) -> f64 {
        match self {
            Self::Zero => value,
            Self::One => 100.0 * (1.0 - value),
        }
    }

    /// The figure that lacks so much.
    pub fn value(self, missing: f64) -> f64 {
        match self {
            Self::Zero => missing,
            Self::One => 1.0 - missing / 100.0,
        }
    }
}

/// A line of `metrics.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsRow {
    /// Optimizer steps done.
    pub step: usize,
    /// Passes over the data done; 0 where the task has none.
    pub epoch: f64,
    /// Seconds of training so far, evaluations included.
    pub seconds: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean training loss since the line before.
    pub loss: f64,
    /// What the validation measured; nothing where there was none.
    pub figures: Vec<Figure>,
    /// Samples a second since the line before, evaluations not counted.
    pub samples_per_second: f64,
}

/// A measure with its value, written as people read it: `NME 3.21 %`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub measure: &'static Measure,
    /// The value; `None` where the validation samples say nothing of it.
    pub value: Option<f64>,
}

impl MetricsRow {
    /// The figure that chooses the best, where it was measured.
    pub fn figure(&self) -> Option<Figure> {
        self.figures.first().copied().filter(|figure| figure.value.is_some())
    }

    /// Its value.
    pub fn value(&self) -> Option<f64> {
        self.figure()?.value
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measure { name, digits, percent, .. } = self.measure;
        match self.value {
            None => write!(f, "{name} -"),
            Some(value) if *percent => write!(f, "{name} {value:.2} %"),
            Some(value) => write!(f, "{name} {value:.*}", (*digits).min(4)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_figure_lacks_is_smaller_where_it_is_better() {
        assert_eq!(Goal::Zero.missing(3.5), 3.5);
        assert_eq!(Goal::One.missing(0.75), 25.0);
        assert_eq!((Goal::Zero.value(3.5), Goal::One.value(25.0)), (3.5, 0.75));
    }

    #[test]
    fn figures_are_written_as_people_read_them() {
        const NME: Measure = Measure { name: "NME", column: "val_nme", digits: 4, percent: true };
        const PRECISION: Measure =
            Measure { name: "average precision", column: "average_precision", digits: 5, percent: false };
        let of = |measure, value| Figure { measure, value }.to_string();
        assert_eq!(of(&NME, Some(3.214)), "NME 3.21 %");
        assert_eq!(of(&PRECISION, Some(0.87654)), "average precision 0.8765");
        assert_eq!(of(&Measure { digits: 0, ..PRECISION }, Some(7.0)), "average precision 7");
        assert_eq!(of(&PRECISION, None), "average precision -");
    }
}
