use crate::{
    console::Console,
    failure::{Failure, OrUsage},
};
use awing::{
    Error,
    scheme::{Scheme, SharedScheme},
};
use awing_train::dataset::{BoxedPhoto, BoxedPhotos, DataSource, Dataset, OpenOptions};
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
    tell_left_out(source, &dataset.problems, dataset.samples.len(), console);
    Ok(dataset)
}

/// Photos with all their faces, of any format, and what was left out is told.
pub(crate) fn photos(
    source: &DataSource,
    scheme: Option<&SharedScheme>,
    console: &Console,
) -> Result<Vec<BoxedPhoto>, Failure> {
    let options = OpenOptions { scheme: scheme.cloned(), ..OpenOptions::default() };
    let BoxedPhotos { photos, problems } = BoxedPhotos::open(source, &options)?;
    tell_left_out(source, &problems, photos.iter().map(|photo| photo.faces.len()).sum(), console);
    Ok(photos)
}

fn tell_left_out(source: &DataSource, problems: &[Error], used: usize, console: &Console) {
    console.warn_all(problems.iter());
    if !problems.is_empty() {
        console.warn(format!("{source}: {} left out, {used} used", problems.len()));
    }
}
