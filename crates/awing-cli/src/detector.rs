//! The detector that `--detector` names, and photos whose faces are known.

use crate::photo_list::expand_sources;
use crate::{console::Console, data, failure::Failure};
use awing::{
    detection::{DetectorModel, FaceDetector, SeetaFace},
    geometry::Rect,
    prediction::builtin_detector,
    scheme::SharedScheme,
};
use awing_train::{
    Device,
    dataset::{BoxedPhoto, DataSource, Dataset, ImageSource, read_wider},
    detection::ExternalDetector,
    model::{StackedHourglass, detector_on, place_weights},
};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

/// A folder, the name of one that ships inside (a folder of that name is `./seetaface`), or `exec:` and a program.
#[derive(Clone, Debug)]
pub(crate) enum DetectorSource {
    Builtin,
    SeetaFace,
    Folder(PathBuf),
    Program(PathBuf),
}

impl FromStr for DetectorSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match (text, text.strip_prefix("exec:")) {
            ("builtin", _) => Self::Builtin,
            ("seetaface", _) => Self::SeetaFace,
            (_, Some(program)) => Self::Program(program.into()),
            (folder, None) => Self::Folder(folder.into()),
        })
    }
}

impl fmt::Display for DetectorSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin"),
            Self::SeetaFace => f.write_str("seetaface"),
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Program(program) => write!(f, "exec:{}", program.display()),
        }
    }
}

impl DetectorSource {
    /// One that awing trained.
    pub(crate) fn load_trained(&self, device: &Device) -> Result<StackedHourglass, Failure> {
        let model = match self {
            #[cfg(feature = "builtin-model")]
            Self::Builtin => DetectorModel::builtin()?,
            Self::Folder(folder) => DetectorModel::load(folder)?,
            _ => {
                return Err(Failure::Usage(format!(
                    "--from: {self} is no network; give the folder of a detector that `awing train-detector` made"
                )));
            }
        };
        let fresh = StackedHourglass::new(&model.network, DetectorModel::MAPS, 0, device)?;
        Ok(place_weights(fresh, model.weights)?)
    }

    pub(crate) fn load(&self, device: &Device) -> Result<Arc<dyn FaceDetector>, Failure> {
        Ok(match self {
            Self::Builtin => builtin_detector()?,
            Self::SeetaFace => Arc::new(SeetaFace::builtin()?),
            Self::Folder(folder) => Arc::new(detector_on(DetectorModel::load(folder)?, device)?),
            Self::Program(program) => Arc::new(ExternalDetector::new(program)),
        })
    }
}

/// Photos with boxes from `wider:PATH` (WIDER FACE's boxes), `none:PATH` (photos without any face) or annotated landmarks FORMAT:PATH, all
/// of a photo's faces with the boxes around their points.
pub(crate) fn boxed_photos(
    option: &str,
    data: &str,
    scheme: Option<&SharedScheme>,
    console: &Console,
) -> Result<Vec<BoxedPhoto>, Failure> {
    match data.split_once(':') {
        Some(("wider", path)) => Ok(read_wider(Path::new(path))?),
        Some(("none", path)) => {
            let list = expand_sources(&[path.to_owned()]);
            list.notes().iter().for_each(|note| console.note(note));
            if let Some(problem) = list.problems.into_iter().next() {
                return Err(problem.into());
            }
            let empty = |path| BoxedPhoto { path, faces: Vec::new(), ignored: Vec::new() };
            Ok(list.photos.into_iter().map(empty).collect())
        }
        _ => {
            let source: DataSource = data.parse().map_err(|e: awing::Error| {
                Failure::Usage(format!("{option}: {e}; or wider:PATH, none:PATH"))
            })?;
            Ok(by_photo(data::open(&source, scheme, console)?))
        }
    }
}

/// All faces of each photo; those inside another file are left out.
fn by_photo(dataset: Dataset) -> Vec<BoxedPhoto> {
    let mut photos: BTreeMap<PathBuf, Vec<Rect>> = BTreeMap::new();
    for sample in dataset.samples {
        let face = sample.landmark_box();
        if let ImageSource::File(path) = sample.image {
            photos.entry(path).or_default().extend(face);
        }
    }
    photos.into_iter().map(|(path, faces)| BoxedPhoto { path, faces, ignored: Vec::new() }).collect()
}
