//! Resampling of a photo into a crop.

use super::{Planes, Point, Transform};
use image::RgbImage;
use std::{hint::black_box, ops::Range};

/// Fractions of a pixel in the interpolation weights: 11 bits, so that a product of two stays within 22 bits and
/// a weighted sum of bytes within 30.
const WEIGHT_BITS: u32 = 11;
const ONE: i32 = 1 << WEIGHT_BITS;
/// Positions are stepped in fixed point with 32 fractional bits.
const POSITION_BITS: u32 = 32;
/// Positions farther out than this would overflow the fixed point.
const FARTHEST: f64 = 1e9;
/// From this many photo pixels a crop pixel on, the photo is averaged before it is interpolated.
const SHRINK_FROM: f64 = 1.5;
/// Crop pixels that are fetched, then interpolated together.
const TOGETHER: usize = 64;

/// The crop of `size` x `size` pixels that `photo_to_crop` takes from `photo`: each crop pixel looks at its exact
/// position in the photo and interpolates bilinearly. Outside the photo everything is black.
///
/// Where the crop shrinks the photo by 1.5 or more, the part it needs is first averaged over blocks of k x k pixels, with k
/// the nearest integer to the shrinkage, which keeps fine texture from turning into false patterns. Positions stay
/// exact: a cell of k x k pixels stands at their middle.
///
/// A transform that is degenerate or not finite shows nothing: a black image.
pub fn warp(photo: &RgbImage, photo_to_crop: &Transform, size: usize) -> RgbImage {
    let mut crop = Planes::new(size);
    warp_into(photo, [0, 0], photo_to_crop, &mut crop);
    crop.to_rgb()
}

/// [`warp`] of a part of a photo, whose top-left pixel is the photo's at `corner` (x, y), into planes; the transform is the whole
/// photo's.
pub fn warp_into(part: &RgbImage, corner: [u32; 2], photo_to_crop: &Transform, crop: &mut Planes) {
    let crop_to_photo = photo_to_crop.inverse();
    let end = crop.side() as f64 - 1.0;
    let corners =
        [(0.0, 0.0), (end, 0.0), (0.0, end), (end, end)].map(|(x, y)| crop_to_photo.apply(Point::new(x, y)));
    // Negated so that NaN is caught as well. The map is affine: where the corners are in range, all pixels are.
    if !corners.iter().all(|p| p.x.abs() < FARTHEST && p.y.abs() < FARTHEST) {
        crop.values_mut().fill(0);
        return;
    }
    let shrinkage = crop_to_photo.scale();
    let margin = margin(shrinkage);
    // Pixels of the part.
    let range = |values: [f64; 4], start: u32, length: u32| {
        let low = values.into_iter().fold(f64::INFINITY, f64::min) - margin - f64::from(start);
        let high = values.into_iter().fold(f64::NEG_INFINITY, f64::max) + margin - f64::from(start);
        // Casts from f64 saturate, so a range beside the photo becomes an empty one.
        let first = (low.floor() as usize).min(length as usize);
        first..((high.ceil() + 1.0) as usize).clamp(first, length as usize)
    };
    let columns = range(corners.map(|p| p.x), corner[0], part.width());
    let rows = range(corners.map(|p| p.y), corner[1], part.height());
    if shrinkage < SHRINK_FROM {
        bring_near(part, columns, rows);
        interpolate(part, corner, &crop_to_photo, crop);
        return;
    }
    let block = shrinkage.round() as usize;
    let (left, top) = ((columns.start + corner[0] as usize) as f64, (rows.start + corner[1] as usize) as f64);
    let averaged = average_blocks(part, columns, rows, block);
    // Photo pixel p meets cell q of the averaged part at q = (p - start + 0.5) / block - 0.5.
    let k = block as f64;
    let to_cell = Transform {
        matrix: [[1.0 / k, 0.0], [0.0, 1.0 / k]],
        translation: Point::new((0.5 - left) / k - 0.5, (0.5 - top) / k - 0.5),
    };
    interpolate(&averaged, [0, 0], &crop_to_photo.then(&to_cell), crop);
}

