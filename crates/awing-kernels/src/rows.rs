//! Where the pixels of a tile come from: a tensor as it is, or what a layer makes of it on the way in, so that nothing
//! in between is ever written to memory.

#![expect(unsafe_code, reason = "whole vectors are read and written by pointer")]

use crate::microkernel::{load, store};
use pulp::Simd;

/// Channels-last maps, [images, height, width, channels]; pixels lie `step` floats apart, so that the maps may be some
/// of the channels of a wider tensor.
#[derive(Clone, Copy)]
pub struct Maps<'a> {
    /// The numbers; those behind the last pixel are not read.
    pub values: &'a [f32],
    /// Rows of an image.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
    /// From one pixel to the next; `channels` where nothing else lies between them.
    pub step: usize,
}

impl<'a> Maps<'a> {
    /// Maps whose pixels lie one behind the other, of a shape [images, height, width, channels].
    pub fn dense(values: &'a [f32], [_, height, width, channels]: [usize; 4]) -> Self {
        Self { values, height, width, channels, step: channels }
    }

    /// `count` channels from `first` on.
    pub fn channels(self, first: usize, count: usize) -> Self {
        let values = self.values.get(first..).unwrap_or_default();
        Self { values, channels: count, ..self }
    }

    /// The pixels of a row.
    #[inline(always)]
    pub(crate) fn row(&self, image: usize, y: usize) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let start = (image * self.height + y) * self.width * self.step;
        let (step, channels) = (self.step, self.channels);
        self.values[start..].chunks(step).take(self.width).map(move |pixel| &pixel[..channels])
    }
}

/// Pixel rows in the order of a tile: width x channels.
pub(crate) trait Rows: Sync {
    fn height(&self) -> usize;
    fn width(&self) -> usize;
    fn channels(&self) -> usize;

    /// Fills `out`, [width, channels], with row `y` of `image`.
    fn fill<S: Simd>(&self, simd: S, image: usize, y: usize, out: &mut [f32]);
}

macro_rules! size_of_maps {
    ($field:tt) => {
        fn height(&self) -> usize {
            self.$field.height
        }
        fn width(&self) -> usize {
            self.$field.width
        }
        fn channels(&self) -> usize {
            self.$field.channels
        }
    };
}
#[cfg(feature = "training")]
pub(crate) use size_of_maps;

/// The maps as they are.
pub(crate) struct Plain<'a>(pub(crate) Maps<'a>);

impl Rows for Plain<'_> {
    size_of_maps!(0);

    #[inline(always)]
    fn fill<S: Simd>(&self, _: S, image: usize, y: usize, out: &mut [f32]) {
        let Maps { values, height, width, channels, step } = self.0;
        if channels == step {
            let start = (image * height + y) * width * step;
            out.copy_from_slice(&values[start..start + width * step]);
        } else {
            for (out, pixel) in out.chunks_exact_mut(channels).zip(self.0.row(image, y)) {
                out.copy_from_slice(pixel);
            }
        }
    }
}

/// What a convolution takes in.
pub enum Source<'a> {
    /// Maps as they are.
    Plain(Maps<'a>),
    /// The channels of both, one after the other: constants beside the input's own, as a CoordConv's coordinates are.
    Joined {
        /// The input.
        first: Maps<'a>,
        /// What stands beside it.
        second: Maps<'a>,
        /// Whether `second` is one image for all of the batch.
        one_for_all: bool,
    },
    /// Pictures of three bytes a pixel, red, green and blue, as numbers from 0 to 1.
    Pictures {
        /// One for each image of the batch.
        images: &'a [&'a [u8]],
        /// Rows of each.
        height: usize,
        /// Pixels of a row.
        width: usize,
    },
}

impl Rows for Source<'_> {
    fn height(&self) -> usize {
        match self {
            Self::Plain(maps) | Self::Joined { first: maps, .. } => maps.height,
            Self::Pictures { height, .. } => *height,
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Plain(maps) | Self::Joined { first: maps, .. } => maps.width,
            Self::Pictures { width, .. } => *width,
        }
    }

    fn channels(&self) -> usize {
        match self {
            Self::Plain(maps) => maps.channels,
            Self::Joined { first, second, .. } => first.channels + second.channels,
            Self::Pictures { .. } => 3,
        }
    }

    #[inline(always)]
    fn fill<S: Simd>(&self, simd: S, image: usize, y: usize, out: &mut [f32]) {
        match *self {
            Self::Plain(maps) => Plain(maps).fill(simd, image, y, out),
            Self::Joined { first, second, one_for_all } => {
                let pixels = first.row(image, y).zip(second.row(if one_for_all { 0 } else { image }, y));
                for (out, (a, b)) in out.chunks_exact_mut(self.channels()).zip(pixels) {
                    let (left, right) = out.split_at_mut(a.len());
                    left.copy_from_slice(a);
                    right.copy_from_slice(b);
                }
            }
            Self::Pictures { images, width, .. } => {
                let row = &images[image][y * width * 3..][..width * 3];
                for (out, byte) in out.iter_mut().zip(row) {
                    *out = f32::from(*byte) * (1.0 / 255.0);
                }
            }
        }
    }
}

