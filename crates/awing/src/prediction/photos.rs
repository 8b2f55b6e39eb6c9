//! Many photos: which files are meant, and the landmarks of all of them a batch at a time.

use super::{Aligner, Face, Maps, Photo, aligner::few_enough};
use crate::{
    dataset::{BoxFile, IMAGE_EXTENSIONS, has_image_ending},
    detection::FaceDetector,
    error::{Error, Result},
    geometry::{Rect, Transform},
};
use image::RgbImage;
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Deeper than any photo collection's folders; what is deeper is a loop of links.
const MAX_DEPTH: usize = 32;
/// Photos of more pixels than this are opened one after another, so that a few files of strangers do not take the memory of many at once.
const LARGE: u64 = 64_000_000;
/// Of more faces in a photo the crops are not held all at once.
const CROWD: usize = 64;

/// Images of kinds that are not read, by their endings.
const OTHER_IMAGES: [&str; 18] = [
    "arw", "avif", "cr2", "cr3", "dng", "gif", "heic", "heif", "jp2", "jxl", "nef", "orf", "ppm", "raf",
    "svg", "tga", "tif", "tiff",
];

/// What sources mean.
#[derive(Debug, Default)]
pub struct PhotoList {
    /// The photos, in order, each once.
    pub photos: Vec<PathBuf>,
    /// A source that means no photo, a folder that cannot be listed.
    pub problems: Vec<Error>,
    /// Images that are left out because their kind is not read: how many of each ending.
    pub unread: BTreeMap<String, usize>,
    /// Folders that are left out because awing wrote them.
    pub own: Vec<PathBuf>,
    /// Other files of the folders and patterns, such as videos.
    pub others: Vec<PathBuf>,
}

impl PhotoList {
    /// A line for each reason why images were left out.
    pub fn notes(&self) -> Vec<String> {
        let own = self.own.first().map(|first| {
            let more = match self.own.len() {
                1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            format!(
                "pictures that awing drew are left out: those in {}{more}; name a folder to take its",
                first.display()
            )
        });
        let kinds: Vec<String> = self.unread.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let unread = (!kinds.is_empty()).then(|| {
            let (kinds, read) = (kinds.join(", "), IMAGE_EXTENSIONS.join(", "));
            format!("images of other kinds than {read} are left out: {kinds}")
        });
        own.into_iter().chain(unread).collect()
    }

    fn expand(&mut self, source: &str) -> Result<()> {
        let path = Path::new(source);
        let (photos, problems) = (self.photos.len(), self.problems.len());
        let otherwise = if path.is_dir() {
            self.walk(path, 0, &mut BTreeSet::new());
            format!("the folder holds no image ({})", IMAGE_EXTENSIONS.join(", "))
        } else if path.exists() || !source.contains(['*', '?', '[']) {
            // A file may well be called "a[1].jpg".
            self.photos.push(path.to_path_buf());
            return Ok(());
        } else {
            let pattern =
                glob::glob(source).map_err(|e| Error::invalid(source, format!("is no pattern: {e}")))?;
            for entry in pattern {
                match entry {
                    Ok(entry) => self.entry(entry, 1, &mut BTreeSet::new()),
                    Err(e) => self.problems.push(Error::io(e.path().to_path_buf(), "read")(e.into())),
                }
            }
            "the pattern matches no image".to_owned()
        };
        if (photos, problems) == (self.photos.len(), self.problems.len()) {
            return Err(Error::invalid(source, otherwise));
        }
        Ok(())
    }

    /// Adds the images in `folder` and below it, by name. What cannot be listed is a problem of its own.
    fn walk(&mut self, folder: &Path, depth: usize, seen: &mut BTreeSet<PathBuf>) {
        let listed = folder.canonicalize().and_then(|real| {
            if depth > MAX_DEPTH || !seen.insert(real) {
                return Ok(Vec::new());
            }
            std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
        });
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(e) => return self.problems.push(Error::io(folder, "list the folder")(e)),
        };
        // A second run would take the pictures of the first for photos.
        if depth > 0 && entries.iter().any(|entry| is_answer(entry)) {
            return self.own.push(folder.to_path_buf());
        }
        entries.sort();
        for entry in entries {
            self.entry(entry, depth + 1, seen);
        }
    }

