//! Finds the landmarks in boxes that are known already, and which way each head looks. Boxes are `x0,y0,x1,y1` in pixels, as tight around
//! brows, jaw and chin as the landmarks are.
//!
//! ```console
//! $ cargo run --release -p awing --example boxes -- docs/astronaut.jpg 175,85,275,185
//! ```

#![expect(clippy::print_stdout, reason = "the example prints its answers")]

use awing::{
    Error, Result,
    geometry::Rect,
    photo::load_image,
    prediction::{Aligner, HeadShape},
};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [photo, boxes @ ..] = arguments.as_slice() else {
        return Err(Error::invalid("photo", "name a photo, then boxes: x0,y0,x1,y1"));
    };
    let photo = load_image(photo.as_ref())?;
    let boxes = boxes.iter().map(|text| parse(text)).collect::<Result<Vec<Rect>>>()?;
    let aligner = Aligner::builtin()?;
    let head = HeadShape::of(aligner.scheme())?;
    // An answer for each box, in their order: a box that cannot be used gives an error in its place, and the others are answered.
    for (number, face) in (1..).zip(aligner.align_in_boxes(&photo, &boxes)) {
        match face {
            Ok(face) => {
                let pose = head.pose(&face.landmarks)?;
                println!(
                    "box {number}: score {:.2}, yaw {:.0}, pitch {:.0}, roll {:.0} degrees",
                    face.score, pose.yaw, pose.pitch, pose.roll
                );
            }
            Err(problem) => println!("box {number}: {problem}"),
        }
    }
    Ok(())
}

fn parse(text: &str) -> Result<Rect> {
    let numbers: Vec<f64> = text.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    match numbers[..] {
        [x0, y0, x1, y1] => Ok(Rect::new(x0, y0, x1, y1)),
        _ => Err(Error::invalid("box", format!("`{text}` is not x0,y0,x1,y1"))),
    }
}
