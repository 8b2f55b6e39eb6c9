use crate::{console::Console, data, failure::Failure, folders};
use awing_train::{
    dataset::DataSource,
    evaluation::align,
    inspection::{Figures, Spread, figures},
    report::{dataset_charts, save_charts},
};
use clap::Args;
use std::{fmt::Write, path::PathBuf};

/// Subsets and points that the table lists at most.
const MOST_LISTED: usize = 12;

/// What is in a dataset: counts, sizes, distances, how heads are turned.
///
/// An annotation that makes no sense is told and left out, and the exit code is then 1.
#[derive(Args, Debug)]
pub(crate) struct Info {
    /// Annotated faces, FORMAT:PATH with FORMAT one of 300w, wflw, cofw, aflw, ytf, mtfl, lspet, dlib, coco, csv
    #[arg(value_name = "FORMAT:PATH")]
    data: DataSource,
    /// What the points mean: the name of a built-in scheme or a file; otherwise the format's own
    #[arg(long, value_name = "NAME|FILE")]
    scheme: Option<String>,
    #[command(flatten)]
    images: data::ImagesFolder,
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
    /// A new folder for info.json and charts, info.svg and info.png
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Info {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let scheme = data::scheme(self.scheme.as_deref())?;
        let dataset = data::open(&self.data, &self.images, scheme.as_ref(), console)?;
        let folder = match &self.out {
            Some(out) => Some(folders::named(out, "choose another --out")?),
            None => None,
        };
        let bar = console.bar(dataset.samples.len(), "{bar:30} {pos} of {len} faces  left {eta}");
        let found = figures(&dataset, &|done| bar.set_position(done as u64));
        bar.finish_and_clear();
        if self.json {
            console.print_json(&found)?;
        } else {
            console.print(table(&found, dataset.scheme.len()))?;
        }
        if let Some(folder) = folder {
            let json =
                serde_json::to_string_pretty(&found).map_err(|e| Failure::Work(format!("JSON: {e}")))?;
            let path = folder.join("info.json");
            std::fs::write(&path, json + "\n").map_err(|e| Failure::file(&path, e))?;
            save_charts(&dataset_charts(&found), &folder.join("info"))?;
            console.note(format!("written to {}", folder.display()));
        }
        if found.left_out + found.unreadable > 0 { Err(Failure::Told) } else { Ok(()) }
    }
}

fn table(found: &Figures, points: usize) -> String {
    let per_cent = |count: usize, all: usize| 100.0 * count as f64 / all.max(1) as f64;
    let all = found.faces * points;
    let counted = |count: usize| match count {
        0 => "no".to_owned(),
        _ => format!("{count} of {all} ({:.1} %)", per_cent(count, all)),
    };
    let mut rows = vec![
        ("data", found.data.clone()),
        ("scheme", format!("{} ({points} points)", found.scheme)),
        ("images", found.images.to_string()),
        (
            "faces",
            match found.most_faces {
                0 | 1 => found.faces.to_string(),
                most => format!("{}, up to {most} in an image", found.faces),
            },
        ),
        (
            "with a box",
            match found.boxes {
                0 => "none".to_owned(),
                count => format!("{count} ({:.1} %)", per_cent(count, found.faces)),
            },
        ),
        ("not annotated", format!("{} points", counted(found.missing))),
        ("hidden", format!("{} points", counted(found.hidden))),
    ];
    if found.left_out > 0 {
        rows.push(("left out", format!("{} annotations", found.left_out)));
    }
    if found.unreadable > 0 {
        rows.push(("unreadable", format!("{} images", found.unreadable)));
    }
    let mut text: String = rows.iter().map(|(name, value)| format!("{name:<14}  {value}\n")).collect();

    let mut lines = vec![["", "min", "5 %", "median", "95 %", "max"].map(String::from).to_vec()];
    let distance = format!("{} distance, px", found.normalizer);
    let spreads: [(&str, Option<Spread>); 7] = [
        ("image width, px", found.image_width),
        ("image height, px", found.image_height),
        ("face, larger side, px", found.face_side),
        ("box, larger side, px", found.box_side),
        (distance.as_str(), found.distance),
        ("roll, degrees", found.roll),
        ("yaw, degrees, rough", found.yaw),
    ];
    for (name, spread) in spreads {
        if let Some(s) = spread {
            let cells = [s.min, s.p5, s.median, s.p95, s.max].map(|v| format!("{v:.1}"));
            lines.push(std::iter::once(name.to_owned()).chain(cells).collect());
        }
    }
    text = format!("{text}\n{}", align(&lines));

    let mut subsets: Vec<_> = found.subsets.iter().collect();
    subsets.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut lists =
        vec![("subset", subsets.iter().map(|(name, count)| ((*name).clone(), **count)).collect())];
    let points = |of: fn(&awing_train::inspection::PointFigures) -> usize| {
        let each = found.points.iter().enumerate().filter(|(_, p)| of(p) > 0);
        let mut list: Vec<(String, usize)> = each.map(|(i, p)| (format!("{i} {}", p.name), of(p))).collect();
        list.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        list
    };
    lists.push(("most often not annotated", points(|p| p.missing)));
    lists.push(("most often hidden", points(|p| p.hidden)));
    for (title, list) in lists {
        if list.is_empty() {
            continue;
        }
        let mut rows = vec![vec![title.to_owned(), "faces".to_owned(), "%".to_owned()]];
        rows.extend(list.iter().take(MOST_LISTED).map(|(name, count)| {
            vec![name.clone(), count.to_string(), format!("{:.1}", per_cent(*count, found.faces))]
        }));
        let _ = write!(text, "\n{}", align(&rows));
        if list.len() > MOST_LISTED {
            let _ = writeln!(text, "and {} more", list.len() - MOST_LISTED);
        }
    }
    text.trim_end().to_owned()
}
