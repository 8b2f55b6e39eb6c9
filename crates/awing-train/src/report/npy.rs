use crate::files::write_atomic;
use awing::{Error, Result};
use npyz::WriterBuilder;
use std::path::Path;

/// Writes numbers as a NumPy array, row by row (C order), 32-bit floats.
///
/// # Errors
/// [`Error::Invalid`] when the shape does not have as many elements as `values`; [`Error::Io`] when the file cannot be
/// written.
pub fn write_npy(path: &Path, shape: &[usize], values: &[f32]) -> Result<()> {
    if shape.iter().try_fold(1_usize, |count, &n| count.checked_mul(n)) != Some(values.len()) {
        return Err(Error::invalid(
            "array",
            format!("{} values do not fill the shape {shape:?}", values.len()),
        ));
    }
    let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    let encode = || {
        let mut bytes = vec![];
        let mut writer =
            npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()?;
        Ok(bytes)
    };
    write_atomic(path, &encode().map_err(Error::io(path, "write"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_wrong_shape_is_refused() {
        let error = write_npy(Path::new("never.npy"), &[2, 2], &[0.0; 3]).unwrap_err();
        assert_eq!(error.to_string(), "array: 3 values do not fill the shape [2, 2]");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_written_is_read(a in 0_usize..4, b in 0_usize..4, c in 1_usize..4, start: f32) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("maps.npy");
            let values: Vec<f32> = (0..a * b * c).map(|i| start + i as f32).collect();
            write_npy(&path, &[a, b, c], &values).unwrap();
            let file = npyz::NpyFile::new(std::fs::File::open(path).unwrap()).unwrap();
            prop_assert_eq!(file.shape(), &[a as u64, b as u64, c as u64]);
            let read: Vec<u32> = file.into_vec::<f32>().unwrap().into_iter().map(f32::to_bits).collect();
            prop_assert_eq!(read, values.into_iter().map(f32::to_bits).collect::<Vec<_>>());
        }
    }
}
