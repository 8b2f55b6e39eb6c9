//! Faces side by side, as JPEG, and how many were rendered a second. With a further word, `points`, the landmarks are drawn: green seen, red hidden
//! by the head itself, blue covered by something else.
//!
//! ```console
//! $ cargo run --release -p awing-render --example sheet -- HEAD faces.jpg 48
//! ```

#![expect(clippy::print_stdout, reason = "it is what the example answers")]

use awing_render::{Head, RenderedFace, Renderer, Seen};
use image::{
    Rgb, RgbImage,
    imageops::{FilterType, replace, resize},
};
use jpeg_encoder::{ColorType, Encoder};
use std::{error::Error, time::Instant};

const COLUMNS: u32 = 8;
/// Pixels a side that a face is rendered in.
const SIDE: usize = 256;
/// Pixels a side that it has on the sheet.
const TILE: u32 = 160;
const QUALITY: u8 = 85;

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
    let rows = (faces.len() as u32).div_ceil(COLUMNS);
    let mut sheet = RgbImage::new(COLUMNS * TILE, rows * TILE);
    for (i, face) in (0..).zip(&faces) {
        let tile = resize(&face.image, TILE, TILE, FilterType::Triangle);
        replace(&mut sheet, &tile, (i % COLUMNS * TILE).into(), (i / COLUMNS * TILE).into());
    }
    let (width, height) = (u16::try_from(sheet.width())?, u16::try_from(sheet.height())?);
    Encoder::new_file(out, QUALITY)?.encode(&sheet, width, height, ColorType::Rgb)?;
    Ok(())
}

fn draw_points(face: &mut RenderedFace) {
    for point in &face.points {
        let color = match point.seen {
            Seen::Seen => [0, 255, 0],
            Seen::Hidden => [255, 0, 0],
            _ => [60, 120, 255],
        };
        for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
            let (x, y) = (point.marked.x.round() as i64 + dx, point.marked.y.round() as i64 + dy);
            if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
                && let Some(pixel) = face.image.get_pixel_mut_checked(x, y)
            {
                *pixel = Rgb(color);
            }
        }
    }
}
