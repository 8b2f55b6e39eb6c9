//! The native answer: `wasm-landmarks PHOTO [X0 Y0 X1 Y1]` prints x and y of each landmark, in all their digits.

#![allow(clippy::print_stdout, reason = "it prints its answer")]

use awing::geometry::Rect;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let photo = std::fs::read(words.next().ok_or("give a photo")?)?;
    let numbers = words.map(|word| word.parse()).collect::<Result<Vec<f64>, _>>()?;
    let face_box = match numbers[..] {
        [x0, y0, x1, y1] => Rect::new(x0, y0, x1, y1),
        _ => Rect::new(0.0, 0.0, 0.0, 0.0),
    };
    for point in wasm_landmarks::landmarks(&photo, face_box)?.chunks_exact(2) {
        println!("{} {}", point[0], point[1]);
    }
    Ok(())
}
