//! Where a video goes over to another scene.

use image::RgbImage;

/// A frame is looked at in so many cells each way.
const CELLS: usize = 24;
/// Pixels of a cell that are looked at, each way.
const SAMPLES: usize = 4;
/// Frames that correlate less are of two scenes.
const LEAST_CORRELATION: f64 = 0.5;
/// A frame whose brightness deviates less, in levels of 0 to 255, shows nothing to compare.
const PLAIN: f64 = 2.0;

/// A frame as a small gray picture: brightness and contrast taken out, so that a lamp that is switched on is no cut.
#[derive(Clone, Debug)]
pub(super) struct Glance {
    cells: Vec<f64>,
}

impl Glance {
    /// `None` of a plain frame, such as a black one.
    pub(super) fn new(frame: &RgbImage) -> Option<Self> {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let grid = CELLS * SAMPLES;
        let mut cells = vec![0.0; CELLS * CELLS];
        if width > 0 && height > 0 {
            let bytes = frame.as_raw();
            for row in 0..grid {
                // The middle of each sample's share of the frame.
                let y = (2 * row + 1) * height / (2 * grid);
                for column in 0..grid {
                    let x = (2 * column + 1) * width / (2 * grid);
                    // Green is nearly brightness.
                    cells[row / SAMPLES * CELLS + column / SAMPLES] +=
                        f64::from(bytes[3 * (y * width + x) + 1]);
                }
            }
        }
        let samples = (SAMPLES * SAMPLES) as f64;
        let mean = cells.iter().sum::<f64>() / cells.len() as f64;
        cells.iter_mut().for_each(|cell| *cell = (*cell - mean) / samples);
        let deviation = (cells.iter().map(|cell| cell * cell).sum::<f64>() / cells.len() as f64).sqrt();
        cells.iter_mut().for_each(|cell| *cell /= deviation);
        (deviation >= PLAIN).then_some(Self { cells })
    }

    /// Whether `next` shows another scene.
    pub(super) fn is_cut(&self, next: &Self) -> bool {
        self.correlation(next) < LEAST_CORRELATION
    }

    fn correlation(&self, other: &Self) -> f64 {
        self.cells.iter().zip(&other.cells).map(|(a, b)| a * b).sum::<f64>() / self.cells.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    /// Gray squares of 50 pixels, moved to the left and up by `shift` pixels.
    fn scene(number: u32, shift: u32) -> RgbImage {
        RgbImage::from_fn(400, 400, |x, y| {
            let cell = (x + shift) / 50 * 73 + (y + shift) / 50 * 151 + number * 311;
            Rgb([(cell.wrapping_mul(cell).wrapping_mul(2_654_435_761) >> 24) as u8; 3])
        })
    }

    #[test]
    fn movement_and_light_are_no_cut_another_scene_is() {
        let glance = |frame: &RgbImage| Glance::new(frame).unwrap();
        let start = glance(&scene(1, 0));
        // By a fortieth of the frame; with half the contrast.
        assert!(!start.is_cut(&glance(&scene(1, 10))));
        let mut dark = scene(1, 0);
        dark.iter_mut().for_each(|v| *v = *v / 2 + 20);
        assert!(start.correlation(&glance(&dark)) > 0.99);
        for other in [2, 3] {
            assert!(start.is_cut(&glance(&scene(other, 0))), "{other}");
        }
    }

    #[test]
    fn a_plain_frame_shows_nothing_and_any_size_will_do() {
        assert!(Glance::new(&RgbImage::from_pixel(50, 40, Rgb([9; 3]))).is_none());
        for (width, height, plain) in [(0, 0, true), (1, 1, true), (3, 200, false), (2000, 1, false)] {
            let frame = RgbImage::from_fn(width, height, |x, y| Rgb([(x + y) as u8; 3]));
            assert_eq!(Glance::new(&frame).is_none(), plain, "{width} x {height}");
        }
    }
}
