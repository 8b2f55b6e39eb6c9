//! Faces as peaks in a stack of heatmaps, one map for each size: a face is a Gaussian around its middle and around the logarithm of its
//! size. So one heatmap loss learns where faces are and how large.

use super::DetectedFace;
use crate::{
    geometry::{Point, Rect, to_cell, to_pixel},
    heatmap::{Window, raise_near_peaks},
    network::NetworkConfig,
};

/// Maps, each for faces of its size.
pub(super) const LEVELS: usize = 9;
/// Side of the faces of the first map, in pixels.
const SMALLEST: f64 = 20.0;
/// Maps while the size doubles.
const PER_OCTAVE: f64 = 2.0;
/// Spread of a face over the maps, in maps.
const LEVEL_SIGMA: f64 = 0.9;
/// Faces this many maps beyond the first or the last one are none of this scale space.
const BEYOND: f64 = 0.8;
/// Cells with a target of this and those beside them weigh more (Wang et al. 2019, section 4.4).
const WEIGHT_THRESHOLD: f32 = 0.2;
/// The weight of these.
const WEIGHT: f32 = 11.0;

const STRIDE: f64 = NetworkConfig::STRIDE as f64;

/// The map of faces of this side, as a number between maps.
fn level(side: f64) -> f64 {
    PER_OCTAVE * (side / SMALLEST).log2()
}

/// The side of faces of a map.
fn side(level: f64) -> f64 {
    SMALLEST * (level / PER_OCTAVE).exp2()
}

/// Side of the square with a box's area.
fn side_of(face: Rect) -> f64 {
    (face.width() * face.height()).sqrt()
}

/// Spread of a face over the cells of a map: large faces have no sharper middle than this share of their side.
fn sigma(side: f64) -> f64 {
    (0.1 * side / STRIDE).clamp(1.5, 5.0)
}

/// Draws faces into `target`, [levels, size, size], which must be zero, and fills `weights`, of the same shape: 1, more around faces and 0
/// over `ignored` boxes and over faces that are too small or too large for these maps.
pub fn encode_faces(faces: &[Rect], ignored: &[Rect], size: usize, target: &mut [f32], weights: &mut [f32]) {
    weights.fill(1.0);
    let mut blind = ignored.to_vec();
    for face in faces {
        let middle = level(side_of(*face));
        if (-BEYOND..=LEVELS as f64 - 1.0 + BEYOND).contains(&middle) {
            let center = to_cell(face.center(), STRIDE);
            for (map, level) in target.chunks_exact_mut(size * size).zip(0..LEVELS) {
                let distance = (level as f64 - middle) / LEVEL_SIGMA;
                add_peak(map, size, center, sigma(side_of(*face)), (-0.5 * distance * distance).exp());
            }
        } else {
            blind.push(*face);
        }
    }
    let window = Window::whole(size);
    for (map, weights) in target.chunks_exact(size * size).zip(weights.chunks_exact_mut(size * size)) {
        raise_near_peaks(map, weights, size, &window, WEIGHT_THRESHOLD, WEIGHT);
        for face in &blind {
            let [first, end] =
                [Point::new(face.x0, face.y0), Point::new(face.x1, face.y1)].map(|p| to_cell(p, STRIDE));
            let range = |low: f64, high: f64| {
                let cell = |v: f64| v.max(0.0).min(size as f64) as usize;
                cell(low.floor())..cell(high.ceil() + 1.0)
            };
            for y in range(first.y, end.y) {
                weights[y * size..(y + 1) * size][range(first.x, end.x)].fill(0.0);
            }
        }
    }
}

/// Raises a map to a Gaussian of this height where it is lower.
fn add_peak(map: &mut [f32], size: usize, center: Point, sigma: f64, height: f64) {
    let radius = 3.5 * sigma;
    let range = |c: f64| {
        let cell = |v: f64| v.max(0.0).min(size as f64) as usize;
        cell((c - radius).ceil())..cell((c + radius).floor() + 1.0)
    };
    for y in range(center.y) {
        for x in range(center.x) {
            let square = (x as f64 - center.x).powi(2) + (y as f64 - center.y).powi(2);
            let value = height * (-square / (2.0 * sigma * sigma)).exp();
            let cell = &mut map[y * size + x];
            *cell = cell.max(value as f32);
        }
    }
}

