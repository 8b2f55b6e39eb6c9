use crate::memory;
use awing_kernels::{memory::take, transpose};
use burn::backend::{Flex, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use burn::tensor::TensorData;

/// The tensor in row-major order. What [batch, a, b, c] was permuted to [batch, c, a, b] or back is turned on threads, into
/// memory that is used again; anything else is Burn's to copy.
pub(crate) fn dense(tensor: FloatTensor<Flex>) -> FloatTensor<Flex> {
    if tensor.is_contiguous() {
        return tensor.to_contiguous();
    }
    let layout = tensor.layout().clone();
    let &[images, a, b, c] = layout.shape().as_slice() else { return tensor.to_contiguous() };
    let size = a * b * c;
    let strides: Vec<usize> = layout.strides().iter().map(|s| usize::try_from(*s).unwrap_or(0)).collect();
    // Seen as matrices [rows, columns], of which memory holds the transposed.
    let (rows, columns) = if strides == [size, 1, c * a, a] {
        (a, b * c)
    } else if strides == [size, b, 1, a * b] {
        (a * b, c)
    } else {
        return tensor.to_contiguous();
    };
    let values = &tensor.storage::<f32>()[layout.start_offset()..][..images * size];
    let mut output = take(images * size);
    transpose(values, [images, rows, columns], &mut output);
    memory::tensor_of(output, tensor.shape())
}

/// The values in order, without what a view leaves out.
pub(crate) fn floats(tensor: &FloatTensor<Flex>) -> Vec<f32> {
    tensor.to_contiguous().storage::<f32>()[..tensor.shape().num_elements()].to_vec()
}

/// A tensor of these values.
pub(crate) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FloatTensor<Flex> {
    Flex::float_from_data(TensorData::new(values, shape), &Default::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor, TensorData};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_permuted_tensor_comes_out_as_burn_copies_it(
            shape in [1..3_usize, 1..80_usize, 1..20_usize, 1..40_usize], order in 0..4_usize,
        ) {
            let len = shape.iter().product::<usize>();
            let data = TensorData::new((0..len).map(|i| i as f32).collect::<Vec<_>>(), shape);
            let permutation = [[0, 3, 1, 2], [0, 2, 3, 1], [0, 1, 2, 3], [0, 2, 1, 3]][order];
            let tensor = Tensor::<4>::from_data(data, &Device::flex()).permute(permutation);
            let expected = tensor.clone().into_data();
            let ours = dense(tensor.try_into_primitive::<Flex>().unwrap());
            prop_assert!(ours.is_contiguous());
            prop_assert_eq!(ours.into_data(), expected);
        }
    }
}
