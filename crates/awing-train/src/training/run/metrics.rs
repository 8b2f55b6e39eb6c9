//! `metrics.csv`, a line for each evaluation, and the learning curve drawn from it.

use super::step_table::{StepTable, whole_lines};
use crate::{
    files::LONGEST_TABLE,
    report::{TrainingRow, save_charts, training_charts},
    training::measure::{Figure, Goal, MetricsRow, Table},
};
use awing::{Error, Result, files::read_text};
use std::path::{Path, PathBuf};

/// `metrics.csv` of a run.
pub(crate) struct MetricsFile {
    path: PathBuf,
    of: &'static Table,
    table: StepTable,
    rows: Vec<MetricsRow>,
}

impl MetricsFile {
    /// Starts a file, or goes on with one from `step`.
    pub(crate) fn open(path: &Path, of: &'static Table, step: usize) -> Result<Self> {
        let (table, lines) = StepTable::open(path, &of.columns.join(","), step)?;
        let rows =
            lines.iter().map(|(number, line)| parse(path, of, *number, line)).collect::<Result<_>>()?;
        Ok(Self { path: path.to_path_buf(), of, table, rows })
    }

    /// Adds a line.
    pub(crate) fn push(&mut self, row: &MetricsRow) -> Result<()> {
        let text = line(self.of, row);
        self.table.push(&text)?;
        // As the file has it, so that the curve is the same where a run was interrupted.
        self.rows.push(parse(&self.path, self.of, self.rows.len() + 2, &text)?);
        Ok(())
    }

    /// Draws the learning curve: `path` with the endings of its pictures.
    pub(crate) fn draw(&self, path: &Path) -> Result<()> {
        let rows = self.rows.iter();
        let rows: Vec<TrainingRow> =
            rows.map(|r| TrainingRow { step: r.step, loss: r.loss, measured: r.value() }).collect();
        let measure = self.of.measures.first();
        let name = measure.map_or("", |measure| measure.name);
        let unit = if measure.is_some_and(|measure| measure.percent) { "%" } else { "" };
        save_charts(&training_charts(&rows, name, unit, self.of.goal == Goal::Zero), path)
    }
}

/// The values of the figure that chooses the best, by epochs, of a run's folder.
pub(crate) fn curve(folder: &Path, of: &'static Table) -> Result<Vec<(f64, f64)>> {
    let path = folder.join("metrics.csv");
    let text = read_text(&path, LONGEST_TABLE)?;
    let rows = whole_lines(&text).map(|(number, line)| parse(&path, of, number, line));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    Ok(rows.iter().filter_map(|row| Some((row.epoch, row.value()?))).collect())
}

fn line(of: &Table, row: &MetricsRow) -> String {
    let MetricsRow { step, epoch, seconds, learning_rate, loss, figures, samples_per_second } = row;
    let cell = |column: &&str| match *column {
        "step" => step.to_string(),
        "epoch" => format!("{epoch:.3}"),
        "seconds" => format!("{seconds:.1}"),
        "learning_rate" => format!("{learning_rate:.3e}"),
        "loss" => format!("{loss:.6}"),
        "faces_per_second" => format!("{samples_per_second:.1}"),
        column => {
            let figure = figures.iter().find(|figure| figure.measure.column == column);
            let text = figure.and_then(|f| Some(format!("{:.*}", f.measure.digits, f.value?)));
            text.unwrap_or_default()
        }
    };
    of.columns.iter().map(cell).collect::<Vec<_>>().join(",")
}

fn parse(path: &Path, of: &'static Table, line: usize, text: &str) -> Result<MetricsRow> {
    let mut row = MetricsRow::default();
    let mut fields = text.split(',');
    for column in of.columns {
        let field = fields.next();
        let number = || -> Result<f64> {
            field.and_then(|f| f.parse().ok()).ok_or_else(|| {
                Error::format(path, line, *column, "is not a number; delete the line, or the file, to go on")
            })
        };
        match *column {
            "step" => row.step = number()? as usize,
            "epoch" => row.epoch = number()?,
            "seconds" => row.seconds = number()?,
            "learning_rate" => row.learning_rate = number()?,
            "loss" => row.loss = number()?,
            "faces_per_second" => row.samples_per_second = number()?,
            column => {
                let value = if field.is_none_or(str::is_empty) { None } else { Some(number()?) };
                let measure = of.measures.iter().find(|measure| measure.column == column);
                row.figures.extend(measure.map(|measure| Figure { measure, value }));
            }
        }
    }
    // Where nothing was measured.
    if row.figures.iter().all(|figure| figure.value.is_none()) {
        row.figures.clear();
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::measure::Measure;
    use std::fs;

    const NME: Measure = Measure { name: "NME", column: "val_nme", digits: 4, percent: true };
    static TABLE: Table = Table {
        columns: &["step", "epoch", "seconds", "learning_rate", "loss", "val_nme", "faces_per_second"],
        measures: &[NME],
        goal: Goal::Zero,
    };

    fn row(step: usize, val_nme: Option<f64>) -> MetricsRow {
        MetricsRow {
            step,
            epoch: 0.5,
            seconds: 2.0,
            learning_rate: 0.001,
            loss: 1.25,
            figures: val_nme
                .map(|value| Figure { measure: &TABLE.measures[0], value: Some(value) })
                .into_iter()
                .collect(),
            samples_per_second: 9.0,
        }
    }

    #[test]
    fn a_resumed_file_drops_the_lines_of_lost_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let mut file = MetricsFile::open(&path, &TABLE, 0).unwrap();
        for step in [10, 20, 30] {
            file.push(&row(step, (step == 20).then_some(7.5))).unwrap();
        }
        let file = MetricsFile::open(&path, &TABLE, 20).unwrap();
        assert_eq!(file.rows, [row(10, None), row(20, Some(7.5))]);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().nth(2), Some("20,0.500,2.0,1.000e-3,1.250000,7.5000,9.0"));
        assert_eq!(text.lines().count(), 3);
        fs::write(&path, text + "20,1,1,1,many,,1\n").unwrap();
        let problem = MetricsFile::open(&path, &TABLE, 20).err().unwrap().to_string();
        assert!(problem.contains("metrics.csv:4: loss: is not a number"), "{problem}");
    }
}
