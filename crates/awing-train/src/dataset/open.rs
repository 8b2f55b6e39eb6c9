use super::{BoxedPhoto, DataSource, ImageSource, Sample, choice::Choice, formats::Read, stated_size};
use awing::{Error, Result, scheme::Scheme};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// How to open a dataset.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// A scheme to use instead of the format's usual one. Its number of points must be the annotations'.
    pub scheme: Option<Arc<Scheme>>,
    /// The folder of the images, where they do not lie beside the annotations. Absolute names in annotations are taken when they lead below
    /// it; without it they are refused. Not for formats that find their own images (300-W, COFW).
    pub images: Option<PathBuf>,
}

impl OpenOptions {
    fn check_images(&self, source: &DataSource) -> Result<()> {
        if self.images.is_none() || source.format.description().layout.images_elsewhere() {
            return Ok(());
        }
        let problem = format!("{} finds its own images; leave the folder of images out", source.format);
        Err(Error::invalid("images", problem))
    }
}

/// Annotated faces and what their points mean.
#[derive(Debug)]
pub struct Dataset {
    /// Where they were read.
    pub source: DataSource,
    /// What their points mean.
    pub scheme: Arc<Scheme>,
    /// The usable faces, sorted by image name, faces of one image in the order of the file. Never empty after
    /// [`Dataset::open`]; after [`Dataset::open_any`] only where there are problems.
    pub samples: Vec<Sample>,
    /// One error for each annotation that was left out.
    pub problems: Vec<Error>,
    /// What else was noticed, a line each: annotations that are no faces and no mistakes, images of another size than is said.
    pub notes: Vec<String>,
}

impl Dataset {
    /// Faces that are at hand; `source` is what messages call them.
    pub fn new(source: DataSource, scheme: Arc<Scheme>, samples: Vec<Sample>) -> Self {
        Self { source, scheme, samples, problems: Vec::new(), notes: Vec::new() }
    }

    /// Reads the annotations. Images are only looked for, not decoded.
    ///
    /// # Errors
    /// When the main file or folder cannot be read, its points do not fit the scheme, no face is usable, or the format finds its own images. A
    /// single bad annotation is no error but an entry in [`Dataset::problems`].
    pub fn open(source: &DataSource, options: &OpenOptions) -> Result<Self> {
        let dataset = Self::open_any(source, options)?;
        match dataset.problems.first() {
            Some(first) if dataset.samples.is_empty() => {
                let why =
                    format!("no usable face; the first of {} problems: {first}", dataset.problems.len());
                Err(Error::format(&source.path, None, "annotations", why))
            }
            _ => Ok(dataset),
        }
    }

    /// As [`Dataset::open`], even where every annotation is bad: to tell them all.
    ///
    /// # Errors
    /// Those of [`Dataset::open`], but for an unusable face.
    pub fn open_any(source: &DataSource, options: &OpenOptions) -> Result<Self> {
        let path = source.path.as_path();
        // A path that is not there is told as such before the format looks for its parts in it.
        std::fs::metadata(path).map_err(Error::io(path, "read"))?;
        let format = source.format.description();
        options.check_images(source)?;
        let Read::Faces(read) = format.read else {
            let problem = format!("{} has no points of faces: it is for detectors", format.name);
            return Err(Error::format(path, None, "format", problem));
        };
        let choice =
            Choice { own: options.scheme.clone(), usual: format.scheme, images: options.images.clone() };
        let collector = read(path, &choice)?;
        let (scheme, mut notes) = (collector.scheme(), collector.notes());
        let (samples, problems) = collector.finish();
        if samples.is_empty() && problems.is_empty() {
            let why = format!("no annotated face; is it really in the {} format?", source.format);
            return Err(Error::format(path, None, "annotations", why));
        }
        notes.extend(stated_size::note(&samples));
        Ok(Self { source: source.clone(), scheme, samples, problems, notes })
    }
}

impl Dataset {
    /// The face of this name.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is none, with one that is called alike where there is one.
    pub fn face(&self, name: &str) -> Result<&Sample> {
        self.samples.iter().find(|sample| sample.name == name).ok_or_else(|| {
            let alike = self.samples.iter().find(|s| s.name.contains(name) || name.contains(s.image_name()));
            let hint = alike.map_or_else(
                || format!("names are such as `{}`", self.samples.first().map_or("", |s| s.name.as_str())),
                |sample| format!("there is `{}`", sample.name),
            );
            Error::invalid("face", format!("none is called `{name}`; {hint}"))
        })
    }
}

/// Photos with all their faces: what a detector is measured on.
#[derive(Debug)]
pub struct BoxedPhotos {
    /// The photos, each once.
    pub photos: Vec<BoxedPhoto>,
    /// One error for each annotation that was left out.
    pub problems: Vec<Error>,
    /// What else was noticed, as [`Dataset::notes`].
    pub notes: Vec<String>,
}