/// Reads pixels in the order of memory, which brings them into the cache as a stream. A turned crop looks at them in an order that no
/// processor foresees, and would wait for each.
fn bring_near(part: &RgbImage, columns: Range<usize>, rows: Range<usize>) {
    const CACHE_LINE: usize = 64;
    for row in part.as_raw().chunks_exact((3 * part.width() as usize).max(1)).take(rows.end).skip(rows.start)
    {
        let lines = row[3 * columns.start..3 * columns.end].iter().step_by(CACHE_LINE);
        black_box(lines.fold(0, |all, &byte| all | byte));
    }
}

/// How far beside the crop's outermost pixels a warp looks, in photo pixels, where a crop pixel is `shrinkage` photo pixels.
pub fn margin(shrinkage: f64) -> f64 {
    if shrinkage < SHRINK_FROM {
        // The neighbours that are interpolated.
        1.0
    } else {
        // Two blocks: the interpolation must not see where the averaged part ends inside the photo.
        2.0 * shrinkage.round()
    }
}

/// Fills `crop` from a part of a photo, bilinearly; neighbours outside the part count as black.
fn interpolate(part: &RgbImage, corner: [u32; 2], crop_to_photo: &Transform, crop: &mut Planes) {
    let fixed = |v: f64| (v * (1_u64 << POSITION_BITS) as f64).round() as i64;
    // Half a weight step: the fraction is then rounded, not cut, and an identity stays one.
    let half_step = 1_i64 << (POSITION_BITS - WEIGHT_BITS - 1);
    let origin = corner.map(|c| (i64::from(c) << POSITION_BITS) - half_step);
    let step = [fixed(crop_to_photo.matrix[0][0]), fixed(crop_to_photo.matrix[1][0])];
    let side = crop.side();
    let mut planes = crop.planes_mut();
    let mut neighbours = Neighbours::default();
    awing_kernels::vectorized(|| {
        for v in 0..side {
            let start = crop_to_photo.apply(Point::new(0.0, v as f64));
            let mut at = [fixed(start.x) - origin[0], fixed(start.y) - origin[1]];
            for u in (0..side).step_by(TOGETHER) {
                let targets =
                    planes.each_mut().map(|plane| &mut plane[v * side..][u..side.min(u + TOGETHER)]);
                interpolate_together(part, at, step, &mut neighbours, targets);
                at = [0, 1].map(|i| at[i] + step[i] * TOGETHER as i64);
            }
        }
    });
}

/// What some crop pixels in a row look at: the four pixels around their positions, and how far between these they are.
#[derive(Default)]
struct Neighbours {
    /// Left and right; red, green, blue in the lowest bytes.
    above: [Lanes<u32>; 2],
    below: [Lanes<u32>; 2],
    /// To the right and down, in parts of [`ONE`].
    fraction: [Lanes<i32>; 2],
}

/// A number for each of the crop pixels that are interpolated together.
#[derive(Clone, Copy)]
struct Lanes<T>([T; TOGETHER]);

impl<T: Copy + Default> Default for Lanes<T> {
    fn default() -> Self {
        Self([T::default(); TOGETHER])
    }
}

/// The red, green and blue `targets` of crop pixels in a row: the first looks at `at`, each next one a `step` further.
#[inline(always)]
fn interpolate_together(
    part: &RgbImage,
    at: [i64; 2],
    step: [i64; 2],
    neighbours: &mut Neighbours,
    targets: [&mut [u8]; 3],
) {
    neighbours.fetch(part, at, step, targets[0].len());
    for (channel, target) in (0..).zip(targets) {
        let bytes = neighbours.interpolate(channel);
        target.copy_from_slice(&bytes[..target.len()]);
    }
}

