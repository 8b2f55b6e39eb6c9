//! Photos of faces turned in space, as a JPEG: each row has a rendered face, then the same photo with the head turned farther, again and again.
//! With a further word, `points`, the landmarks are drawn: green seen, red hidden by the head itself, blue covered before it was turned.
//!
//! ```console
//! $ cargo run --release -p awing-render --example turned -- HEAD turned.jpg 6
//! ```

use awing::{geometry::Point, scheme::HeadPoints};
use awing_render::{Head, HeadTurn, RenderedFace, Renderer, Seen, Turner};
use image::{
    Rgb, RgbImage,
    imageops::{FilterType, replace, resize},
};
use jpeg_encoder::{ColorType, Encoder};
use std::error::Error;

/// Degrees of yaw by which a head is turned farther.
const FARTHER: [f32; 5] = [0.0, 20.0, 40.0, 60.0, 80.0];
/// Faces that look more or less into the camera, of this seed.
const SEED: u64 = 1;
/// Pixels a side that a face is rendered in, and that it has on the sheet.
const SIDE: usize = 256;
const TILE: u32 = 200;
const QUALITY: u8 = 85;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [head, out, count, rest @ ..] = &words[..] else {
        return Err("name the folder of the head, the picture to write, and how many faces".into());
    };
    let (head, count) = (|| Head::open(head.as_ref()), count.parse::<usize>()?);
    let points = HeadPoints { vertices: head()?.landmarks68().to_vec(), outline: (0..17).collect() };
    let (renderer, turner) = (Renderer::new(head()?), Turner::new(head()?, points)?);
    let looks_ahead = |face: &RenderedFace| face.pose.yaw.abs() < 15.0 && face.pose.roll.abs() < 20.0;
    let faces = (0..).map(|index| renderer.face(SEED, index, SIDE)).filter(looks_ahead).take(count);

    let mut sheet = RgbImage::new(TILE * (1 + FARTHER.len() as u32), TILE * count as u32);
    for (row, mut face) in (0..).zip(faces) {
        let landmarks = face.landmarks();
        let fitted = turner.fit(&landmarks)?;
        let photo = face.image.clone();
        let turned = FARTHER.iter().map(|farther| {
            let yaw = (fitted.turn.yaw.abs() + farther).min(90.0).copysign(fitted.turn.yaw);
            turner.turned(&photo, &landmarks, &fitted, HeadTurn { yaw, ..fitted.turn })
        });
        let mut turned: Vec<RenderedFace> = turned.collect::<Result<_, _>>()?;
        if rest.iter().any(|word| word == "points") {
            turned.iter_mut().chain([&mut face]).for_each(draw_points);
        }
        for (column, face) in (0..).zip([&face].into_iter().chain(&turned)) {
            let tile = resize(&face.image, TILE, TILE, FilterType::Triangle);
            replace(&mut sheet, &tile, column * i64::from(TILE), row * i64::from(TILE));
        }
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
        draw_dot(&mut face.image, point.marked, Rgb(color));
    }
}

fn draw_dot(image: &mut RgbImage, at: Point, color: Rgb<u8>) {
    for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
        let (x, y) = (at.x.round() as i64 + dx, at.y.round() as i64 + dy);
        if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
            && let Some(pixel) = image.get_pixel_mut_checked(x, y)
        {
            *pixel = color;
        }
    }
}
