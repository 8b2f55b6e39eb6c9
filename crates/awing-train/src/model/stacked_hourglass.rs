use super::{
    coord_conv::{CoordConv, boundary_coordinates},
    hourglass::Hourglass,
    layers::{Initializer, convolve, norm_relu},
    residual_block::ResidualBlock,
};
use awing::{Result, network::NetworkConfig};
use awing_ops::halve;
use burn::{
    module::Module,
    nn::{BatchNorm, conv::Conv2d},
    tensor::{Device, Tensor},
};

/// The network: a stem that quarters the image, then hourglasses, each of which predicts all maps and hands its
/// features and its maps to the next (Wang et al. 2019, figure 5).
#[derive(Module, Debug)]
pub struct StackedHourglass {
    stem: CoordConv,
    stem_norm: BatchNorm,
    block1: ResidualBlock,
    block2: ResidualBlock,
    block3: ResidualBlock,
    stacks: Vec<Stack>,
    boundary: bool,
}

/// One hourglass with what leads into it and out of it.
#[derive(Module, Debug)]
pub struct Stack {
    coord: CoordConv,
    hourglass: Hourglass,
    top: ResidualBlock,
    last: Conv2d,
    last_norm: BatchNorm,
    maps: Conv2d,
    handover: Option<Handover>,
}

/// What a stack gives to the next one; the last has none.
#[derive(Module, Debug)]
pub(crate) struct Handover {
    features: Conv2d,
    maps: Conv2d,
}

impl StackedHourglass {
    /// A network for `points` landmarks with weights drawn from `seed`. Put it on an autodiff device to train it.
    ///
    /// # Errors
    /// [`awing::Error::Invalid`] when `config` is not valid or `points` is 0.
    pub fn new(config: &NetworkConfig, points: usize, seed: u64, device: &Device) -> Result<Self> {
        config.validate()?;
        if points == 0 {
            return Err(awing::Error::invalid("points", "a network needs at least one landmark"));
        }
        let init = &mut Initializer::new(seed, device);
        let (width, channels) = (config.width, config.channels(points));
        let place = if config.coord_conv { 3 } else { 0 };
        let stacks = |init: &mut Initializer| {
            (0..config.stacks)
                .map(|i| {
                    let edge = if config.coord_conv && config.boundary && i > 0 { 2 } else { 0 };
                    let is_last = i + 1 == config.stacks;
                    Stack::new(init, width, place + edge, channels, is_last)
                })
                .collect::<Result<_>>()
        };
        Ok(Self {
            stem: CoordConv::new(init, 3, place, width / 4, 7, 2)?,
            stem_norm: init.norm(width / 4),
            block1: ResidualBlock::new(init, width / 4, width / 2)?,
            block2: ResidualBlock::new(init, width / 2, width / 2)?,
            block3: ResidualBlock::new(init, width / 2, width)?,
            stacks: stacks(init)?,
            boundary: config.coord_conv && config.boundary,
        })
    }

    /// Images [batch, 3, side, side], red green blue in [0, 1], to the maps of every stack, first stack first, each
    /// [batch, channels, side / 4, side / 4]: one map a landmark, then the boundary. Maps are raw: no sigmoid, no
    /// clamp. Inside, maps lie channels last.
    pub fn forward(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let x = norm_relu(&self.stem_norm, self.stem.forward(images.permute([0, 2, 3, 1]), None));
        let x = halve(self.block1.forward(x));
        let mut x = self.block3.forward(self.block2.forward(x));
        let mut outputs: Vec<Tensor<4>> = Vec::with_capacity(self.stacks.len());
        for stack in &self.stacks {
            let edge = outputs.last().filter(|_| self.boundary).map(|maps| {
                let channels = maps.dims()[3];
                boundary_coordinates(maps.clone().slice_dim(3, channels - 1..channels))
            });
            let (maps, next) = stack.forward(x, edge);
            outputs.push(maps);
            x = next;
        }
        outputs.into_iter().map(|maps| maps.permute([0, 3, 1, 2])).collect()
    }
}

impl Stack {
    fn new(
        init: &mut Initializer,
        width: usize,
        coordinates: usize,
        channels: usize,
        is_last: bool,
    ) -> Result<Self> {
        Ok(Self {
            coord: CoordConv::new(init, width, coordinates, width, 1, 1)?,
            hourglass: Hourglass::new(init, width)?,
            top: ResidualBlock::new(init, width, width)?,
            last: init.conv(width, width, 1, 1, true),
            last_norm: init.norm(width),
            maps: init.conv(width, channels, 1, 1, true),
            handover: (!is_last).then(|| Handover {
                features: init.conv(width, width, 1, 1, true),
                maps: init.conv(channels, width, 1, 1, true),
            }),
        })
    }

    /// The maps, and the features for the next stack.
    fn forward(&self, x: Tensor<4>, edge: Option<Tensor<4>>) -> (Tensor<4>, Tensor<4>) {
        let features = self.top.forward(self.hourglass.forward(self.coord.forward(x.clone(), edge)));
        let features = norm_relu(&self.last_norm, convolve(&self.last, features, None));
        let maps = convolve(&self.maps, features.clone(), None);
        let next = match &self.handover {
            Some(handover) => {
                let maps = convolve(&handover.maps, maps.clone(), None);
                x + convolve(&handover.features, features, None) + maps
            }
            None => x,
        };
        (maps, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parameter_count;

    fn count(preset: &str, points: usize, stacks: usize) -> usize {
        let config = NetworkConfig { stacks, ..NetworkConfig::preset(preset).unwrap() };
        parameter_count(&StackedHourglass::new(&config, points, 0, &Device::flex()).unwrap())
    }

    #[test]
    fn the_papers_network_has_the_published_number_of_parameters() {
        assert_eq!(count("paper", 98, 4), 24_153_036);
    }

    #[test]
    fn one_and_two_stacks_have_the_published_number_of_parameters() {
        assert_eq!(count("paper", 68, 1), 6_325_893);
        assert_eq!(count("paper", 29, 2), 12_220_284);
    }

    #[test]
    fn nano_has_a_few_hundred_thousand_parameters() {
        let parameters = count("nano", 68, 2);
        assert!((200_000..600_000).contains(&parameters), "{parameters}");
    }

    #[test]
    fn every_stack_gives_all_maps_at_a_quarter_of_the_size() {
        let device = Device::flex();
        let config = NetworkConfig { input: 64, stacks: 3, width: 8, boundary: true, coord_conv: true };
        let network = StackedHourglass::new(&config, 5, 1, &device).unwrap();
        let maps = network.forward(Tensor::zeros([2, 3, 64, 64], &device));
        assert_eq!(maps.iter().map(|m| m.dims()).collect::<Vec<_>>(), vec![[2, 6, 16, 16]; 3]);
        let plain = NetworkConfig { boundary: false, coord_conv: false, stacks: 1, ..config };
        let network = StackedHourglass::new(&plain, 5, 1, &device).unwrap();
        assert_eq!(network.forward(Tensor::zeros([1, 3, 128, 128], &device))[0].dims(), [1, 5, 32, 32]);
    }

    #[test]
    fn the_same_seed_gives_the_same_network() {
        let device = Device::flex();
        let config = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: true, coord_conv: true };
        let run = |seed| {
            let network = StackedHourglass::new(&config, 2, seed, &device).unwrap();
            network.forward(Tensor::ones([1, 3, 64, 64], &device)).remove(0).into_data()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }
}
