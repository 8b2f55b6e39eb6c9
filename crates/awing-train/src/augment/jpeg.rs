use awing::geometry::Planes;
use multiversion::multiversion;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Compression artefacts: what a JPEG file loses of the crop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jpeg {
    /// How often. 0 to 1.
    pub probability: f64,
    /// Lowest quality; drawn uniformly. 1 to 100.
    pub min_quality: u8,
    /// Highest quality. 1 to 100.
    pub max_quality: u8,
}

impl Default for Jpeg {
    fn default() -> Self {
        Self { probability: 0.2, min_quality: 20, max_quality: 80 }
    }
}

impl Jpeg {
    pub(super) fn apply(&self, crop: &mut Planes, rng: &mut impl Rng) {
        if rng.random_bool(self.probability) {
            let quality = rng.random_range(self.min_quality..=self.max_quality);
            lose(crop, quality);
        }
    }
}

/// Luma and color quantisation of ITU-T T.81, tables K.1 and K.2: rows go down the vertical frequencies.
const LUMA: [[u16; 8]; 8] = [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
];
const COLOR: [[u16; 8]; 8] = [
    [17, 18, 24, 47, 99, 99, 99, 99],
    [18, 21, 26, 66, 99, 99, 99, 99],
    [24, 26, 56, 99, 99, 99, 99, 99],
    [47, 66, 99, 99, 99, 99, 99, 99],
    [99; 8],
    [99; 8],
    [99; 8],
    [99; 8],
];

/// 8 x 8 values, row by row.
type Block = [[f32; 8]; 8];

/// Loses what a baseline JPEG of this quality (1 to 100, the scale of libjpeg) without subsampling loses: the change to YCbCr, the
/// rounding of the cosine transform of each block of 8 x 8 pixels, and the way back. The file itself, which loses nothing, is left
/// out.
#[multiversion(targets = "simd")]
fn lose(crop: &mut Planes, quality: u8) {
    let tables = [steps(&LUMA, quality), steps(&COLOR, quality), steps(&COLOR, quality)];
    let side = crop.side();
    let mut planes = crop.planes_mut();
    for top in (0..side).step_by(8) {
        for left in (0..side).step_by(8) {
            let mut blocks = [[[0.0; 8]; 8]; 3];
            for (block, plane) in blocks.iter_mut().zip(&planes) {
                read(plane, side, left, top, block);
            }
            to_ycbcr(&mut blocks);
            for (block, steps) in blocks.iter_mut().zip(&tables) {
                quantise(block, steps);
            }
            to_rgb(&mut blocks);
            for (block, plane) in blocks.iter().zip(&mut planes) {
                write(plane, side, left, top, block);
            }
        }
    }
}

/// The steps to which the frequencies of a block are rounded, horizontal ones row by row, by libjpeg's scale of qualities.
fn steps(table: &[[u16; 8]; 8], quality: u8) -> Block {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    let step = |base: u16| ((u32::from(base) * percent + 50) / 100).clamp(1, 255) as f32;
    transposed(&table.map(|row| row.map(step)))
}

/// Reads the block whose corner is at (left, top); at the right and lower border of the plane its last values are repeated.
#[inline(always)]
fn read(plane: &[u8], side: usize, left: usize, top: usize, block: &mut Block) {
    for (j, row) in block.iter_mut().enumerate() {
        let values = &plane[(top + j).min(side - 1) * side..][left..side];
        if let Some(values) = values.first_chunk::<8>() {
            *row = values.map(f32::from);
        } else {
            for (i, value) in row.iter_mut().enumerate() {
                *value = f32::from(values[i.min(values.len() - 1)]);
            }
        }
    }
}

/// Writes the part of a block that lies inside the plane.
#[inline(always)]
fn write(plane: &mut [u8], side: usize, left: usize, top: usize, block: &Block) {
    for (values, row) in plane.chunks_exact_mut(side).skip(top).zip(block) {
        let bytes = row.map(|value| (value + 0.5) as u8);
        let values = &mut values[left..side.min(left + 8)];
        values.copy_from_slice(&bytes[..values.len()]);
    }
}

/// Nearest whole number, of numbers below 2^22: more digits do not fit beside 1.5 * 2^23.
#[inline(always)]
fn rounded(value: f32) -> f32 {
    const LARGE: f32 = 12_582_912.0;
    (value + LARGE) - LARGE
}

/// Red, green and blue to luma less 128 and the two color differences, all rounded.
#[inline(always)]
fn to_ycbcr([red, green, blue]: &mut [Block; 3]) {
    let (red, green, blue) = (red.as_flattened_mut(), green.as_flattened_mut(), blue.as_flattened_mut());
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let y = 0.299 * *r + 0.587 * *g + 0.114 * *b;
        let cb = 0.5 * *b - 0.168_736 * *r - 0.331_264 * *g;
        let cr = 0.5 * *r - 0.418_688 * *g - 0.081_312 * *b;
        [*r, *g, *b] = [y - 128.0, cb, cr].map(rounded);
    }
}

/// The way back, from bytes as a decoder would have them.
#[inline(always)]
fn to_rgb([luma, blueness, redness]: &mut [Block; 3]) {
    let (luma, blueness, redness) =
        (luma.as_flattened_mut(), blueness.as_flattened_mut(), redness.as_flattened_mut());
    for ((y, cb), cr) in luma.iter_mut().zip(blueness).zip(redness) {
        let [light, blue, red] = [*y, *cb, *cr].map(|v| rounded(v).clamp(-128.0, 127.0));
        let light = light + 128.0;
        [*y, *cb, *cr] =
            [light + 1.402 * red, light - 0.344_136 * blue - 0.714_136 * red, light + 1.772 * blue];
    }
}

