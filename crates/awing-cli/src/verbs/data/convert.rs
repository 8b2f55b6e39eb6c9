use super::{ImagesChoice, tell_changes, tell_scheme};
use crate::{
    console::Console,
    data,
    failure::{Failure, OrUsage},
};
use awing::scheme::Scheme;
use awing_train::dataset::{DataSource, convert};
use clap::Args;
use serde_json::json;

/// Write a dataset in another format.
///
/// Every field that the other format can hold is kept; a line tells of each kind that it cannot. Nothing is written over. An annotation
/// that makes no sense is told and left out, and the exit code is then 1.
#[derive(Args, Debug)]
pub(crate) struct Convert {
    /// Annotated faces, FORMAT:PATH with FORMAT one of 300w, wflw, cofw, aflw, ytf, mtfl, lspet, dlib, coco, csv
    #[arg(value_name = "FORMAT:PATH")]
    data: DataSource,
    /// Where to and how: a new folder, or a file with the format's ending in one
    #[arg(long, value_name = "FORMAT:PATH")]
    to: DataSource,
    /// What the points mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// Only the points of this scheme, chosen by their names: 300w-68 of WFLW's 98
    #[arg(long, value_name = "NAME|FILE")]
    to_scheme: Option<String>,
    /// What becomes of the images
    #[arg(long, value_enum, default_value_t)]
    image_files: ImagesChoice,
    /// Print what was written as one JSON object
    #[arg(long)]
    json: bool,
}

impl Convert {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let scheme = data::scheme(self.scheme.as_deref())?;
        let other = self.to_scheme.as_deref().map(Scheme::find).transpose().or_usage("--to-scheme")?;
        let mut dataset = data::open(&self.data, &self.images, scheme.as_ref(), console)?;
        let left_out = dataset.problems.len();
        if let Some(other) = &other {
            let points = dataset.scheme.len();
            dataset = dataset.in_scheme(other).or_usage("--to-scheme")?;
            console.remark(format!("{} of {points} points are kept: those of {}", other.len(), other.name));
        }
        let written = convert(&dataset, &self.to, self.image_files.into())?;
        tell_changes(&written, console);
        let name = &dataset.scheme.name;
        let given = self.to_scheme.as_ref().or(self.scheme.as_ref()).unwrap_or(name);
        tell_scheme(self.to.format, name, given, console);
        let at = written.annotations.display();
        if self.json {
            console.print_json(&json!({
                "annotations": at.to_string(),
                "format": self.to.format.name(),
                "scheme": dataset.scheme.name,
                "faces": written.faces,
                "images": written.images,
                "left_out": left_out,
                "changes": written.changes,
            }))?;
        } else {
            console.print(format!("{at}: {} faces in {} images", written.faces, written.images))?;
        }
        if left_out > 0 { Err(Failure::Told) } else { Ok(()) }
    }
}
