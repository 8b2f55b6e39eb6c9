//! Finds all faces of a photo and prints their landmarks: a line a point.
//!
//! ```console
//! $ cargo run --release -p awing --example photo -- docs/astronaut.jpg
//! ```

#![expect(clippy::print_stdout, reason = "the example prints its answers")]

use awing::{Result, photo::load_image, prediction::Aligner};
use std::path::PathBuf;

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("docs/astronaut.jpg"), PathBuf::from);
    // Upright by its EXIF orientation; any other `image::RgbImage` will do as well.
    let photo = load_image(&path)?;
    let aligner = Aligner::builtin()?;
    println!("face,point,x,y,score,expected_error");
    // The surest face comes first; a photo without a face is no error.
    for (number, face) in (1..).zip(aligner.align(&photo)?) {
        for (i, name) in aligner.scheme().points.iter().enumerate() {
            let (point, score) = (face.landmarks[i], face.scores[i]);
            // In per cent of the distance between the outer corners of the eyes.
            let expected = face.expected_errors[i];
            println!("{number},{name},{:.2},{:.2},{score:.2},{expected:.2}", point.x, point.y);
        }
    }
    Ok(())
}
