//! Whether the files of a checkpoint can be what training goes on from. Burn takes a record at its word: a number of another type, or a
//! state of another shape than its parameter's, would end in a panic, at once or at the next step.

use burn::tensor::Bytes;
use burn_pack::{DType, Reader, Shape};
use std::collections::BTreeMap;

/// The key under which Burn writes how many axes a parameter has.
const RANK: &str = ".__rank";

/// Checks that all is f32 and that the optimizer's state has the shapes of the network's parameters.
///
/// # Errors
/// What is wrong, in one line.
pub(crate) fn check(network: &Bytes, optimizer: &Bytes) -> Result<(), String> {
    let damaged = |e: burn_pack::Error| format!("is damaged: {e}");
    let mut shapes: BTreeMap<u64, Shape> = BTreeMap::new();
    for tensor in Reader::from_bytes(network.clone()).and_then(Reader::into_tensors).map_err(damaged)? {
        if tensor.dtype != DType::F32 {
            return Err(format!("{} has the type {:?} instead of F32", tensor.name, tensor.dtype));
        }
        let id = tensor.param_id.ok_or_else(|| format!("{} belongs to no parameter", tensor.name))?;
        shapes.insert(id, tensor.shape);
    }
    let reader = Reader::from_bytes(optimizer.clone()).map_err(damaged)?;
    for (name, value) in reader.scalars() {
        let Some(id) = name.strip_suffix(RANK) else { continue };
        let known = id.parse().ok().and_then(|id: u64| shapes.get(&id)).map(|shape| shape.num_dims());
        if known.is_none() || known != usize::try_from(*value).ok() {
            return Err(format!("the optimizer's {name} is not that of a parameter"));
        }
    }
    for tensor in reader.into_tensors().map_err(damaged)? {
        let shape = tensor.param_id.and_then(|id| shapes.get(&id));
        if tensor.dtype != DType::F32 || shape != Some(&tensor.shape) {
            let name: String = tensor.name.chars().take(80).collect();
            return Err(format!("the optimizer's {name} is not the state of a parameter"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_pack::{Tensor, Writer};

    fn file(name: &str, dtype: DType, shape: &[usize], id: Option<u64>, rank: i64) -> Bytes {
        let bytes = Bytes::from_bytes_vec(vec![0; dtype.size() * shape.iter().product::<usize>()]);
        let tensor = Tensor::new(name.to_owned(), dtype, shape.to_vec(), id, bytes);
        Writer::new(vec![tensor]).with_scalar("7.__rank", rank.into()).into_bytes().unwrap()
    }

    #[test]
    fn states_must_have_the_shapes_of_their_parameters() {
        let network = file("conv.weight", DType::F32, &[2, 3], Some(7), 2);
        let good = file("7.moment", DType::F32, &[2, 3], Some(7), 2);
        assert_eq!(check(&network, &good), Ok(()));
        for bad in [
            file("7.moment", DType::F32, &[3, 2], Some(7), 2),
            file("7.moment", DType::F32, &[6], Some(7), 2),
            file("7.moment", DType::F64, &[2, 3], Some(7), 2),
            file("7.moment", DType::F32, &[2, 3], Some(8), 2),
            file("7.moment", DType::F32, &[2, 3], None, 2),
            file("7.moment", DType::F32, &[2, 3], Some(7), 5),
        ] {
            assert!(check(&network, &bad).unwrap_err().starts_with("the optimizer's 7."));
        }
        let network = file("conv.weight", DType::I64, &[2, 3], Some(7), 2);
        assert!(check(&network, &good).unwrap_err().contains("instead of F32"));
        assert!(check(&good, &Bytes::from_bytes_vec(vec![1; 40])).unwrap_err().contains("is damaged"));
    }
}
