//! The weights of a Burn module by name: taken out, put in, read from and written to a safetensors file.

use crate::files::write_atomic;
use awing::{
    Error, Result,
    files::{LONGEST_WEIGHTS, read_bytes},
    network::{WeightTensor, WeightType, Weights},
};
use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Tensor, TensorData},
};
use std::{collections::BTreeMap, path::Path};

/// The number of trainable parameters; running means and variances do not count.
pub fn parameter_count<M: Module>(network: &M) -> usize {
    /// Told by name, since a network on a device without a tape has nothing that can be trained.
    #[derive(Default)]
    struct Count {
        count: usize,
        running: bool,
    }
    impl ModuleVisitor for Count {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.running = name.starts_with("running_");
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.running = false;
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !self.running {
                self.count += param.lazy_shape().num_elements();
            }
        }
    }
    let mut count = Count::default();
    network.visit(&mut count);
    count.count
}

/// Whether all weights and running statistics are finite numbers.
pub fn weights_are_finite<M: Module>(network: &M) -> bool {
    struct Finite(bool);
    impl ModuleVisitor for Finite {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            // One sum is quicker than a look at each: it is finite unless something is not, or overflows.
            self.0 &= param.val().abs().sum().into_scalar::<f32>().is_finite();
        }
    }
    let mut finite = Finite(true);
    network.visit(&mut finite);
    finite.0
}

/// All weights and running statistics of a network, each under its path in it; `source` is what errors call their file.
pub fn weights_of<M: Module>(network: &M, source: impl AsRef<Path>) -> Weights {
    let mut collect = Collect { path: Vec::new(), tensors: BTreeMap::new() };
    // The validation snapshot holds the running statistics with their last update.
    network.valid().visit(&mut collect);
    Weights::new(collect.tensors, source.as_ref())
}

/// A network with these weights, which must be all of its own and no others.
///
/// # Errors
/// [`Error::Model`] naming the tensor that is missing, unknown or of another shape.
pub fn place_weights<M: Module>(network: M, weights: Weights) -> Result<M> {
    let mut place = Place { path: Vec::new(), weights, problem: None };
    let network = network.map(&mut place);
    if let Some(problem) = place.problem {
        return Err(problem);
    }
    place.weights.none_left()?;
    Ok(network)
}

/// Writes all weights and running statistics to `path`, beside it first, then renamed.
///
/// # Errors
/// [`Error::Io`] when the file cannot be written, [`Error::Model`] when a weight is not a finite number of the type.
pub fn save_weights<M: Module>(network: &M, path: &Path, kind: WeightType) -> Result<()> {
    write_atomic(path, &weights_of(network, path).to_safetensors(kind)?)
}

/// Reads weights from `path` into a network of the same shape; f32 and f16 files are read.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read; [`Error::Model`] when it is damaged, which its checksum tells where it has one, or naming
/// the tensor that is missing, unknown, of another shape or type, or holds a number that is not finite.
pub fn load_weights<M: Module>(network: M, path: &Path) -> Result<M> {
    place_weights(network, Weights::from_safetensors(read_bytes(path, LONGEST_WEIGHTS)?, path)?)
}

/// Gives `to` all weights of `from` that have a place there: those under the same path and of the same shape. Names the tensors
/// of `to` that keep their own, such as the layers that predict maps where the points differ.
pub fn transfer_weights<M: Module>(from: &M, to: M) -> (M, Vec<String>) {
    let mut from: BTreeMap<String, WeightTensor> = weights_of(from, "").into_iter().collect();
    let mut kept = Vec::new();
    let mut moved = BTreeMap::new();
    for (name, own) in weights_of(&to, "") {
        let tensor = match from.remove(&name) {
            Some(other) if other.shape == own.shape => other,
            _ => {
                kept.push(name.clone());
                own
            }
        };
        moved.insert(name, tensor);
    }
    let mut place = Place { path: Vec::new(), weights: Weights::new(moved, ""), problem: None };
    (to.map(&mut place), kept)
}

