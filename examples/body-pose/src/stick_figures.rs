//! Bodies that are drawn, for tests: straight limbs in any position, left and right in different colors.

use awing::{geometry::Point, scheme::Landmark};
use awing_train::dataset::{ImageSource, Sample};
use image::{Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

const RIGHT: [u8; 3] = [220, 120, 40];
const LEFT: [u8; 3] = [40, 120, 220];
const MIDDLE: [u8; 3] = [60, 160, 60];

/// `count` people, each in an image of `side` pixels; the same seed draws the same.
pub(crate) fn draw(count: usize, side: u32, seed: u64) -> Vec<Sample> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|i| person(i, side, &mut random)).collect()
}

fn person(number: usize, side: u32, random: &mut ChaCha8Rng) -> Sample {
    let unit = f64::from(side) / 64.0;
    let mut within = |low: f64, high: f64| random.random_range(low..high);
    let hips = Point::new(unit * within(26.0, 38.0), unit * within(30.0, 38.0));
    // The whole body leans, so that knowing where joints usually are is not enough.
    let lean = within(-70.0, 70.0);
    // Angles from straight down of an upright body, in degrees; lengths in 64ths of the image.
    let mut limb = |from: Point, length: f64, low: f64, high: f64| {
        let angle = (lean + within(low, high)).to_radians();
        Point::new(from.x + unit * length * angle.sin(), from.y + unit * length * angle.cos())
    };
    let neck = limb(hips, 16.0, 165.0, 195.0);
    let head = limb(neck, 8.0, 160.0, 200.0);
    let beside = |p: Point, by: f64| {
        let angle = (lean + 90.0).to_radians();
        Point::new(p.x + unit * by * angle.sin(), p.y + unit * by * angle.cos())
    };
    let (right_hip, left_hip) = (beside(hips, -3.0), beside(hips, 3.0));
    let (right_shoulder, left_shoulder) = (beside(neck, -5.0), beside(neck, 5.0));
    let right_knee = limb(right_hip, 11.0, -50.0, 10.0);
    let right_ankle = limb(right_knee, 11.0, -40.0, 20.0);
    let left_knee = limb(left_hip, 11.0, -10.0, 50.0);
    let left_ankle = limb(left_knee, 11.0, -20.0, 40.0);
    let right_elbow = limb(right_shoulder, 8.0, -150.0, -10.0);
    let right_wrist = limb(right_elbow, 8.0, -170.0, 0.0);
    let left_elbow = limb(left_shoulder, 8.0, 10.0, 150.0);
    let left_wrist = limb(left_elbow, 8.0, 0.0, 170.0);

    let mut image = RgbImage::from_pixel(side, side, Rgb([235, 232, 225]));
    for (a, b, color) in [
        (right_ankle, right_knee, RIGHT),
        (right_knee, right_hip, RIGHT),
        (right_wrist, right_elbow, RIGHT),
        (right_elbow, right_shoulder, RIGHT),
        (left_ankle, left_knee, LEFT),
        (left_knee, left_hip, LEFT),
        (left_wrist, left_elbow, LEFT),
        (left_elbow, left_shoulder, LEFT),
        (right_hip, left_hip, MIDDLE),
        (right_shoulder, left_shoulder, MIDDLE),
        (hips, neck, MIDDLE),
        (neck, head, MIDDLE),
    ] {
        line(&mut image, a, b, unit, color);
    }
    let joints = [
        right_ankle,
        right_knee,
        right_hip,
        left_hip,
        left_knee,
        left_ankle,
        right_wrist,
        right_elbow,
        right_shoulder,
        left_shoulder,
        left_elbow,
        left_wrist,
        neck,
        head,
    ];
    let joints = joints.map(|p| Landmark::visible(p.x, p.y)).to_vec();
    Sample::new(format!("figure {number}"), ImageSource::Memory(Arc::new(image)), joints)
}

/// A thick line: every pixel that is near enough.
fn line(image: &mut RgbImage, a: Point, b: Point, half: f64, color: [u8; 3]) {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let p = Point::new(f64::from(x), f64::from(y));
        let along = ((p.x - a.x) * dx + (p.y - a.y) * dy) / (dx * dx + dy * dy).max(1e-9);
        let along = along.clamp(0.0, 1.0);
        if p.distance(Point::new(a.x + along * dx, a.y + along * dy)) <= half {
            *pixel = Rgb(color);
        }
    }
}
