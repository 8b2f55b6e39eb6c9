use super::{names::pytorch_name, pytorch_file};
use crate::{
    files::write_atomic,
    model::{StackedHourglass, weights_of},
};
use awing::{
    Error, Result,
    files::{LONGEST_WEIGHTS, read_bytes},
    geometry::CropRule,
    heatmap::CodecConfig,
    network::{Model, ModelConfig, NetworkConfig, WeightTensor, WeightType, Weights},
    scheme::{Scheme, SharedScheme},
};
use burn::tensor::Device;
use pytorch_reader::{DType, PytorchReader};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{collections::BTreeMap, path::Path};

/// Schemes that a number of points may mean, when none is given.
const SCHEMES: [&str; 4] = ["wflw-98", "300w-68", "cofw-29", "aflw-19"];
/// Names that an error lists at most.
const LISTED: usize = 12;

type Tensors = BTreeMap<String, WeightTensor>;

/// What a state dict does not say.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// What the points mean; `None`: the built-in scheme of as many points, 98, 68, 29 or 19.
    pub scheme: Option<SharedScheme>,
    /// Side of the network's input in pixels; the author's is 256.
    pub input: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { scheme: None, input: 256 }
    }
}

/// What came of a state dict.
#[derive(Debug)]
pub struct Imported {
    /// The model, with the paper's maps and decoder and awing's crop.
    pub model: Model,
    /// Tensors of the file that the network has no place for. `num_batches_tracked`, which counts steps and changes nothing, is not among
    /// them.
    pub left_over: Vec<String>,
}

