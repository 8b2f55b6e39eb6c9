//! Faces side by side, as JPEG, and how many were rendered a second. With a further word, `points`, the landmarks are drawn: green seen, red hidden
//! by the head itself, blue covered by something else.
//!
//! ```console
//! $ cargo run --release -p awing-render --example sheet -- HEAD faces.jpg 48
//! ```

#![expect(clippy::print_stdout, reason = "it is what the example answers")]

mod drawing;

use awing_render::{Head, Renderer};
use drawing::{draw_points, save_sheet};
use std::{error::Error, time::Instant};

const COLUMNS: u32 = 8;
/// Pixels a side that a face is rendered in, and that it has on the sheet.
const SIDE: usize = 256;
const TILE: u32 = 160;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [head, out, count, rest @ ..] = &words[..] else {
        return Err("name the folder of the head, the picture to write, and how many faces".into());
    };
    let renderer = Renderer::new(Head::open(head.as_ref())?);
    let start = Instant::now();
    let mut faces = renderer.faces(1, 0, count.parse()?, SIDE);
    let seconds = start.elapsed().as_secs_f64();
    println!("{:.1} faces of {SIDE} px a second", faces.len() as f64 / seconds);

    if rest.iter().any(|word| word == "points") {
        faces.iter_mut().for_each(draw_points);
    }
    save_sheet(out.as_ref(), faces.iter().map(|face| &face.image), COLUMNS, TILE)
}