/// The faces in maps [levels, height, width]: each cell that reaches `least` and is the highest among its neighbours in place and size,
/// moved to where the parabolas through their logarithms have their tops, which is exact for Gaussians. The boxes are squares in pixels
/// of the network's input.
pub(super) fn decode(maps: &[f32], [height, width]: [usize; 2], least: f32) -> Vec<DetectedFace> {
    let area = height * width;
    let at = |level: i64, y: i64, x: i64| -> f32 {
        let inside = (0..LEVELS as i64).contains(&level)
            && (0..height as i64).contains(&y)
            && (0..width as i64).contains(&x);
        if inside {
            maps.get(level as usize * area + y as usize * width + x as usize).copied().unwrap_or(0.0)
        } else {
            f32::NEG_INFINITY
        }
    };
    let mut faces = Vec::new();
    for (index, &value) in maps.iter().enumerate() {
        if value.is_nan() || value < least {
            continue;
        }
        let place = index % area;
        let (l, y, x) = ((index / area) as i64, (place / width) as i64, (place % width) as i64);
        let is_top = (-1..=1).all(|dl| {
            (-1..=1).all(|dy| {
                (-1..=1).all(|dx| {
                    let other = at(l + dl, y + dy, x + dx);
                    // Of equal neighbours the first is the top.
                    value > other || (value == other && (dl, dy, dx) >= (0, 0, 0))
                })
            })
        });
        if !is_top {
            continue;
        }
        let shift = |before: f32, after: f32| top(before, value, after);
        let center = Point::new(
            x as f64 + shift(at(l, y, x - 1), at(l, y, x + 1)),
            y as f64 + shift(at(l, y - 1, x), at(l, y + 1, x)),
        );
        let middle = to_pixel(center, STRIDE);
        let half = 0.5 * side(l as f64 + level_shift(at(l - 1, y, x), value, at(l + 1, y, x)));
        let face_box = Rect::new(middle.x - half, middle.y - half, middle.x + half, middle.y + half);
        faces.push(DetectedFace { face_box, score: value });
    }
    faces
}

