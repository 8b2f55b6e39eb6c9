use super::{Normalizer, align, auc, failure_rate, mean_interval, nme::mean};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// The numbers of one set of faces. NME and FR in per cent, AUC in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Faces, with and without a prediction.
    pub images: usize,
    /// Faces without a prediction: failures in FR, nothing in AUC, left out of the NME.
    pub failed: usize,
    /// Where the face boxes came from.
    pub boxes: String,
    /// The distance that the errors are a share of.
    #[serde(rename = "normaliser")]
    pub normalizer: String,
    /// Mean over the faces with a prediction, per cent; `None` (JSON null) when there are none.
    pub nme: Option<f64>,
    /// Its bootstrap 95 % confidence interval, per cent; `None` for fewer than two faces.
    pub nme_ci: Option<[f64; 2]>,
    /// Share of faces with an NME above 8 %, per cent.
    pub fr8: f64,
    /// Share of faces with an NME above 10 %, per cent.
    pub fr10: f64,
    /// Area under the CED curve up to 8 %.
    pub auc8: f64,
    /// Area under the CED curve up to 10 %.
    pub auc10: f64,
    /// FR and AUC at the thresholds that were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
}

/// FR and AUC at one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// NME, per cent.
    pub at: f64,
    /// Share of faces with a larger NME, per cent.
    pub fr: f64,
    /// Area under the CED curve up to it, in [0, 1].
    pub auc: f64,
}

impl Threshold {
    /// At `at` per cent, from NMEs as fractions.
    fn new(nmes: &[f64], at: f64) -> Self {
        Self { at, fr: 100.0 * failure_rate(nmes, at / 100.0), auc: auc(nmes, at / 100.0) }
    }
}

impl Summary {
    /// From the NME of each face as a fraction, infinite for a failure.
    pub(super) fn new(nmes: &[f64], boxes: &str, normalizer: &Normalizer, thresholds: &[f64]) -> Self {
        let measured: Vec<f64> = nmes.iter().copied().filter(|nme| nme.is_finite()).collect();
        let (t8, t10) = (Threshold::new(nmes, 8.0), Threshold::new(nmes, 10.0));
        Self {
            images: nmes.len(),
            failed: nmes.len() - measured.len(),
            boxes: boxes.to_owned(),
            normalizer: normalizer.to_string(),
            nme: mean(measured.iter().copied()).map(|nme| 100.0 * nme),
            nme_ci: mean_interval(&measured).map(|ends| ends.map(|nme| 100.0 * nme)),
            fr8: t8.fr,
            fr10: t10.fr,
            auc8: t8.auc,
            auc10: t10.auc,
            thresholds: thresholds.iter().map(|&t| Threshold::new(nmes, t)).collect(),
        }
    }
}

/// The numbers of a test set and of its subsets. As JSON one object: the keys of [`Summary`], and "subsets" with an
/// object of the same keys for each name, in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvaluationSummary {
    /// All faces.
    #[serde(flatten)]
    pub all: Summary,
    /// Each subset.
    #[serde(serialize_with = "as_map")]
    pub subsets: Vec<(String, Summary)>,
}

