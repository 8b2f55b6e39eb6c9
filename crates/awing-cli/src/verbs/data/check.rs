use crate::{console::Console, data, failure::Failure, folders};
use awing_train::{
    dataset::{DataSource, Dataset, Sample},
    inspection::{CheckReport, Finding, FindingKind, check},
    report::{Overlay, Tile, contact_sheet, save_picture},
};
use clap::Args;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

const COLUMNS: usize = 4;
/// Pixels.
const TILE: u32 = 320;
/// Faces of one kind that are shown.
const MOST_SHOWN: usize = 24;

/// Find mistakes in a dataset: broken images, faces that come twice, exchanged coordinates, left and right mixed up.
///
/// Each finding is a line: file, line, face, what is wrong, how to mend it. Exits with 1 when there is one. What a shape should be is
/// learnt from the faces themselves, so look at the findings before mending them: --out draws them.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Annotated faces, FORMAT:PATH with FORMAT one of 300w, wflw, cofw, aflw, ytf, mtfl, lspet, dlib, coco, csv
    #[arg(value_name = "FORMAT:PATH")]
    data: DataSource,
    /// What the points mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
    /// A new folder for findings.json and findings.png, pictures of the faces
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The result, as `--json` prints it.
#[derive(Serialize)]
struct Answer<'a> {
    data: String,
    scheme: &'a str,
    #[serde(flatten)]
    report: &'a CheckReport,
}

impl Check {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let scheme = data::scheme(self.scheme.as_deref())?;
        // What the reader leaves out is a finding like others, if it is all: it is not told twice.
        let dataset = Dataset::open_any(&self.data, &self.images.options(scheme.as_ref())?)?;
        let folder = match &self.out {
            Some(out) => Some(folders::named(out, "choose another --out")?),
            None => None,
        };
        let bar = console.bar(dataset.samples.len(), "{bar:30} {pos} of {len} faces  left {eta}");
        let report = check(&dataset, &|done| bar.set_position(done as u64));
        bar.finish_and_clear();
        let answer = Answer { data: self.data.to_string(), scheme: &dataset.scheme.name, report: &report };
        if self.json {
            console.print_json(&answer)?;
        } else {
            report.findings.iter().try_for_each(|finding| console.print(finding))?;
            console.print(summary(&report))?;
        }
        dataset.notes.iter().for_each(|note| console.remark(format!("{}: {note}", self.data)));
        report.skipped.iter().for_each(|skipped| console.note(format!("not looked for: {skipped}")));
        if let Some(folder) = folder {
            let json =
                serde_json::to_string_pretty(&answer).map_err(|e| Failure::Work(format!("JSON: {e}")))?;
            let path = folder.join("findings.json");
            std::fs::write(&path, json + "\n").map_err(|e| Failure::file(&path, e))?;
            draw(&folder, &dataset, &report.findings)?;
            console.note(format!("written to {}", folder.display()));
        }
        if report.findings.is_empty() { Ok(()) } else { Err(Failure::Told) }
    }
}

/// "427 faces: nothing found", or how many findings of each kind.
fn summary(report: &CheckReport) -> String {
    let counts: Vec<String> = FindingKind::ALL
        .into_iter()
        .map(|kind| (kind, report.findings.iter().filter(|f| f.kind == kind).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{} {count}", kind.title()))
        .collect();
    match report.findings.len() {
        0 => format!("{} faces: nothing found", report.faces),
        1 => format!("{} faces, 1 finding: {}", report.faces, counts.join(", ")),
        count => format!("{} faces, {count} findings: {}", report.faces, counts.join(", ")),
    }
}

/// The faces of the findings by kind, the points that a finding is about first in its caption.
fn draw(folder: &Path, dataset: &Dataset, findings: &[Finding]) -> Result<(), Failure> {
    let by_name: BTreeMap<&str, &Sample> = dataset.samples.iter().map(|s| (s.name.as_str(), s)).collect();
    let shown: Vec<(&Finding, &Sample, _)> = FindingKind::ALL
        .into_iter()
        .flat_map(|kind| findings.iter().filter(move |f| f.kind == kind).take(MOST_SHOWN))
        .filter_map(|finding| {
            let sample = by_name.get(finding.face.as_deref()?)?;
            Some((finding, *sample, sample.load_image().ok()?))
        })
        .collect();
    let tile = |finding: &Finding, sample: &Sample| {
        let points: Vec<String> = finding.points.iter().take(6).map(ToString::to_string).collect();
        (sample.name.clone(), points.join(" "))
    };
    let groups: Vec<(String, Vec<Tile<'_>>)> = FindingKind::ALL
        .into_iter()
        .map(|kind| {
            let tiles =
                shown.iter().filter(|(finding, ..)| finding.kind == kind).map(|(finding, sample, image)| {
                    let (name, value) = tile(finding, sample);
                    let overlay = Overlay::annotated(&dataset.scheme, &sample.landmarks).numbered();
                    Tile { image, overlay, name, value }
                });
            (kind.title().to_owned(), tiles.collect::<Vec<_>>())
        })
        .filter(|(_, tiles)| !tiles.is_empty())
        .collect();
    if groups.is_empty() {
        return Ok(());
    }
    Ok(save_picture(&folder.join("findings.png"), &contact_sheet(&groups, COLUMNS, TILE))?)
}
