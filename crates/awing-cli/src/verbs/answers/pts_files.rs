use super::{Answer, PhotoAnswer, TextForm};
use crate::failure::Failure;
use awing_train::dataset::write_points;
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// An iBUG .pts file a face; the lines are the files' paths. Photos of one name in several folders are numbered, so a table in the folder,
/// `predictions.csv`, says whose face is in which file.
pub(super) struct PtsFiles {
    folder: PathBuf,
    table: (PathBuf, csv::Writer<File>),
}

impl PtsFiles {
    pub(super) fn new(folder: Option<&Path>) -> Result<Self, Failure> {
        let folder =
            folder.ok_or_else(|| Failure::Usage("--format pts: give --out DIR for the files".to_owned()))?;
        let path = folder.join("predictions.csv");
        let file = File::create_new(&path).map_err(|e| Failure::file(&path, e))?;
        let mut forms = Self { folder: folder.to_path_buf(), table: (path, csv::Writer::from_writer(file)) };
        forms.record(["file", "image", "face"])?;
        Ok(forms)
    }

    fn record(&mut self, cells: [&str; 3]) -> Result<(), Failure> {
        let (path, table) = &mut self.table;
        let written = table.write_record(cells).and_then(|()| Ok(table.flush()?));
        written.map_err(|e| Failure::file(path, e))
    }
}

impl TextForm for PtsFiles {
    fn keeps_copy(&self) -> bool {
        false
    }

    fn photo(&mut self, photo: &PhotoAnswer<'_>) -> Result<Answer, Failure> {
        let mut answer = Answer::default();
        for (i, (name, face)) in photo.face_names.iter().zip(&photo.faces).enumerate() {
            let file = format!("{name}.pts");
            let path = self.folder.join(&file);
            write_points(&path, &face.face.landmarks)?;
            self.record([&file, photo.image, &i.to_string()])?;
            answer.lines.push(path.display().to_string());
        }
        Ok(answer)
    }
}