/// Reads a PyTorch state dict (`torch.save`: zip or the older format; nothing in it is executed) or a safetensors file of the author's
/// network: number of stacks, width, points, coordinates and boundary follow from names and shapes. The weights may lie below a key
/// (`state_dict`, `model`), and all names may begin with a wrapper's (`module.`, `_orig_mod.`). FAN's layout, which has no coordinates, is read too: where it has no convolution before
/// an hourglass, the identity stands.
///
/// # Errors
/// [`Error::Io`] and [`Error::Model`]: the file is damaged, tensors are missing or have another shape (all of them are listed), or no
/// scheme fits the number of points.
pub fn import_state_dict(path: &Path, options: &ImportOptions) -> Result<Imported> {
    let mut theirs = plain_names(read(path)?, path)?;
    let missing = |name: &str| {
        let found =
            theirs.keys().next().map_or("no tensor".to_owned(), |found| format!("`{found}` and others"));
        let problem = format!(
            "is not in the file, which has {found}; is it a stacked hourglass of this method or of FAN?"
        );
        Error::model(path, name, problem)
    };
    let shape = |name: &str| theirs.get(name).map(|tensor| tensor.shape.clone()).ok_or_else(|| missing(name));
    let coord_conv = theirs.contains_key("conv1.conv.weight");
    let stacks = (0..).take_while(|i| theirs.contains_key(&format!("l{i}.weight"))).count();
    let dim = |name: &str, axis: usize| Ok::<_, Error>(shape(name)?.get(axis).copied().unwrap_or(0));
    let channels = dim("l0.weight", 0)?;
    let width = dim("l0.weight", 1)?;
    // Features, row, column and radius, and two more where the boundary of the stack before is looked at.
    let second = dim("m1.coordconv.conv.weight", 1).ok().map(|inputs| inputs == width + 5);
    let known = |points: usize| {
        SCHEMES.iter().find_map(|name| Scheme::builtin(name).ok().filter(|s| s.len() == points))
    };
    let boundary = coord_conv
        && match (second, &options.scheme) {
            (Some(boundary), _) => boundary,
            (None, Some(scheme)) => channels == scheme.len() + 1,
            (None, None) => known(channels).is_none(),
        };
    let points = channels.saturating_sub(usize::from(boundary));
    let scheme = match &options.scheme {
        Some(scheme) if scheme.len() == points => scheme.clone(),
        Some(scheme) => {
            let problem = format!("has {} points, the network {points}", scheme.len());
            return Err(Error::model(path, format!("scheme {}", scheme.name), problem));
        }
        None => known(points).ok_or_else(|| {
            let problem =
                format!("no built-in scheme has {points} of them; say what they mean with a scheme file");
            Error::model(path, "points", problem)
        })?,
    };
    let network = NetworkConfig { input: options.input, stacks, width, boundary, coord_conv };
    network.validate().map_err(|e| Error::model(path, "network", e.to_string()))?;
    // A small file must not ask for a large network.
    for i in 0..stacks {
        let name = format!("top_m_{i}.conv1.weight");
        let found = shape(&name)?;
        if found != [width / 2, width, 3, 3] {
            let problem =
                format!("has shape {found:?}, and l{i}.weight says that the network is {width} wide");
            return Err(Error::model(path, name, problem));
        }
    }
    let fresh = StackedHourglass::new(&network, points, 0, &Device::flex())?;
    let (mut tensors, mut problems) = (Tensors::new(), Vec::new());
    for (ours, WeightTensor { shape: expected, .. }) in weights_of(&fresh, path) {
        let Some(name) = pytorch_name(&ours, coord_conv) else {
            return Err(Error::model(path, ours, "has no name in PyTorch"));
        };
        match theirs.remove(&name) {
            Some(tensor) if tensor.shape == expected => {
                tensors.insert(ours, tensor);
            }
            Some(WeightTensor { shape, .. }) => {
                problems.push(format!("{name} has shape {shape:?} instead of {expected:?}"));
            }
            None if !coord_conv && name.contains(".coordconv.") => {
                tensors.insert(ours, identity(expected));
            }
            None => problems.push(format!("{name} is missing")),
        }
    }
    if !problems.is_empty() {
        let more = problems.len().saturating_sub(LISTED);
        problems.truncate(LISTED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        return Err(Error::model(path, "tensors", format!("{}{more}", problems.join("; "))));
    }
    let config = ModelConfig { network, crop: CropRule::default(), heatmap: CodecConfig::paper(), scheme };
    let model = Model { config, calibration: None, weights: Weights::new(tensors, path) };
    let left_over = theirs.into_keys().filter(|name| !name.ends_with("num_batches_tracked")).collect();
    Ok(Imported { model, left_over })
}

/// A 1 x 1 convolution that changes nothing: ones on the diagonal, or a bias of zeros.
fn identity(shape: Vec<usize>) -> WeightTensor {
    let mut values = vec![0.0; shape.iter().product()];
    if let [outputs, inputs, 1, 1] = shape[..] {
        (0..outputs.min(inputs)).for_each(|i| values[i * inputs + i] = 1.0);
    }
    WeightTensor { shape, values }
}

/// Writes a model's weights as safetensors under the author's names, for PyTorch: `load_state_dict(load_file(path))`.
///
/// # Errors
/// [`Error::Io`] when the file cannot be written, [`Error::Model`] when a weight is not a finite number of the type.
pub fn write_state_dict(model: &Model, path: &Path, weights: WeightType) -> Result<()> {
    let mut tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (ours, WeightTensor { shape, values }) in model.weights.iter() {
        let name = pytorch_name(ours, model.config.network.coord_conv)
            .ok_or_else(|| Error::model(path, ours, "has no name in PyTorch"))?;
        let bytes = weights.store(&values).ok_or_else(|| {
            let problem = "holds a number that is not finite in this type; nothing was written";
            Error::model(path, &name, problem)
        })?;
        if let Some(norm) = name.strip_suffix(".running_var") {
            tensors.insert(format!("{norm}.num_batches_tracked"), (vec![], 0_i64.to_le_bytes().to_vec()));
        }
        tensors.insert(name, (shape.clone(), bytes));
    }
    let dtype = |name: &str| match weights {
        _ if name.ends_with("num_batches_tracked") => Dtype::I64,
        WeightType::F16 => Dtype::F16,
        _ => Dtype::F32,
    };
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        let view = TensorView::new(dtype(name), shape.clone(), bytes);
        view.map(|view| (name.as_str(), view)).map_err(|e| Error::model(path, name, e.to_string()))
    });
    let bytes = safetensors::serialize(views.collect::<Result<Vec<_>>>()?, None)
        .map_err(|e| Error::model(path, "weights", e.to_string()))?;
    write_atomic(path, &bytes)
}

/// A tensor that every network of this layout has.
const ANCHOR: &str = "l0.weight";

