//! Times the forward pass that predicts beside the Burn module, one face at a time, in turns: `cargo run --release -p awing-train --example
//! forward_beside_burn`. Sizes are the built-in model's and preset `paper`; weights are random. With `ours` or `burn` and a size it runs only that one,
//! for a look at its memory.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use awing::network::{HeatmapNetwork, Network, NetworkConfig};
use awing_train::{
    Device,
    model::{OnDevice, StackedHourglass, weights_of},
};
use image::{Rgb, RgbImage};
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let builtin = NetworkConfig { input: 192, ..NetworkConfig::preset("base").unwrap() };
    let paper = NetworkConfig::preset("paper").unwrap();
    let only = arguments.first().map(String::as_str).filter(|a| *a != "both");
    for (name, config, points, rounds) in [("built-in", builtin, 68, 60), ("paper", paper, 98, 12)] {
        if arguments.get(1).is_some_and(|wanted| wanted != name) {
            continue;
        }
        let module = StackedHourglass::new(&config, points, 1, &Device::flex()).unwrap();
        let weights = weights_of(&module, "random");
        let burn = (only != Some("ours")).then(|| OnDevice::new(&module));
        drop(module);
        let start = Instant::now();
        let ours =
            (only != Some("burn")).then(|| Network::new(&config, config.channels(points), weights).unwrap());
        let packing = start.elapsed();
        let side = config.input as u32;
        let image = RgbImage::from_fn(side, side, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
        let time = |network: &dyn HeatmapNetwork| {
            let start = Instant::now();
            std::hint::black_box(network.forward(&[&image]));
            start.elapsed()
        };
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..rounds + 2 {
            let both = [ours.as_ref().map(|n| n as &dyn HeatmapNetwork), burn.as_ref().map(|n| n as _)];
            for (times, network) in times.iter_mut().zip(both) {
                if let Some(network) = network {
                    let taken = time(network);
                    // The first two warm up.
                    if round >= 2 {
                        times.push(taken);
                    }
                }
            }
        }
        let [ours, burn] = times.map(median);
        println!(
            "{name}: packing {packing:.2?}, forward {ours:.2?}, Burn module {burn:.2?}, ratio {:.3}",
            ours.as_secs_f64() / burn.as_secs_f64()
        );
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
