use super::{operation::ResampleKernel, portable};
use crate::{definition, dense::dense, memory};
use awing_kernels::{memory::take, resample};
use burn::backend::{Flex, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};

impl ResampleKernel for Flex {
    fn gather(maps: FloatTensor<Self>, factor: f64) -> FloatTensor<Self> {
        if definition::wanted() {
            return portable::gather::<Self>(maps, factor);
        }
        let dims @ [images, height, width, channels]: [usize; 4] = maps.shape().dims();
        let maps = dense(maps);
        let shape = [images, height / 2, width / 2, channels];
        let mut output = take(shape.iter().product());
        resample::gather(maps.storage::<f32>(), dims, factor as f32, &mut output);
        memory::tensor(output, shape)
    }

    fn spread(kept: Option<FloatTensor<Self>>, maps: FloatTensor<Self>, factor: f64) -> FloatTensor<Self> {
        if definition::wanted() {
            let spread = portable::spread::<Self>(maps, factor);
            return match kept {
                Some(kept) => Self::float_add(kept, spread),
                None => spread,
            };
        }
        let dims @ [images, height, width, channels]: [usize; 4] = maps.shape().dims();
        let (maps, kept) = (dense(maps), kept.map(dense));
        let shape = [images, 2 * height, 2 * width, channels];
        let kept = kept.as_ref().map(|kept| kept.storage::<f32>());
        let mut output = take(shape.iter().product());
        resample::spread(kept, maps.storage::<f32>(), dims, factor as f32, &mut output);
        memory::tensor(output, shape)
    }
}