/// Rounds the frequencies of a block to whole `steps`.
#[inline(always)]
fn quantise(block: &mut Block, steps: &Block) {
    let vertical = transposed(&to_frequencies(block));
    let mut both = to_frequencies(&vertical);
    for (value, step) in both.as_flattened_mut().iter_mut().zip(steps.as_flattened()) {
        *value = rounded(*value / step) * step;
    }
    *block = from_frequencies(&transposed(&from_frequencies(&both)));
}

#[inline(always)]
fn transposed(block: &Block) -> Block {
    std::array::from_fn(|i| std::array::from_fn(|j| block[j][i]))
}

/// The first half of the orthonormal cosine transform of 8 values, cos((2 r + 1) u pi / 16) / 2 for frequency u (a row) and place r;
/// the second half mirrors it, with the other sign in every second row. The first row is 1 / sqrt 8.
const COSINES: [[f32; 4]; 8] = {
    const A: f32 = 0.490_392_64;
    const B: f32 = 0.461_939_77;
    const C: f32 = 0.415_734_8;
    const D: f32 = 0.353_553_4;
    const E: f32 = 0.277_785_12;
    const F: f32 = 0.191_341_72;
    const G: f32 = 0.097_545_16;
    [
        [D, D, D, D],
        [A, C, E, G],
        [B, F, -F, -B],
        [C, -G, -A, -E],
        [D, -D, -D, D],
        [E, -A, G, C],
        [F, -B, B, -F],
        [G, -E, C, -A],
    ]
};

/// The cosine transform of each column.
#[inline(always)]
fn to_frequencies(block: &Block) -> Block {
    let mut frequencies = [[0.0; 8]; 8];
    for i in 0..8 {
        for (u, cosines) in COSINES.iter().enumerate() {
            let folded = |r: usize| {
                if u % 2 == 0 { block[r][i] + block[7 - r][i] } else { block[r][i] - block[7 - r][i] }
            };
            let [a, b, c, d] = *cosines;
            frequencies[u][i] = (a * folded(0) + b * folded(1)) + (c * folded(2) + d * folded(3));
        }
    }
    frequencies
}

/// The inverse of [`to_frequencies`], its transpose.
#[inline(always)]
fn from_frequencies(frequencies: &Block) -> Block {
    let mut block = [[0.0; 8]; 8];
    for i in 0..8 {
        for r in 0..4 {
            let part = |u: usize| COSINES[u][r] * frequencies[u][i];
            let even = (part(0) + part(2)) + (part(4) + part(6));
            let odd = (part(1) + part(3)) + (part(5) + part(7));
            block[r][i] = even + odd;
            block[7 - r][i] = even - odd;
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    /// Smooth areas, an edge and a texture.
    fn picture(side: u32) -> RgbImage {
        RgbImage::from_fn(side, side, |x, y| {
            let texture = if x > y { ((x * y) % 64) as u8 } else { 0 };
            Rgb([(x * 3) as u8, (y * 4) as u8 / 2 + texture, 200 - texture])
        })
    }

    fn lost(image: &RgbImage, quality: u8) -> RgbImage {
        let mut crop = Planes::from(image);
        lose(&mut crop, quality);
        crop.to_rgb()
    }

    fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
        let total: f64 = a.iter().zip(b.iter()).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum();
        total / a.len() as f64
    }

    #[test]
    fn it_loses_what_a_file_loses() {
        for side in [40, 37, 3] {
            let image = picture(side);
            for quality in [1, 20, 50, 80, 100] {
                let mut bytes = Vec::new();
                let mut encoder = Encoder::new(&mut bytes, quality);
                encoder.set_sampling_factor(SamplingFactor::F_1_1);
                encoder.encode(&image, side as u16, side as u16, ColorType::Rgb).unwrap();
                let file = awing::photo::decode_image(&bytes, "a.jpg".as_ref()).unwrap();
                // A few frequencies fall to the other side of a step, which is as large as a byte at the lowest quality.
                let apart = difference(&lost(&image, quality), &file);
                let most = if quality == 1 { 1.5 } else { 1.0 };
                assert!(apart < most, "{apart} at quality {quality}, side {side}");
            }
        }
    }

    #[test]
    fn lower_quality_changes_more_and_the_best_next_to_nothing() {
        let image = picture(64);
        let [best, good, bad] = [100, 80, 10].map(|quality| difference(&lost(&image, quality), &image));
        assert!(best < 1.0 && best < good && good < bad, "{best} {good} {bad}");
    }

    #[test]
    fn the_transform_is_orthonormal_and_constants_have_one_frequency() {
        let mut block = [[0.0; 8]; 8];
        for (i, value) in block.as_flattened_mut().iter_mut().enumerate() {
            *value = (i * i % 97) as f32 - 40.0;
        }
        let back = from_frequencies(&to_frequencies(&block));
        for (a, b) in block.as_flattened().iter().zip(back.as_flattened()) {
            assert!((a - b).abs() < 1e-4);
        }
        // 8 times 3 over sqrt 8 is 8.485.
        let frequencies = to_frequencies(&[[3.0; 8]; 8]);
        assert!(frequencies[0].iter().all(|v| (v - 8.485_281).abs() < 1e-5));
        assert!(frequencies[1..].as_flattened().iter().all(|v| v.abs() < 1e-5));
    }

    #[test]
    fn a_single_pixel_survives() {
        let pixel = RgbImage::from_pixel(1, 1, Rgb([128; 3]));
        assert_eq!(lost(&pixel, 50), pixel);
    }
}
