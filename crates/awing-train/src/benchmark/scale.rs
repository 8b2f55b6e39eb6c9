use super::Row;
use crate::training::Recipe;
use awing::network::NetworkConfig;
use serde::Serialize;

/// A training whose size differs in one respect from the others of its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    /// The respect: "batch", "input", "stacks", "width", "photos" or "threads".
    pub varied: &'static str,
    /// Its value.
    pub value: usize,
    /// The recipe.
    pub recipe: Recipe,
    /// Photos to train on; the same files many times.
    pub photos: usize,
    /// Threads.
    pub threads: usize,
}

/// What a variation came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScaleRow {
    /// See [`Variation::varied`].
    pub varied: &'static str,
    /// Its value.
    pub value: usize,
    /// Multiplications with additions in the forward convolutions of a step, in milliards.
    pub gmac: f64,
    /// Time for each of them, times threads, relative to the first row of the series: above 1 the cost grows faster than
    /// the work.
    pub relative_cost: f64,
    /// What was measured of [`super::Work::Train`].
    #[serde(flatten)]
    pub row: Row,
}

/// Around `recipe`: batch sizes, inputs, stacks, widths, numbers of photos up to 100 000, and threads up to `threads`.
/// Each series begins with its smallest.
pub fn variations(recipe: &Recipe, threads: usize) -> Vec<Variation> {
    let base =
        Variation { varied: "", value: 0, recipe: recipe.clone(), photos: recipe.training.batch, threads };
    let mut all = Vec::new();
    let mut series = |varied, values: &[usize], set: &dyn Fn(&mut Variation, usize)| {
        for &value in values {
            let mut variation = Variation { varied, value, ..base.clone() };
            set(&mut variation, value);
            all.push(variation);
        }
    };
    series("batch", &[2, 4, 8, 16, 32, 64], &|v, n| v.recipe.training.batch = n);
    series("input", &[64, 128, 192, 256, 384], &|v, n| v.recipe.network.input = n);
    series("stacks", &[1, 2, 3, 4], &|v, n| v.recipe.network.stacks = n);
    series("width", &[16, 32, 64, 128, 256], &|v, n| v.recipe.network.width = n);
    series("photos", &[100, 1_000, 10_000, 100_000], &|v, n| v.photos = n);
    let counts: Vec<usize> = (0..).map(|i| 1 << i).take_while(|n| *n < threads).chain([threads]).collect();
    series("threads", &counts, &|v, n| v.threads = n);
    all
}

impl ScaleRow {
    /// The rows of measured variations, in their order.
    pub fn of(measured: Vec<(Variation, Row)>, points: usize) -> Vec<Self> {
        let mut rows: Vec<Self> = Vec::with_capacity(measured.len());
        let mut first = ("", 1.0);
        for (variation, row) in measured {
            let gmac = gmac(&row.network, points) * row.batch as f64;
            let cost = row.timing.median_ms * row.threads as f64 / gmac;
            if first.0 != variation.varied {
                first = (variation.varied, cost);
            }
            let (varied, value) = (variation.varied, variation.value);
            rows.push(Self { varied, value, gmac, relative_cost: cost / first.1, row });
        }
        rows
    }
}

/// Multiplications with additions in the convolutions of one face's forward pass, in milliards.
fn gmac(network: &NetworkConfig, points: usize) -> f64 {
    let NetworkConfig { input, stacks, width, boundary, coord_conv } = *network;
    let channels = network.channels(points);
    let place = if coord_conv { 3 } else { 0 };
    let block = |inputs: usize, outputs: usize| {
        let (half, quarter) = (outputs / 2, outputs / 4);
        let projection = if inputs == outputs { 0 } else { inputs * outputs };
        9 * (inputs * half + half * quarter + quarter * quarter) + projection
    };
    let (half, quarter) = ((input / 2).pow(2), (input / NetworkConfig::STRIDE).pow(2));
    let stem = half * (49 * (3 + place) * (width / 4) + block(width / 4, width / 2))
        + quarter * (block(width / 2, width / 2) + block(width / 2, width));
    // At full size one block; after each of four halvings three: beside the next halving or at the bottom, before, after.
    let hourglass = block(width, width) * (quarter + 3 * (1..=4).map(|i| quarter >> (2 * i)).sum::<usize>());
    let stack = |i: usize| {
        let edge = if coord_conv && boundary && i > 0 { 2 } else { 0 };
        let handover = if i + 1 < stacks { width * width + channels * width } else { 0 };
        let layers = (width + place + edge) * width + width * width + width * channels + handover;
        hourglass + quarter * (block(width, width) + layers)
    };
    (stem + (0..stacks).map(stack).sum::<usize>()) as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::{Timing, Work};

    #[test]
    fn the_papers_network_has_the_published_cost() {
        let paper = NetworkConfig::preset("paper").unwrap();
        let cost = |stacks| gmac(&NetworkConfig { stacks, ..paper.clone() }, 98);
        assert!((cost(4) - 26.71).abs() < 0.01 && (cost(1) - 8.73).abs() < 0.01, "{} {}", cost(4), cost(1));
    }

    #[test]
    fn cost_is_relative_to_the_first_of_its_series() {
        let recipe = Recipe::preset("nano").unwrap();
        let all = variations(&recipe, 3);
        let threads: Vec<_> = all.iter().filter(|v| v.varied == "threads").map(|v| v.value).collect();
        assert_eq!(threads, [1, 2, 3]);
        // Twice the batch in three times the time costs 1.5; two threads in two thirds of the time cost 4 / 3.
        let row = |batch, threads, median_ms| Row {
            work: Work::Train,
            network: recipe.network.clone(),
            batch,
            threads,
            images: batch,
            timing: Timing {
                median_ms,
                first_quartile_ms: 0.0,
                third_quartile_ms: 0.0,
                min_ms: 0.0,
                max_ms: 0.0,
                repeats: 1,
            },
            images_per_second: 0.0,
            peak_memory_mib: None,
        };
        let series = |name: &'static str| all.iter().filter(move |v| v.varied == name).cloned();
        let times = [row(2, 3, 10.0), row(4, 3, 30.0), row(16, 1, 60.0), row(16, 2, 40.0)];
        let measured = series("batch").take(2).chain(series("threads").take(2)).zip(times).collect();
        let costs: Vec<f64> = ScaleRow::of(measured, 68).iter().map(|r| r.relative_cost).collect();
        assert!(
            costs.iter().zip([1.0, 1.5, 1.0, 4.0 / 3.0]).all(|(a, b)| (a - b).abs() < 1e-12),
            "{costs:?}"
        );
    }
}
