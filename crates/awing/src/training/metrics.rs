use crate::error::{Error, Result};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// A line of `metrics.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsRow {
    /// Optimiser steps done.
    pub step: usize,
    /// Passes over the data done.
    pub epoch: f64,
    /// Seconds of training so far, evaluations included.
    pub seconds: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean training loss since the line before.
    pub loss: f64,
    /// NME on the validation set in per cent, where it was evaluated.
    pub val_nme: Option<f64>,
    /// Faces a second since the line before, evaluations not counted.
    pub faces_per_second: f64,
}

const HEADER: &str = "step,epoch,seconds,learning_rate,loss,val_nme,faces_per_second\n";

/// `metrics.csv` of a run: a line is added and flushed at a time.
pub(super) struct MetricsFile {
    path: PathBuf,
    rows: Vec<MetricsRow>,
}

impl MetricsFile {
    /// Starts a file, or goes on with one: lines after `step` belong to work that was lost, and go.
    pub(super) fn open(path: &Path, step: usize) -> Result<Self> {
        let mut rows = match fs::read_to_string(path) {
            Ok(text) => parse(path, &text)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Error::io(path, "read")(e)),
        };
        rows.retain(|row| row.step <= step);
        let text: String = std::iter::once(HEADER.to_owned()).chain(rows.iter().map(line)).collect();
        crate::files::write_atomic(path, text.as_bytes())?;
        Ok(Self { path: path.to_path_buf(), rows })
    }

    pub(super) fn push(&mut self, row: MetricsRow) -> Result<()> {
        let mut file =
            fs::OpenOptions::new().append(true).open(&self.path).map_err(Error::io(&self.path, "open"))?;
        file.write_all(line(&row).as_bytes()).map_err(Error::io(&self.path, "write"))?;
        self.rows.push(row);
        Ok(())
    }

    pub(super) fn rows(&self) -> &[MetricsRow] {
        &self.rows
    }
}

/// The validation NME of a run's folder in per cent, by epochs.
pub(crate) fn validation_curve(folder: &Path) -> Result<Vec<(f64, f64)>> {
    let path = folder.join("metrics.csv");
    let text = fs::read_to_string(&path).map_err(Error::io(&path, "read"))?;
    Ok(parse(&path, &text)?.iter().filter_map(|row| Some((row.epoch, row.val_nme?))).collect())
}

fn line(row: &MetricsRow) -> String {
    let MetricsRow { step, epoch, seconds, learning_rate, loss, val_nme, faces_per_second } = row;
    let val = val_nme.map(|v| format!("{v:.4}")).unwrap_or_default();
    format!("{step},{epoch:.3},{seconds:.1},{learning_rate:.3e},{loss:.6},{val},{faces_per_second:.1}\n")
}

fn parse(path: &Path, text: &str) -> Result<Vec<MetricsRow>> {
    let mut rows = Vec::new();
    // A line without its end is what a crash left of it.
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    for (i, text) in whole.lines().enumerate().skip(1) {
        let fields: Vec<&str> = text.split(',').collect();
        let number = |k: usize, name: &str| -> Result<f64> {
            fields.get(k).and_then(|f| f.parse().ok()).ok_or_else(|| {
                Error::format(path, i + 1, name, "is not a number; delete the line, or the file, to go on")
            })
        };
        rows.push(MetricsRow {
            step: number(0, "step")? as usize,
            epoch: number(1, "epoch")?,
            seconds: number(2, "seconds")?,
            learning_rate: number(3, "learning_rate")?,
            loss: number(4, "loss")?,
            val_nme: if fields.get(5).is_some_and(|f| !f.is_empty()) {
                Some(number(5, "val_nme")?)
            } else {
                None
            },
            faces_per_second: number(6, "faces_per_second")?,
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: usize, val_nme: Option<f64>) -> MetricsRow {
        MetricsRow {
            step,
            epoch: 0.5,
            seconds: 2.0,
            learning_rate: 0.001,
            loss: 1.25,
            val_nme,
            faces_per_second: 9.0,
        }
    }

    #[test]
    fn a_resumed_file_drops_the_lines_of_lost_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let mut file = MetricsFile::open(&path, 0).unwrap();
        for step in [10, 20, 30] {
            file.push(row(step, (step == 20).then_some(7.5))).unwrap();
        }
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"40,1.0").unwrap();
        let file = MetricsFile::open(&path, 20).unwrap();
        assert_eq!(file.rows(), [row(10, None), row(20, Some(7.5))]);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().nth(2), Some("20,0.500,2.0,1.000e-3,1.250000,7.5000,9.0"));
        assert_eq!(text.lines().count(), 3);
    }
}
