use super::{Peaks, PixelShares};
use crate::{
    evaluation::{EvaluationSummary, Summary},
    files::write_atomic,
};
use awing::{
    Error, Result,
    files::{LONGEST_SETTINGS, read_text},
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What one run of a study came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The row.
    pub variant: String,
    /// The seed.
    pub seed: u64,
    /// Optimizer steps.
    pub steps: usize,
    /// Seconds of training.
    pub seconds: f64,
    /// NME on the validation faces in per cent, by epochs.
    pub validation: Vec<(f64, f64)>,
    /// Figures on the test faces: each subset, and "all".
    pub test: Vec<(String, Figures)>,
    /// Peaks of the maps that it predicts for the test faces.
    pub peaks: Peaks,
    /// Peaks of the maps that it should have predicted.
    pub true_peaks: Peaks,
    /// On which pixels loss and gradient fell along training.
    pub shares: Vec<PixelShares>,
}

/// The figures of a set of faces.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Mean error in per cent of the normalizer.
    pub nme: f64,
    /// Share of faces above 8 %, in per cent.
    pub fr8: f64,
    /// Area under the CED curve up to 8 %, in [0, 1].
    pub auc8: f64,
}

impl RunRecord {
    /// The figures of a subset, or of "all".
    pub fn figures(&self, subset: &str) -> Option<Figures> {
        self.test.iter().find(|(name, _)| name == subset).map(|(_, figures)| *figures)
    }

    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let text =
            serde_json::to_string_pretty(self).map_err(|e| Error::model(path, "record", e.to_string()))?;
        write_atomic(path, (text + "\n").as_bytes())
    }

    /// The record of a finished run; `None` where the run is not finished.
    pub(super) fn load(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let text = read_text(path, LONGEST_SETTINGS)?;
        let problem =
            |e: serde_json::Error| Error::model(path, "record", format!("{e}; delete it to test again"));
        serde_json::from_str(&text).map(Some).map_err(problem)
    }
}

/// The figures of all faces and of each subset.
pub(super) fn figures(summary: &EvaluationSummary) -> Vec<(String, Figures)> {
    let of =
        |name: &str, s: &Summary| Some((name.to_owned(), Figures { nme: s.nme?, fr8: s.fr8, auc8: s.auc8 }));
    let subsets = summary.subsets.iter().filter(|(name, _)| name != "full" && name != "all");
    subsets.filter_map(|(name, s)| of(name, s)).chain(of("all", &summary.all)).collect()
}