    fn entry(&mut self, path: PathBuf, depth: usize, seen: &mut BTreeSet<PathBuf>) {
        if path.is_dir() {
            return self.walk(&path, depth, seen);
        }
        // Beside a file on a disc that is not its own, macOS puts another "._" and its name.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if name.starts_with("._") {
            return;
        }
        if has_image_ending(&path) {
            self.photos.push(path);
        } else if OTHER_IMAGES.contains(&ending.as_str()) {
            *self.unread.entry(ending).or_default() += 1;
        } else {
            self.others.push(path);
        }
    }
}

/// Whether it is the answers that awing writes beside its pictures, told by their name and by how they begin, or the raw maps.
fn is_answer(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let begins: &[&[u8]] = match &*name {
        "predictions.jsonl" => &[b"{\"image\":"],
        "predictions.csv" => &[b"image,face,box_x0,", b"image,frame,time,id,", b"file,image,face"],
        "predictions.json" => &[b"[{\"image_id\":", b"[]"],
        _ => return name.ends_with("-face1.npy"),
    };
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(32).read_to_end(&mut start));
    read.is_ok() && begins.iter().any(|begin| start.starts_with(begin))
}

/// The photos that `sources` mean, in order, each once: a file is itself, a folder is all images below it by name, and
/// a text with `*`, `?` or `[` is a glob pattern. A file that is not there stays in the list and fails when it is read.
/// Folders below a source that hold awing's own pictures are left out.
pub fn expand_sources(sources: &[String]) -> PhotoList {
    let mut list = PhotoList::default();
    for source in sources {
        if let Err(problem) = list.expand(source) {
            list.problems.push(problem);
        }
    }
    let mut taken = BTreeSet::new();
    list.photos.retain(|photo| taken.insert(photo.clone()));
    list
}

/// Where the faces of a photo are.
#[derive(Clone, Debug)]
pub enum FaceBoxes {
    /// The photo is one face, cut out with some room around it by hand or by another program: the network sees the whole
    /// photo and nothing else.
    WholeImage,
    /// Where a detector finds them.
    Detected(Arc<dyn FaceDetector>),
    /// The same boxes in every photo.
    Given(Vec<Rect>),
    /// The boxes of a file. A photo that is not in it has no face; one that may be either of two images is an error.
    File {
        /// The file, for messages.
        path: PathBuf,
        /// The boxes.
        boxes: BoxFile,
    },
}

impl FaceBoxes {
    /// The file of boxes, where it has boxes and none of them is of one of these photos: its names are others.
    pub fn names_none<'a>(&self, mut photos: impl Iterator<Item = &'a Path>) -> Option<&Path> {
        let Self::File { path, boxes } = self else { return None };
        let known = |photo: &Path| {
            let name = photo.to_string_lossy();
            !boxes.get(&name).is_empty() || boxes.rivals(&name).is_some()
        };
        (!boxes.is_empty() && !photos.any(known)).then_some(path)
    }

    fn of(&self, photo: &Path, image: &RgbImage) -> Result<Vec<Rect>> {
        let boxes = match self {
            Self::WholeImage => Ok(vec![Rect::of_image(image.width(), image.height())]),
            Self::Detected(detector) => {
                let faces = detector.detect(image).map_err(|e| e.about(&photo.to_string_lossy()))?;
                Ok(faces.into_iter().map(|face| face.face_box).collect())
            }
            Self::Given(boxes) => Ok(boxes.clone()),
            Self::File { path, boxes } => match boxes.rivals(&photo.to_string_lossy()) {
                Some([a, b]) => {
                    let path = path.display();
                    let problem = format!("may be `{a}` or `{b}` in {path}; name the photo with its folders");
                    Err(Error::image(photo, problem))
                }
                None => Ok(boxes.get(&photo.to_string_lossy()).to_vec()),
            },
        };
        few_enough(boxes?).map_err(|e| e.about(&photo.to_string_lossy()))
    }
}

/// What was found in one photo.
#[derive(Debug)]
pub struct PhotoFaces {
    /// Width of the photo in pixels.
    pub width: u32,
    /// Height of the photo in pixels.
    pub height: u32,
    /// One entry a box, in their order; a box that cannot be used gives an error in its place.
    pub faces: Vec<Result<PhotoFace>>,
}

