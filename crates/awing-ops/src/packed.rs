//! The weights of convolutions, packed once for as long as their tensor lives unchanged, which in prediction is for good.

use awing_kernels::{Method, Weights};
use burn::{
    backend::{Flex, TensorMetadata, tensor::FloatTensor},
    tensor::Bytes,
};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What was packed from which memory.
static PACKED: Mutex<Vec<(Weak<Bytes>, Arc<Weights>)>> = Mutex::new(Vec::new());

/// Those of `weight`, [outputs, inputs, kernel, kernel], for the convolution itself.
pub(crate) fn packed(weight: &FloatTensor<Flex>, method: Method) -> Arc<Weights> {
    if weight.as_slice::<f32>().map(<[f32]>::len) != Some(weight.bytes().len() / size_of::<f32>()) {
        let weight = weight.to_contiguous();
        return Arc::new(Weights::forward(weight.storage::<f32>(), weight.shape().dims(), method));
    }
    // Whoever writes to a tensor's memory while a weak reference to it exists gets another one, and with the last
    // strong one the weak one ends: a reference that still leads to the memory leads to unchanged values.
    let memory = Arc::downgrade(&weight.data_arc());
    let dims: [usize; 4] = weight.shape().dims();
    let packed = || PACKED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_it = |(of, w): &&(Weak<Bytes>, Arc<Weights>)| of.ptr_eq(&memory) && w.are_for(dims, method);
    let known = packed().iter().find(is_it).map(|(_, w)| w.clone());
    known.unwrap_or_else(|| {
        let new = Arc::new(Weights::forward(weight.storage::<f32>(), dims, method));
        let mut packed = packed();
        packed.retain(|(of, _)| of.strong_count() > 0);
        packed.push((memory, new.clone()));
        new
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory;
    use awing_kernels::{Geometry, Maps, Source, convolve};

    /// What a pixel of 1000 ones becomes: the sum of each output's weights.
    fn first_output(weights: &Weights) -> f32 {
        let mut out = [0.0; 20];
        let geometry = Geometry { images: 1, kernel: 1, stride: 1, padding: 0 };
        let source = Source::Plain(Maps::dense(&[1.0; 1000], [1, 1, 1, 1000]));
        convolve(&source, geometry, weights, None, &mut out);
        out[0]
    }

    #[test]
    fn weights_are_packed_once_and_again_after_they_changed() {
        let mut weight = memory::tensor(vec![1.0; 20_000], [20, 1000, 1, 1]);
        let first = packed(&weight, Method::Windows);
        assert!(Arc::ptr_eq(&first, &packed(&weight.clone(), Method::Windows)));
        weight.storage_mut::<f32>()[0] = 2.0;
        let second = packed(&weight, Method::Windows);
        assert_eq!((first_output(&first), first_output(&second)), (1000.0, 1001.0));
        drop(weight);
        let weight = memory::tensor(vec![3.0; 20_000], [20, 1000, 1, 1]);
        let again = packed(&weight, Method::Windows);
        assert_eq!(first_output(&again), 3000.0);
    }
}
