//! A network's weights as a safetensors file, f32, each tensor under its path in the network.

use crate::{
    error::{Error, Result},
    files::{LONGEST_WEIGHTS, read_bytes},
};
use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Tensor, TensorData},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

/// The key of the checksum in the file's own metadata; files of others have none.
const CHECKSUM: &str = "crc32";

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

/// How numbers are stored in a weights file. In memory they are always f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightType {
    /// Four bytes a number.
    #[default]
    F32,
    /// Two bytes a number: 11 significant bits, at most 65504.
    F16,
}

/// Writes all weights and running statistics to `path`, beside it first, then renamed.
///
/// # Errors
/// [`Error::Io`] when the file cannot be written, [`Error::Model`] when a weight is not a finite number of the type.
pub fn save_weights<M: Module>(network: &M, path: &Path, kind: WeightType) -> Result<()> {
    // The validation snapshot holds the running statistics with their last update.
    let mut collect = Collect { path: Vec::new(), tensors: BTreeMap::new() };
    network.valid().visit(&mut collect);
    let mut views = Vec::with_capacity(collect.tensors.len());
    let (dtype, most) = match kind {
        WeightType::F32 => (Dtype::F32, f32::MAX),
        WeightType::F16 => (Dtype::F16, half::f16::MAX.to_f32()),
    };
    if kind == WeightType::F16 {
        for (_, bytes, _) in collect.tensors.values_mut() {
            *bytes = f32s(bytes).into_iter().flat_map(|v| half::f16::from_f32(v).to_le_bytes()).collect();
        }
    }
    for (name, (shape, bytes, largest)) in &collect.tensors {
        if largest.is_nan() || *largest > most {
            return Err(Error::model(
                path,
                name.as_str(),
                format!("holds a number that is not finite or above {most:e}; nothing was written"),
            ));
        }
        let view = TensorView::new(dtype, shape.clone(), bytes)
            .map_err(|e| Error::model(path, name.as_str(), e.to_string()))?;
        views.push((name.as_str(), view));
    }
    let metadata = HashMap::from([(CHECKSUM.to_owned(), checksum(&views))]);
    let bytes = safetensors::serialize(views, Some(metadata))
        .map_err(|e| Error::model(path, "weights", e.to_string()))?;
    crate::files::write_atomic(path, &bytes)
}

/// Of all tensors by name, with their names and shapes: safetensors itself does not notice a changed number.
fn checksum<'a>(tensors: &[(&'a str, TensorView<'a>)]) -> String {
    let mut crc = crc32fast::Hasher::new();
    for (name, view) in tensors {
        crc.update(format!("{name} {:?} ", view.shape()).as_bytes());
        crc.update(view.data());
    }
    format!("{:08x}", crc.finalize())
}

struct Collect {
    path: Vec<String>,
    /// Shape, f32 values, and the largest of them without its sign, NaN where there is one.
    tensors: BTreeMap<String, (Vec<usize>, Vec<u8>, f32)>,
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
        let values: Vec<f32> = tensor.into_data().iter().collect();
        let larger = |m: f32, v: &f32| if m.is_nan() || m >= v.abs() { m } else { v.abs() };
        let largest = values.iter().fold(0.0, larger);
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensors.insert(self.path.join("."), (shape, bytes, largest));
    }
}

