use super::packing::{Convolution, Layers};
use crate::{error::Result, network::NetworkConfig};
use awing_kernels::{
    Maps, Source,
    packed::{Finish, PackedBlock, PackedConvolution, Position},
};

/// What quarters the image: a convolution of 7 x 7, three blocks, a halving.
pub(super) struct Stem {
    convolution: PackedConvolution,
    coordinates: Option<Coordinates>,
    blocks: [PackedBlock; 3],
    /// Channels after the convolution.
    width: usize,
}

/// What the coordinates of the pixels add to the convolution.
struct Coordinates {
    convolution: PackedConvolution,
    /// At the configured size: [height, width, outputs].
    map: Vec<f32>,
    /// Of the image.
    size: [usize; 2],
}

impl Stem {
    pub(super) fn new(layers: &mut Layers, config: &NetworkConfig) -> Result<Self> {
        let outputs = config.width / 4;
        let place = if config.coord_conv { 3 } else { 0 };
        let Convolution { mut weight, dims, mut bias } =
            layers.convolution("stem.conv", [outputs, 3 + place, 7, 7])?;
        layers.norm("stem_norm", outputs)?.fold_into(&mut weight, &mut bias);
        let (own, place) = Convolution { weight, dims, bias }.split_inputs(3);
        let half = layers.size().map(|side| 2 * side);
        Ok(Self {
            convolution: own.pack(2, half),
            coordinates: config.coord_conv.then(|| Coordinates::new(place, [config.input; 2])),
            blocks: [layers.block("block1")?, layers.block("block2")?, layers.block("block3")?],
            width: outputs,
        })
    }

    /// The image, three bytes a pixel, of `size`, to `out`, [height / 4, width / 4, channels].
    pub(super) fn run(&self, image: &[u8], size: [usize; 2], [first, second, middle, out]: [&mut [f32]; 4]) {
        let [height, width] = size;
        let pictures = [image];
        let source = Source::Pictures { images: &pictures, height, width };
        let other;
        let finish = match &self.coordinates {
            None => Finish::Relu,
            Some(own) if own.size == size => Finish::PlusRelu(&own.map),
            Some(own) => {
                other = own.map_of(size);
                Finish::PlusRelu(&other)
            }
        };
        self.convolution.run(&source, 1, first, finish, None);
        let [a, b, c] = &self.blocks;
        a.run_halved(first, [1, height / 2, width / 2, self.width], middle, second);
        let shape = [1, height / NetworkConfig::STRIDE, width / NetworkConfig::STRIDE, 2 * self.width];
        b.run(second, shape, middle);
        c.run_to(second, shape, middle, out);
    }
}

impl Coordinates {
    fn new(convolution: Convolution, size: [usize; 2]) -> Self {
        let half = size.map(|side| side / 2);
        let mut own = Self { convolution: convolution.pack(2, half), map: Vec::new(), size };
        own.map = own.map_of(size);
        own
    }

    fn map_of(&self, size: [usize; 2]) -> Vec<f32> {
        let [height, width] = size;
        let values: Vec<f32> =
            (0..height * width).flat_map(|i| Position::of([i / width, i % width], size)).collect();
        let source = Source::Plain(Maps::dense(&values, [1, height, width, 3]));
        let mut map = vec![0.0; height / 2 * (width / 2) * self.convolution.outputs()];
        self.convolution.run(&source, 1, &mut map, Finish::Keep, None);
        map
    }
}
