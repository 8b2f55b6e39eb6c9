use super::patch::SIDE;
use crate::{threads, tile::tile_rows};

/// Patches of a tile, at least, for which Winograd's method is used.
const LEAST_PATCHES: usize = 8;

/// Patches of a tile, at most, where it may be as large as is fastest: what is made of them still fits the second-level cache of
/// most processors.
const FAST_PATCHES: usize = 48;

/// Bytes of a tile's input likewise, for the other method.
const FAST_BYTES: usize = 192 * 1024;

/// How tasks are cut out of maps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tiling {
    /// The same on every machine, for sums over tiles that must not depend on it.
    Fixed,
    /// As is fastest with the threads at hand, in multiples of `unit` rows, which divides the height.
    Fast {
        /// Rows that stay together.
        unit: usize,
    },
}

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Window by window.
    Windows,
    /// Patch by patch, by Winograd's minimal filtering.
    Winograd,
}

/// What a convolution is besides its channels and weights.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Images of the batch.
    pub images: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Input pixels from one window to the next.
    pub stride: usize,
    /// Zeros around the input, on each side.
    pub padding: usize,
}

impl Geometry {
    /// Outputs along a side of `side` pixels.
    ///
    /// # Panics
    /// If the kernel is larger than the padded input, or the stride is 0.
    pub fn output(&self, side: usize) -> usize {
        (side + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// The faster way to maps of this size. Patches must be as many as go through together, and channels pay for the sums
    /// over the patches.
    pub fn method(&self, [height, width]: [usize; 2], inputs: usize) -> Method {
        let fits = (self.kernel, self.stride, self.padding) == (3, 1, 1)
            && height.is_multiple_of(SIDE)
            && width.is_multiple_of(SIDE);
        let pays = height * width >= LEAST_PATCHES * SIDE.pow(2) && inputs > 8;
        if fits && pays { Method::Winograd } else { Method::Windows }
    }

    /// Rows of outputs of a task, of an input row of so many bytes.
    pub(crate) fn rows(&self, tiling: Tiling, size: [usize; 2], row: usize, method: Method) -> usize {
        match tiling {
            Tiling::Fixed => self.tile_rows(size, row, method),
            Tiling::Fast { unit } => self.fast_rows(size, row, unit, method),
        }
    }

    /// The divisor of the height with which the last thread is done first. A task costs its pixels and, on top, the way of the
    /// weights through the cache.
    fn fast_rows(&self, [height, width]: [usize; 2], row: usize, unit: usize, method: Method) -> usize {
        let (unit, most, start) = match method {
            Method::Windows => (unit, (FAST_BYTES / row.max(1)).max(unit), 32),
            Method::Winograd => {
                let area = SIDE.pow(2);
                (unit.max(SIDE), (FAST_PATCHES * area / width).max(SIDE), 6 * area)
            }
        };
        let threads = threads::count();
        let cost = |rows: usize| (self.images * height / rows).div_ceil(threads) * (rows * width + start);
        (1..=height.min(most) / unit)
            .map(|n| n * unit)
            .filter(|rows| height.is_multiple_of(*rows))
            .min_by_key(|rows| cost(*rows))
            .unwrap_or(height)
    }

    fn tile_rows(&self, [height, width]: [usize; 2], row: usize, method: Method) -> usize {
        let (unit, least) = match method {
            Method::Windows => (1, 4),
            Method::Winograd => (SIDE, LEAST_PATCHES * SIDE.pow(2) / width),
        };
        tile_rows(self.images, height, row, unit, least)
    }
}

/// Where the rows of outputs that a task makes begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) image: usize,
    pub(crate) first: usize,
}

/// All tasks of a tensor of `images` times `height` rows, in order.
pub(crate) fn places(images: usize, height: usize, rows: usize) -> impl Iterator<Item = Place> {
    (0..images).flat_map(move |image| (0..height).step_by(rows).map(move |first| Place { image, first }))
}

/// One part a task; `None` for each where there is no tensor.
pub(crate) fn parts(values: Option<&mut [f32]>, tasks: usize) -> impl Iterator<Item = Option<&mut [f32]>> {
    let mut rest = values;
    let len = rest.as_ref().map_or(0, |v| v.len() / tasks.max(1));
    (0..tasks).map(move |_| {
        let (part, behind) = rest.take()?.split_at_mut(len);
        rest = Some(behind);
        Some(part)
    })
}