fn as_map<S: Serializer>(pairs: &[(String, Summary)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (name, summary) in pairs {
        map.serialize_entry(name, summary)?;
    }
    map.end()
}

impl EvaluationSummary {
    /// A table with aligned columns: a row a subset, all faces last (left out when "full" is the same).
    pub fn table(&self) -> String {
        let all = Some(("all", &self.all));
        let is_all = |(name, s): &(String, Summary)| name == "full" && s.images == self.all.images;
        let rows = self.subsets.iter().map(|(name, summary)| (name.as_str(), summary));
        let rows: Vec<_> = rows.chain(all.filter(|_| !self.subsets.iter().any(is_all))).collect();
        let some_failed = self.all.failed > 0;

        let mut header = vec!["subset".to_owned(), "images".to_owned()];
        if some_failed {
            header.push("failed".to_owned());
        }
        header.extend(["NME %", "[95 % CI]", "FR@8 %", "FR@10 %", "AUC@8", "AUC@10"].map(str::to_owned));
        for t in &self.all.thresholds {
            header.extend([format!("FR@{} %", t.at), format!("AUC@{}", t.at)]);
        }
        let mut cells = vec![header];
        for (name, s) in rows {
            let mut row = vec![name.to_owned(), s.images.to_string()];
            if some_failed {
                row.push(s.failed.to_string());
            }
            row.push(s.nme.map_or("-".to_owned(), |nme| format!("{nme:.2}")));
            row.push(s.nme_ci.map_or("-".to_owned(), |[low, high]| format!("[{low:.2}, {high:.2}]")));
            row.extend([format!("{:.2}", s.fr8), format!("{:.2}", s.fr10)]);
            row.extend([format!("{:.4}", s.auc8), format!("{:.4}", s.auc10)]);
            for t in &s.thresholds {
                row.extend([format!("{:.2}", t.fr), format!("{:.4}", t.auc)]);
            }
            cells.push(row);
        }
        align(&cells)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Evaluation, FaceResult};
    use super::*;

    fn evaluation(faces: &[(&str, Option<f64>)]) -> Evaluation {
        let face = |(i, (subset, nme)): (usize, &(&str, Option<f64>))| {
            let subsets = if subset.is_empty() { vec![] } else { vec![(*subset).to_owned()] };
            let errors = nme.map(|nme| vec![Some(nme)]).ok_or_else(|| "no face found".to_owned());
            FaceResult { name: i.to_string(), subsets, errors }
        };
        Evaluation::new(faces.iter().enumerate().map(face).collect(), "gt", Normalizer::InterOcular).unwrap()
    }

    #[test]
    fn the_json_has_the_promised_keys_in_order_and_no_nan() {
        let text = serde_json::to_string(&evaluation(&[("common", None)]).summary()).unwrap();
        let numbers = r#""images":1,"failed":1,"boxes":"gt","normaliser":"inter-ocular","nme":null,"nme_ci":null,"fr8":100.0,"fr10":100.0,"auc8":0.0,"auc10":0.0"#;
        assert_eq!(text, format!(r#"{{{numbers},"subsets":{{"common":{{{numbers}}}}}}}"#));
        let text = serde_json::to_string(&evaluation(&[("", Some(0.05))]).summary()).unwrap();
        assert!(text.ends_with(r#""auc10":0.5,"subsets":{}}"#), "{text}");
    }

    #[test]
    fn the_table_of_300w_by_hand() {
        // common: 2 % and 4 %; AUC@8 (0.75 + 0.5) / 2, AUC@10 (0.8 + 0.6) / 2. challenging: 9 % is above 8 % only.
        let evaluation =
            evaluation(&[("common", Some(0.02)), ("common", Some(0.04)), ("challenging", Some(0.09))]);
        let table = evaluation.with_thresholds(&[5.0]).unwrap().summary().table();
        let expected = "\
subset       images  NME %     [95 % CI]  FR@8 %  FR@10 %   AUC@8  AUC@10  FR@5 %   AUC@5
common            2   3.00  [2.00, 4.00]    0.00     0.00  0.6250  0.7000    0.00  0.4000
challenging       1   9.00             -  100.00     0.00  0.0000  0.1000  100.00  0.0000
full              3   5.00  [2.00, 9.00]   33.33     0.00  0.4167  0.5000   33.33  0.2667
";
        assert_eq!(table, expected);
    }

    #[test]
    fn failures_get_a_column_of_their_own() {
        let table = evaluation(&[("", Some(0.02)), ("", None)]).summary().table();
        assert!(table.starts_with("subset  images  failed  NME %"), "{table}");
        assert!(table.contains("all          2       1   2.00"), "{table}");
    }
}
