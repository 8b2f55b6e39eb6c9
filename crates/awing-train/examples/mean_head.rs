//! The mean heads of the built-in schemes, learnt from annotated photos: prints the `solid` of each, for its file.
//!
//! ```console
//! $ cargo run --release -p awing-train --example mean_head -- 300w:faces/train
//! ```
//!
//! The faces need the 68 points of 300-W. Schemes that mark other points get theirs from these: `PLACES` says which.

use awing::{
    Error, Result,
    scheme::{Landmark, Scheme, SolidPoint},
};
use awing_train::{
    dataset::{DataSource, Dataset, OpenOptions},
    inspection::learn_mean_head,
};
use std::io::Write;

/// Points of other schemes as means of points of 300w-68.
const PLACES: [(&str, &[usize]); 27] = [
    ("left brow outer end", &[17]),
    ("left brow middle", &[19]),
    ("left brow inner end", &[21]),
    ("right brow inner end", &[22]),
    ("right brow middle", &[24]),
    ("right brow outer end", &[26]),
    ("left brow upper edge", &[19]),
    ("right brow upper edge", &[24]),
    ("left eye outer corner", &[36]),
    ("left eye centre", &[36, 37, 38, 39, 40, 41]),
    ("left pupil", &[36, 37, 38, 39, 40, 41]),
    ("left eye inner corner", &[39]),
    ("right eye inner corner", &[42]),
    ("right eye centre", &[42, 43, 44, 45, 46, 47]),
    ("right pupil", &[42, 43, 44, 45, 46, 47]),
    ("right eye outer corner", &[45]),
    ("nose left", &[31]),
    ("left nostril", &[31]),
    ("nose tip", &[30]),
    ("nose right", &[35]),
    ("right nostril", &[35]),
    ("nose base", &[33]),
    ("left mouth corner", &[48]),
    ("mouth centre", &[62, 66]),
    ("upper lip upper edge", &[51]),
    ("right mouth corner", &[54]),
    ("chin", &[8]),
];

fn main() -> Result<()> {
    let source: DataSource = std::env::args().nth(1).unwrap_or_default().parse()?;
    let dataset = Dataset::open(&source, &OpenOptions::default())?;
    let marked = Scheme::builtin("300w-68")?;
    if dataset.scheme.points != marked.points {
        return Err(Error::invalid("faces", "need the 68 points of 300-W"));
    }
    let faces: Vec<Vec<Landmark>> = dataset.samples.into_iter().map(|sample| sample.landmarks).collect();
    let head = learn_mean_head(&faces, &marked)?;
    for name in ["300w-68", "cofw-29", "aflw-19", "mtfl-5"] {
        let scheme = Scheme::builtin(name)?;
        let place = |(point, name): (usize, &String)| match PLACES.iter().find(|(of, _)| of == name) {
            Some((_, of)) => Some(mean(&head, of, point)),
            None => marked.index_of(name).map(|i| SolidPoint { point, ..head[i] }),
        };
        let solid: Vec<SolidPoint> = scheme.points.iter().enumerate().filter_map(place).collect();
        print(name, &solid).map_err(Error::io("stdout", "write"))?;
    }
    Ok(())
}

fn mean(head: &[SolidPoint], of: &[usize], point: usize) -> SolidPoint {
    let count = of.len() as f64;
    let at = std::array::from_fn(|i| of.iter().map(|&p| head[p].at[i]).sum::<f64>() / count);
    SolidPoint { point, at, spread: of.iter().map(|&p| head[p].spread).sum::<f64>() / count }
}

fn print(name: &str, solid: &[SolidPoint]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "# {name}\nsolid = [")?;
    for SolidPoint { point, at: [x, y, z], spread } in solid {
        writeln!(out, "  {{ point = {point}, at = [{x:.3}, {y:.3}, {z:.3}], spread = {spread:.3} }},")?;
    }
    writeln!(out, "]\n")
}
