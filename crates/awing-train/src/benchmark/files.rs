use crate::{
    dataset::{ImageSource, Sample, drawn_faces},
    files::write_atomic,
    model::{StackedHourglass, TrainableModel, save_model},
    report::save_picture,
    training::Recipe,
};
use awing::{
    Error, Result,
    geometry::Rect,
    network::WeightType,
    scheme::{Scheme, SharedScheme},
};
use burn::tensor::Device;
use std::path::{Path, PathBuf};

/// Faces that are drawn.
const FACES: usize = 16;
/// Side of their photos in pixels: such that a face fills a crop of 256 pixels nearly one to one, as in the field's own sets.
const SIDE: usize = 450;
const SEED: u64 = 1;

/// What the works read, in a folder: drawn photos, their points, and a model with random weights.
#[derive(Clone, Debug)]
pub struct BenchmarkFiles {
    /// A folder with `00.jpg`, the same photo as `00.png`, its points as `00.csv` (x,y a line, in pixels), and so on.
    pub photos: PathBuf,
    /// The model's folder.
    pub model: PathBuf,
    /// What the points mean.
    pub scheme: SharedScheme,
    /// The photos with their points.
    pub samples: Vec<Sample>,
}

impl BenchmarkFiles {
    /// Writes them into `folder`.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be written, [`Error::Invalid`] for a recipe out of range.
    pub fn write(folder: &Path, recipe: &Recipe) -> Result<Self> {
        let scheme = Scheme::builtin("300w-68")?;
        let photos = folder.join("photos");
        let mut samples = Vec::with_capacity(FACES);
        for (i, face) in drawn_faces(FACES, SIDE, SEED).into_iter().enumerate() {
            let image = face.load_image()?;
            let path = photos.join(format!("{i:02}.jpg"));
            save_picture(&path, &image)?;
            save_picture(&path.with_extension("png"), &image)?;
            let lines: String =
                face.landmarks.iter().map(|l| format!("{:.3},{:.3}\n", l.point.x, l.point.y)).collect();
            write_atomic(&path.with_extension("csv"), lines.as_bytes())?;
            samples.push(Sample { image: ImageSource::File(path), ..face });
        }
        let network = StackedHourglass::new(&recipe.network, scheme.len(), SEED, &Device::flex())?;
        let random = TrainableModel { config: recipe.model_config(&scheme), calibration: None, network };
        let model = folder.join("model");
        let card = "# Random weights\n\nFor measuring speed; it finds nothing.\n";
        save_model(&random.to_model(), &model, card, WeightType::F32)?;
        Ok(Self { photos, model, scheme, samples })
    }

    /// A photo and the box of its face.
    pub(super) fn one(&self) -> Result<(PathBuf, Rect)> {
        let first = self.samples.first();
        let found = first.and_then(|sample| match &sample.image {
            ImageSource::File(path) => Some((path.clone(), sample.landmark_box()?)),
            _ => None,
        });
        found.ok_or_else(|| Error::invalid("photos", "there is none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::{network::NetworkConfig, prediction::Aligner};

    #[test]
    fn the_files_are_what_they_say() {
        let folder = tempfile::tempdir().unwrap();
        let mut recipe = Recipe::preset("nano").unwrap();
        recipe.network = NetworkConfig { input: 64, stacks: 1, width: 8, ..recipe.network };
        let files = BenchmarkFiles::write(folder.path(), &recipe).unwrap();
        let (photo, face_box) = files.one().unwrap();
        assert_eq!(photo, files.photos.join("00.jpg"));
        assert_eq!(image::open(photo.with_extension("png")).unwrap().width(), SIDE as u32);
        let text = std::fs::read_to_string(photo.with_extension("csv")).unwrap();
        assert_eq!(text.lines().count(), 68);
        let photo = awing::photo::load_image(&photo).unwrap();
        let aligner = Aligner::load(&files.model).unwrap();
        assert_eq!(aligner.align_in_boxes(&photo, &[face_box])[0].as_ref().unwrap().landmarks.len(), 68);
    }
}
