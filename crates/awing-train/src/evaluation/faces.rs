use super::{
    Normalizer, ced,
    nme::{mean, point_errors},
    summary::{EvaluationSummary, Summary},
};
use crate::files::write_atomic;
use awing::{
    Error, Result,
    geometry::Point,
    scheme::{Landmark, Scheme},
};
use std::path::Path;

/// What came out for one annotated face.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceResult {
    /// The sample's name.
    pub name: String,
    /// The subsets it belongs to, besides all.
    pub subsets: Vec<String>,
    /// The error of each point as a fraction of the normalizer, `None` where it is not annotated; or why there is no
    /// prediction: "no face found".
    pub errors: Result<Vec<Option<f64>>, String>,
}

impl FaceResult {
    /// A face with a prediction; `distance` is [`Normalizer::distance`].
    ///
    /// # Errors
    /// Those of [`point_errors`].
    pub fn measured(
        name: impl Into<String>,
        subsets: &[String],
        predicted: &[Point],
        truth: &[Landmark],
        distance: f64,
    ) -> Result<Self> {
        let errors = Ok(point_errors(predicted, truth, distance)?);
        Ok(Self { name: name.into(), subsets: subsets.to_vec(), errors })
    }

    /// A face that the model or the detector missed.
    pub fn failed(name: impl Into<String>, subsets: &[String], reason: impl Into<String>) -> Self {
        Self { name: name.into(), subsets: subsets.to_vec(), errors: Err(reason.into()) }
    }

    /// The normalized mean error of the face, a fraction; `None` when it failed.
    pub fn nme(&self) -> Option<f64> {
        mean(self.errors.as_ref().ok()?.iter().flatten().copied())
    }
}

/// The results of all faces of a test set. NME and FR come out in per cent, AUC in [0, 1].
///
/// A face that failed has an infinite NME: it counts as a failure in FR and as nothing in AUC. It is left out of the
/// mean NME, and `failed` says how many there are: an NME with `failed` > 0 flatters.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// One result a face, in the order of the dataset.
    faces: Vec<FaceResult>,
    boxes: String,
    normalizer: Normalizer,
    thresholds: Vec<f64>,
}

impl Evaluation {
    /// Gathers the results. `boxes` says where the face boxes came from: "gt", "detector" or a file.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no face, when the faces differ in their number of points, or when an error is
    /// not a finite number.
    pub fn new(faces: Vec<FaceResult>, boxes: impl Into<String>, normalizer: Normalizer) -> Result<Self> {
        if faces.is_empty() {
            return Err(Error::invalid("evaluation", "the test set has no face"));
        }
        let mut points = None;
        for face in &faces {
            let Ok(errors) = &face.errors else { continue };
            if *points.get_or_insert(errors.len()) != errors.len() {
                return Err(Error::invalid(&face.name, "has another number of points than the faces before"));
            }
            if !face.nme().is_some_and(f64::is_finite) {
                return Err(Error::invalid(&face.name, "its error is not a finite number"));
            }
        }
        Ok(Self { faces, boxes: boxes.into(), normalizer, thresholds: vec![] })
    }

    /// Also reports FR and AUC at these thresholds, in per cent (0 < t).
    ///
    /// # Errors
    /// [`Error::Invalid`] when a threshold is not a positive number.
    pub fn with_thresholds(mut self, per_cent: &[f64]) -> Result<Self> {
        if let Some(bad) = per_cent.iter().find(|t| !(t.is_finite() && **t > 0.0)) {
            return Err(Error::invalid("threshold", format!("{bad} is not a positive number of per cent")));
        }
        self.thresholds = per_cent.to_vec();
        Ok(self)
    }

    /// The results, in the order of the dataset.
    pub fn faces(&self) -> &[FaceResult] {
        &self.faces
    }

    /// The distance that the errors are fractions of.
    pub fn normalizer(&self) -> &Normalizer {
        &self.normalizer
    }

