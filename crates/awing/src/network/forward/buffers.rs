use std::sync::{Mutex, PoisonError};

/// Halvings of the map inside an hourglass.
pub(super) const DEPTH: usize = 4;

/// What an image's way through the network needs. Sizes are those of the largest image so far, so that memory stays what it is.
#[derive(Default)]
pub(super) struct Buffers {
    /// What goes from stack to stack.
    pub(super) features: Vec<f32>,
    /// What a stack makes of it, and one more of the same size.
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
    /// For the layers inside a block.
    pub(super) middle: Vec<f32>,
    /// The boundary's map.
    pub(super) boundary: Vec<f32>,
    /// The last stack's maps, [height, width, maps].
    pub(super) maps: Vec<f32>,
    /// Inside the hourglass, the largest first.
    pub(super) levels: [Level; DEPTH],
}

/// At half the size of the level above.
#[derive(Default)]
pub(super) struct Level {
    pub(super) maps: Vec<f32>,
    pub(super) middle: Vec<f32>,
}

impl Buffers {
    /// Makes room for maps of `area` cells, `width` channels inside and `maps` heatmaps.
    fn fit(&mut self, area: usize, width: usize, maps: usize) {
        let fit = |buffer: &mut Vec<f32>, len: usize| {
            if buffer.len() < len {
                // What is there is not kept: it need not be copied.
                *buffer = vec![0.0; len];
            }
        };
        for buffer in [&mut self.features, &mut self.first, &mut self.second] {
            fit(buffer, area * width);
        }
        // The first block has half the channels on four times the area.
        fit(&mut self.middle, area * width * 3 / 2);
        fit(&mut self.boundary, area);
        fit(&mut self.maps, area * maps);
        for (level, area) in self.levels.iter_mut().zip((1..).map(|level| (area >> (2 * level)).max(1))) {
            fit(&mut level.maps, area * width);
            fit(&mut level.middle, area * width * 3 / 4);
        }
    }
}

/// Buffers that nobody uses: as many as there were images at once.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Buffers>>);

impl Pool {
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Lends buffers for maps of this height and width, `width` channels inside and `maps` heatmaps.
    pub(super) fn with<R>(
        &self,
        size: [usize; 2],
        width: usize,
        maps: usize,
        work: impl FnOnce(&mut Buffers) -> R,
    ) -> R {
        let free = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffers = free().pop().unwrap_or_default();
        buffers.fit(size[0] * size[1], width, maps);
        let result = work(&mut buffers);
        free().push(buffers);
        result
    }
}
