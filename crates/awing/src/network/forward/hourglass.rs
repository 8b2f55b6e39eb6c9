use super::{
    buffers::{DEPTH, Level},
    packing::Layers,
};
use crate::error::Result;
use awing_kernels::{packed::PackedBlock, resample, threads};

/// An hourglass of depth 4 (Newell et al. 2016): at each level one branch stays at full size, the other is halved, goes through the next
/// level and is doubled again; the two are added. The branches run side by side.
pub(super) struct Hourglass {
    skip: Vec<PackedBlock>,
    down: Vec<PackedBlock>,
    bottom: PackedBlock,
    up: Vec<PackedBlock>,
}

impl Hourglass {
    pub(super) fn new(layers: &mut Layers, path: &str) -> Result<Self> {
        let mut blocks = |branch: &str| {
            (0..DEPTH).map(|level| layers.block(&format!("{path}.{branch}.{level}"))).collect::<Result<_>>()
        };
        let (skip, down, up) = (blocks("skip")?, blocks("down")?, blocks("up")?);
        Ok(Self { skip, down, bottom: layers.block(&format!("{path}.bottom"))?, up })
    }

    /// At dense maps `x`, [1, height, width, channels], in their place. `levels` are for the smaller ones.
    pub(super) fn run(&self, x: &mut [f32], shape: [usize; 4], middle: &mut [f32], levels: &mut [Level]) {
        self.level(0, x, shape, middle, levels);
    }

    fn level(&self, level: usize, x: &mut [f32], shape: [usize; 4], middle: &mut [f32], below: &mut [Level]) {
        let [images, height, width, channels] = shape;
        let half = [images, height / 2, width / 2, channels];
        let Some((Level { maps: low, middle: low_middle }, deeper)) = below.split_first_mut() else { return };
        resample::gather(x, shape, 0.25, low);
        threads::both(
            || self.skip[level].run(x, shape, middle),
            || {
                self.down[level].run(low, half, low_middle);
                if level + 1 < DEPTH {
                    self.level(level + 1, low, half, low_middle, deeper);
                } else {
                    self.bottom.run(low, half, low_middle);
                }
                self.up[level].run(low, half, low_middle);
            },
        );
        resample::add_doubled(low, half, x);
    }
}
