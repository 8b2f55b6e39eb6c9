//! Burn's tensors over the kernels' memory, which is used again.

#![expect(unsafe_code, reason = "hands its buffers to Burn as bytes")]

use awing_kernels::memory::give;
use burn::{
    backend::{Flex, TensorData, ops::FloatTensorOps, tensor::FloatTensor},
    tensor::{Bytes, DType, Shape},
};
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};
use std::mem::MaybeUninit;

/// As [`tensor_of`].
pub(crate) fn tensor<const D: usize>(buffer: Vec<f32>, shape: [usize; D]) -> FloatTensor<Flex> {
    tensor_of(buffer, Shape::from(shape))
}

/// A tensor whose memory is given back when it is dropped. `buffer` comes from [`awing_kernels::memory::take`] and begins with the shape's values.
pub(crate) fn tensor_of(buffer: Vec<f32>, shape: Shape) -> FloatTensor<Flex> {
    let len = shape.num_elements() * size_of::<f32>();
    assert!(buffer.len() * size_of::<f32>() >= len);
    // SAFETY: all floats of the buffer are initialised, and the shape's fit into it.
    let bytes = unsafe { Bytes::from_controller(Box::new(Recycled(buffer)), len) };
    Flex::float_from_data(TensorData::from_bytes(bytes, shape, DType::F32), &Default::default())
}

struct Recycled(Vec<f32>);

impl Drop for Recycled {
    fn drop(&mut self) {
        give(std::mem::take(&mut self.0));
    }
}

impl AllocationController for Recycled {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let (start, len) = (self.0.as_mut_ptr(), size_of_val::<[f32]>(&self.0));
        // SAFETY: the vector's own memory; the caller writes initialised bytes only, and any bytes make a float.
        Ok(unsafe { std::slice::from_raw_parts_mut(start.cast(), len) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        // SAFETY: the vector's own memory.
        Ok(unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), size_of_val::<[f32]>(&self.0)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing_kernels::memory::take;
    use burn::backend::TensorMetadata;

    #[test]
    fn a_dropped_tensor_gives_its_memory_to_the_next_of_its_size() {
        // A length of this test alone: the pool serves all tests at once.
        let mut buffer = take(1_234_577);
        buffer[7] = 3.0;
        let start = buffer.as_ptr();
        let tensor = tensor(buffer, [1_234_577]);
        let copy = tensor.clone();
        assert_eq!(tensor.shape().num_elements(), 1_234_577);
        drop(tensor);
        assert_eq!(copy.storage::<f32>()[7], 3.0);
        drop(copy);
        let again = take(1_234_500);
        assert_eq!((again.as_ptr(), again.len()), (start, 1_234_577));
        give(again);
    }

    #[test]
    fn values_survive_being_written_in_place_and_cloned() {
        let mut ours = tensor(vec![1.0; 20_000], [20_000]);
        ours.storage_mut::<f32>()[3] = 2.0;
        let mut other = ours.clone();
        other.storage_mut::<f32>()[3] = 5.0;
        assert_eq!((ours.storage::<f32>()[3], other.storage::<f32>()[3]), (2.0, 5.0));
    }
}
