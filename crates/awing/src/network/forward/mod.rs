//! The forward pass that predicts: the network of `awing-train`'s module with what is known beforehand done beforehand. Weights are packed
//! for the kernels once; normalizations that follow a convolution are part of its weights; so are the two layers that hand a stack's
//! features and maps to the next, for both are linear; coordinates are added where they are needed instead of being channels.

mod buffers;
#[cfg(test)]
mod definition;
mod hourglass;
mod packing;
mod stack;
mod stem;

use super::{HeatmapNetwork, NetworkConfig, Weights};
use crate::error::{Error, Result};
use awing_kernels::{threads, transpose};
use buffers::{Buffers, Pool};
use image::RgbImage;
use packing::Layers;
use stack::Stack;
use std::fmt;
use stem::Stem;

/// A network that predicts. It does not change any more: threads share it.
pub struct Network {
    stem: Stem,
    stacks: Vec<Stack>,
    width: usize,
    maps: usize,
    pool: Pool,
}

impl Network {
    /// Packs the weights for the kernels, once; `maps` is the number of the network's heatmaps, that of the boundary among them. The weights
    /// are taken tensor by tensor, so that the memory of both forms is not needed at once.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a configuration that cannot be, [`Error::Model`] naming the tensor that is missing, unknown or of another
    /// shape.
    pub fn new(config: &NetworkConfig, maps: usize, weights: Weights) -> Result<Self> {
        config.validate()?;
        if maps == 0 {
            return Err(Error::invalid("maps", "a network needs at least one heatmap"));
        }
        let mut layers = Layers::of(config, weights)?;
        let stem = Stem::new(&mut layers, config)?;
        let stacks =
            (0..config.stacks).map(|i| Stack::new(&mut layers, config, maps, i)).collect::<Result<_>>()?;
        layers.none_left()?;
        Ok(Self { stem, stacks, width: config.width, maps, pool: Pool::default() })
    }

    fn maps_of(&self, image: &RgbImage) -> Vec<f32> {
        let size = [image.height() as usize, image.width() as usize];
        let [height, width] = size.map(|side| side / NetworkConfig::STRIDE);
        self.pool.with([height, width], self.width, self.maps, |buffers| {
            let Buffers { features, first, second, middle, .. } = buffers;
            self.stem.run(image.as_raw(), size, [first, second, middle, features]);
            for stack in &self.stacks {
                stack.run([height, width], buffers);
            }
            let mut out = vec![0.0; self.maps * height * width];
            transpose(&buffers.maps, [1, self.maps, height * width], &mut out);
            out
        })
    }
}

impl HeatmapNetwork for Network {
    fn forward(&self, images: &[&RgbImage]) -> Vec<Vec<f32>> {
        threads::inside(|| {
            // An image on each thread, then the next: what images need is there once for each thread, however many they are.
            let groups = images.chunks(threads::count().max(1));
            groups.flat_map(|group| threads::map(group.to_vec(), 1, |image| self.maps_of(image))).collect()
        })
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stacks, width, maps, .. } = self;
        f.debug_struct("Network")
            .field("stacks", &stacks.len())
            .field("width", width)
            .field("maps", maps)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{definition::Definition, *};
    use crate::network::WeightTensor;
    use image::Rgb;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeMap;

    /// Random weights for a configuration, under the names of their tensors.
    fn weights(config: &NetworkConfig, maps: usize, seed: u64) -> Weights {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut tensors = BTreeMap::new();
        let mut tensor = |name: String, shape: &[usize], [low, high]: [f32; 2]| {
            let values = (0..shape.iter().product()).map(|_| rng.random_range(low..high)).collect();
            tensors.insert(name, WeightTensor { shape: shape.into(), values });
        };
        let mut norms = Vec::new();
        let mut convolution = |path: String, shape: [usize; 4], bias: bool| {
            let bound = 1.5 / ((shape[1] * shape[2] * shape[3]) as f32).sqrt();
            tensor(format!("{path}.weight"), &shape, [-bound, bound]);
            if bias {
                tensor(format!("{path}.bias"), &shape[..1], [-bound, bound]);
            }
        };
        let mut block =
            |convolution: &mut dyn FnMut(String, [usize; 4], bool), path: String, from: usize, to: usize| {
                let sizes = [(from, to / 2), (to / 2, to / 4), (to / 4, to / 4)];
                for (i, (inputs, outputs)) in (1..).zip(sizes) {
                    norms.push((format!("{path}.norm{i}"), inputs));
                    convolution(format!("{path}.conv{i}"), [outputs, inputs, 3, 3], false);
                }
                if from != to {
                    norms.push((format!("{path}.projection.norm"), from));
                    convolution(format!("{path}.projection.conv"), [to, from, 1, 1], false);
                }
            };
        let width = config.width;
        let place = if config.coord_conv { 3 } else { 0 };
        convolution("stem.conv".into(), [width / 4, 3 + place, 7, 7], true);
        block(&mut convolution, "block1".into(), width / 4, width / 2);
        block(&mut convolution, "block2".into(), width / 2, width / 2);
        block(&mut convolution, "block3".into(), width / 2, width);
        for stack in 0..config.stacks {
            let path = |rest: &str| format!("stacks.{stack}.{rest}");
            let edge = if config.coord_conv && config.boundary && stack > 0 { 2 } else { 0 };
            convolution(path("coord.conv"), [width, width + place + edge, 1, 1], true);
            for branch in ["skip", "down", "up"] {
                for level in 0..4 {
                    block(&mut convolution, path(&format!("hourglass.{branch}.{level}")), width, width);
                }
            }
            block(&mut convolution, path("hourglass.bottom"), width, width);
            block(&mut convolution, path("top"), width, width);
            convolution(path("last"), [width, width, 1, 1], true);
            convolution(path("maps"), [maps, width, 1, 1], true);
            if stack + 1 < config.stacks {
                convolution(path("handover.features"), [width, width, 1, 1], true);
                convolution(path("handover.maps"), [width, maps, 1, 1], true);
            }
        }
        norms.push(("stem_norm".into(), width / 4));
        norms.extend((0..config.stacks).map(|stack| (format!("stacks.{stack}.last_norm"), width)));
        for (path, channels) in norms {
            for (name, range) in [
                ("gamma", [0.6, 1.2]),
                ("beta", [-0.3, 0.3]),
                ("running_mean", [-0.3, 0.3]),
                ("running_var", [0.3, 1.5]),
            ] {
                tensor(format!("{path}.{name}"), &[channels], range);
            }
        }
        Weights::new(tensors, "random")
    }

