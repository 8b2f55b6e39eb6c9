use super::{
    buffers::Buffers,
    hourglass::Hourglass,
    packing::{Convolution, Layers},
};
use crate::{error::Result, network::NetworkConfig};
use awing_kernels::{
    Maps, Source,
    packed::{Finish, PackedBlock, PackedConvolution, Position},
};

/// One hourglass with what leads into it and out of it.
pub(super) struct Stack {
    enter: PackedConvolution,
    position: Option<Position>,
    /// Whether the maps before give boundary coordinates.
    takes_boundary: bool,
    hourglass: Hourglass,
    top: PackedBlock,
    /// With its normalization.
    last: PackedConvolution,
    leave: Leave,
    width: usize,
}

/// How a stack ends.
enum Leave {
    /// The last one gives its maps.
    Maps(PackedConvolution),
    /// The others hand over features and maps, both through one convolution, for nobody sees the maps; and the boundary's map where the
    /// next one wants its coordinates: the weights of its channel, and the bias.
    Handover(PackedConvolution, Option<(Vec<f32>, f32)>),
}

impl Stack {
    pub(super) fn new(
        layers: &mut Layers,
        config: &NetworkConfig,
        maps: usize,
        index: usize,
    ) -> Result<Self> {
        let (width, size) = (config.width, layers.size());
        let is_last = index + 1 == config.stacks;
        let boundary = config.coord_conv && config.boundary;
        let takes_boundary = boundary && index > 0;
        let coordinates = match (config.coord_conv, takes_boundary) {
            (false, _) => 0,
            (true, false) => 3,
            (true, true) => 5,
        };
        let path = |rest: &str| format!("stacks.{index}.{rest}");
        let enter = layers.convolution(&path("coord.conv"), [width, width + coordinates, 1, 1])?;
        let (enter, place) = enter.split_inputs(width);
        let mut last = layers.convolution(&path("last"), [width, width, 1, 1])?;
        layers.norm(&path("last_norm"), width)?.fold_into(&mut last.weight, &mut last.bias);
        let own_maps = layers.convolution(&path("maps"), [maps, width, 1, 1])?;
        let leave = if is_last {
            Leave::Maps(own_maps.pack(1, size))
        } else {
            let features = layers.convolution(&path("handover.features"), [width, width, 1, 1])?;
            let of_maps = layers.convolution(&path("handover.maps"), [width, maps, 1, 1])?;
            let one = boundary.then(|| {
                let start = (maps - 1) * width;
                (own_maps.weight[start..].to_vec(), own_maps.bias[maps - 1])
            });
            Leave::Handover(features.plus(&own_maps.then(&of_maps)).pack(1, size), one)
        };
        Ok(Self {
            enter: enter.pack(1, size),
            position: (coordinates > 0).then(|| position(&place, coordinates)),
            takes_boundary,
            hourglass: Hourglass::new(layers, &path("hourglass"))?,
            top: layers.block(&path("top"))?,
            last: last.pack(1, size),
            leave,
            width,
        })
    }

    /// From the features, [height, width, channels], to the maps, or to the features for the next stack.
    pub(super) fn run(&self, [height, width]: [usize; 2], buffers: &mut Buffers) {
        let Buffers { features, first, second, middle, boundary, maps, levels } = buffers;
        let shape = [1, height, width, self.width];
        let finish = match &self.position {
            None => Finish::Keep,
            Some(position) => Finish::At { position, boundary: self.takes_boundary.then_some(&boundary[..]) },
        };
        self.enter.run(&plain(features, shape), 1, first, finish, None);
        self.hourglass.run(first, shape, middle, levels, second);
        self.top.run(second, shape, middle, first);
        match &self.leave {
            Leave::Maps(convolution) => {
                self.last.run(&plain(first, shape), 1, second, Finish::Relu, None);
                convolution.run(&plain(second, shape), 1, maps, Finish::Keep, None);
            }
            Leave::Handover(convolution, one) => {
                let finish = match one {
                    None => Finish::Relu,
                    Some((weights, offset)) => Finish::ReluAndOne { weights, offset: *offset },
                };
                let beside = one.is_some().then_some(&mut boundary[..]);
                self.last.run(&plain(first, shape), 1, second, finish, beside);
                convolution.run(&plain(second, shape), 1, features, Finish::Add, None);
            }
        }
    }
}

fn plain(values: &[f32], shape: [usize; 4]) -> Source<'_> {
    Source::Plain(Maps::dense(values, shape))
}

/// What the coordinates give, from the weights of their channels.
fn position(place: &Convolution, coordinates: usize) -> Position {
    let outputs = place.dims[0];
    let of = |coordinate: usize| {
        if coordinate < coordinates {
            place.weight.iter().skip(coordinate).step_by(coordinates).copied().collect()
        } else {
            vec![0.0; outputs]
        }
    };
    Position { weights: [of(0), of(1), of(2), of(3), of(4)] }
}