struct Collect {
    path: Vec<String>,
    tensors: BTreeMap<String, WeightTensor>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        let values = tensor.into_data().iter().collect();
        self.tensors.insert(self.path.join("."), WeightTensor { shape, values });
    }
}

struct Place {
    path: Vec<String>,
    weights: Weights,
    problem: Option<Error>,
}

impl ModuleMapper for Place {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape().to_vec();
        match self.weights.take(&self.path.join("."), &shape) {
            Ok(values) => param.map(|old| {
                let new = Tensor::from_data(TensorData::new(values, shape), &old.device());
                if old.is_require_grad() { new.require_grad() } else { new }
            }),
            Err(problem) => {
                self.problem.get_or_insert(problem);
                param
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StackedHourglass;
    use awing::network::NetworkConfig;
    use burn::tensor::Device;

    fn network(width: usize, seed: u64) -> StackedHourglass {
        let config = NetworkConfig { input: 64, stacks: 2, width, boundary: true, coord_conv: true };
        StackedHourglass::new(&config, 2, seed, &Device::flex().autodiff()).unwrap()
    }

    fn answer(network: &StackedHourglass) -> TensorData {
        let images = Tensor::<4>::ones([1, 3, 64, 64], &Device::flex()) * 0.3;
        network.valid().forward(images).remove(1).into_data()
    }

    #[test]
    fn loaded_weights_give_the_same_answer_and_stay_trainable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let saved = network(8, 1);
        // A training pass moves the running statistics: they must travel too.
        let images = Tensor::<4>::ones([2, 3, 64, 64], &Device::flex().autodiff());
        saved.forward(images);
        save_weights(&saved, &path, WeightType::F32).unwrap();
        let loaded = load_weights(network(8, 2), &path).unwrap();
        assert_eq!(answer(&saved), answer(&loaded));
        assert_eq!(parameter_count(&loaded), parameter_count(&saved));
    }

    #[test]
    fn half_the_bytes_give_nearly_the_same_answer() {
        let folder = tempfile::tempdir().unwrap();
        let (single, half) = (folder.path().join("f32"), folder.path().join("f16"));
        let saved = network(8, 1);
        save_weights(&saved, &single, WeightType::F32).unwrap();
        save_weights(&saved, &half, WeightType::F16).unwrap();
        let size = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(size(&single) - size(&half) >= 2 * parameter_count(&saved) as u64);
        let [a, b] = [answer(&saved), answer(&load_weights(network(8, 2), &half).unwrap())];
        let (a, b): (Vec<f32>, Vec<f32>) = (a.try_to_vec().unwrap(), b.try_to_vec().unwrap());
        assert!(a != b && a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 0.01), "rounded, but not by much");
    }

    #[test]
    fn another_set_of_points_keeps_all_but_the_layers_of_the_maps() {
        let from = network(8, 1);
        let config = NetworkConfig { input: 64, stacks: 2, width: 8, boundary: true, coord_conv: true };
        let to = StackedHourglass::new(&config, 5, 2, &Device::flex().autodiff()).unwrap();
        let (moved, kept) = transfer_weights(&from, to);
        let expected = ["stacks.0.handover.maps.weight", "stacks.0.maps.bias", "stacks.0.maps.weight"];
        assert_eq!(kept[..3], expected);
        assert_eq!(kept.len(), 5, "{kept:?}");
        assert_eq!(moved.valid().forward(Tensor::ones([1, 3, 64, 64], &Device::flex()))[1].dims()[1], 6);
        assert_eq!(answer(&transfer_weights(&from, network(8, 3)).0), answer(&from));
    }

    #[test]
    fn weights_of_another_network_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        save_weights(&network(8, 1), &path, WeightType::F32).unwrap();
        let error = load_weights(network(16, 1), &path).unwrap_err().to_string();
        assert!(error.contains("has shape") && error.contains("model.safetensors: "), "{error}");
    }
}
