//! A detector of one's own instead of the built-in one: anything that implements `FaceDetector`, whether it is a network, a service, or, as
//! here, knowledge of the place.
//!
//! ```console
//! $ cargo run --release -p awing --example own_detector -- docs/astronaut.jpg
//! ```

#![expect(clippy::print_stdout, reason = "the example prints its answers")]

use awing::{
    Result,
    detection::{DetectedFace, FaceDetector, VerifiedDetector},
    geometry::Rect,
    photo::load_image,
    prediction::Aligner,
};
use image::RgbImage;
use std::{path::PathBuf, sync::Arc};

/// A photo booth: whoever sits in it has the head in the same part of the photo.
#[derive(Debug)]
struct Booth;

impl FaceDetector for Booth {
    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedFace>> {
        let (width, height) = (f64::from(photo.width()), f64::from(photo.height()));
        // The box should be as tight around brows, jaw and chin as the landmarks are; a rough one is mended below.
        let face_box = Rect::new(0.32 * width, 0.14 * height, 0.56 * width, 0.38 * height);
        Ok(vec![DetectedFace { face_box, score: 1.0 }])
    }
}

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("docs/astronaut.jpg"), PathBuf::from);
    let aligner = Aligner::builtin()?;
    // The landmark model looks at each box: where it is unsure of the points there is no face, so that an empty booth has none, and where it
    // is sure the box becomes the one around the points. A detector that is exact by itself goes into `with_detector` as it is.
    let verified = VerifiedDetector::new(Arc::new(Booth), Arc::new(aligner.clone()), 0.66);
    let aligner = aligner.with_detector(Arc::new(verified));
    let faces = aligner.align(&load_image(&path)?)?;
    println!("{} face(s) in the booth", faces.len());
    for face in faces {
        let Rect { x0, y0, x1, y1 } = face.face_box;
        println!("{x0:.0} {y0:.0} {x1:.0} {y1:.0}, score {:.2}", face.score);
    }
    Ok(())
}
