use awing::Result;
use awing_ops::halve;
use awing_train::{
    Device,
    model::{CoordConv, Hourglass, Initializer, ResidualBlock},
};
use burn::{module::Module, tensor::Tensor};

/// A network of one's own from the parts: a stem that quarters the image, one hourglass, a map for each joint.
#[derive(Module, Debug)]
pub(crate) struct PoseNetwork {
    stem: CoordConv,
    first: ResidualBlock,
    second: ResidualBlock,
    place: CoordConv,
    hourglass: Hourglass,
    top: ResidualBlock,
    maps: CoordConv,
}

impl PoseNetwork {
    /// Input pixels for each cell of a map.
    pub(crate) const STRIDE: usize = 4;
    /// The sides of images must be divisible by it: a quarter of them is halved four times.
    pub(crate) const MULTIPLE: usize = 64;

    /// A network for `joints` joints with weights drawn from `seed`; `width` channels, divisible by 8.
    ///
    /// # Errors
    /// [`awing::Error::Invalid`] for another width.
    pub(crate) fn new(width: usize, joints: usize, seed: u64, device: &Device) -> Result<Self> {
        let init = &mut Initializer::new(seed, device);
        Ok(Self {
            // Row, column and radius of each pixel are 3 channels more.
            stem: CoordConv::new(init, 3, 3, width / 2, 7, 2)?,
            first: ResidualBlock::new(init, width / 2, width / 2)?,
            second: ResidualBlock::new(init, width / 2, width)?,
            place: CoordConv::new(init, width, 3, width, 1, 1)?,
            hourglass: Hourglass::new(init, width)?,
            top: ResidualBlock::new(init, width, width)?,
            maps: CoordConv::new(init, width, 0, joints, 1, 1)?,
        })
    }

    /// Images [batch, 3, side, side] in [0, 1] to maps [batch, joints, side / 4, side / 4]. Inside, channels are last.
    pub(crate) fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let x = self.stem.forward(images.permute([0, 2, 3, 1]), None);
        let x = self.second.forward(halve(self.first.forward(x)));
        let x = self.hourglass.forward(self.place.forward(x, None));
        self.maps.forward(self.top.forward(x), None).permute([0, 3, 1, 2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_for_each_joint() {
        let device = Device::flex();
        let network = PoseNetwork::new(16, 14, 1, &device).unwrap();
        let maps = network.forward(Tensor::zeros([2, 3, 64, 128], &device));
        assert_eq!(maps.dims(), [2, 14, 16, 32]);
        assert!(PoseNetwork::new(12, 14, 1, &device).is_err());
    }
}
