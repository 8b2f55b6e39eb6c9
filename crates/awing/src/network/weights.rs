//! A network's weights by name, and the safetensors file that they are kept in.

use crate::error::{Error, Result};
use awing_kernels::{half, vectorized};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The key of the checksum in the file's own metadata; files of others have none.
const CHECKSUM: &str = "crc32";

/// How numbers are stored in a weights file. In memory they are always f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightType {
    /// Four bytes a number.
    #[default]
    F32,
    /// Two bytes a number: 11 significant bits, at most 65504.
    F16,
}

impl WeightType {
    /// The numbers as they are stored, little-endian; `None` when one of them is not finite or too large for the type.
    pub fn store(self, values: &[f32]) -> Option<Vec<u8>> {
        match self {
            Self::F32 => {
                let finite = values.iter().all(|v| v.is_finite());
                finite.then(|| values.iter().flat_map(|v| v.to_le_bytes()).collect())
            }
            Self::F16 => {
                let rounded = || values.iter().map(|v| half::narrow(*v));
                let finite = rounded().all(|bits| half::widen(bits).is_finite());
                finite.then(|| rounded().flat_map(u16::to_le_bytes).collect())
            }
        }
    }
}

/// A tensor of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTensor {
    /// Its sizes: of a convolution [outputs, inputs, kernel, kernel].
    pub shape: Vec<usize>,
    /// Its values, row by row; as many as the sizes multiply to.
    pub values: Vec<f32>,
}

/// All weights and running statistics of a network, each under its path in it: `stacks.0.top.conv1.weight`. What comes from a file stays as it
/// lies there until it is asked for: a network that starts need not hold its weights in two forms.
#[derive(Clone, Debug)]
pub struct Weights {
    tensors: BTreeMap<String, StoredTensor>,
    /// What errors call their file.
    source: PathBuf,
}

/// A tensor that is decoded when it is needed.
#[derive(Clone, Debug)]
pub(crate) struct StoredTensor {
    shape: Vec<usize>,
    numbers: Numbers,
}

#[derive(Clone, Debug)]
enum Numbers {
    Decoded(Vec<f32>),
    Stored(WeightType, Cow<'static, [u8]>),
}

impl StoredTensor {
    /// Its values, row by row.
    pub(crate) fn into_values(self) -> Vec<f32> {
        match self.numbers {
            Numbers::Decoded(values) => values,
            Numbers::Stored(..) => self.values(),
        }
    }

    fn values(&self) -> Vec<f32> {
        match &self.numbers {
            Numbers::Decoded(values) => values.clone(),
            Numbers::Stored(WeightType::F32, bytes) => {
                bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
            }
            Numbers::Stored(WeightType::F16, bytes) => {
                let halves = bytes.as_chunks::<2>().0;
                vectorized(|| halves.iter().map(|b| half::widen(u16::from_le_bytes(*b))).collect())
            }
        }
    }

    fn into_tensor(self) -> WeightTensor {
        WeightTensor { shape: self.shape.clone(), values: self.into_values() }
    }

    fn tensor(&self) -> WeightTensor {
        WeightTensor { shape: self.shape.clone(), values: self.values() }
    }
}

impl From<WeightTensor> for StoredTensor {
    fn from(WeightTensor { shape, values }: WeightTensor) -> Self {
        Self { shape, numbers: Numbers::Decoded(values) }
    }
}

impl Weights {
    /// These tensors; `source` is what errors call the file that they come from.
    pub fn new(tensors: BTreeMap<String, WeightTensor>, source: impl Into<PathBuf>) -> Self {
        let tensors = tensors.into_iter().map(|(name, tensor)| (name, tensor.into())).collect();
        Self { tensors, source: source.into() }
    }

    /// Reads a safetensors file; `source` is what errors call it. F32 and F16 are read.
    ///
    /// # Errors
    /// [`Error::Model`] when the file is damaged, which its checksum tells where it has one, or naming the tensor that is of another type or
    /// holds a number that is not finite.
    pub fn from_safetensors(bytes: impl Into<Cow<'static, [u8]>>, source: &Path) -> Result<Self> {
        let damaged = |e: safetensors::SafeTensorError| {
            Error::model(
                source,
                "file",
                format!("is not a whole safetensors file ({e}); copy or train it again"),
            )
            .because(e)
        };
        let file = bytes.into();
        let (header_length, header) = SafeTensors::read_metadata(&file).map_err(damaged)?;
        let parsed = SafeTensors::deserialize(&file).map_err(damaged)?;
        let mut views: Vec<_> = parsed.iter().collect();
        views.sort_by_key(|(name, _)| *name);
        if let Some(written) = header.metadata().as_ref().and_then(|metadata| metadata.get(CHECKSUM))
            && *written != checksum(&views)
        {
            let problem = "is not what was written: the weights are damaged; copy or train them again";
            return Err(Error::model(source, "checksum", problem));
        }
        // Eight bytes say how long the header is.
        let start = size_of::<u64>() + header_length;
        let tensors = views.iter().map(|(name, view)| {
            let kind = stored_type(view, source, name)?;
            let (from, to) = header.info(name).map(|info| info.data_offsets).unwrap_or_default();
            // Each has its own bytes, so that one that was used is gone before the last is.
            let bytes = match file {
                Cow::Borrowed(file) => Cow::Borrowed(&file[start + from..start + to]),
                Cow::Owned(_) => Cow::Owned(view.data().to_vec()),
            };
            let numbers = Numbers::Stored(kind, bytes);
            Ok(((*name).to_owned(), StoredTensor { shape: view.shape().to_vec(), numbers }))
        });
        Ok(Self { tensors: tensors.collect::<Result<_>>()?, source: source.into() })
    }