impl BoxedPhotos {
    /// Reads photos in any of the formats: with the boxes that it has, without any, or with the boxes around the annotated points. Faces
    /// whose photos are inside another file are left out.
    ///
    /// # Errors
    /// Those of [`Dataset::open`].
    pub fn open(source: &DataSource, options: &OpenOptions) -> Result<Self> {
        if let Read::Photos(read) = source.format.description().read {
            options.check_images(source)?;
            return Ok(Self { photos: read(&source.path)?, problems: Vec::new(), notes: Vec::new() });
        }
        let dataset = Dataset::open(source, options)?;
        let mut photos: BTreeMap<PathBuf, Vec<_>> = BTreeMap::new();
        for sample in dataset.samples {
            let face = sample.landmark_box();
            if let ImageSource::File(path) = sample.image {
                photos.entry(path).or_default().extend(face);
            }
        }
        let photo = |(path, faces)| BoxedPhoto { path, faces, ignored: Vec::new() };
        let photos = photos.into_iter().map(photo).collect();
        Ok(Self { photos, problems: dataset.problems, notes: dataset.notes })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Format,
            collect::tests::{picture, scheme},
        },
        *,
    };
    use std::path::Path;

    fn open(format: &str, path: &Path, points: Option<usize>) -> Result<Dataset> {
        let source = DataSource { format: format.parse().unwrap(), path: path.to_path_buf() };
        Dataset::open(&source, &OpenOptions { scheme: points.map(scheme), ..OpenOptions::default() })
    }

    #[test]
    fn every_format_refuses_a_folder_or_file_without_faces() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "").unwrap();
        for format in Format::ALL {
            for path in [folder.path().join("none"), folder.path().to_path_buf(), empty.clone()] {
                let error = open(format.name(), &path, Some(2)).unwrap_err().to_string();
                assert!(
                    !error.contains('\n') && error.contains(&path.display().to_string()),
                    "{format}: {error}"
                );
            }
        }
    }

    #[test]
    fn absolute_names_lead_nowhere_but_into_the_folder_of_images() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["photos/s/a.png", "photos/b.png", "secret.png"] {
            picture(at(name));
        }
        std::fs::create_dir(at("annotations")).unwrap();
        let file = at("annotations/faces.csv");
        let names = [
            at("photos/s/a.png").display().to_string(),
            "b.png".to_owned(),
            at("secret.png").display().to_string(),
            at("photos/../secret.png").display().to_string(),
            "../secret.png".to_owned(),
        ];
        let lines: String = names.iter().map(|name| format!("{name},1,2\n")).collect();
        std::fs::write(&file, format!("image,x0,y0\n{lines}")).unwrap();
        let open = |images: Option<&str>| {
            let source = DataSource { format: "csv".parse().unwrap(), path: file.clone() };
            Dataset::open(&source, &OpenOptions { scheme: Some(scheme(1)), images: images.map(at) })
        };
        let error = open(None).unwrap_err().to_string();
        assert!(error.contains("the first of 5 problems") && error.contains("absolute path"), "{error}");
        let dataset = open(Some("photos")).unwrap();
        let found: Vec<_> = dataset.samples.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(found, ["b.png", "s/a.png"]);
        assert_eq!(dataset.problems.len(), 3, "{:?}", dataset.problems);
        assert!(dataset.samples[1].load_image().is_ok());
        let source = DataSource { format: "300w".parse().unwrap(), path: folder.path().to_path_buf() };
        let error =
            Dataset::open(&source, &OpenOptions { images: Some(at("photos")), ..OpenOptions::default() });
        assert!(error.unwrap_err().to_string().contains("finds its own images"));
    }

    #[test]
    fn when_no_face_is_usable_the_first_problem_is_told() {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("a.png"));
        std::fs::write(folder.path().join("a.pts"), "{\n1 2\n}").unwrap();
        let error = open("300w", folder.path(), Some(2)).unwrap_err().to_string();
        assert!(
            error.contains("first of 1 problems: ") && error.contains("a.pts: points: 1 instead of 2"),
            "{error}"
        );
        let source = DataSource { format: "300w".parse().unwrap(), path: folder.path().to_path_buf() };
        let any =
            Dataset::open_any(&source, &OpenOptions { scheme: Some(scheme(2)), ..OpenOptions::default() });
        assert!(any.is_ok_and(|dataset| dataset.samples.is_empty() && dataset.problems.len() == 1));
        assert_eq!(open("300w", folder.path(), Some(1)).unwrap().samples.len(), 1);
    }

    #[test]
    fn a_file_that_says_its_number_of_points_finds_its_scheme() {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("a.png"));
        let write = |points: usize| {
            let header: String = (0..points).map(|i| format!(",x{i},y{i}")).collect();
            let text = format!("image{header}\na.png{}\n", ",1,2".repeat(points));
            std::fs::write(folder.path().join("faces.csv"), text).unwrap();
        };
        write(5);
        assert_eq!(open("csv", folder.path(), None).unwrap().scheme.points.len(), 5);
        write(6);
        let error = open("csv", folder.path(), None).unwrap_err().to_string();
        assert!(error.contains("faces.csv:1: points: no built-in scheme has 6 points"), "{error}");
        let error = open("csv", folder.path(), Some(7)).unwrap_err().to_string();
        assert!(error.contains("the file has 6, the scheme `test-7` 7"), "{error}");
        assert_eq!(open("csv", folder.path(), Some(6)).unwrap().samples.len(), 1);
    }
}
