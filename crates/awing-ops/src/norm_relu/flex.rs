use super::{
    operation::{Gradients3, NormKernel},
    portable,
};
use crate::cpu::dispatch;
use crate::{
    cpu::{
        dense,
        norm::{Norm, statistics},
        rows::{Maps, Rows},
        tile::tile_rows,
    },
    definition, memory,
};
use burn::backend::{Flex, TensorData, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

impl NormKernel for Flex {
    fn statistics(input: FloatTensor<Self>) -> FloatTensor<Self> {
        if definition::wanted() {
            return portable::statistics::<Self>(input);
        }
        let shape: [usize; 4] = input.shape().dims();
        let input = dense(input);
        tensor(statistics(input.storage::<f32>(), shape), [2, shape[3]])
    }

    fn forward(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        if definition::wanted() {
            return portable::forward::<Self>(input, gamma, beta, statistics, epsilon);
        }
        let shape @ [images, height, width, channels]: [usize; 4] = input.shape().dims();
        let input = dense(input);
        let norm = Norm::new(&floats(&gamma), &floats(&beta), &floats(&statistics), epsilon);
        let rows = norm.of(Maps::dense(input.storage::<f32>(), shape));
        let len = shape.iter().product();
        let mut output = memory::take(len);
        let (row, count) = (width * channels, tile_rows(images, height, width * channels * 4, 1, 4));
        output[..len].par_chunks_mut((row * count).max(1)).enumerate().for_each(|(i, out)| {
            dispatch(Draw { rows: &rows, first: i * count, out, row });
        });
        memory::tensor(output, shape)
    }

    fn backward(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        batch: bool,
        above: FloatTensor<Self>,
    ) -> Gradients3<Self> {
        if definition::wanted() {
            return portable::backward::<Self>(input, gamma, beta, statistics, epsilon, batch, above);
        }
        let shape @ [images, height, width, channels]: [usize; 4] = input.shape().dims();
        let (input, above) = (dense(input), dense(above));
        let norm = Norm::new(&floats(&gamma), &floats(&beta), &floats(&statistics), epsilon);
        let len = shape.iter().product();
        let chunk = (width * channels * tile_rows(images, height, width * channels * 4, 1, 4)).max(1);
        let x = &input.storage::<f32>()[..len];
        let mut gradient = memory::take(len);
        let sums: Vec<_> = gradient[..len]
            .par_chunks_mut(chunk)
            .zip(x.par_chunks(chunk).zip(above.storage::<f32>()[..len].par_chunks(chunk)))
            .map(|(gradient, (x, above))| norm.rectify(x, above, gradient))
            .collect();
        let pixels = images * height * width;
        let descended = norm.descend(&sums, batch.then_some(pixels));
        gradient[..len]
            .par_chunks_mut(chunk)
            .zip(x.par_chunks(chunk))
            .for_each(|(gradient, x)| descended.descent.along(x, gradient));
        [
            memory::tensor(gradient, shape),
            tensor(descended.gamma, [channels]),
            tensor(descended.beta, [channels]),
        ]
    }
}

/// Draws rows into memory: `first` counts them through all images.
struct Draw<'a, R> {
    rows: &'a R,
    first: usize,
    out: &'a mut [f32],
    row: usize,
}

impl<R: Rows> WithSimd for Draw<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let height = self.rows.height();
        for (y, out) in (self.first..).zip(self.out.chunks_exact_mut(self.row)) {
            self.rows.fill(simd, y / height, y % height, out);
        }
    }
}

fn floats(tensor: &FloatTensor<Flex>) -> Vec<f32> {
    tensor.to_contiguous().storage::<f32>()[..tensor.shape().num_elements()].to_vec()
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FloatTensor<Flex> {
    Flex::float_from_data(TensorData::new(values, shape), &Default::default())
}
