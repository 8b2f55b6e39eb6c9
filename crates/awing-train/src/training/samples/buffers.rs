use burn::tensor::{AllocationProperty, Bytes, DType, TensorData};
use std::sync::{Arc, Mutex, PoisonError};

/// Memory of batches that goes round: what a dropped tensor leaves serves a later batch. Writing to fresh memory costs a page
/// fault for every 4 KiB, several times the writing itself.
#[derive(Clone, Default)]
pub(crate) struct Buffers {
    unused: Arc<Mutex<Vec<Vec<f32>>>>,
}

/// Numbers that return to their [`Buffers`] in the end.
pub(crate) struct Buffer {
    values: Vec<f32>,
    home: Buffers,
}

impl Buffers {
    /// A buffer of `len` numbers, whatever they are.
    pub(crate) fn take(&self, len: usize) -> Buffer {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        let found = unused.iter().position(|values| values.len() == len).map(|i| unused.swap_remove(i));
        drop(unused);
        Buffer { values: found.unwrap_or_else(|| vec![0.0; len]), home: self.clone() }
    }
}

impl Buffer {
    /// The numbers.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The numbers as a tensor's, without a copy.
    pub(crate) fn into_data<const D: usize>(self, shape: [usize; D]) -> TensorData {
        let bytes = bytes::Bytes::from_owner(self);
        TensorData::from_bytes(Bytes::from_shared(bytes, AllocationProperty::Other), shape, DType::F32)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.values)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        self.home.unused.lock().unwrap_or_else(PoisonError::into_inner).push(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn memory_goes_through_a_tensor_and_comes_back() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(6);
        buffer.values_mut().copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let place = buffer.values.as_ptr();
        let tensor = Tensor::<2>::from_data(buffer.into_data([2, 3]), &Device::flex());
        let doubled = tensor.clone() * 2.0;
        assert_eq!(tensor.into_data().try_to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(doubled.into_data().try_to_vec::<f32>().unwrap(), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
        let again = buffers.take(6);
        assert_eq!(again.values.as_ptr(), place);
        assert_ne!(buffers.take(6).values.as_ptr(), place);
    }
}
