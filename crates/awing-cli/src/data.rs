use crate::{
    console::Console,
    failure::{Failure, OrUsage},
};
use awing::{
    Error,
    scheme::{Scheme, SharedScheme},
};
use awing_train::dataset::{BoxedPhoto, BoxedPhotos, DataSource, Dataset, OpenOptions};
use clap::Args;
use std::path::PathBuf;

/// The scheme of `--scheme`.
pub(crate) fn scheme(name: Option<&str>) -> Result<Option<SharedScheme>, Failure> {
    name.map(|name| Scheme::find(name).or_usage("--scheme")).transpose()
}

/// Where images lie.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ImagesFolder {
    /// The folder of the images, where they do not lie beside the annotations; absolute names that lead below it are taken
    #[arg(long, value_name = "DIR")]
    pub(crate) images: Option<PathBuf>,
}

impl ImagesFolder {
    /// How datasets are opened with it.
    pub(crate) fn options(&self, scheme: Option<&SharedScheme>) -> Result<OpenOptions, Failure> {
        if let Some(folder) = self.images.as_ref().filter(|folder| !folder.is_dir()) {
            let folder = folder.display();
            let problem = format!("--images: {folder}: is no folder; give the one in which the images lie");
            return Err(Failure::Usage(problem));
        }
        Ok(OpenOptions { scheme: scheme.cloned(), images: self.images.clone() })
    }
}

/// Opens a dataset and tells what was left out of it.
pub(crate) fn open(
    source: &DataSource,
    images: &ImagesFolder,
    scheme: Option<&SharedScheme>,
    console: &Console,
) -> Result<Dataset, Failure> {
    let dataset = Dataset::open(source, &images.options(scheme)?)?;
    tell_left_out(source, &dataset.problems, &dataset.notes, dataset.samples.len(), console);
    Ok(dataset)
}

/// Photos with all their faces, of any format, and what was left out is told.
pub(crate) fn photos(
    source: &DataSource,
    images: &ImagesFolder,
    scheme: Option<&SharedScheme>,
    console: &Console,
) -> Result<Vec<BoxedPhoto>, Failure> {
    let BoxedPhotos { photos, problems, notes } = BoxedPhotos::open(source, &images.options(scheme)?)?;
    let faces = photos.iter().map(|photo| photo.faces.len()).sum();
    tell_left_out(source, &problems, &notes, faces, console);
    Ok(photos)
}

fn tell_left_out(source: &DataSource, problems: &[Error], notes: &[String], used: usize, console: &Console) {
    notes.iter().for_each(|note| console.remark(format!("{source}: {note}")));
    console.warn_all(problems.iter());
    if !problems.is_empty() {
        console.warn(format!("{source}: {} left out, {used} used", problems.len()));
    }
}
