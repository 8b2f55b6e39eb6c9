//! Images inside MATLAB v7.3 files, as COFW has them.

use awing::{Error, Result, photo::MAX_SIDE};
use hdf5_pure::{Dataset, File, Object};
use image::RgbImage;
use std::path::Path;

/// The file, whose parts are read when they are needed.
pub(super) fn open(file: &Path) -> Result<File> {
    if !std::fs::metadata(file).map_err(Error::io(file, "read"))?.is_file() {
        return Err(Error::format(file, None, "file", "this is not a file: name the file itself"));
    }
    File::open_streaming(file).map_err(|e| {
        let problem = format!("{e}; COFW's files are MATLAB v7.3 (save others with `-v7.3`)");
        Error::format(file, None, "HDF5", problem)
    })
}

/// The image in cell `index` of `variable`, gray or color.
pub(super) fn read_image(file: &Path, variable: &str, index: usize) -> Result<RgbImage> {
    let wrong = |problem: String| Error::image(file, format!("{variable} cell {}: {problem}", index + 1));
    let failed = |e: hdf5_pure::Error| wrong(format!("cannot be read: {e}"));
    let mat = open(file)?;
    let cells = mat.dataset(variable).and_then(|d| d.dereference()).map_err(failed)?;
    let Some(Object::Dataset(data)) = cells.into_iter().nth(index) else {
        return Err(wrong("holds no array".into()));
    };
    let data: Dataset = *data;
    let shape = data.shape().map_err(failed)?;
    let (channels, width, height) = match shape[..] {
        [3, width, height] => (3, width, height),
        [width, height] | [1, width, height] => (1, width, height),
        _ => return Err(wrong(format!("an array of {shape:?} is no image"))),
    };
    let side = |n: u64| u32::try_from(n).ok().filter(|n| (1..=MAX_SIDE).contains(n));
    let (Some(width), Some(height)) = (side(width), side(height)) else {
        return Err(wrong(format!("{width} x {height} pixels; {MAX_SIDE} a side are the most")));
    };
    let bytes = data.read_u8().map_err(failed)?;
    let plane = width as usize * height as usize;
    if bytes.len() != channels * plane {
        return Err(wrong(format!(
            "{} bytes instead of {}; the pixels must be uint8",
            bytes.len(),
            channels * plane
        )));
    }
    Ok(RgbImage::from_fn(width, height, |x, y| {
        let at = x as usize * height as usize + y as usize;
        image::Rgb(
            [0, 1, 2]
                .map(|c| bytes.get(at + if channels == 3 { c * plane } else { 0 }).copied().unwrap_or(0)),
        )
    }))
}
