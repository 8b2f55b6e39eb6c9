use crate::{
    console::Console,
    failure::{Failure, OrUsage},
};
use awing::scheme::{Scheme, SharedScheme};
use awing_train::dataset::{DataSource, Dataset, OpenOptions};
use std::path::Path;

/// The scheme of `--scheme`.
pub(crate) fn scheme(name: Option<&str>) -> Result<Option<SharedScheme>, Failure> {
    name.map(|name| Scheme::find(name).or_usage("--scheme")).transpose()
}

/// Opens a dataset and tells what was left out of it.
pub(crate) fn open(
    source: &DataSource,
    scheme: Option<&SharedScheme>,
    console: &Console,
) -> Result<Dataset, Failure> {
    open_in(None, source, scheme, console)
}

/// [`open`] with the folder of `--images`.
pub(crate) fn open_in(
    images: Option<&Path>,
    source: &DataSource,
    scheme: Option<&SharedScheme>,
    console: &Console,
) -> Result<Dataset, Failure> {
    let options = OpenOptions { scheme: scheme.cloned(), images: images.map(Path::to_path_buf) };
    let dataset = Dataset::open(source, &options)?;
    let left_out = dataset.problems.len();
    console.warn_all(dataset.problems.iter());
    if left_out > 0 {
        console.warn(format!("{source}: {left_out} left out, {} used", dataset.samples.len()));
    }
    Ok(dataset)
}