    fn image(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7) as u8, (y * 5) as u8, (x * y) as u8]))
    }

    #[test]
    fn the_definition_gives_these_maps() {
        for (boundary, coord_conv, stacks, size) in
            [(true, true, 2, [64, 64]), (false, true, 1, [64, 128]), (true, false, 3, [128, 64])]
        {
            let config = NetworkConfig { input: 64, stacks, width: 8, boundary, coord_conv };
            let maps = config.channels(2);
            let weights = weights(&config, maps, 1);
            let image = image(size[0], size[1]);
            let expected = Definition { config: &config, weights: &weights }.forward(&image);
            let ours = Network::new(&config, maps, weights).unwrap().forward(&[&image]).concat();
            assert_eq!(ours.len(), expected.len());
            let (low, high) = expected.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
            assert!(high - low > 1e-2, "the maps are flat: {low} to {high}");
            for (ours, expected) in ours.iter().zip(&expected) {
                let error = (f64::from(*ours) - expected).abs();
                // NaN is no less than anything.
                assert!(error <= 1e-5 * (high - low), "{config:?}: {ours} {expected}");
            }
        }
    }

    #[test]
    fn a_network_of_zeros_gives_its_biases() {
        let config = NetworkConfig { input: 64, stacks: 2, width: 8, boundary: true, coord_conv: true };
        let zeros = weights(&config, 3, 1).into_iter().map(|(name, tensor)| {
            let value = if name.ends_with("running_var") { 1.0 } else { 0.0 };
            (name, WeightTensor { values: vec![value; tensor.values.len()], ..tensor })
        });
        let mut tensors: BTreeMap<_, _> = zeros.collect();
        tensors.get_mut("stacks.1.maps.bias").unwrap().values = vec![0.25, -1.0, 3.0];
        // The last layer's features are its normalization's offsets, rectified: 2 and 0.
        tensors.get_mut("stacks.1.last_norm.beta").unwrap().values[..2].copy_from_slice(&[2.0, -5.0]);
        // So the second map is 2 x 10 - 1 everywhere.
        tensors.get_mut("stacks.1.maps.weight").unwrap().values[8..10].copy_from_slice(&[10.0, 7.0]);
        let network = Network::new(&config, 3, Weights::new(tensors, "zeros")).unwrap();
        let image = image(64, 64);
        for maps in network.forward(&[&image, &image, &image]) {
            for (map, value) in maps.chunks_exact(256).zip([0.25_f32, 19.0, 3.0]) {
                assert!(map.iter().all(|v| (v - value).abs() < 1e-5), "{value}: {:?}", &map[..4]);
            }
        }
    }

    #[test]
    fn a_tensor_that_is_missing_unknown_or_of_another_shape_is_named() {
        let config = NetworkConfig { input: 64, stacks: 2, width: 8, boundary: true, coord_conv: true };
        let with = |change: &dyn Fn(&mut BTreeMap<String, WeightTensor>)| {
            let mut tensors: BTreeMap<_, _> = weights(&config, 3, 1).into_iter().collect();
            change(&mut tensors);
            Network::new(&config, 3, Weights::new(tensors, "a/model.safetensors")).unwrap_err().to_string()
        };
        for name in ["stacks.1.top.conv2.weight", "stem_norm.running_var", "stacks.0.handover.maps.bias"] {
            let error = with(&|tensors| drop(tensors.remove(name)));
            assert!(error.starts_with(&format!("a/model.safetensors: {name}: is missing")), "{error}");
        }
        let name = "stacks.0.hourglass.up.2.norm1.beta";
        let error = with(&|tensors| tensors.get_mut(name).unwrap().shape = vec![2, 4]);
        assert!(error.starts_with(&format!("a/model.safetensors: {name}: has shape [2, 4]")), "{error}");
        let error = with(&|tensors| {
            let copy = tensors["stem.conv.bias"].clone();
            tensors.insert("stacks.2.last.bias".into(), copy);
        });
        assert!(error.starts_with("a/model.safetensors: stacks.2.last.bias: is not in a network"), "{error}");
    }

    #[test]
    fn threads_share_a_network_and_its_buffers_stay_as_many() {
        let config = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: false, coord_conv: true };
        let network = Network::new(&config, 2, weights(&config, 2, 1)).unwrap();
        let image = image(64, 64);
        let expected = network.forward(&[&image]);
        for _ in 0..5 {
            std::thread::scope(|scope| {
                let all = [(); 3].map(|()| scope.spawn(|| network.forward(&[&image])));
                all.into_iter().for_each(|one| assert_eq!(one.join().unwrap(), expected));
            });
        }
        assert!(network.pool.free() <= 3, "{}", network.pool.free());
    }
}