    /// The subsets in the order of their first appearance. A test set with the "common" and "challenging" parts of
    /// 300-W also has their union, "full".
    pub fn subsets(&self) -> Vec<String> {
        let mut names: Vec<String> = vec![];
        for name in self.faces.iter().flat_map(|face| &face.subsets) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let has = |name: &str| names.iter().any(|n| n == name);
        if has("common") && has("challenging") && !has("full") {
            names.push("full".to_owned());
        }
        names
    }

    /// The numbers of all faces and of each subset: what `awing eval --json` prints.
    pub fn summary(&self) -> EvaluationSummary {
        let subsets = self.subsets().into_iter().map(|name| (self.summarise(Some(&name)), name));
        EvaluationSummary {
            all: self.summarise(None),
            subsets: subsets.map(|(summary, name)| (name, summary)).collect(),
        }
    }

    fn summarise(&self, subset: Option<&str>) -> Summary {
        Summary::new(&self.nmes(subset), &self.boxes, &self.normalizer, &self.thresholds)
    }

    /// The NME of each face of a subset (`None`: of all), a fraction, infinite for a face that failed.
    pub fn nmes(&self, subset: Option<&str>) -> Vec<f64> {
        let faces = self.faces.iter().filter(|face| subset.is_none_or(|name| belongs(face, name)));
        faces.map(|face| face.nme().unwrap_or(f64::INFINITY)).collect()
    }

    /// The CED curve of a subset (`None`: of all) up to `limit` per cent: (NME in per cent, share in [0, 1]).
    pub fn ced(&self, subset: Option<&str>, limit: f64) -> Vec<(f64, f64)> {
        ced(&self.nmes(subset), limit / 100.0).into_iter().map(|(nme, share)| (100.0 * nme, share)).collect()
    }

    /// The mean error of each point over the faces where it is annotated, in per cent; `None` where it never is.
    pub fn by_point(&self) -> Vec<Option<f64>> {
        let measured: Vec<_> = self.faces.iter().filter_map(|face| face.errors.as_ref().ok()).collect();
        let count = measured.first().map_or(0, |errors| errors.len());
        let errors = |i: usize| measured.iter().filter_map(move |errors| errors.get(i).copied().flatten());
        (0..count).map(|i| mean(errors(i)).map(|error| 100.0 * error)).collect()
    }

    /// The mean error of the points of each line of the scheme, in per cent: (line, error).
    pub fn by_line(&self, scheme: &Scheme) -> Vec<(String, Option<f64>)> {
        let points = self.by_point();
        let error =
            |indices: &[usize]| mean(indices.iter().filter_map(|&i| points.get(i).copied().flatten()));
        scheme.lines.iter().map(|line| (line.name.clone(), error(&line.points))).collect()
    }

    /// The faces from the largest NME (failures first) to the smallest; faces with the same NME keep their order.
    pub fn ranked(&self) -> Vec<&FaceResult> {
        let mut faces: Vec<&FaceResult> = self.faces.iter().collect();
        let nme = |face: &FaceResult| face.nme().unwrap_or(f64::INFINITY);
        faces.sort_by(|a, b| nme(b).total_cmp(&nme(a)));
        faces
    }

    /// Writes one line a face: `name,nme,subsets,failure`, NME in per cent and empty for a face that failed, subsets
    /// joined by ";".
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        let mut writer = csv::Writer::from_writer(vec![]);
        let mut row = |fields: [&str; 4]| {
            writer.write_record(fields).map_err(|e| Error::io(path, "write")(std::io::Error::other(e)))
        };
        row(["name", "nme", "subsets", "failure"])?;
        for face in &self.faces {
            let nme = face.nme().map(|nme| format!("{:.4}", 100.0 * nme)).unwrap_or_default();
            row([
                &face.name,
                &nme,
                &face.subsets.join(";"),
                face.errors.as_ref().err().map_or("", String::as_str),
            ])?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|e| Error::io(path, "write")(std::io::Error::other(e.to_string())))?;
        write_atomic(path, &bytes)
    }
}