// Nothing below leaves its integer's range; checking for that would keep builds with overflow checks from working on many
// values at once, hence the wrapping operations.
impl Neighbours {
    /// Reads the neighbours of `count` positions from `at` on, `step` apart.
    #[inline(always)]
    fn fetch(&mut self, part: &RgbImage, at: [i64; 2], step: [i64; 2], count: usize) {
        let position = |axis: usize, i: usize| at[axis].wrapping_add(step[axis].wrapping_mul(i as i64));
        for (axis, fractions) in self.fraction.iter_mut().enumerate() {
            for (i, fraction) in fractions.0.iter_mut().enumerate() {
                *fraction = (position(axis, i) >> (POSITION_BITS - WEIGHT_BITS)) as i32 & (ONE - 1);
            }
        }
        let cell = |i: usize| [position(0, i) >> POSITION_BITS, position(1, i) >> POSITION_BITS];
        let (width, height) = (i64::from(part.width()), i64::from(part.height()));
        let row_bytes = part.width() as usize * 3;
        // The positions lie on a line, so that all are inside where both ends are. Two pixels are six bytes; the two beyond are
        // read for speed, so the last row but one takes the slow way.
        let inside = |[x, y]: [i64; 2]| (0..width - 1).contains(&x) && (0..height - 2).contains(&y);
        let bytes = part.as_raw().as_slice();
        if inside(cell(0)) && inside(cell(count.saturating_sub(1))) {
            for i in 0..count {
                let [x, y] = cell(i);
                let first = (y as usize).wrapping_mul(row_bytes).wrapping_add((x as usize).wrapping_mul(3));
                let word = |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
                // Never so, but with a way out of the loop the compiler leaves gather instructions alone, which gain nothing here.
                let (Some(above), Some(below)) = (word(first), word(first.wrapping_add(row_bytes))) else {
                    break;
                };
                self.set(i, *above, *below);
            }
            return;
        }
        for i in 0..count {
            let [x, y] = cell(i);
            let near = (-1..width).contains(&x) && (-1..height).contains(&y);
            let [above, below] =
                if near { [y, y + 1].map(|y| pair_or_black(part, x, y)) } else { [[0; 8]; 2] };
            self.set(i, above, below);
        }
    }

    /// Two pixels above and two below.
    #[inline(always)]
    fn set(&mut self, i: usize, above: [u8; 8], below: [u8; 8]) {
        let (above, below) = (u64::from_le_bytes(above), u64::from_le_bytes(below));
        self.above[0].0[i] = above as u32;
        self.above[1].0[i] = (above >> 24) as u32;
        self.below[0].0[i] = below as u32;
        self.below[1].0[i] = (below >> 24) as u32;
    }

    /// The interpolated values of one channel.
    #[inline(always)]
    fn interpolate(&self, channel: u32) -> [u8; TOGETHER] {
        let mut bytes = [0; TOGETHER];
        for (i, byte) in bytes.iter_mut().enumerate() {
            let value = |corner: u32| (corner.wrapping_shr(8 * channel) & 0xff) as i32;
            // One + fraction times the way to the other, in parts of 2^WEIGHT_BITS more than before.
            let between = |one: i32, other: i32, fraction: i32| {
                (one << WEIGHT_BITS).wrapping_add(fraction.wrapping_mul(other.wrapping_sub(one)))
            };
            let along = |[left, right]: &[Lanes<u32>; 2]| {
                between(value(left.0[i]), value(right.0[i]), self.fraction[0].0[i])
            };
            let sum = between(along(&self.above), along(&self.below), self.fraction[1].0[i]);
            *byte = (sum.wrapping_add(1 << (2 * WEIGHT_BITS - 1)) >> (2 * WEIGHT_BITS)) as u8;
        }
        bytes
    }
}

/// The pixels at (x, y) and (x + 1, y), six bytes from the lowest on.
fn pair_or_black(part: &RgbImage, x: i64, y: i64) -> [u8; 8] {
    let pixel = |x: i64| match (u32::try_from(x), u32::try_from(y)) {
        (Ok(x), Ok(y)) => part.get_pixel_checked(x, y).map_or([0; 3], |p| p.0),
        _ => [0; 3],
    };
    let ([a, b, c], [d, e, f]) = (pixel(x), pixel(x + 1));
    [a, b, c, d, e, f, 0, 0]
}