/// max(0, scale x + shift).
pub(crate) struct NormRelu<'a> {
    pub(crate) input: Maps<'a>,
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
}

impl Rows for NormRelu<'_> {
    size_of_maps!(input);

    #[inline(always)]
    fn fill<S: Simd>(&self, simd: S, image: usize, y: usize, out: &mut [f32]) {
        for (out, x) in out.chunks_exact_mut(self.input.channels).zip(self.input.row(image, y)) {
            by_vectors(simd, out, [x, self.scale, self.shift], |[x, scale, shift], _| {
                norm_relu(simd, x, scale, shift)
            });
        }
    }
}

#[inline(always)]
fn norm_relu<S: Simd>(simd: S, x: S::f32s, scale: S::f32s, shift: S::f32s) -> S::f32s {
    rectified(simd, simd.mul_add_e_f32s(x, scale, shift))
}

/// max(0, x).
#[inline(always)]
pub(crate) fn rectified<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    // Not a maximum, which would turn a NaN into 0.
    simd.select_f32s(simd.less_than_f32s(x, zero), zero, x)
}

/// The means of 2 x 2 pixels of what the input is normalized and rectified to.
pub(crate) struct HalvedNormRelu<'a>(pub(crate) NormRelu<'a>);

impl Rows for HalvedNormRelu<'_> {
    fn height(&self) -> usize {
        self.0.input.height / 2
    }
    fn width(&self) -> usize {
        self.0.input.width / 2
    }
    fn channels(&self) -> usize {
        self.0.input.channels
    }

    #[inline(always)]
    fn fill<S: Simd>(&self, simd: S, image: usize, y: usize, out: &mut [f32]) {
        let NormRelu { input, scale, shift } = self.0;
        let quarter = simd.splat_f32s(0.25);
        let (mut top, mut bottom) = (input.row(image, 2 * y), input.row(image, 2 * y + 1));
        for out in out.chunks_exact_mut(input.channels) {
            let four = (top.next(), top.next(), bottom.next(), bottom.next());
            let (Some(a), Some(b), Some(c), Some(d)) = four else { return };
            by_vectors(simd, out, [a, b, c, d, scale, shift], |[a, b, c, d, scale, shift], _| {
                let (a, b) = (norm_relu(simd, a, scale, shift), norm_relu(simd, b, scale, shift));
                let (c, d) = (norm_relu(simd, c, scale, shift), norm_relu(simd, d, scale, shift));
                simd.mul_f32s(quarter, simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
            });
        }
    }
}

/// out\[i\] = f(inputs\[0\]\[i\], …, out\[i\]) by vectors; all of the length of `out`.
#[inline(always)]
pub(crate) fn by_vectors<S: Simd, const N: usize>(
    simd: S,
    out: &mut [f32],
    inputs: [&[f32]; N],
    f: impl Fn([S::f32s; N], S::f32s) -> S::f32s,
) {
    let len = out.len();
    for input in inputs {
        assert!(input.len() >= len);
    }
    let mut values = [simd.splat_f32s(0.0); N];
    let whole = len - len % S::F32_LANES;
    let mut at = 0;
    while at < whole {
        // SAFETY: a whole vector from `at` on lies in `out` and, being no shorter, in every input.
        unsafe {
            for n in 0..N {
                values[n] = load::<S>(inputs[n].as_ptr().add(at));
            }
            let place = out.as_mut_ptr().add(at);
            store::<S>(place, f(values, load::<S>(place)));
        }
        at += S::F32_LANES;
    }
    if at < len {
        let mask = simd.mask_between_m32s(0, (len - at) as u32);
        // SAFETY: the lanes of the mask lie in `out` and in every input.
        unsafe {
            for n in 0..N {
                values[n] = simd.mask_load_ptr_f32s(mask, inputs[n].as_ptr().add(at));
            }
            let place = out.as_mut_ptr().add(at);
            let value = f(values, simd.mask_load_ptr_f32s(mask, place));
            simd.mask_store_ptr_f32s(mask, place, value);
        }
    }
}
