//! Contact sheets of an evaluation.

use crate::failure::Failure;
use awing_train::{
    dataset::Dataset,
    evaluation::{BoxSource, FaceResult, Tested},
    report::{Overlay, Tile, contact_sheet, save_picture},
};
use std::{collections::BTreeMap, path::Path};

const COLUMNS: usize = 4;
/// Pixels.
const TILE: u32 = 256;
const WORST: usize = 12;

/// Writes `worst.png`, the faces with the largest errors, and `sample.png`, the best, the middle and the worst.
pub(crate) fn save(
    folder: &Path,
    tested: &Tested,
    dataset: &Dataset,
    boxes: &BoxSource,
) -> Result<(), Failure> {
    let ranked: Vec<&FaceResult> =
        tested.evaluation.ranked().into_iter().filter(|face| face.nme().is_some()).collect();
    if ranked.is_empty() {
        return Ok(());
    }
    let part = |from: usize, count: usize| &ranked[from.min(ranked.len())..(from + count).min(ranked.len())];
    let middle = (ranked.len().saturating_sub(COLUMNS)) / 2;
    let best: Vec<&FaceResult> = ranked.iter().rev().take(COLUMNS).copied().collect();
    save_sheet(&folder.join("worst.png"), &[("largest errors", part(0, WORST))], tested, dataset, boxes)?;
    let sample = [("best", best.as_slice()), ("middle", part(middle, COLUMNS)), ("worst", part(0, COLUMNS))];
    save_sheet(&folder.join("sample.png"), &sample, tested, dataset, boxes)
}

fn save_sheet(
    path: &Path,
    groups: &[(&str, &[&FaceResult])],
    tested: &Tested,
    dataset: &Dataset,
    boxes: &BoxSource,
) -> Result<(), Failure> {
    let answers: BTreeMap<&str, _> = tested
        .faces
        .iter()
        .filter_map(|face| Some((dataset.samples.get(face.sample)?, face)))
        .map(|(sample, face)| (sample.name.as_str(), (sample, face)))
        .collect();
    let images: BTreeMap<&str, _> = groups
        .iter()
        .flat_map(|(_, faces)| *faces)
        .filter_map(|face| Some((face.name.as_str(), answers.get(face.name.as_str())?.0.load_image().ok()?)))
        .collect();
    let tile = |result: &&FaceResult| {
        let (sample, answer) = answers.get(result.name.as_str())?;
        let overlay = Overlay::new(&tested.scheme, &answer.face.landmarks).truth(&answer.truth);
        Some(Tile {
            image: images.get(result.name.as_str())?,
            overlay: match boxes.of(sample) {
                Ok(face_box) => overlay.face_box(face_box),
                Err(_) => overlay,
            },
            name: result.name.clone(),
            value: format!("NME {:.2} %", 100.0 * result.nme()?),
        })
    };
    let groups: Vec<(String, Vec<Tile<'_>>)> = groups
        .iter()
        .map(|(title, faces)| ((*title).to_owned(), faces.iter().filter_map(tile).collect()))
        .collect();
    Ok(save_picture(path, &contact_sheet(&groups, COLUMNS, TILE))?)
}