/// Names without what wrappers put before them: `module.`, `_orig_mod.`, `model.`, the keys of a checkpoint. It is what stands before
/// the name of a tensor that every network has.
///
/// # Errors
/// [`Error::Model`] when there are several such networks side by side; one inside the names of another, as a running average of it, is left over.
fn plain_names(tensors: Tensors, path: &Path) -> Result<Tensors> {
    let before = tensors.keys().filter_map(|name| name.strip_suffix(ANCHOR));
    let mut wrappers: Vec<&str> =
        before.filter(|before| before.is_empty() || before.ends_with('.')).collect();
    wrappers.sort_by_key(|wrapper| wrapper.len());
    let wrapper = wrappers.first().copied().unwrap_or_default().to_owned();
    if let Some(other) = wrappers.iter().find(|other| !other.starts_with(&wrapper)) {
        let problem = format!(
            "there are several, `{wrapper}{ANCHOR}` and `{other}{ANCHOR}`; save the one that you want"
        );
        return Err(Error::model(path, "networks", problem));
    }
    let plain = |name: String| name.strip_prefix(&wrapper).map(str::to_owned).unwrap_or(name);
    Ok(tensors.into_iter().map(|(name, tensor)| (plain(name), tensor)).collect())
}

/// All tensors of numbers with a fraction.
fn read(path: &Path) -> Result<Tensors> {
    let is_safetensors = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    let tensors = if is_safetensors { read_safetensors(path)? } else { read_pytorch(path)? };
    match tensors.iter().find(|(_, tensor)| tensor.values.iter().any(|v| !v.is_finite())) {
        Some((name, _)) => {
            Err(Error::model(path, name, "holds a number that is not finite: the weights are damaged"))
        }
        None => Ok(tensors),
    }
}

fn read_safetensors(path: &Path) -> Result<Tensors> {
    let bytes = read_bytes(path, LONGEST_WEIGHTS)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| Error::model(path, "file", format!("is not a whole safetensors file: {e}")))?;
    let mut tensors = Tensors::new();
    for (name, view) in file.iter() {
        let number = match view.dtype() {
            Dtype::F64 => Number::F64,
            Dtype::F32 => Number::F32,
            Dtype::F16 => Number::F16,
            Dtype::BF16 => Number::Bf16,
            _ => continue,
        };
        let tensor = WeightTensor { shape: view.shape().to_vec(), values: number.read(view.data()) };
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}

fn read_pytorch(path: &Path) -> Result<Tensors> {
    pytorch_file::check(path)?;
    let length = std::fs::metadata(path).map_err(Error::io(path, "open"))?.len();
    let bad = |e: &dyn std::fmt::Display| {
        Error::model(
            path,
            "state dict",
            format!("cannot be read: {e}; save it with torch.save(network.state_dict(), …)"),
        )
    };
    // One that holds its weights below a key is read from there.
    let nested =
        PytorchReader::with_top_level_key(path, "state_dict").ok().filter(|reader| !reader.is_empty());
    let reader = nested.map_or_else(|| PytorchReader::new(path), Ok).map_err(|e| bad(&e))?;
    let (mut tensors, mut held) = (Tensors::new(), 0_u64);
    for (name, tensor) in reader.tensors() {
        let number = match tensor.dtype() {
            DType::F64 => Number::F64,
            DType::F32 => Number::F32,
            DType::F16 => Number::F16,
            DType::BF16 => Number::Bf16,
            _ => continue,
        };
        // A tensor may show one number of its storage many times, and two the same.
        held = held.saturating_add(tensor.byte_len() as u64);
        if held > 2 * length {
            return Err(bad(&format!("its tensors hold {held} bytes and more, the file {length}")));
        }
        let bytes = tensor.read().map_err(|e| bad(&e))?;
        let tensor = WeightTensor { shape: tensor.shape().to_vec(), values: number.read(&bytes) };
        tensors.insert(name.clone(), tensor);
    }
    Ok(tensors)
}

/// How a number with a fraction is stored, little-endian.
enum Number {
    F64,
    F32,
    F16,
    Bf16,
}

impl Number {
    fn read(&self, bytes: &[u8]) -> Vec<f32> {
        let pairs = || bytes.as_chunks::<2>().0.iter();
        match self {
            Self::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
            Self::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Self::F16 => pairs().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
            Self::Bf16 => pairs().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect(),
        }
    }
}
