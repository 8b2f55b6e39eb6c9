//! Which photos the sources on a command line mean: files, folders, patterns.

use awing::{Error, Result};
use awing_train::dataset::{IMAGE_KINDS, find_file, has_image_ending, is_leaving};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Deeper than any photo collection's folders; what is deeper is a loop of links.
const MAX_DEPTH: usize = 32;
/// Images of kinds that are not read, by their endings.
const OTHER_IMAGES: [&str; 36] = [
    "arw", "avif", "cr2", "cr3", "dng", "emf", "eps", "exr", "gif", "hdr", "heic", "heif", "hif", "ico",
    "j2k", "jls", "jp2", "jpx", "jxl", "nef", "nrw", "orf", "pbm", "pef", "pgm", "pnm", "ppm", "psd", "qoi",
    "raf", "rw2", "srw", "svg", "tga", "tif", "tiff",
];

/// What sources mean.
#[derive(Debug, Default)]
pub(crate) struct PhotoList {
    /// The photos, in order, each once.
    pub(crate) photos: Vec<PathBuf>,
    /// A source that means no photo, a folder that cannot be listed.
    pub(crate) problems: Vec<Error>,
    /// Images that are left out because their kind is not read: how many of each ending.
    pub(crate) unread: BTreeMap<String, usize>,
    /// Folders that are left out because awing wrote them.
    pub(crate) own: Vec<PathBuf>,
    /// Other files of the folders and patterns, such as videos.
    pub(crate) others: Vec<PathBuf>,
}

impl PhotoList {
    /// A line for each reason why images were left out.
    pub(crate) fn notes(&self) -> Vec<String> {
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
        let unread = (!kinds.is_empty())
            .then(|| format!("images of other kinds than {IMAGE_KINDS} are left out: {}", kinds.join(", ")));
        own.into_iter().chain(unread).collect()
    }

    fn expand(&mut self, source: &OsString) -> Result<()> {
        let path = Path::new(source);
        // A name that is no text is no pattern.
        let text = source.to_str().unwrap_or_default();
        let (photos, problems) = (self.photos.len(), self.problems.len());
        let otherwise = if path.is_dir() {
            self.walk(path, 0, &mut BTreeSet::new());
            format!("the folder holds no image ({IMAGE_KINDS})")
        } else if path.exists() || !text.contains(['*', '?', '[']) {
            // A file may well be called "a[1].jpg".
            self.photos.push(find_file(&[PathBuf::new()], text).unwrap_or_else(|| path.to_path_buf()));
            return Ok(());
        } else {
            let pattern =
                glob::glob(text).map_err(|e| Error::invalid(text, format!("is no pattern: {e}")))?;
            for entry in pattern {
                match entry {
                    Ok(entry) => self.entry(entry, 1, &mut BTreeSet::new()),
                    Err(e) => self.problems.push(Error::io(e.path().to_path_buf(), "read")(e.into())),
                }
            }
            "the pattern matches no image".to_owned()
        };
        if (photos, problems) == (self.photos.len(), self.problems.len()) {
            return Err(Error::invalid(source.to_string_lossy(), otherwise));
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
        if is_leaving(&path.file_name().unwrap_or_default().to_string_lossy()) {
            return;
        }
        if path.is_dir() {
            return self.walk(&path, depth, seen);
        }
        let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
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
pub(crate) fn expand_sources(sources: &[OsString]) -> PhotoList {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(folder: &Path, names: &[&str]) -> (Vec<String>, Vec<String>) {
        let full: Vec<OsString> = names.iter().map(|n| folder.join(n).into()).collect();
        let list = expand_sources(&full);
        let relative = |p: &PathBuf| p.strip_prefix(folder).unwrap().display().to_string();
        (list.photos.iter().map(relative).collect(), list.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn files_folders_and_patterns_are_expanded_in_order_and_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b/2.JPG",
            "b/10.png",
            "b/c/1.webp",
            "b/c/2.jfif",
            "b/c/3.JPE",
            "b/c/4.dib",
            "a[1].jpg",
            "z.bmp",
            "notes.txt",
            "b/x.txt",
            "b/._2.JPG",
            "b/Thumbs.db",
            "__MACOSX/a.jpg",
            "$RECYCLE.BIN/a.jpg",
            "b/.Trash-1000/files/a.jpg",
            "b/@eaDir/a.jpg/thumb.jpg",
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let (photos, errors) = sources(folder.path(), &["z.bmp", "b", "a[1].jpg", "*.bmp", "gone.jpg"]);
        let below_b =
            ["b/10.png", "b/2.JPG", "b/c/1.webp", "b/c/2.jfif", "b/c/3.JPE", "b/c/4.dib"].as_slice();
        assert_eq!(photos, [&["z.bmp"], below_b, &["a[1].jpg", "gone.jpg"]].concat());
        assert!(errors.is_empty(), "{errors:?}");
        // A pattern takes images and whole folders, and leaves notes.txt.
        let (photos, _) = sources(folder.path(), &["*"]);
        assert_eq!(photos, [&["a[1].jpg"], below_b, &["z.bmp"]].concat());
    }

    #[test]
    fn a_file_is_found_however_its_name_is_spelled() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rene\u{301}.jpg"), "").unwrap();
        assert_eq!(sources(folder.path(), &["ren\u{e9}.jpg"]).0, ["rene\u{301}.jpg"]);
    }

    #[test]
    fn a_source_without_photos_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        let (photos, errors) = sources(folder.path(), &["empty", "*.jpg", "[", "x***y"]);
        assert_eq!((photos.len(), errors.len()), (0, 4));
        assert!(
            errors[0].contains("empty: the folder holds no image (JPEG, PNG, WebP and BMP)"),
            "{errors:?}"
        );
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
        let found = |source: PathBuf| expand_sources(&[source.into()]);
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
                notes[1].ends_with("than JPEG, PNG, WebP and BMP are left out: 1 gif, 2 heic"),
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
}
