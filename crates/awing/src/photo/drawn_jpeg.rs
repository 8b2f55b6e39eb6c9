//! JPEG files of any sampling factors for tests, by the standard (ITU-T T.81): the encoders at hand write few of the forms that cameras,
//! scanners and old programs do.

use image::{Rgb, RgbImage};
use std::f32::consts::PI;

/// How a file is laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Horizontal and vertical sampling factor of Y, Cb and Cr.
    pub(crate) factors: [[usize; 2]; 3],
    /// All components in one scan, or a scan for each.
    pub(crate) interleaved: bool,
    /// Coefficients in several scans, the mean brightness first.
    pub(crate) progressive: bool,
}

impl Layout {
    /// Every layout whose factors are 1 or 2, but those of more than ten blocks together, which the standard forbids (B.2.3).
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        const FACTORS: [[usize; 2]; 4] = [[1, 1], [2, 1], [1, 2], [2, 2]];
        let layouts = (0..256).map(|i| Self {
            factors: [FACTORS[i % 4], FACTORS[i / 4 % 4], FACTORS[i / 16 % 4]],
            interleaved: i / 64 % 2 == 0,
            progressive: i / 128 == 0,
        });
        layouts.filter(|l| !l.interleaved || l.factors.iter().map(|[h, v]| h * v).sum::<usize>() <= 10)
    }
}

/// A component's coefficients, quantized by 1: blocks of 8 x 8 in zigzag order, as many as whole units of the frame need.
struct Component {
    factors: [usize; 2],
    /// Blocks beside and above each other that hold pixels; a scan of this component alone has these.
    own: [usize; 2],
    /// Blocks in a row.
    row: usize,
    blocks: Vec<[i32; 64]>,
}

/// A photo of even smoothness as a JPEG of the best quality.
pub(crate) fn jpeg(photo: &RgbImage, layout: Layout) -> Vec<u8> {
    let most = [0, 1].map(|axis| layout.factors.iter().map(|f| f[axis]).max().unwrap());
    let size = [photo.width() as usize, photo.height() as usize];
    let units = [0, 1].map(|axis| size[axis].div_ceil(8 * most[axis]));
    let components: Vec<Component> = layout
        .factors
        .iter()
        .enumerate()
        .map(|(channel, factors)| {
            let step = [0, 1].map(|axis| most[axis] / factors[axis]);
            let own = [0, 1].map(|axis| (size[axis] * factors[axis]).div_ceil(most[axis]).div_ceil(8));
            let row = units[0] * factors[0];
            let block = |i: usize| {
                block(|x, y| {
                    mean(photo, channel, [(i % row * 8 + x) * step[0], (i / row * 8 + y) * step[1]], step)
                })
            };
            let blocks = (0..row * units[1] * factors[1]).map(block).collect();
            Component { factors: *factors, own, row, blocks }
        })
        .collect();

    let mut file = vec![0xff, 0xd8];
    // One table of ones for all.
    segment(&mut file, 0xdb, &[&[0][..], &[1; 64]].concat());
    let mut frame = vec![8];
    frame.extend((size[1] as u16).to_be_bytes());
    frame.extend((size[0] as u16).to_be_bytes());
    frame.push(3);
    for (number, component) in (1..).zip(&components) {
        frame.extend([number, (component.factors[0] * 16 + component.factors[1]) as u8, 0]);
    }
    segment(&mut file, if layout.progressive { 0xc2 } else { 0xc0 }, &frame);
    // Codes of one length each: a symbol's code is its place. The twelve sizes of a difference in four bits, pairs of run and size in eight.
    segment(&mut file, 0xc4, &[&[0, 0, 0, 0, 12][..], &[0; 12], &(0..12).collect::<Vec<u8>>()].concat());
    let pairs = pairs();
    segment(
        &mut file,
        0xc4,
        &[&[0x10, 0, 0, 0, 0, 0, 0, 0, pairs.len() as u8][..], &[0; 8], &pairs].concat(),
    );

    let together: Vec<usize> = (0..3).collect();
    let alone: Vec<Vec<usize>> = together.iter().map(|i| vec![*i]).collect();
    let groups = if layout.interleaved { vec![together] } else { alone.clone() };
    if layout.progressive {
        // The means without their last bit, the bit, then the others in two bands, which are never interleaved.
        groups.iter().for_each(|group| scan(&mut file, &components, units, group, [0, 0, 0, 1]));
        groups.iter().for_each(|group| scan(&mut file, &components, units, group, [0, 0, 1, 0]));
        for band in [[1, 5, 0, 0], [6, 63, 0, 0]] {
            alone.iter().for_each(|group| scan(&mut file, &components, units, group, band));
        }
    } else {
        groups.iter().for_each(|group| scan(&mut file, &components, units, group, [0, 63, 0, 0]));
    }
    file.extend([0xff, 0xd9]);
    file
}

/// Run of zeros and size of what follows: the end of a block, sixteen zeros, and all that there can be.
fn pairs() -> Vec<u8> {
    let sizes = (0..16).flat_map(|run| (1..=10).map(move |size| run * 16 + size));
    [0x00, 0xf0].into_iter().chain(sizes).collect()
}

/// Y, Cb or Cr, less 128, over `step` pixels from `at`; what is outside goes on as the edge is.
fn mean(photo: &RgbImage, channel: usize, at: [usize; 2], step: [usize; 2]) -> f32 {
    let mut sum = 0.0;
    for (x, y) in (0..step[0] * step[1]).map(|i| (at[0] + i % step[0], at[1] + i / step[0])) {
        let [x, y] = [(x as u32).min(photo.width() - 1), (y as u32).min(photo.height() - 1)];
        let [r, g, b] = photo.get_pixel(x, y).0.map(f32::from);
        let brightness = 0.299 * r + 0.587 * g + 0.114 * b;
        sum += [brightness - 128.0, (b - brightness) / 1.772, (r - brightness) / 1.402][channel];
    }
    sum / (step[0] * step[1]) as f32
}

