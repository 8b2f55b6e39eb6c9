//! The two forward passes, the Burn module that learns and [`awing::network::Network`] that predicts, give the same maps.

#![allow(clippy::unwrap_used, reason = "a test may")]

use awing::{
    geometry::CropRule,
    heatmap::CodecConfig,
    network::{HeatmapNetwork, ModelConfig, Network, NetworkConfig, WeightTensor, WeightType, Weights},
    scheme::Scheme,
};
use awing_train::{
    Device,
    interchange::{ImportOptions, import_state_dict, write_state_dict},
    model::{StackedHourglass, TrainableModel, place_weights, weights_of},
};
use burn::{
    module::Module,
    tensor::{Tensor, TensorData},
};
use image::{Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Both networks, of the same random weights. Normalizations are those of a trained network: no factor is 1, no offset or mean 0.
fn both(config: &NetworkConfig, points: usize, seed: u64) -> (StackedHourglass, Network) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let device = Device::flex();
    let module = StackedHourglass::new(config, points, seed, &device).unwrap();
    let tensors = weights_of(&module, "random").into_iter().map(|(name, WeightTensor { shape, values })| {
        let kind = name.rsplit('.').next().unwrap_or_default();
        let range = match kind {
            "gamma" => Some(0.6..1.2),
            "running_var" => Some(0.3..1.5),
            "beta" | "running_mean" => Some(-0.3..0.3),
            _ => None,
        };
        let values = match range {
            Some(range) => values.iter().map(|_| rng.random_range(range.clone())).collect(),
            None => values,
        };
        (name, WeightTensor { shape, values })
    });
    let weights = Weights::new(tensors.collect(), "random");
    let network = Network::new(config, config.channels(points), weights.clone()).unwrap();
    (place_weights(module, weights).unwrap().valid(), network)
}

fn images(count: usize, [width, height]: [u32; 2], seed: u64) -> Vec<RgbImage> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| RgbImage::from_fn(width, height, |_, _| Rgb([(); 3].map(|()| rng.random_range(0..=255)))))
        .collect()
}

/// The maps of every stack, [images, maps, height, width].
fn by_module(module: &StackedHourglass, images: &[RgbImage]) -> Vec<(Vec<f32>, [usize; 4])> {
    let (width, height) = images[0].dimensions();
    let planes = images.iter().flat_map(|image| {
        (0..3).flat_map(move |channel| {
            image.pixels().map(move |pixel| f32::from(pixel[channel]) * (1.0 / 255.0))
        })
    });
    let shape = [images.len(), 3, height as usize, width as usize];
    let input = Tensor::<4>::from_data(TensorData::new(planes.collect::<Vec<f32>>(), shape), &Device::flex());
    let numbers = |maps: Tensor<4>| (maps.clone().into_data().iter::<f32>().collect(), maps.dims());
    module.forward(input).into_iter().map(numbers).collect()
}

/// The largest difference as a part of the maps' range, and the range.
fn compare(
    module: &StackedHourglass,
    network: &Network,
    config: &NetworkConfig,
    count: usize,
    size: [u32; 2],
) -> f32 {
    // Images whose boundary maps cross the threshold of their coordinates nowhere by a rounding's breadth.
    let (images, stacks) = (0..20)
        .find_map(|seed| {
            let images = images(count, size, seed);
            let stacks = by_module(module, &images);
            let decided = !(config.boundary && config.coord_conv)
                || stacks[..config.stacks - 1].iter().all(|(values, [_, maps, height, width])| {
                    let boundary = values.chunks_exact(height * width).skip(maps - 1).step_by(*maps);
                    boundary.flatten().all(|v| (v - 0.05).abs() > 3e-6)
                });
            decided.then_some((images, stacks))
        })
        .unwrap();
    let (expected, _) = stacks.last().unwrap();
    let ours = network.forward(&images.iter().collect::<Vec<_>>()).concat();
    assert_eq!(ours.len(), expected.len());
    let (low, high) = expected.iter().fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    assert!(high - low > 1e-3, "the maps are flat: {low} to {high}");
    ours.iter().zip(expected).fold(0.0_f32, |m, (a, b)| {
        let error = (a - b).abs() / (high - low);
        // NaN is no less than anything.
        if error <= m { m } else { error }
    })
}

