//! Layers whose weights do not change any more: packed once, normalization folded into factors and offsets, what comes next done while the
//! tile is in the cache. Tiles are as large as is fastest on the threads at hand; results do not depend on it.

mod affine;
mod block;
mod convolution;
mod finish;

pub use affine::Affine;
pub use block::{PackedBlock, PackedLayer};
pub use convolution::PackedConvolution;
pub use finish::{Finish, Position};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Maps, Source};

    #[test]
    fn every_finish_worked_out_by_hand() {
        // Two pixels of two channels; the outputs are x - 2 y + 1 and x + y - 3: -2, 0 and 7, 2.
        let x = [1.0, 2.0, 4.0, -1.0];
        let weight = [1.0, -2.0, 1.0, 1.0];
        let run = |finish: Finish<'_>, beside: Option<&mut [f32]>| {
            let layer = PackedConvolution::new(&weight, [2, 2, 1, 1], vec![1.0, -3.0], 1, [1, 2]);
            let mut out = [10.0, 20.0, 30.0, 40.0];
            layer.run(&Source::Plain(Maps::dense(&x, [1, 1, 2, 2])), 1, &mut out, finish, beside);
            out
        };
        assert_eq!(run(Finish::Keep, None), [-2.0, 0.0, 7.0, 0.0]);
        assert_eq!(run(Finish::Relu, None), [0.0, 0.0, 7.0, 0.0]);
        assert_eq!(run(Finish::Add, None), [8.0, 20.0, 37.0, 40.0]);
        assert_eq!(run(Finish::PlusRelu(&[5.0, -1.0, 0.0, 2.0]), None), [3.0, 0.0, 7.0, 2.0]);
        let mut sums = [0.0; 2];
        let one = Finish::ReluAndOne { weights: &[2.0, 9.0], offset: 0.5 };
        assert_eq!(run(one, Some(&mut sums)), [0.0, 0.0, 7.0, 0.0]);
        assert_eq!(sums, [0.5, 14.5]);
        // One row of two columns: row 0, columns -1 and 1, radius sqrt(1 / 2).
        let weights = [[100.0, 100.0], [1.0, 2.0], [0.0, 0.0], [100.0, 100.0], [10.0, 20.0]];
        let position = Position { weights: weights.map(Vec::from) };
        let at = |boundary| run(Finish::At { position: &position, boundary }, None);
        assert_eq!(at(None), [-3.0, -2.0, 8.0, 2.0]);
        // 0.05 is not above 0.05; what is no number counts as above.
        assert_eq!(at(Some(&[0.05, 0.06])), [-3.0, -2.0, 18.0, 22.0]);
        assert_eq!(at(Some(&[f32::NAN, -1.0])), [-13.0, -22.0, 8.0, 2.0]);
    }

    #[test]
    fn the_radius_is_one_in_the_corners() {
        assert_eq!(Position::of([0, 3], [3, 4]), [-1.0, 1.0, 1.0]);
        assert_eq!(Position::of([1, 0], [3, 1]), [0.0, 0.0, 0.0]);
    }
}

#[cfg(test)]
#[cfg(feature = "training")]
mod beside_the_block_that_learns {
    use super::*;
    use crate::{
        narrower, resample,
        residual_block::{BlockLayer, residual_block},
    };
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn compare(shape: [usize; 4], outputs: [usize; 3], seed: u64) {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut draw =
            |n: usize, low, high| (0..n).map(|_| rng.random_range(low..high)).collect::<Vec<f32>>();
        let [images, height, width, inputs] = shape;
        let [a, b, c] = outputs;
        let total = a + b + c;
        let mut sizes = vec![[a, inputs, 3, 3], [b, a, 3, 3], [c, b, 3, 3]];
        sizes.extend((inputs != total).then_some([total, inputs, 1, 1]));
        let parts: Vec<_> = sizes
            .iter()
            .map(|dims| {
                let bound = 1.0 / ((dims[1] * dims[2] * dims[3]) as f32).sqrt();
                let weight = draw(dims.iter().product(), -bound, bound);
                let (gamma, beta) = (draw(dims[1], 0.5, 1.5), draw(dims[1], -0.5, 0.5));
                (gamma, beta, draw(2 * dims[1], 0.5, 1.5), weight, *dims)
            })
            .collect();
        let x = draw(shape.iter().product(), -1.0, 1.5);
        let layers: Vec<BlockLayer<'_>> = parts
            .iter()
            .map(|(gamma, beta, _, weight, dims)| BlockLayer { gamma, beta, weight, dims: *dims })
            .collect();
        let weights: Vec<_> = layers.iter().map(|l| l.pack([height, width])).collect();
        let running: Vec<Vec<f32>> = parts.iter().map(|p| p.2.clone()).collect();
        let weights: Vec<_> = weights.iter().collect();
        let expected = residual_block(&x, shape, &layers, &weights, Some(&running), 1e-5).sum;

        let mut packed = parts.iter().map(|(gamma, beta, running, weight, dims)| {
            let (mean, variance) = running.split_at(dims[1]);
            PackedLayer::new(
                Affine::of_norm(gamma, beta, mean, variance, 1e-5),
                weight,
                *dims,
                [height, width],
            )
        });
        let three = [(); 3].map(|()| packed.next().unwrap());
        let block = PackedBlock::new(three, packed.next());
        let pixels = images * height * width;
        let mut middle = vec![f32::NAN; pixels * block.middle()];
        let mut out = vec![f32::NAN; pixels * total];
        block.run_to(&x, shape, &mut middle, &mut out);
        let close = |a: &[f32], b: &[f32]| {
            let size = b.iter().fold(1e-2_f32, |m, v| m.max(v.abs()));
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-5 * size), "{shape:?}, {outputs:?}");
        };
        close(&out, &expected);
        if inputs == total {
            let mut in_place = x.clone();
            block.run(&mut in_place, shape, &mut middle);
            assert_eq!(in_place, out);
        }
        if height % 2 == 0 && width % 2 == 0 {
            let mut half = vec![f32::NAN; pixels / 4 * total];
            block.run_halved(&x, shape, &mut middle, &mut half);
            let mut expected = vec![0.0; half.len()];
            resample::gather(&out, [images, height, width, total], 0.25, &mut expected);
            close(&half, &expected);
        }
    }

    #[test]
    fn every_instruction_set_agrees_with_the_block_that_learns() {
        for set in narrower::instruction_sets() {
            narrower::with(set, || compare([2, 12, 16, 20], [11, 6, 5], 4));
            narrower::with(set, || compare([1, 16, 12, 22], [11, 6, 5], 5));
            narrower::with(set, || compare([1, 24, 24, 64], [32, 16, 16], 6));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn any_block_agrees_with_the_block_that_learns(
            [images, height, width] in [1..4_usize, 1..14_usize, 1..14_usize], inputs in 1..40_usize,
            outputs in [1..24_usize, 1..20_usize, 1..20_usize], same: bool, seed: u64,
        ) {
            let inputs = if same { outputs.iter().sum() } else { inputs };
            compare([images, height, width, inputs], outputs, seed);
        }
    }
}
