//! Photos of faces turned in space, as a JPEG: each row has a rendered face, then the same photo with the head turned farther, again and again.
//! With a further word, `points`, the landmarks are drawn: green seen, red hidden by the head itself, blue covered before it was turned.
//!
//! ```console
//! $ cargo run --release -p awing-render --example turned -- HEAD turned.jpg 6
//! ```

mod drawing;

use awing_render::{Head, HeadTurn, RenderedFace, Renderer, Turner};
use drawing::{draw_points, save_sheet};
use std::error::Error;

/// Degrees of yaw by which a head is turned farther.
const FARTHER: [f32; 5] = [0.0, 20.0, 40.0, 60.0, 80.0];
/// Faces that look more or less into the camera, of this seed.
const SEED: u64 = 1;
/// Pixels a side that a face is rendered in, and that it has on the sheet.
const SIDE: usize = 256;
const TILE: u32 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [head, out, count, rest @ ..] = &words[..] else {
        return Err("name the folder of the head, the picture to write, and how many faces".into());
    };
    let (head, count) = (|| Head::open(head.as_ref()), count.parse()?);
    let points = head()?.points68();
    let (renderer, turner) = (Renderer::new(head()?), Turner::new(head()?, points)?);
    let looks_ahead = |face: &RenderedFace| face.pose.yaw.abs() < 15.0 && face.pose.roll.abs() < 20.0;
    let mut faces = Vec::new();
    for face in (0..).map(|index| renderer.face(SEED, index, SIDE)).filter(looks_ahead).take(count) {
        let landmarks = face.landmarks();
        let fitted = turner.fit(&landmarks)?;
        let photo = turner.photo(&face.image, &landmarks, &fitted)?;
        let turned = FARTHER.map(|farther| {
            let yaw = (fitted.turn.yaw.abs() + farther).min(90.0).copysign(fitted.turn.yaw);
            photo.turned(HeadTurn { yaw, ..fitted.turn })
        });
        faces.push(face);
        faces.extend(turned);
    }
    if rest.iter().any(|word| word == "points") {
        faces.iter_mut().for_each(draw_points);
    }
    save_sheet(out.as_ref(), faces.iter().map(|face| &face.image), 1 + FARTHER.len() as u32, TILE)
}