/// Whether the face counts in the subset; "full" is also the union of the two parts of 300-W.
fn belongs(face: &FaceResult, subset: &str) -> bool {
    let has = |name: &str| face.subsets.iter().any(|s| s == name);
    has(subset) || (subset == "full" && (has("common") || has("challenging")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::scheme::Line;

    fn face(name: &str, subsets: &[&str], errors: &[Option<f64>]) -> FaceResult {
        let subsets = subsets.iter().map(|s| (*s).to_owned()).collect();
        FaceResult { name: name.to_owned(), subsets, errors: Ok(errors.to_vec()) }
    }

    fn evaluation() -> Evaluation {
        let faces = vec![
            face("a.png", &["common"], &[Some(0.02), Some(0.04)]),
            face("b, 2.png", &["challenging"], &[Some(0.09), None]),
            FaceResult::failed("c.png", &["challenging".to_owned()], "no face found"),
            face("d.png", &["other"], &[Some(0.05), Some(0.05)]),
        ];
        Evaluation::new(faces, "gt", Normalizer::InterOcular).unwrap()
    }

    #[test]
    fn subsets_and_their_numbers() {
        let evaluation = evaluation();
        assert_eq!(evaluation.subsets(), ["common", "challenging", "other", "full"]);
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a == b || (a - b).abs() < 1e-12);
        assert!(close(&evaluation.nmes(None), &[0.03, 0.09, f64::INFINITY, 0.05]));
        assert!(close(&evaluation.nmes(Some("full")), &[0.03, 0.09, f64::INFINITY]));
        let summary = evaluation.summary();
        assert_eq!((summary.all.images, summary.all.failed), (4, 1));
        // (3 + 9 + 5) / 3; above 8 %: the second and the lost one.
        assert!((summary.all.nme.unwrap() - 17.0 / 3.0).abs() < 1e-12);
        assert_eq!(summary.all.fr8, 50.0);
        assert_eq!(summary.subsets[1].1.fr8, 100.0);
        assert_eq!(evaluation.ced(Some("common"), 4.0).last(), Some(&(4.0, 1.0)));
    }

    #[test]
    fn errors_by_point_and_line() {
        let evaluation = evaluation();
        // (2 + 9 + 5) / 3 and (4 + 5) / 2.
        let points: Vec<f64> = evaluation.by_point().into_iter().flatten().collect();
        assert!((points[0] - 16.0 / 3.0).abs() < 1e-12 && (points[1] - 4.5).abs() < 1e-12);
        let line = |name: &str, points: &[usize]| Line {
            name: name.to_owned(),
            points: points.to_vec(),
            color: [0; 3],
        };
        let scheme = Scheme {
            name: "toy".to_owned(),
            points: vec!["a".to_owned(), "b".to_owned()],
            mirror: vec![1, 0],
            lines: vec![line("right", &[1]), line("none", &[7])],
            normalizers: vec![],
            solid: vec![],
            head: None,
        };
        assert_eq!(
            evaluation.by_line(&scheme),
            [("right".to_owned(), Some(points[1])), ("none".to_owned(), None)]
        );
    }

    #[test]
    fn the_worst_come_first() {
        let names: Vec<String> = evaluation().ranked().into_iter().map(|face| face.name.clone()).collect();
        assert_eq!(names, ["c.png", "b, 2.png", "d.png", "a.png"]);
    }

    #[test]
    fn the_csv_quotes_what_it_must() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/faces.csv");
        evaluation().write_csv(&path).unwrap();
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            "name,nme,subsets,failure\na.png,3.0000,common,\n\"b, 2.png\",9.0000,challenging,\n\
             c.png,,challenging,no face found\nd.png,5.0000,other,\n"
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(Evaluation::new(vec![], "gt", Normalizer::Box).is_err());
        let uneven = vec![face("a", &[], &[Some(0.1)]), face("b", &[], &[Some(0.1), Some(0.1)])];
        assert!(Evaluation::new(uneven, "gt", Normalizer::Box).unwrap_err().to_string().starts_with("b: "));
        for errors in [vec![Some(f64::NAN)], vec![None], vec![]] {
            assert!(Evaluation::new(vec![face("a", &[], &errors)], "gt", Normalizer::Box).is_err());
        }
        assert!(evaluation().with_thresholds(&[5.0, 0.0]).is_err());
    }
}
