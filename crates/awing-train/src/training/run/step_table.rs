use crate::files::{LONGEST_TABLE, write_atomic};
use awing::{Error, Result, files::read_bytes};
use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

/// A CSV file of a run, `metrics.csv`: each line begins with its step, and is added and brought to the disk before the checkpoint that
/// counts on it.
pub(crate) struct StepTable {
    path: PathBuf,
}

impl StepTable {
    /// Starts a file, or goes on with one, and gives the lines that are there with their numbers in it. Lines after `step` belong to work
    /// that was lost, and go, as does a line without its end, which is what a crash left of it.
    pub(crate) fn open(path: &Path, header: &str, step: usize) -> Result<(Self, Vec<(usize, String)>)> {
        let text = if path.exists() {
            String::from_utf8_lossy(&read_bytes(path, LONGEST_TABLE)?).into_owned()
        } else {
            String::new()
        };
        let mut kept = Vec::new();
        for (number, line) in whole_lines(&text) {
            if step_of(path, number, line)? <= step {
                kept.push((number, line.to_owned()));
            }
        }
        let text: String = std::iter::once(header)
            .chain(kept.iter().map(|(_, line)| line.as_str()))
            .flat_map(|l| [l, "\n"])
            .collect();
        write_atomic(path, text.as_bytes())?;
        Ok((Self { path: path.to_path_buf() }, kept))
    }

    /// Adds a line.
    pub(crate) fn push(&self, line: &str) -> Result<()> {
        // Not created: the file is there unless somebody took the run away.
        let mut file =
            OpenOptions::new().append(true).open(&self.path).map_err(Error::io(&self.path, "open"))?;
        let written = file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_data());
        written.map_err(Error::io(&self.path, "write"))
    }
}

/// The whole lines of such a file after its header, with their numbers, counted from 1.
pub(crate) fn whole_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    whole.lines().enumerate().skip(1).map(|(i, line)| (i + 1, line))
}

fn step_of(path: &Path, number: usize, line: &str) -> Result<usize> {
    line.split(',').next().and_then(|step| step.parse().ok()).ok_or_else(|| {
        Error::format(path, number, "step", "is not a number; delete the line, or the file, to go on")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lines_of_lost_work_and_torn_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        let (table, lines) = StepTable::open(&path, "step,loss", 0).unwrap();
        assert!(lines.is_empty());
        ["10,0.5", "20,0.25", "30,0.125"].iter().for_each(|line| table.push(line).unwrap());
        let text = fs::read(&path).unwrap();
        for torn in ["", "40,0", "\0\0\0\0\0"] {
            fs::write(&path, [&text, torn.as_bytes()].concat()).unwrap();
            let (_, lines) = StepTable::open(&path, "step,loss", 20).unwrap();
            assert_eq!(lines, [(2, "10,0.5".to_owned()), (3, "20,0.25".to_owned())]);
            assert_eq!(fs::read_to_string(&path).unwrap(), "step,loss\n10,0.5\n20,0.25\n");
        }
        fs::write(&path, "step,loss\nten,0.5\n").unwrap();
        let problem = StepTable::open(&path, "step,loss", 20).err().unwrap().to_string();
        assert!(problem.contains("metrics.csv:2: step: is not a number; delete the line"), "{problem}");
        fs::remove_file(&path).unwrap();
        assert!(table.push("50,0.1").unwrap_err().to_string().contains("metrics.csv: cannot open"));
    }
}
