use super::step_table::{StepTable, whole_lines};
use crate::files::LONGEST_TABLE;
use awing::{Error, Result, files::read_text};
use std::path::{Path, PathBuf};

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

const HEADER: &str = "step,epoch,seconds,learning_rate,loss,val_nme,faces_per_second";

/// `metrics.csv` of a run.
pub(super) struct MetricsFile {
    path: PathBuf,
    table: StepTable,
    rows: Vec<MetricsRow>,
}

impl MetricsFile {
    /// Starts a file, or goes on with one from `step`.
    pub(super) fn open(path: &Path, step: usize) -> Result<Self> {
        let (table, lines) = StepTable::open(path, HEADER, step)?;
        let rows = lines.iter().map(|(number, line)| parse(path, *number, line)).collect::<Result<_>>()?;
        Ok(Self { path: path.to_path_buf(), table, rows })
    }

    pub(super) fn push(&mut self, row: &MetricsRow) -> Result<()> {
        let text = line(row);
        self.table.push(&text)?;
        // As the file has it, so that the curve is the same where a run was interrupted.
        self.rows.push(parse(&self.path, self.rows.len() + 2, &text)?);
        Ok(())
    }

    pub(super) fn rows(&self) -> &[MetricsRow] {
        &self.rows
    }
}

/// The validation NME of a run's folder in per cent, by epochs.
pub(crate) fn validation_curve(folder: &Path) -> Result<Vec<(f64, f64)>> {
    let path = folder.join("metrics.csv");
    let text = read_text(&path, LONGEST_TABLE)?;
    let rows = whole_lines(&text).map(|(number, line)| parse(&path, number, line));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    Ok(rows.iter().filter_map(|row| Some((row.epoch, row.val_nme?))).collect())
}

fn line(row: &MetricsRow) -> String {
    let MetricsRow { step, epoch, seconds, learning_rate, loss, val_nme, faces_per_second } = row;
    let val = val_nme.map(|v| format!("{v:.4}")).unwrap_or_default();
    format!("{step},{epoch:.3},{seconds:.1},{learning_rate:.3e},{loss:.6},{val},{faces_per_second:.1}")
}

fn parse(path: &Path, line: usize, text: &str) -> Result<MetricsRow> {
    let fields: Vec<&str> = text.split(',').collect();
    let number = |k: usize, name: &str| -> Result<f64> {
        fields.get(k).and_then(|f| f.parse().ok()).ok_or_else(|| {
            Error::format(path, line, name, "is not a number; delete the line, or the file, to go on")
        })
    };
    Ok(MetricsRow {
        step: number(0, "step")? as usize,
        epoch: number(1, "epoch")?,
        seconds: number(2, "seconds")?,
        learning_rate: number(3, "learning_rate")?,
        loss: number(4, "loss")?,
        val_nme: match fields.get(5) {
            Some(text) if !text.is_empty() => Some(number(5, "val_nme")?),
            _ => None,
        },
        faces_per_second: number(6, "faces_per_second")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
            file.push(&row(step, (step == 20).then_some(7.5))).unwrap();
        }
        let file = MetricsFile::open(&path, 20).unwrap();
        assert_eq!(file.rows(), [row(10, None), row(20, Some(7.5))]);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().nth(2), Some("20,0.500,2.0,1.000e-3,1.250000,7.5000,9.0"));
        assert_eq!(text.lines().count(), 3);
        fs::write(&path, text + "20,1,1,1,many,,1\n").unwrap();
        let problem = MetricsFile::open(&path, 20).err().unwrap().to_string();
        assert!(problem.contains("metrics.csv:4: loss: is not a number"), "{problem}");
    }
}