    /// The bytes of a safetensors file, with a checksum.
    ///
    /// # Errors
    /// [`Error::Model`] when a weight is not a finite number of the type.
    pub fn to_safetensors(&self, kind: WeightType) -> Result<Vec<u8>> {
        let (dtype, most) = match kind {
            WeightType::F32 => (Dtype::F32, f32::MAX),
            WeightType::F16 => (Dtype::F16, half::MAX),
        };
        let mut stored = Vec::with_capacity(self.tensors.len());
        for (name, tensor) in self.iter() {
            let bytes = kind.store(&tensor.values).ok_or_else(|| {
                let problem =
                    format!("holds a number that is not finite or above {most:e}; nothing was written");
                Error::model(&self.source, name, problem)
            })?;
            stored.push((name, tensor.shape, bytes));
        }
        let views: Vec<(&str, TensorView<'_>)> = stored
            .iter()
            .map(|(name, shape, bytes)| {
                let view = TensorView::new(dtype, shape.to_vec(), bytes);
                view.map(|view| (*name, view)).map_err(|e| Error::model(&self.source, *name, e.to_string()))
            })
            .collect::<Result<_>>()?;
        // A map of the crate's own kind, which depends on its features.
        let metadata = [(CHECKSUM.to_owned(), checksum(&views))].into_iter().collect();
        safetensors::serialize(views, Some(metadata))
            .map_err(|e| Error::model(&self.source, "weights", e.to_string()))
    }

    /// What errors call the file that they come from.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// The tensors in order of their names, each decoded as it comes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, WeightTensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.tensor()))
    }

    /// The number of trainable parameters; running means and variances do not count.
    pub fn parameters(&self) -> usize {
        let trainable = self.tensors.iter().filter(|(name, _)| !name.contains("running_"));
        trainable.map(|(_, tensor)| tensor.shape.iter().product::<usize>()).sum()
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<WeightTensor> {
        self.tensors.get(name).map(|tensor| tensor.tensor())
    }

    /// Takes a tensor out, which must have this shape: its values, row by row.
    ///
    /// # Errors
    /// [`Error::Model`] when it is missing or of another shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.take_stored(name, shape).map(StoredTensor::into_values)
    }

    /// [`Weights::take`], to be decoded later.
    pub(crate) fn take_stored(&mut self, name: &str, shape: &[usize]) -> Result<StoredTensor> {
        let problem = match self.tensors.remove(name) {
            None => "is missing; does config.toml belong to these weights?".to_owned(),
            Some(tensor) if tensor.shape == shape => return Ok(tensor),
            Some(StoredTensor { shape: found, .. }) => format!(
                "has shape {found:?}, and {shape:?} is expected; does config.toml belong to these weights?"
            ),
        };
        Err(Error::model(&self.source, name, problem))
    }

    /// Checks that every tensor was taken.
    ///
    /// # Errors
    /// [`Error::Model`] naming one that was not.
    pub fn none_left(&self) -> Result<()> {
        match self.tensors.keys().next() {
            Some(name) => Err(Error::model(
                &self.source,
                name.as_str(),
                "is not in a network of this configuration; does config.toml belong to these weights?",
            )),
            None => Ok(()),
        }
    }
}

impl PartialEq for Weights {
    /// Whether the tensors have the same names, shapes and values, however they are stored.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl IntoIterator for Weights {
    type Item = (String, WeightTensor);
    type IntoIter = Box<dyn Iterator<Item = Self::Item>>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.tensors.into_iter().map(|(name, tensor)| (name, tensor.into_tensor())))
    }
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