#[test]
fn every_preset_predicts_as_the_module_does() {
    for (preset, points, input) in
        [("paper", 98, 128), ("base", 68, 192), ("small", 29, 128), ("nano", 68, 128)]
    {
        let config = NetworkConfig { input, ..NetworkConfig::preset(preset).unwrap() };
        let (module, network) = both(&config, points, 1);
        for count in [1, 2, 5] {
            let error = compare(&module, &network, &config, count, [input as u32; 2]);
            assert!(error <= 1e-5, "{preset}, {count} images: {error}");
        }
    }
}

#[test]
fn every_number_of_stacks_and_kind_of_coordinates_predicts_as_the_module_does() {
    for (boundary, coord_conv) in [(true, true), (false, true), (true, false), (false, false)] {
        for stacks in 1..=4 {
            let config = NetworkConfig { input: 64, stacks, width: 24, boundary, coord_conv };
            let (module, network) = both(&config, 5, stacks as u64);
            for count in [1, 2, 5] {
                let error = compare(&module, &network, &config, count, [64; 2]);
                assert!(error <= 1e-5, "{config:?}, {count} images: {error}");
            }
        }
    }
}

/// Weights as PyTorch has them, in half precision: what is imported is what both compute with.
#[test]
fn imported_weights_predict_as_the_module_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for (stacks, boundary) in [(1, true), (2, true), (2, false)] {
        let size = NetworkConfig { input: 64, stacks, width: 16, boundary, coord_conv: true };
        let scheme = Scheme::builtin("300w-68").unwrap();
        let (network, _) = both(&size, scheme.len(), 3);
        let config = ModelConfig {
            network: size.clone(),
            crop: CropRule::default(),
            heatmap: CodecConfig::paper(),
            scheme,
        };
        let model = TrainableModel { config, calibration: None, network }.to_model();
        write_state_dict(&model, &path, WeightType::F16).unwrap();
        let options = ImportOptions { input: 64, ..ImportOptions::default() };
        let model = import_state_dict(&path, &options).unwrap().model;
        assert_eq!(model.config.network, size);
        let network = Network::new(&size, model.config.maps(), model.weights.clone()).unwrap();
        let module = TrainableModel::new(model, &Device::flex()).unwrap().network;
        let error = compare(&module, &network, &size, 2, [64; 2]);
        assert!(error <= 1e-5, "{stacks} stacks, boundary {boundary}: {error}");
    }
}

#[test]
fn images_of_another_size_predict_as_the_module_does() {
    for coord_conv in [true, false] {
        let config = NetworkConfig { input: 128, stacks: 2, width: 16, boundary: true, coord_conv };
        let (module, network) = both(&config, 3, 7);
        for size in [[64, 192], [256, 64], [128, 128]] {
            let error = compare(&module, &network, &config, 2, size);
            assert!(error <= 1e-5, "{size:?}: {error}");
        }
    }
}

#[test]
fn no_image_gives_no_maps() {
    let config = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: false, coord_conv: false };
    assert!(both(&config, 1, 1).1.forward(&[]).is_empty());
}

#[test]
fn the_same_bits_whatever_the_number_of_threads_and_images() {
    let config = NetworkConfig { input: 128, stacks: 2, width: 48, boundary: true, coord_conv: true };
    let (_, network) = both(&config, 5, 3);
    let images = images(5, [128; 2], 1);
    let images: Vec<&RgbImage> = images.iter().collect();
    let bits = |threads: usize, each: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| images.chunks(each).flat_map(|images| network.forward(images)).collect::<Vec<_>>())
    };
    let one = bits(1, 1);
    for (threads, each) in [(2, 1), (3, 5), (2, 2), (1, 5)] {
        assert!(bits(threads, each) == one, "{threads} threads, {each} images at a time");
    }
}