/// The means of blocks of `block` x `block` pixels, beginning at the start of both ranges (which lie inside the photo).
/// What the last blocks lack counts as black.
fn average_blocks(photo: &RgbImage, columns: Range<usize>, rows: Range<usize>, block: usize) -> RgbImage {
    let (width, height) = (columns.len().div_ceil(block), rows.len().div_ceil(block));
    let mut averaged = RgbImage::new(width as u32, height as u32);
    if width == 0 || height == 0 {
        return averaged;
    }
    let row_bytes = photo.width() as usize * 3;
    let area = (block * block) as u64;
    let mut sums = vec![0_u32; columns.len() * 3];
    for (j, target) in averaged.chunks_exact_mut(width * 3).enumerate() {
        sums.fill(0);
        let first = rows.start + j * block;
        for row in first..(first + block).min(rows.end) {
            let at = row * row_bytes;
            let bytes = &photo.as_raw()[at + columns.start * 3..at + columns.end * 3];
            for (sum, &byte) in sums.iter_mut().zip(bytes) {
                *sum += u32::from(byte);
            }
        }
        for (cell, block_sums) in target.as_chunks_mut::<3>().0.iter_mut().zip(sums.chunks(block * 3)) {
            let mut total = [area / 2; 3];
            for column in block_sums.as_chunks::<3>().0 {
                for c in 0..3 {
                    total[c] += u64::from(column[c]);
                }
            }
            *cell = total.map(|t| (t / area) as u8);
        }
    }
    averaged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;
    use image::Rgb;
    use proptest::prelude::*;

    fn checkered(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([(x * 37 + y * 11) as u8, (x * 5 + y * 91) as u8, (x ^ y) as u8])
        })
    }

    fn scaled(scale: f64, x: f64, y: f64) -> Transform {
        Transform { matrix: [[scale, 0.0], [0.0, scale]], translation: Point::new(x, y) }
    }

    /// A round Gaussian spot of standard deviation `sigma` on black.
    fn spot(width: u32, height: u32, center: Point, sigma: f64) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let d = Point::new(x.into(), y.into()).distance(center);
            Rgb([(255.0 * (-d * d / (2.0 * sigma * sigma)).exp()).round() as u8; 3])
        })
    }

    fn centroid(image: &RgbImage) -> Point {
        let (mut sx, mut sy, mut total) = (0.0, 0.0, 0.0);
        for (x, y, p) in image.enumerate_pixels() {
            let w = f64::from(p.0[0]);
            (sx, sy, total) = (sx + w * f64::from(x), sy + w * f64::from(y), total + w);
        }
        Point::new(sx / total, sy / total)
    }

    #[test]
    fn the_identity_and_whole_pixel_shifts_are_exact() {
        let photo = checkered(9, 9);
        assert_eq!(warp(&photo, &scaled(1.0, 0.0, 0.0), 9), photo);
        let shifted = warp(&photo, &scaled(1.0, 2.0, -3.0), 9);
        for (x, y, p) in shifted.enumerate_pixels() {
            let expected = if x >= 2 && y < 6 { photo.get_pixel(x - 2, y + 3).0 } else { [0; 3] };
            assert_eq!(p.0, expected, "at {x}, {y}");
        }
        // The crop of the whole image at its own size is the image, and its mirror is the image mirrored.
        let square = Rect::of_image(9, 9);
        for mirror in [false, true] {
            let crop = warp(&photo, &Transform::crop(square.center(), square.width(), 9, 0.0, mirror), 9);
            assert_eq!(crop, if mirror { image::imageops::flip_horizontal(&photo) } else { photo.clone() });
        }
        let turned = warp(&photo, &Transform::crop(square.center(), 9.0, 9, 90.0, false), 9);
        assert_eq!(turned, image::imageops::rotate90(&photo));
    }

    #[test]
    fn twofold_enlargement_has_the_values_worked_out_by_hand() {
        // One row 40, 80 over one row 40, 80. Crop column u looks at (u + 0.5) / 2 - 0.5 = -0.25, 0.25, 0.75, 1.25:
        // 0.75 * 40 = 30; 0.75 * 40 + 0.25 * 80 = 50; 0.25 * 40 + 0.75 * 80 = 70; 0.75 * 80 = 60 (black beyond).
        // Rows likewise: the outer ones are 3/4 of the inner ones: 22.5 -> 23, 37.5 -> 38, 52.5 -> 53, 45.
        let photo = RgbImage::from_fn(2, 2, |x, _| Rgb([40 + 40 * x as u8; 3]));
        let crop = warp(&photo, &Transform::crop(Point::new(0.5, 0.5), 2.0, 4, 0.0, false), 4);
        let rows: Vec<Vec<u8>> =
            (0..4).map(|y| (0..4).map(|x| crop.get_pixel(x, y).0[1]).collect()).collect();
        assert_eq!(rows[0], [23, 38, 53, 45]);
        assert_eq!(rows[1], [30, 50, 70, 60]);
        assert_eq!(rows[2], rows[1]);
        assert_eq!(rows[3], rows[0]);
    }

    #[test]
    fn a_threefold_shrink_averages_blocks() {
        // Three photo pixels a crop pixel: k = 3, and cells and crop pixels coincide, so each is the mean of nine.
        let photo = RgbImage::from_fn(6, 6, |x, y| Rgb([(10 * x + y) as u8, 0, 200]));
        let crop = warp(&photo, &Transform::crop(Point::new(2.5, 2.5), 6.0, 2, 0.0, false), 2);
        // Means of 10 x + y: x mean 1 or 4, y mean 1 or 4.
        let red: Vec<u8> = crop.pixels().map(|p| p.0[0]).collect();
        assert_eq!(red, [11, 41, 14, 44]);
        assert!(crop.pixels().all(|p| p.0[1] == 0 && p.0[2] == 200));
    }

    /// Stripes that a mean over k columns makes even, seen at k times their size or nearly so: the middle of the crop, which the photo's
    /// black borders do not reach.
    fn stripes(period: u32, shrinkage: f64) -> Vec<u8> {
        let photo = RgbImage::from_fn(120, 120, |x, _| Rgb([if x % period == 0 { 240 } else { 0 }; 3]));
        let crop = warp(&photo, &scaled(1.0 / shrinkage, -30.0 / shrinkage, -30.0 / shrinkage), 16);
        crop.pixels().map(|p| p.0[0]).collect()
    }

    #[test]
    fn from_one_and_a_half_on_the_photo_is_averaged() {
        let even = |stripes: &[u8], value: u8| stripes.iter().all(|v| *v == value);
        // Just below, each crop pixel looks between its four neighbours: u at 30 + 1.499 u, so the first at the stripe of column 30.
        let below = stripes(2, 1.499);
        assert_eq!(below[..2], [240, 120], "{below:?}");
        assert!(even(&stripes(2, 1.501), 120));
        // The nearest whole number of pixels, up and down.
        assert!(even(&stripes(2, 2.45), 120) && even(&stripes(3, 2.55), 80) && even(&stripes(3, 3.45), 80));
        assert!(
            !even(&stripes(3, 2.45), 80) && !even(&stripes(2, 2.55), 120) && !even(&stripes(3, 3.55), 80)
        );
        assert_eq!([1.499, 1.501, 2.45, 2.55].map(margin), [1.0, 4.0, 4.0, 6.0]);
    }

    #[test]
    fn means_and_fractions_are_rounded_not_cut() {
        // 10 + 11 + 11 + 10 are 42, a mean of 10.5; three times 10 and 11 are 41, a mean of 10.25.
        let photo = RgbImage::from_raw(2, 2, vec![10, 10, 10, 11, 10, 0, 11, 10, 0, 10, 11, 1]).unwrap();
        assert_eq!(average_blocks(&photo, 0..2, 0..2, 2).get_pixel(0, 0).0, [11, 10, 3]);
        // The crop's pixel lies 4.6 of 2048 parts from the black pixel to the white one: 5 parts, 255 * 5 / 2048 = 0.62, which is 1; four
        // parts would be 0.498, which is 0. Just so down.
        let white = |x: u32, y: u32| Rgb([if x == 1 { 255 } else { 0 }, if y == 1 { 255 } else { 0 }, 0]);
        let photo = RgbImage::from_fn(2, 2, white);
        let at = -4.6 / 2048.0;
        assert_eq!(warp(&photo, &scaled(1.0, at, at), 1).get_pixel(0, 0).0, [1, 1, 0]);
    }

    #[test]
    fn a_strong_shrink_keeps_positions() {
        let at = Point::new(311.3, 244.9);
        let photo = spot(640, 480, at, 11.0);
        let t = Transform::crop(Point::new(300.2, 251.7), 3.7 * 64.0, 64, 20.0, true);
        let error = centroid(&warp(&photo, &t, 64)).distance(t.apply(at));
        assert!(error < 0.02, "{error} px");
    }

    #[test]
    fn stripes_finer_than_the_crop_become_gray() {
        let photo = RgbImage::from_fn(400, 400, |x, _| Rgb([if x % 2 == 0 { 0 } else { 200 }; 3]));
        let crop = warp(&photo, &Transform::crop(Point::new(199.5, 199.5), 200.0, 50, 0.0, false), 50);
        assert!(crop.pixels().all(|p| p.0 == [100; 3]));
    }

    #[test]
    fn odd_photos_and_transforms_give_black_or_what_is_there() {
        let t = Transform::crop(Point::new(0.0, 0.0), 8.0, 8, 0.0, false);
        for (w, h) in [(0, 0), (1, 1), (1, 50), (50, 1)] {
            let photo = RgbImage::from_pixel(w, h, Rgb([200; 3]));
            for side in [0.5, 8.0, 100.0] {
                warp(&photo, &Transform::crop(Point::new(0.0, 0.0), side, 8, 33.0, false), 8);
            }
        }
        // One white pixel at (0, 0), the crop's (3.5, 3.5): a quarter of it in each of the four pixels around.
        let dot = warp(&RgbImage::from_pixel(1, 1, Rgb([200; 3])), &t, 8);
        assert_eq!(dot.get_pixel(3, 3).0, [50; 3]);
        assert_eq!(dot.pixels().map(|p| u32::from(p.0[0])).sum::<u32>(), 200);
        let photo = checkered(9, 9);
        for bad in [
            scaled(0.0, 1.0, 1.0),
            scaled(f64::NAN, 0.0, 0.0),
            scaled(1.0, f64::INFINITY, 0.0),
            scaled(1e-300, 0.0, 0.0),
        ] {
            assert!(warp(&photo, &bad, 4).pixels().all(|p| p.0 == [0; 3]));
        }
        assert_eq!(warp(&photo, &t, 0).dimensions(), (0, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_spot_goes_where_the_transform_says(
            x in 40.0..80.0_f64, y in 40.0..80.0_f64, side in 70.0..300.0_f64, degrees in -180.0..180.0_f64, mirror: bool,
        ) {
            let at = Point::new(x, y);
            let photo = spot(120, 120, at, 5.0);
            let t = Transform::crop(Point::new(60.0, 60.0), side, 96, degrees, mirror);
            // Only where the whole spot is in the crop.
            let place = t.apply(at);
            let reach = 4.0 * 5.0 * t.scale() + 2.0;
            prop_assume!([place.x, place.y].iter().all(|v| (reach..95.0 - reach).contains(v)));
            prop_assert!(centroid(&warp(&photo, &t, 96)).distance(place) < 0.05);
        }
    }
}
