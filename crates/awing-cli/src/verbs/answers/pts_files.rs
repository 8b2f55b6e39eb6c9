use super::{Answer, PhotoAnswer, TextForm};
use crate::failure::Failure;
use awing::dataset::write_points;
use std::path::{Path, PathBuf};

/// An iBUG .pts file a face; the lines are the files' paths.
pub(super) struct PtsFiles(PathBuf);

impl PtsFiles {
    pub(super) fn new(folder: Option<&Path>) -> Result<Self, Failure> {
        let folder =
            folder.ok_or_else(|| Failure::Usage("--format pts: give --out DIR for the files".to_owned()))?;
        Ok(Self(folder.to_path_buf()))
    }
}

impl TextForm for PtsFiles {
    fn keeps_copy(&self) -> bool {
        false
    }

    fn photo(&mut self, photo: &PhotoAnswer<'_>) -> Result<Answer, Failure> {
        let mut answer = Answer::default();
        for (name, face) in photo.face_names.iter().zip(&photo.faces) {
            let path = self.0.join(format!("{name}.pts"));
            write_points(&path, &face.face.landmarks)?;
            answer.lines.push(path.display().to_string());
        }
        Ok(answer)
    }
}