/// Where between -1/2 and 1/2 the parabola through three logarithms has its top; 0 where a neighbour is missing.
fn top(before: f32, middle: f32, after: f32) -> f64 {
    if !(before.is_finite() && after.is_finite()) {
        return 0.0;
    }
    let [a, b, c] = [before, middle, after].map(|v| f64::from(v).max(1e-3).ln());
    let bend = a - 2.0 * b + c;
    if bend < -1e-9 { (0.5 * (a - c) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

/// The same among maps; at the first and the last one the known spread stands for the missing neighbour: of two maps k and k + 1 with
/// values b and c the top is at k + 1/2 - spread^2 ln(b / c).
fn level_shift(before: f32, middle: f32, after: f32) -> f64 {
    let one_sided = |other: f32| {
        let [b, c] = [middle, other].map(|v| f64::from(v).max(1e-3).ln());
        (0.5 - LEVEL_SIGMA * LEVEL_SIGMA * (b - c)).clamp(-BEYOND, 0.5)
    };
    match (before.is_finite(), after.is_finite()) {
        (false, true) => one_sided(after),
        (true, false) => -one_sided(before),
        _ => top(before, middle, after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn square(x: f64, y: f64, side: f64) -> Rect {
        Rect::new(x - side / 2.0, y - side / 2.0, x + side / 2.0, y + side / 2.0)
    }

    fn encoded(faces: &[Rect], ignored: &[Rect], size: usize) -> (Vec<f32>, Vec<f32>) {
        let (mut target, mut weights) = (vec![0.0; LEVELS * size * size], vec![0.0; LEVELS * size * size]);
        encode_faces(faces, ignored, size, &mut target, &mut weights);
        (target, weights)
    }

    #[test]
    fn a_face_stands_in_the_map_of_its_size() {
        // 40 px is the third map; cell (10, 12) is pixel 41.5, 49.5. One map away: exp(-1 / (2 * 0.81)) = 0.5394.
        let (target, weights) = encoded(&[square(41.5, 49.5, 40.0)], &[], 32);
        let at = |level: usize| target[level * 1024 + 12 * 32 + 10];
        assert_eq!(at(2), 1.0);
        assert!((at(1) - 0.5394).abs() < 1e-4 && at(1) == at(3), "{}", at(1));
        assert!(at(8) < 1e-6);
        assert_eq!(weights[2 * 1024 + 12 * 32 + 10], 11.0);
        assert_eq!(weights[8 * 1024 + 12 * 32 + 10], 1.0);
    }

    #[test]
    fn ignored_and_tiny_faces_do_not_count() {
        // The box from pixel 9.5 to 17.5 is cells 2 to 4.
        let (target, weights) = encoded(&[square(81.5, 81.5, 8.0)], &[Rect::new(9.5, 9.5, 17.5, 17.5)], 32);
        assert!(target.iter().all(|v| *v == 0.0));
        assert_eq!((weights[2 * 32 + 2], weights[4 * 32 + 4]), (0.0, 0.0));
        assert_eq!((weights[2 * 32 + 1], weights[6 * 32 + 2]), (1.0, 1.0));
        assert_eq!(weights[20 * 32 + 20], 0.0);
        assert_eq!(weights.iter().filter(|w| **w == 0.0).count() % LEVELS, 0);
    }

    /// Cell q is pixel 4 q + 1.5, and the position between cells counts: nothing is half a cell off.
    #[test]
    fn a_face_between_cells_is_found_where_it_is() {
        // Cells 10, 10.25 and 10.5 in x, 12.4 in y; the fourth map, of 20 * 2^(3 / 2) pixels.
        for x in [41.5, 42.5, 43.5] {
            let face = square(x, 51.1, 56.568_542);
            let (target, _) = encoded(&[face], &[], 32);
            let found = decode(&target, [32, 32], 0.5).remove(0).face_box;
            let off = found.center().distance(face.center());
            assert!(off < 0.01, "{off} px at {x}");
            assert!(
                (found.width() - face.width()).abs() < 0.01 && (found.height() - found.width()).abs() < 1e-9
            );
        }
    }

    #[test]
    fn maps_that_are_not_square_are_read_row_by_row() {
        // A single cell in map 4, row 2 of 3, column 5 of 8.
        let mut maps = vec![0.0; LEVELS * 24];
        maps[4 * 24 + 2 * 8 + 5] = 0.7;
        let faces = decode(&maps, [3, 8], 0.5);
        assert_eq!(faces.len(), 1);
        assert_eq!(faces[0].score, 0.7);
        // Map 4 is 80 px; cell (5, 2) is pixel (21.5, 9.5).
        assert!(faces[0].face_box.overlap(square(21.5, 9.5, 80.0)) > 0.999, "{faces:?}");
        assert!(decode(&maps, [3, 8], 0.8).is_empty());
        maps.fill(f32::NAN);
        assert!(decode(&maps, [3, 8], 0.5).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_drawn_is_found_again(x in 20.0..108.0, y in 20.0..108.0, side in 20.0..320.0_f64) {
            let face = square(x, y, side);
            let (target, _) = encoded(&[face], &[], 32);
            let found = decode(&target, [32, 32], 0.5);
            prop_assert_eq!(found.len(), 1);
            prop_assert!(found[0].face_box.overlap(face) > 0.97, "{:?} {:?}", face, found[0].face_box);
        }

        #[test]
        fn two_faces_apart_are_two(x in 20.0..60.0, side in 20.0..40.0_f64) {
            let faces = [square(x, 40.0, side), square(x + 150.0, 200.0, 1.4 * side)];
            let (target, _) = encoded(&faces, &[], 64);
            let found = decode(&target, [64, 64], 0.5);
            prop_assert_eq!(found.len(), 2);
            for face in faces {
                prop_assert!(found.iter().any(|f| f.face_box.overlap(face) > 0.95));
            }
        }
    }
}