/// The cosine transform of 8 x 8 values, rounded, in zigzag order.
fn block(value: impl Fn(usize, usize) -> f32) -> [i32; 64] {
    let values: Vec<f32> = (0..64).map(|i| value(i % 8, i / 8)).collect();
    let wave = |x: usize, u: usize| ((2 * x + 1) as f32 * u as f32 * PI / 16.0).cos();
    let scale = |u: usize| if u == 0 { 0.5_f32.sqrt() } else { 1.0 };
    // Diagonals, up and down in turn.
    let mut order: Vec<[usize; 2]> = (0..64).map(|i| [i % 8, i / 8]).collect();
    order.sort_by_key(|[u, v]| (u + v, if (u + v) % 2 == 0 { *u } else { *v }));
    let coefficient = |[u, v]: [usize; 2]| {
        let sum: f32 = (0..64).map(|i| values[i] * wave(i % 8, u) * wave(i / 8, v)).sum();
        (0.25 * scale(u) * scale(v) * sum).round() as i32
    };
    let mut out = [0; 64];
    out.iter_mut().zip(order).for_each(|(out, place)| *out = coefficient(place));
    out
}

fn segment(file: &mut Vec<u8>, code: u8, content: &[u8]) {
    file.extend([0xff, code]);
    file.extend((content.len() as u16 + 2).to_be_bytes());
    file.extend(content);
}

/// The coefficients `first` to `last` of some components; bits above `high` are there already, and those below `low` come later.
fn scan(
    file: &mut Vec<u8>,
    components: &[Component],
    units: [usize; 2],
    group: &[usize],
    [first, last, high, low]: [u8; 4],
) {
    let mut head = vec![group.len() as u8];
    group.iter().for_each(|i| head.extend([*i as u8 + 1, 0x00]));
    head.extend([first, last, high * 16 + low]);
    segment(file, 0xda, &head);

    let mut bits = Bits::default();
    let pairs = pairs();
    let mut before = [0; 3];
    let mut put = |channel: usize, block: &[i32; 64]| {
        if first == 0 && high > 0 {
            bits.put(block[0] >> low & 1, 1);
        } else if first == 0 {
            let value = block[0] >> low;
            let difference = value - before[channel];
            before[channel] = value;
            let size = size_of(difference);
            bits.put(size as i32, 4);
            bits.put_signed(difference, size);
        }
        if last == 0 {
            return;
        }
        let code = |pair: u8| pairs.iter().position(|p| *p == pair).unwrap() as i32;
        let mut run = 0;
        for value in &block[usize::from(first.max(1))..=usize::from(last)] {
            if *value == 0 {
                run += 1;
                continue;
            }
            while run > 15 {
                bits.put(code(0xf0), 8);
                run -= 16;
            }
            let size = size_of(*value);
            bits.put(code(run * 16 + size as u8), 8);
            bits.put_signed(*value, size);
            run = 0;
        }
        if run > 0 {
            bits.put(code(0), 8);
        }
    };
    if let [one] = group {
        let Component { own: [width, height], row, blocks, .. } = &components[*one];
        (0..width * height).for_each(|i| put(*one, &blocks[i / width * row + i % width]));
    } else {
        for (unit_x, unit_y) in (0..units[0] * units[1]).map(|i| (i % units[0], i / units[0])) {
            for channel in group {
                let Component { factors: [h, v], row, blocks, .. } = &components[*channel];
                for (x, y) in (0..h * v).map(|i| (unit_x * h + i % h, unit_y * v + i / h)) {
                    put(*channel, &blocks[y * row + x]);
                }
            }
        }
    }
    file.extend(bits.bytes());
}

/// Bits of the size of a number.
fn size_of(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: i32, count: u32) {
        self.0.extend((0..count).rev().map(|i| value >> i & 1 == 1));
    }

    /// A negative number is what is missing to the largest of its size.
    fn put_signed(&mut self, value: i32, size: u32) {
        self.put(if value < 0 { value + (1 << size) - 1 } else { value }, size);
    }

    /// Filled up with ones; a zero follows a byte that could be a marker's.
    fn bytes(&self) -> Vec<u8> {
        let byte =
            |bits: &[bool]| (0..8).fold(0_u8, |byte, i| byte << 1 | u8::from(*bits.get(i).unwrap_or(&true)));
        let bytes = self.0.chunks(8).map(byte);
        bytes.flat_map(|byte| [byte, 0].into_iter().take(if byte == 0xff { 2 } else { 1 })).collect()
    }
}

/// Colors that change little from pixel to pixel, so that sampling one of four loses little.
pub(crate) fn smooth() -> RgbImage {
    RgbImage::from_fn(45, 37, |x, y| {
        Rgb([40 + 4 * x, 200 - 4 * y, 60 + 2 * x + 2 * y].map(|value| u8::try_from(value).unwrap()))
    })
}

/// A photo as usual programs write it.
pub(crate) fn written(photo: &RgbImage) -> Vec<u8> {
    encoded(photo, photo.dimensions(), jpeg_encoder::ColorType::Rgb)
}

/// A gray photo as usual programs write it.
#[cfg(feature = "builtin-model")]
pub(crate) fn written_gray(photo: &image::GrayImage) -> Vec<u8> {
    encoded(photo, photo.dimensions(), jpeg_encoder::ColorType::Luma)
}

fn encoded(samples: &[u8], (width, height): (u32, u32), color: jpeg_encoder::ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 75);
    encoder.encode(samples, width as u16, height as u16, color).unwrap();
    bytes
}
