use super::{ImagesChoice, tell_changes};
use crate::{
    console::Console,
    data,
    failure::{Failure, OrUsage},
    folders,
};
use awing_train::{
    dataset::{DataSource, Format, Grouping, Part, check_shares, convert, split},
    evaluation::align,
};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Part a dataset, such as into train, val and test, without one person in two parts.
///
/// Writes each part into a folder of its name in OUT, and split.csv, which says where each image went. The same faces, shares and seed
/// give the same parts.
#[derive(Args, Debug)]
pub(crate) struct Split {
    /// Annotated faces, FORMAT:PATH with FORMAT one of 300w, wflw, cofw, aflw, ytf, mtfl, lspet, dlib, coco, csv
    #[arg(value_name = "FORMAT:PATH")]
    data: DataSource,
    /// Names of the parts and their shares of the faces
    #[arg(long, value_delimiter = ',', default_value = "train=0.8,val=0.1,test=0.1", value_name = "NAME=SHARE,…", value_parser = part)]
    parts: Vec<(String, f64)>,
    /// A new folder for the parts
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What stays together: the faces of an image, those of a folder, or a group by a CSV file with the columns image and group
    #[arg(long, default_value = "image", value_name = "image|folder|FILE", conflicts_with = "group_by")]
    group: String,
    /// What stays together: images whose names have the same match of this pattern, or of its first group: '^(.*)_\d+\.jpg$'
    #[arg(long, value_name = "REGEX")]
    group_by: Option<String>,
    /// Another number gives other parts
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    seed: u64,
    /// The format of the parts [default: that of the data]
    #[arg(long, value_name = "FORMAT")]
    to: Option<Format>,
    /// What the points mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// What becomes of the images
    #[arg(long, value_enum, default_value_t)]
    image_files: ImagesChoice,
    /// Print the parts as one JSON object
    #[arg(long)]
    json: bool,
}

impl Split {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        if let Some((name, _)) = self.parts.iter().find(|(name, _)| !folders::is_name(name)) {
            return Err(Failure::Usage(format!("--parts: `{name}` is no plain word for a folder")));
        }
        check_shares(&self.parts).map_err(|e| Failure::Usage(format!("--{e}")))?;
        let grouping = self.grouping()?;
        let scheme = data::scheme(self.scheme.as_deref())?;
        let dataset = data::open(&self.data, &self.images, scheme.as_ref(), console)?;
        let parts = split(&dataset, &self.parts, &grouping, self.seed)?;
        let folder = folders::named(&self.out, "choose another --out")?;
        let format = self.to.unwrap_or(self.data.format);
        let mut rows = Vec::new();
        for part in &parts {
            let target = DataSource { format, path: folder.join(&part.name) };
            let written = convert(&part.dataset, &target, self.image_files.into())
                .inspect_err(|_| folders::release(&folder))?;
            tell_changes(&written, console);
            rows.push((part, written));
        }
        save_list(&folder.join("split.csv"), &parts, &grouping)?;
        let all = dataset.samples.len();
        if self.json {
            let parts: Vec<_> = rows
                .iter()
                .map(|(part, written)| {
                    json!({
                        "name": part.name,
                        "annotations": written.annotations.display().to_string(),
                        "groups": part.groups.len(),
                        "images": written.images,
                        "faces": written.faces,
                        "changes": written.changes,
                    })
                })
                .collect();
            console.print_json(
                &json!({ "parts": parts, "seed": self.seed, "left_out": dataset.problems.len() }),
            )?;
        } else {
            let mut lines = vec![["part", "groups", "images", "faces", "%"].map(String::from).to_vec()];
            lines.extend(rows.iter().map(|(part, written)| {
                let share = 100.0 * written.faces as f64 / all.max(1) as f64;
                let counts = [part.groups.len(), written.images, written.faces].map(|n| n.to_string());
                std::iter::once(part.name.clone()).chain(counts).chain([format!("{share:.1}")]).collect()
            }));
            console.print(align(&lines).trim_end())?;
        }
        console.note(format!("written to {}", folder.display()));
        if dataset.problems.is_empty() { Ok(()) } else { Err(Failure::Told) }
    }

    fn grouping(&self) -> Result<Grouping, Failure> {
        match (&self.group_by, self.group.as_str()) {
            (Some(pattern), _) => Grouping::pattern(pattern).or_usage("--group-by"),
            (None, "image") => Ok(Grouping::Image),
            (None, "folder") => Ok(Grouping::Folder),
            (None, path) if Path::new(path).is_file() => Ok(Grouping::table(path.as_ref())?),
            (None, other) => {
                Err(Failure::Usage(format!("--group: `{other}` is neither image, nor folder, nor a file")))
            }
        }
    }
}

/// image,group,part: what was put where.
fn save_list(path: &Path, parts: &[Part], grouping: &Grouping) -> Result<(), Failure> {
    let failed = |e: csv::Error| Failure::file(path, e);
    let mut writer = csv::Writer::from_path(path).map_err(failed)?;
    writer.write_record(["image", "group", "part"]).map_err(failed)?;
    for part in parts {
        let mut last = "";
        for sample in &part.dataset.samples {
            if sample.image_name() != last {
                last = sample.image_name();
                writer.write_record([last, &grouping.of(sample)?, &part.name]).map_err(failed)?;
            }
        }
    }
    writer.flush().map_err(|e| Failure::file(path, e))
}

fn part(text: &str) -> Result<(String, f64), String> {
    let (name, share) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=SHARE"))?;
    let share = share.parse::<f64>().map_err(|_| format!("`{share}` is not a number"))?;
    Ok((name.to_owned(), share))
}
