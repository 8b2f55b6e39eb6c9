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

    /// `x`, [height, width, channels] of `shape`, to `out` of the same shape.
    pub(super) fn run(
        &self,
        x: &[f32],
        shape: [usize; 4],
        middle: &mut [f32],
        levels: &mut [Level],
        out: &mut [f32],
    ) {
        self.level(0, x, shape, middle, levels, out);
    }

    fn level(
        &self,
        level: usize,
        x: &[f32],
        shape: [usize; 4],
        middle: &mut [f32],
        below: &mut [Level],
        out: &mut [f32],
    ) {
        let [images, height, width, channels] = shape;
        let low = [images, height / 2, width / 2, channels];
        let Some((Level { halved, down, out: below_out, middle: below_middle }, deeper)) =
            below.split_first_mut()
        else {
            return;
        };
        threads::both(
            || self.skip[level].run(x, shape, middle, out),
            || {
                resample::gather(x, shape, 0.25, halved);
                self.down[level].run(halved, low, below_middle, down);
                if level + 1 < DEPTH {
                    self.level(level + 1, down, low, below_middle, deeper, below_out);
                } else {
                    self.bottom.run(down, low, below_middle, below_out);
                }
                // What was halved is not needed any more.
                self.up[level].run(below_out, low, below_middle, halved);
            },
        );
        resample::add_doubled(halved, low, out);
    }
}