/// Gives `to` all weights of `from` that have a place there: those under the same path and of the same shape. Names the tensors
/// of `to` that keep their own, such as the layers that predict maps where the points differ.
pub fn transfer_weights<M: Module>(from: &M, to: M) -> (M, Vec<String>) {
    let mut collect = Collect { path: Vec::new(), tensors: BTreeMap::new() };
    from.valid().visit(&mut collect);
    let mut shapes = Collect { path: Vec::new(), tensors: BTreeMap::new() };
    to.valid().visit(&mut shapes);
    let mut values = BTreeMap::new();
    let mut kept = Vec::new();
    for (name, (shape, own, _)) in shapes.tensors {
        let bytes = match collect.tensors.remove(&name) {
            Some((other, bytes, _)) if other == shape => bytes,
            _ => {
                kept.push(name.clone());
                own
            }
        };
        values.insert(name, (shape, f32s(&bytes)));
    }
    let mut place = Place { path: Vec::new(), values, problem: None, file: Path::new("") };
    (to.map(&mut place), kept)
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Reads weights from `path` into a network of the same shape; f32 and f16 files are read.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read; [`Error::Model`] when it is damaged, which its checksum tells where it has one, or naming
/// the tensor that is missing, unknown, of another shape or type, or holds a number that is not finite.
pub fn load_weights<M: Module>(network: M, path: &Path) -> Result<M> {
    let bytes = read_bytes(path, LONGEST_WEIGHTS)?;
    weights_from_bytes(network, &bytes, path)
}

/// [`load_weights`] of a file in memory.
pub(crate) fn weights_from_bytes<M: Module>(network: M, bytes: &[u8], path: &Path) -> Result<M> {
    let damaged = |e: safetensors::SafeTensorError| {
        Error::model(path, "file", format!("is not a whole safetensors file ({e}); copy or train it again"))
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut views: Vec<_> = file.iter().collect();
    views.sort_by_key(|(name, _)| *name);
    if let Some(written) = header.metadata().as_ref().and_then(|metadata| metadata.get(CHECKSUM))
        && *written != checksum(&views)
    {
        let problem = "is not what was written: the weights are damaged; copy or train them again";
        return Err(Error::model(path, "checksum", problem));
    }
    let mut values = BTreeMap::new();
    for (name, view) in views {
        values.insert(name.to_owned(), read(view, path, name)?);
    }
    place_tensors(network, values, path)
}

/// Shape and values of each tensor by its path in the network.
pub(crate) type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// All weights and running statistics.
pub(crate) fn tensors_of<M: Module>(network: &M) -> Tensors {
    let mut collect = Collect { path: Vec::new(), tensors: BTreeMap::new() };
    network.valid().visit(&mut collect);
    collect.tensors.into_iter().map(|(name, (shape, bytes, _))| (name, (shape, f32s(&bytes)))).collect()
}

/// A network with these tensors, which must be all of its own and no others; `path` is what errors call their file.
pub(crate) fn place_tensors<M: Module>(network: M, values: Tensors, path: &Path) -> Result<M> {
    let mut place = Place { path: Vec::new(), values, problem: None, file: path };
    let network = network.map(&mut place);
    if let Some(problem) = place.problem {
        return Err(problem);
    }
    match place.values.keys().next() {
        Some(name) => Err(Error::model(
            path,
            name.as_str(),
            "is not in a network of this configuration; does config.toml belong to these weights?",
        )),
        None => Ok(network),
    }
}

fn read(view: TensorView<'_>, path: &Path, name: &str) -> Result<(Vec<usize>, Vec<f32>)> {
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => f32s(view.data()),
        Dtype::F16 => {
            view.data().as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect()
        }
        other => return Err(Error::model(path, name, format!("has type {other:?}; F32 and F16 are read"))),
    };
    if values.iter().any(|v| !v.is_finite()) {
        return Err(Error::model(path, name, "holds a number that is not finite: the weights are damaged"));
    }
    Ok((view.shape().to_vec(), values))
}

struct Place<'a> {
    path: Vec<String>,
    values: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    problem: Option<Error>,
    file: &'a Path,
}

impl ModuleMapper for Place<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        let expected = param.lazy_shape().to_vec();
        let problem = match self.values.remove(&name) {
            None => "is missing; does config.toml belong to these weights?".to_owned(),
            Some((shape, _)) if shape != expected => {
                format!(
                    "has shape {shape:?}, and {expected:?} is expected; does config.toml belong to these weights?"
                )
            }
            Some((shape, values)) => {
                return param.map(|old| {
                    let new = Tensor::from_data(TensorData::new(values, shape), &old.device());
                    if old.is_require_grad() { new.require_grad() } else { new }
                });
            }
        };
        self.problem.get_or_insert(Error::model(self.file, name, problem));
        param
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NetworkConfig, StackedHourglass};
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

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        save_weights(&network(8, 1), &path, WeightType::F32).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for end in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
            let error = weights_from_bytes(network(8, 1), &bytes[..end], &path).unwrap_err().to_string();
            assert!(error.contains("safetensors"), "{error}");
        }
        // One bit of one number.
        let mut wrong = bytes.clone();
        let last = wrong.len() - 4;
        wrong[last] ^= 1;
        let error = weights_from_bytes(network(8, 1), &wrong, &path).unwrap_err().to_string();
        assert!(error.contains("model.safetensors: checksum: is not what was written"), "{error}");
    }

    #[test]
    fn a_file_of_others_has_no_checksum_and_is_looked_at_number_by_number() {
        let (network, path) = (network(8, 1), Path::new("theirs.safetensors"));
        let serialize = |tensors: &Tensors| {
            let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
                .iter()
                .map(|(name, (shape, values))| {
                    (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
                })
                .collect();
            let views = bytes.iter().map(|(name, shape, bytes)| {
                (name.as_str(), TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
            });
            safetensors::serialize(views, None).unwrap()
        };
        let mut tensors = tensors_of(&network);
        assert!(weights_from_bytes(network.clone(), &serialize(&tensors), path).is_ok());
        tensors.values_mut().next().unwrap().1[0] = f32::NAN;
        let error = weights_from_bytes(network, &serialize(&tensors), path).unwrap_err().to_string();
        assert!(error.contains("not finite"), "{error}");
    }
}
