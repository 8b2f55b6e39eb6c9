//! Follows faces from frame to frame, each under a number that stays. Here a window that glides over a photo takes the place of a camera, so
//! that the true motion is known: the points must move by it.
//!
//! ```console
//! $ cargo run --release -p awing --example frames -- docs/astronaut.jpg
//! ```

#![expect(clippy::print_stdout, reason = "the example prints its answers")]

use awing::{
    Result,
    photo::load_image,
    prediction::Aligner,
    tracking::{Tracker, TrackerConfig},
};
use image::{RgbImage, imageops::crop_imm};
use std::path::PathBuf;

/// Frames, and frames a second.
const FRAMES: u32 = 30;
const RATE: f64 = 30.0;
/// Pixels that the window moves in a frame, to the right and down.
const STEP: [u32; 2] = [2, 1];

/// The photo seen through a window that leaves just room for the motion.
fn frame(photo: &RgbImage, number: u32) -> RgbImage {
    let [dx, dy] = STEP;
    let (width, height) = (photo.width() - FRAMES * dx, photo.height() - FRAMES * dy);
    crop_imm(photo, number * dx, number * dy, width, height).to_image()
}

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("docs/astronaut.jpg"), PathBuf::from);
    let photo = load_image(&path)?;
    let aligner = Aligner::builtin()?;
    // The detector runs now and then only; in between each face is looked for where it was. `smoothing: None` gives the points as found.
    let mut tracker = Tracker::new(TrackerConfig { detect_every: 15, ..TrackerConfig::default() })?;
    for number in 0..FRAMES {
        // The time of the frame in seconds: a camera's clock, or number / rate.
        let seconds = f64::from(number) / RATE;
        for found in tracker.track(&aligner, &frame(&photo, number), seconds)? {
            // The mean of the points, in pixels of the frame.
            let (points, count) = (&found.face.landmarks, found.face.landmarks.len() as f64);
            let (x, y) =
                points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.x / count, y + point.y / count));
            println!("frame {number:2}  face {}  at {x:.1} {y:.1}", found.id);
        }
    }
    println!("the detector ran in {} of {FRAMES} frames", tracker.detections());
    Ok(())
}
