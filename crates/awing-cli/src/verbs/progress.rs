use crate::console::Console;
use awing_train::training::{Figure, MetricsRow, Observer};
use indicatif::ProgressBar;
use std::{path::Path, time::Instant};

/// Parts of a whole run on the bar.
const PARTS: f64 = 10_000.0;
const MOST_PROBLEMS: usize = 10;

/// Tells how training goes: a bar on a terminal, else a line for each evaluation.
pub(crate) struct Progress<'a> {
    console: &'a Console,
    /// What the run learns from, as people call it.
    samples: &'static str,
    bar: ProgressBar,
    /// When this part of the run began, and the progress after its first step.
    begun: Instant,
    first: Option<f64>,
    now: f64,
    /// Whether the task has passes over its data.
    epochs: bool,
    validation: String,
    /// The best of this part of the run; empty where an earlier part was better.
    best: String,
    problems: usize,
    skipped: usize,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(console: &'a Console, samples: &'static str) -> Self {
        let bar = console.bar(PARTS as usize, "{bar:24} {percent:>3} %  {wide_msg}");
        Self {
            console,
            samples,
            bar,
            begun: Instant::now(),
            first: None,
            now: 0.0,
            epochs: true,
            validation: String::new(),
            best: String::new(),
            problems: 0,
            skipped: 0,
        }
    }

    /// Takes the bar away, and gives the number of samples that could not be read.
    pub(crate) fn finish(self) -> usize {
        self.bar.finish_and_clear();
        if self.problems > MOST_PROBLEMS {
            self.console.warn(format!("and {} more", self.problems - MOST_PROBLEMS));
        }
        if self.skipped > MOST_PROBLEMS {
            self.console.warn(format!("{} steps were skipped in all", self.skipped));
        }
        self.problems
    }

    /// "3m 20s", by the speed of this part of the run.
    fn left(&self) -> String {
        let done = self.now - self.first.unwrap_or(self.now);
        if done <= 0.0 {
            return "?".to_owned();
        }
        duration(self.begun.elapsed().as_secs_f64() * (1.0 - self.now).max(0.0) / done)
    }
}

impl<M> Observer<M> for Progress<'_> {
    fn started(&mut self, folder: &Path, step: usize, steps_per_epoch: Option<usize>) {
        let verb = if step == 0 { "training into" } else { "going on in" };
        let from = if step == 0 { String::new() } else { format!(" from step {step}") };
        let epoch = steps_per_epoch.map(|steps| format!(", {steps} steps an epoch")).unwrap_or_default();
        self.console.note(format!("{verb} {}{from}{epoch}", folder.display()));
        self.epochs = steps_per_epoch.is_some();
        self.begun = Instant::now();
    }

    fn step(&mut self, step: usize, loss: f64, progress: f64, samples_per_second: f64) {
        self.now = progress.min(1.0);
        self.first.get_or_insert(self.now);
        self.bar.set_position((self.now * PARTS) as u64);
        self.bar.set_message(format!(
            "step {step}  loss {loss:.4}  {samples_per_second:.0} {}/s{}  left {}",
            self.samples,
            self.validation,
            self.left()
        ));
    }

    fn evaluated(&mut self, row: &MetricsRow, best: bool) {
        if let Some(figure) = row.figure() {
            if best {
                self.best = format!("  best {}", value(&figure));
            }
            self.validation = format!("  val {figure}{}", self.best);
        }
        if self.console.tells_lines() {
            let epoch = if self.epochs { format!("epoch {:.1}  ", row.epoch) } else { String::new() };
            let others: String = row.figures.iter().skip(1).map(|figure| format!("  {figure}")).collect();
            self.console.note(format!(
                "{epoch}step {}  loss {:.4}{}{others}  {:.0} {}/s  left {}",
                row.step,
                row.loss,
                self.validation,
                row.samples_per_second,
                self.samples,
                self.left()
            ));
        }
    }

    fn skipped(&mut self, step: usize, problem: &str) {
        self.skipped += 1;
        if self.skipped <= MOST_PROBLEMS {
            self.console.warn(skipped_step(step, problem));
        }
    }

    fn damaged(&mut self, damage: &awing::Error) {
        self.console.warn(damage);
    }

    fn problem(&mut self, problem: &awing::Error) {
        self.problems += 1;
        if self.problems <= MOST_PROBLEMS {
            self.console.warn(problem);
        }
    }
}

/// A figure without its name.
fn value(figure: &Figure) -> String {
    let text = figure.to_string();
    text.strip_prefix(figure.measure.name).unwrap_or(&text).trim_start().to_owned()
}

/// What is told of a step that was left out.
fn skipped_step(step: usize, problem: &str) -> String {
    format!(
        "step {step} is skipped: {problem}; the weights stay as they are, look at the data or lower the learning rate if it goes on"
    )
}

/// Seconds as people say them.
pub(crate) fn duration(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m {:02}s", s / 60, s % 60),
        _ => format!("{}h {:02}m", s / 3600, s / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_told_without_its_name() {
        use awing_train::training::Measure;
        const NME: Measure = Measure { name: "NME", column: "val_nme", digits: 4, percent: true };
        assert_eq!(value(&Figure { measure: &NME, value: Some(3.214) }), "3.21 %");
    }

    #[test]
    fn durations_are_short() {
        assert_eq!([4.4, 200.0, 7325.0].map(duration), ["4s", "3m 20s", "2h 02m"]);
    }
}