/// One face of a photo.
#[derive(Clone, Debug)]
pub struct PhotoFace {
    /// The landmarks.
    pub face: Face,
    /// What the network saw and answered, where it was asked for.
    pub maps: Option<(RgbImage, Maps)>,
}

/// Finds the landmarks in photos and tells `each` of every photo, in order. Photos are read in parallel,
/// as many at a time as the network sees faces ([`Aligner::batch`]), and dropped once their faces are cut out: memory
/// does not grow with their number, and little with that of their faces. `keep_maps` hands on crops and raw maps too.
///
/// # Errors
/// The first that `each` returns; it ends the work. A photo that cannot be read is told to `each`.
pub fn align_photos<E>(
    aligner: &Aligner,
    photos: &[Photo],
    boxes: &FaceBoxes,
    keep_maps: bool,
    mut each: impl FnMut(&Photo, Result<PhotoFaces>) -> Result<(), E>,
) -> Result<(), E> {
    for group in photos.chunks(aligner.batch()) {
        let small = |photo: &Photo| {
            let image = photo.load_small(LARGE).transpose()?;
            Some(image.and_then(|image| prepare(aligner, photo, image, boxes)))
        };
        let prepared: Vec<Option<_>> = group.par_iter().map(small).collect();
        let mut cuts = Vec::new();
        let mut answers = Vec::with_capacity(group.len());
        for (photo, prepared) in group.iter().zip(prepared) {
            let large = || prepare(aligner, photo, photo.load()?, boxes);
            let prepared = prepared.unwrap_or_else(large);
            answers.push(prepared.map(|p| {
                let count = p.cuts.len();
                cuts.extend(p.cuts);
                (p.width, p.height, count)
            }));
        }
        let mut faces = faces_of(aligner, cuts, keep_maps).into_iter();
        for (photo, answer) in group.iter().zip(answers) {
            let answer = answer.map(|(width, height, count)| PhotoFaces {
                width,
                height,
                faces: faces.by_ref().take(count).collect(),
            });
            each(photo, answer)?;
        }
    }
    Ok(())
}

type Crop = (RgbImage, Transform);

/// A face that is cut out, or of a crowd that is still to be.
enum Cut {
    Done(Result<Crop>),
    Later(Arc<RgbImage>),
}

/// A photo's size and its faces.
struct Prepared {
    width: u32,
    height: u32,
    cuts: Vec<(Rect, Cut)>,
}

fn prepare(aligner: &Aligner, photo: &Photo, image: RgbImage, boxes: &FaceBoxes) -> Result<Prepared> {
    let path = photo.path();
    let (width, height) = image.dimensions();
    let rects = boxes.of(path, &image)?;
    let cuts = if matches!(boxes, FaceBoxes::WholeImage) {
        rects.into_iter().map(|b| (b, Cut::Done(aligner.crop_whole(&image)))).collect()
    } else if rects.len() <= CROWD {
        rects.into_iter().map(|b| (b, Cut::Done(aligner.crop(&image, b)))).collect()
    } else {
        let image = Arc::new(image);
        rects.into_iter().map(|b| (b, Cut::Later(image.clone()))).collect()
    };
    Ok(Prepared { width, height, cuts })
}