/// How the numbers of a tensor are stored, all of them finite. They are not decoded for that: what is not finite has all bits of its exponent
/// set. Looked at to the end, for a loop that may stop early is not one of vectors.
fn stored_type(view: &TensorView<'_>, source: &Path, name: &str) -> Result<WeightType> {
    let (kind, finite) = match view.dtype() {
        Dtype::F32 => {
            let numbers = view.data().as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b) & 0x7fff_ffff);
            (WeightType::F32, vectorized(|| numbers.fold(0, u32::max)) < f32::INFINITY.to_bits())
        }
        Dtype::F16 => {
            let numbers = view.data().as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b) & 0x7fff);
            (WeightType::F16, half::widen(vectorized(|| numbers.fold(0, u16::max))).is_finite())
        }
        other => {
            return Err(Error::model(source, name, format!("has type {other:?}; F32 and F16 are read")));
        }
    };
    if !finite {
        return Err(Error::model(source, name, "holds a number that is not finite: the weights are damaged"));
    }
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "a/model.safetensors";

    fn weights() -> Weights {
        let tensor =
            |shape: &[usize], values: &[f32]| WeightTensor { shape: shape.into(), values: values.into() };
        let tensors =
            [("b", tensor(&[2, 2], &[1.0, -2.5, 0.0, 1e-3])), ("a.x", tensor(&[3], &[0.1, 65504.0, 7.0]))];
        Weights::new(tensors.map(|(name, tensor)| (name.to_owned(), tensor)).into(), SOURCE)
    }

    fn read_again(bytes: &[u8]) -> Result<Weights> {
        Weights::from_safetensors(bytes.to_vec(), Path::new(SOURCE))
    }

    #[test]
    fn weights_survive_their_file_and_half_the_bytes_round_them() {
        let whole = weights().to_safetensors(WeightType::F32).unwrap();
        let again = read_again(&whole).unwrap();
        assert!(again.iter().eq(weights().iter()));
        let half = weights().to_safetensors(WeightType::F16).unwrap();
        assert_eq!(whole.len() - half.len(), 2 * 7);
        let rounded = read_again(&half).unwrap();
        // 0.1 is 0x2e66 as f16, which is 0.0999755859375.
        assert_eq!(rounded.iter().next().unwrap().1.values, [0.099_975_586, 65504.0, 7.0]);
    }

    #[test]
    fn numbers_that_a_file_cannot_hold_are_refused() {
        for (value, kind) in
            [(f32::NAN, WeightType::F32), (f32::INFINITY, WeightType::F32), (65520.0, WeightType::F16)]
        {
            let mut tensors: BTreeMap<_, _> = weights().into_iter().collect();
            tensors.get_mut("b").unwrap().values[2] = value;
            let error = Weights::new(tensors, SOURCE).to_safetensors(kind).unwrap_err().to_string();
            assert!(
                error.starts_with("a/model.safetensors: b: holds a number that is not finite or above"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let bytes = weights().to_safetensors(WeightType::F32).unwrap();
        for end in [0, 7, 60, bytes.len() / 2, bytes.len() - 1] {
            let error = read_again(&bytes[..end]).unwrap_err().to_string();
            assert!(error.contains("safetensors"), "{error}");
        }
        // One bit of one number.
        let mut wrong = bytes.clone();
        let last = wrong.len() - 4;
        wrong[last] ^= 1;
        let error = read_again(&wrong).unwrap_err().to_string();
        assert!(error.contains("model.safetensors: checksum: is not what was written"), "{error}");
    }

    #[test]
    fn a_file_of_others_has_no_checksum_and_is_looked_at_number_by_number() {
        let file = |value: f32, dtype| {
            let bytes = value.to_le_bytes();
            safetensors::serialize([("x", TensorView::new(dtype, vec![1], &bytes).unwrap())], None).unwrap()
        };
        assert_eq!(read_again(&file(2.0, Dtype::F32)).unwrap().iter().next().unwrap().1.values, [2.0]);
        let error = read_again(&file(f32::NAN, Dtype::F32)).unwrap_err().to_string();
        assert!(error.contains("x: holds a number that is not finite"), "{error}");
        let error = read_again(&file(2.0, Dtype::I32)).unwrap_err().to_string();
        assert!(error.contains("x: has type I32; F32 and F16 are read"), "{error}");
    }

    #[test]
    fn a_tensor_is_taken_once_and_with_its_shape() {
        let mut weights = weights();
        assert_eq!(weights.take("b", &[2, 2]).unwrap(), [1.0, -2.5, 0.0, 1e-3]);
        let error = weights.take("b", &[2, 2]).unwrap_err().to_string();
        assert_eq!(error, "a/model.safetensors: b: is missing; does config.toml belong to these weights?");
        let error = weights.none_left().unwrap_err().to_string();
        assert!(error.starts_with("a/model.safetensors: a.x: is not in a network"), "{error}");
        let error = weights.take("a.x", &[4]).unwrap_err().to_string();
        assert!(error.contains("a.x: has shape [3], and [4] is expected"), "{error}");
        assert!(weights.none_left().is_ok());
    }
}
