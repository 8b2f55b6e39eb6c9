use crate::{
    console::Console,
    failure::{Failure, OrUsage},
};
use awing::{
    dataset::{DataSource, Dataset, OpenOptions},
    scheme::{Scheme, SharedScheme},
};

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
    let dataset = Dataset::open(source, &OpenOptions { scheme: scheme.cloned() })?;
    let left_out = dataset.problems.len();
    console.warn_all(dataset.problems.iter());
    if left_out > 0 {
        console.warn(format!("{source}: {left_out} left out, {} used", dataset.samples.len()));
    }
    Ok(dataset)
}
