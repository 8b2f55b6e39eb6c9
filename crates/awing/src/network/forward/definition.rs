//! The network's definition in plain loops of f64, channels first: what the forward pass is tested against.

use crate::network::{NetworkConfig, Weights};
use image::RgbImage;

/// [channels][height][width]
type Maps = Vec<Vec<Vec<f64>>>;

pub(super) struct Definition<'a> {
    pub(super) config: &'a NetworkConfig,
    pub(super) weights: &'a Weights,
}

impl Definition<'_> {
    /// The last stack's maps, row by row.
    pub(super) fn forward(&self, image: &RgbImage) -> Vec<f64> {
        let byte = |channel: usize, y: u32, x: u32| f64::from(image.get_pixel(x, y)[channel]) / 255.0;
        let rows =
            |c| (0..image.height()).map(|y| (0..image.width()).map(|x| byte(c, y, x)).collect()).collect();
        let mut x: Maps = (0..3).map(rows).collect();
        if self.config.coord_conv {
            x.extend(coordinates(&x));
        }
        let x = self.norm_relu("stem_norm", &self.convolve("stem.conv", &x, 2));
        let x = self.block("block3", &self.block("block2", &halve(&self.block("block1", &x))));
        let (mut x, mut maps) = (x, Maps::new());
        for stack in 0..self.config.stacks {
            let path = |rest: &str| format!("stacks.{stack}.{rest}");
            let mut input = x.clone();
            if self.config.coord_conv {
                let place = coordinates(&x);
                input.extend(place.clone());
                if self.config.boundary && stack > 0 {
                    let boundary = &maps[maps.len() - 1];
                    input.extend(place[..2].iter().map(|map| {
                        zip(map, boundary, |place, boundary| if boundary > 0.05 { place } else { 0.0 })
                    }));
                }
            }
            let features = self.level(&path("hourglass"), 0, &self.convolve(&path("coord.conv"), &input, 1));
            let features = self.convolve(&path("last"), &self.block(&path("top"), &features), 1);
            let features = self.norm_relu(&path("last_norm"), &features);
            maps = self.convolve(&path("maps"), &features, 1);
            if stack + 1 < self.config.stacks {
                let own = self.convolve(&path("handover.features"), &features, 1);
                let of_maps = self.convolve(&path("handover.maps"), &maps, 1);
                x = add(&add(&x, &own), &of_maps);
            }
        }
        maps.concat().concat()
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        self.weights.get(name).map(|t| t.values.iter().map(|v| f64::from(*v)).collect()).unwrap_or_default()
    }

    fn convolve(&self, path: &str, x: &Maps, stride: usize) -> Maps {
        let name = format!("{path}.weight");
        let weight = self.numbers(&name);
        let shape = &self.weights.get(&name).unwrap().shape;
        let (outputs, inputs, kernel) = (shape[0], shape[1], shape[2]);
        assert_eq!(inputs, x.len(), "{path}");
        let bias = self.numbers(&format!("{path}.bias"));
        let (height, width, padding) = (x[0].len(), x[0][0].len(), kernel / 2);
        let at = |output: usize, row: usize, column: usize| {
            let mut sum = bias.get(output).copied().unwrap_or_default();
            for (input, map) in x.iter().enumerate() {
                for (a, b) in (0..kernel).flat_map(|a| (0..kernel).map(move |b| (a, b))) {
                    let (y, x) = (
                        (row * stride + a).wrapping_sub(padding),
                        (column * stride + b).wrapping_sub(padding),
                    );
                    if y < height && x < width {
                        sum += map[y][x] * weight[((output * inputs + input) * kernel + a) * kernel + b];
                    }
                }
            }
            sum
        };
        let row = |output, y| (0..width.div_ceil(stride)).map(|x| at(output, y, x)).collect();
        (0..outputs).map(|output| (0..height.div_ceil(stride)).map(|y| row(output, y)).collect()).collect()
    }

    fn norm_relu(&self, path: &str, x: &Maps) -> Maps {
        let of = |name: &str| self.numbers(&format!("{path}.{name}"));
        let (gamma, beta, mean, variance) = (of("gamma"), of("beta"), of("running_mean"), of("running_var"));
        let normal = |c: usize, v: f64| gamma[c] * (v - mean[c]) / (variance[c] + 1e-5).sqrt() + beta[c];
        let map = |(c, map): (usize, &Vec<Vec<f64>>)| {
            map.iter().map(|row| row.iter().map(|v| normal(c, *v).max(0.0)).collect()).collect()
        };
        x.iter().enumerate().map(map).collect()
    }

    fn block(&self, path: &str, x: &Maps) -> Maps {
        let layer = |norm: &str, conv: &str, x: &Maps| {
            self.convolve(&format!("{path}.{conv}"), &self.norm_relu(&format!("{path}.{norm}"), x), 1)
        };
        let a = layer("norm1", "conv1", x);
        let b = layer("norm2", "conv2", &a);
        let c = layer("norm3", "conv3", &b);
        let all = [a, b, c].concat();
        let past =
            if all.len() == x.len() { x.clone() } else { layer("projection.norm", "projection.conv", x) };
        add(&all, &past)
    }

    fn level(&self, path: &str, level: usize, x: &Maps) -> Maps {
        let block = |branch: &str, x: &Maps| self.block(&format!("{path}.{branch}.{level}"), x);
        let low = block("down", &halve(x));
        let low = if level < 3 {
            self.level(path, level + 1, &low)
        } else {
            self.block(&format!("{path}.bottom"), &low)
        };
        let double = |map: &Vec<Vec<f64>>| -> Vec<Vec<f64>> {
            let twice = |y: usize| (0..2 * map[0].len()).map(|x| map[y / 2][x / 2]).collect();
            (0..2 * map.len()).map(twice).collect()
        };
        add(&block("skip", x), &block("up", &low).iter().map(double).collect())
    }
}

/// Row, column and radius.
fn coordinates(x: &Maps) -> Maps {
    let (height, width) = (x[0].len(), x[0][0].len());
    let along = |i: usize, n: usize| if n > 1 { 2.0 * i as f64 / (n - 1) as f64 - 1.0 } else { 0.0 };
    let map = |f: &dyn Fn(f64, f64) -> f64| -> Vec<Vec<f64>> {
        let row = |y| (0..width).map(|x| f(along(y, height), along(x, width))).collect();
        (0..height).map(row).collect()
    };
    vec![map(&|y, _| y), map(&|_, x| x), map(&|y, x| (0.5 * (x * x + y * y)).sqrt())]
}

fn zip(a: &[Vec<f64>], b: &[Vec<f64>], f: impl Fn(f64, f64) -> f64) -> Vec<Vec<f64>> {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()).collect()
}

fn add(a: &Maps, b: &Maps) -> Maps {
    a.iter().zip(b).map(|(a, b)| zip(a, b, |a, b| a + b)).collect()
}

fn halve(x: &Maps) -> Maps {
    let half = |map: &Vec<Vec<f64>>| {
        let at = |y: usize, x: usize| {
            map[2 * y][2 * x] + map[2 * y][2 * x + 1] + map[2 * y + 1][2 * x] + map[2 * y + 1][2 * x + 1]
        };
        (0..map.len() / 2).map(|y| (0..map[0].len() / 2).map(|x| at(y, x) / 4.0).collect()).collect()
    };
    x.iter().map(half).collect()
}