/// Runs the network a batch at a time, so that the crops of a crowd and the maps of few faces are held at once.
fn faces_of(aligner: &Aligner, cuts: Vec<(Rect, Cut)>, keep_maps: bool) -> Vec<Result<PhotoFace>> {
    let mut faces = Vec::with_capacity(cuts.len());
    let mut cuts = cuts.into_iter().peekable();
    while cuts.peek().is_some() {
        let batch: Vec<(Rect, Cut)> = cuts.by_ref().take(aligner.batch()).collect();
        let rects: Vec<Rect> = batch.iter().map(|(rect, _)| *rect).collect();
        let cut = |(rect, cut): (Rect, Cut)| match cut {
            Cut::Done(crop) => crop,
            Cut::Later(image) => aligner.crop(&image, rect),
        };
        let crops: Vec<Result<Crop>> = batch.into_par_iter().map(cut).collect();
        let kept: Vec<Option<RgbImage>> = crops
            .iter()
            .map(|crop| crop.as_ref().ok().filter(|_| keep_maps).map(|(image, _)| image.clone()))
            .collect();
        let maps = aligner.map_crops(crops);
        faces.extend(maps.into_iter().zip(rects).zip(kept).map(|((maps, rect), crop)| {
            let maps = maps?;
            let face = aligner.decode(&maps, rect)?;
            Ok(PhotoFace { face, maps: crop.map(|crop| (crop, maps)) })
        }));
    }
    faces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        heatmap::CodecConfig,
        model::{Model, NetworkConfig, StackedHourglass},
        report::save_picture,
        scheme::Scheme,
    };
    use burn::tensor::Device;

    fn photo(path: &Path, side: u32) {
        save_picture(path, &RgbImage::from_fn(side, side, |x, y| image::Rgb([x as u8, y as u8, 90])))
            .unwrap();
    }

    fn sources(folder: &Path, names: &[&str]) -> (Vec<String>, Vec<String>) {
        let full: Vec<String> = names.iter().map(|n| folder.join(n).display().to_string()).collect();
        let list = expand_sources(&full);
        let relative = |p: &PathBuf| p.strip_prefix(folder).unwrap().display().to_string();
        (list.photos.iter().map(relative).collect(), list.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn files_folders_and_patterns_are_expanded_in_order_and_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/2.JPG", "b/10.png", "b/c/1.webp", "a[1].jpg", "z.bmp", "notes.txt", "b/x.txt"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let (photos, errors) = sources(folder.path(), &["z.bmp", "b", "a[1].jpg", "*.bmp", "gone.jpg"]);
        assert_eq!(photos, ["z.bmp", "b/10.png", "b/2.JPG", "b/c/1.webp", "a[1].jpg", "gone.jpg"]);
        assert!(errors.is_empty(), "{errors:?}");
        // A pattern takes images and whole folders, and leaves notes.txt.
        let (photos, _) = sources(folder.path(), &["*"]);
        assert_eq!(photos, ["a[1].jpg", "b/10.png", "b/2.JPG", "b/c/1.webp", "z.bmp"]);
    }

    #[test]
    fn a_source_without_photos_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        let (photos, errors) = sources(folder.path(), &["empty", "*.jpg", "[", "x***y"]);
        assert_eq!((photos.len(), errors.len()), (0, 4));
        assert!(errors[0].contains("empty: the folder holds no image (jpg, jpeg"), "{errors:?}");
        assert!(errors[1].contains("*.jpg: the pattern matches no image"), "{errors:?}");
        assert!(errors[3].contains("is no pattern"), "{errors:?}");
    }

    #[test]
    fn own_pictures_and_other_kinds_are_left_out_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let names = [
            "a.jpg",
            "._a.jpg",
            "b.HEIC",
            "s/c.gif",
            "s/d.heic",
            "s/e.txt",
            "out/a.png",
            "out/predictions.csv",
            "s/maps/c-face1.npy",
            "s/maps/c-face1.png",
            "mine/predictions.png",
            // Somebody else's table.
            "zoo/predictions.csv",
            "zoo/z.png",
        ];
        for name in names {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            let text = if name == "out/predictions.csv" { "image,face,box_x0,box_y0" } else { "id,label" };
            std::fs::write(at(name), text).unwrap();
        }
        let found = |source: PathBuf| expand_sources(&[source.display().to_string()]);
        for source in [folder.path().to_path_buf(), at("*")] {
            let list = found(source);
            assert_eq!(list.photos, ["a.jpg", "mine/predictions.png", "zoo/z.png"].map(at));
            assert!(list.problems.is_empty(), "{:?}", list.problems);
            let notes = list.notes();
            assert!(
                notes[0].contains(&format!(": those in {} and 1 more;", at("out").display())),
                "{notes:?}"
            );
            assert!(
                notes[1].ends_with("than jpg, jpeg, png, webp, bmp are left out: 1 gif, 2 heic"),
                "{notes:?}"
            );
        }
        // Who names the folder means it.
        assert_eq!(found(at("out")).photos, [at("out/a.png")]);
        assert_eq!(found(at("a.jpg")).notes(), [""; 0]);
        let none = found(at("s"));
        assert_eq!((none.problems.len(), none.unread.len()), (1, 2));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_cannot_be_listed_does_not_take_the_others_away() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a.jpg", "s/b.jpg", "z.jpg"] {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), "").unwrap();
        }
        let mode = |mode| std::fs::set_permissions(at("s"), std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o000);
        let (photos, errors) = sources(folder.path(), &["."]);
        // Nothing keeps root out.
        let root = std::fs::read_dir(at("s")).is_ok();
        mode(0o755);
        if !root {
            assert_eq!(photos, ["a.jpg", "z.jpg"]);
            assert!(errors.len() == 1 && errors[0].contains("s: cannot list the folder"), "{errors:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("sub/up")).unwrap();
        std::fs::write(folder.path().join("sub/a.jpg"), "").unwrap();
        assert_eq!(sources(folder.path(), &["."]).0.len(), 1);
    }

    #[test]
    fn a_broken_photo_or_box_fails_alone_and_batches_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..5).map(|i| folder.path().join(format!("{i}.png"))).collect();
        let photos: Vec<Photo> = paths.iter().cloned().map(Photo::from).collect();
        for (i, path) in paths.iter().enumerate() {
            photo(path, 40 + 10 * i as u32);
        }
        std::fs::write(&paths[2], "no image").unwrap();
        let config = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: false, coord_conv: true };
        let scheme = Scheme::builtin("mtfl-5").unwrap();
        let network = StackedHourglass::new(&config, scheme.len(), 1, &Device::flex()).unwrap();
        let model = Model {
            config,
            crop: Default::default(),
            heatmap: CodecConfig::default(),
            scheme,
            network,
            calibration: None,
        };
        // The second box lies outside the photos of 40 to 60 pixels.
        let boxes = FaceBoxes::Given(vec![Rect::new(5.0, 5.0, 30.0, 30.0), Rect::new(65.0, 5.0, 90.0, 30.0)]);
        let run = |batch: usize| {
            let aligner = Aligner::new(model.clone()).unwrap().with_batch(batch);
            let mut told = Vec::new();
            align_photos(&aligner, &photos, &boxes, batch == 1, |photo, found| {
                assert_eq!(photo.path(), paths[told.len()]);
                told.push(found.map(|f| (f.width, f.faces)));
                Ok::<_, ()>(())
            })
            .unwrap();
            told
        };
        let (one, many) = (run(1), run(4));
        assert!(one[2].is_err() && many[2].is_err());
        for i in [0, 1, 3, 4] {
            let ((width, a), (_, b)) = (one[i].as_ref().unwrap(), many[i].as_ref().unwrap());
            assert_eq!(*width, 40 + 10 * i as u32);
            assert_eq!(a[1].is_err(), *width < 65, "{width}");
            let (a, b) = (a[0].as_ref().unwrap(), b[0].as_ref().unwrap());
            assert!(b.maps.is_none());
            let (crop, maps) = a.maps.as_ref().unwrap();
            assert_eq!((crop.width(), maps.values.len()), (64, 5 * 16 * 16));
            for (p, q) in a.face.landmarks.iter().zip(&b.face.landmarks) {
                assert!(p.distance(*q) < 1e-2, "{p:?} {q:?}");
            }
        }
        let stopped =
            align_photos(&Aligner::new(model).unwrap(), &photos, &boxes, false, |_, _| Err("enough"));
        assert_eq!(stopped, Err("enough"));
    }

    #[test]
    fn a_photo_without_a_line_in_the_box_file_has_no_face() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boxes.csv");
        let lines = ["a.jpg", "s/c.jpg", "t/c.jpg"].map(|image| format!("{image},1,2,30,40\n"));
        std::fs::write(&path, format!("image,x0,y0,x1,y1\n{}", lines.concat())).unwrap();
        let boxes = FaceBoxes::File { boxes: BoxFile::load(&path).unwrap(), path };
        let image = RgbImage::new(50, 50);
        assert_eq!(boxes.of(Path::new("in/a.jpg"), &image).unwrap(), [Rect::new(1.0, 2.0, 30.0, 40.0)]);
        assert!(boxes.of(Path::new("b.jpg"), &image).unwrap().is_empty());
        let error = boxes.of(Path::new("c.jpg"), &image).unwrap_err().to_string();
        assert!(error.starts_with("c.jpg: image: may be `s/c.jpg` or `t/c.jpg` in "), "{error}");
        assert_eq!(FaceBoxes::WholeImage.of(Path::new("b.jpg"), &image).unwrap()[0].width(), 50.0);
    }
}
