//! The photos that a command line means.

use crate::photo_list::expand_sources;
use crate::{failure::Failure, limited};
use awing::{Error, photo::Photo};
use awing_train::{dataset::has_image_ending, video::is_video};
use std::{
    collections::BTreeSet,
    ffi::OsString,
    io::{Read, stdin},
    path::{Path, PathBuf},
};

/// What standard input is called in answers.
pub(crate) const STDIN: &str = "-";
/// More bytes than any image that is read has.
const MOST_BYTES: u64 = (1 << 30) + 1;

/// The photos and videos of all sources and of the list, in order, each once. `-` is an image on standard input, `@FILE` a list of sources, one a line;
/// the list `-` is standard input. A file that is itself called `@name` is that file.
pub(crate) fn photos(sources: &[OsString], list: Option<&Path>) -> Result<Found, Failure> {
    let mut found = Found::default();
    for source in sources {
        match list_of(source) {
            _ if source == STDIN => found.standard_input()?,
            Some(list) if !Path::new(source).exists() => found.list(&list)?,
            _ => found.expand(source),
        }
    }
    if let Some(list) = list {
        found.list(list)?;
    }
    Ok(found)
}

/// What sources mean.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) photos: Vec<Photo>,
    /// Sources that mean no photo, folders that cannot be listed.
    pub(crate) problems: Vec<Error>,
    /// What was left out.
    pub(crate) notes: Vec<String>,
    /// Videos that were named, and those of folders and patterns that mean no photo.
    pub(crate) videos: Vec<PathBuf>,
    taken: BTreeSet<PathBuf>,
    /// Standard input can be read once.
    input_is_read: bool,
}

impl Found {
    fn expand(&mut self, source: &OsString) {
        let mut list = expand_sources(std::slice::from_ref(source));
        self.notes.extend(list.notes());
        let videos: Vec<PathBuf> = list.others.into_iter().filter(|path| is_video(path)).collect();
        if list.photos.is_empty() && !videos.is_empty() {
            list.problems.retain(|problem| !matches!(problem, Error::Invalid { .. }));
            list.photos = videos;
        } else if let Some(first) = videos.first() {
            let (first, count) = (first.display(), videos.len());
            self.notes.push(format!(
                "videos are left out, {count} of them, the first is {first}; name them to follow their faces"
            ));
        }
        for path in list.photos.into_iter().filter(|path| self.taken.insert(path.clone())) {
            // The files of many photos are not opened to see whether they are videos.
            if has_image_ending(&path) || !is_video(&path) {
                self.photos.push(Photo::from(path));
            } else {
                self.videos.push(path);
            }
        }
        self.problems.extend(list.problems);
    }

    fn standard_input(&mut self) -> Result<(), Failure> {
        let bytes = self.input()?;
        self.photos.push(Photo::of_bytes(STDIN, bytes));
        Ok(())
    }

    /// A line a source. Names that other programs wrote may end in a carriage return or begin with a mark of byte order.
    fn list(&mut self, list: &Path) -> Result<(), Failure> {
        let bytes = match list == Path::new(STDIN) {
            true => Ok(self.input()?),
            false => limited::bytes(list),
        };
        let wrong = |problem: String| {
            let name = list.display();
            Failure::Usage(format!("--list: {name}: {problem}; give a file with a path on each line"))
        };
        let bytes = bytes.map_err(wrong)?;
        if bytes.contains(&0) {
            return Err(wrong("is no text".to_owned()));
        }
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let lines = lines.filter(|line| !line.trim_ascii().is_empty());
        let sources: Vec<OsString> = lines.map(path_of).collect::<Result<_, _>>().map_err(wrong)?;
        if sources.is_empty() {
            self.problems.push(Error::invalid(list.to_string_lossy(), "the list is empty"));
        }
        sources.iter().for_each(|source| self.expand(source));
        Ok(())
    }

    fn input(&mut self) -> Result<Vec<u8>, Failure> {
        if std::mem::replace(&mut self.input_is_read, true) {
            let problem = "standard input is one image (-) or one list (--list -), once";
            return Err(Failure::Usage(problem.to_owned()));
        }
        let mut bytes = Vec::new();
        let read = stdin().lock().take(MOST_BYTES).read_to_end(&mut bytes);
        read.map_err(|e| Failure::Work(format!("cannot read standard input: {e}")))?;
        Ok(bytes)
    }
}

/// The list that `@FILE` names.
fn list_of(source: &OsString) -> Option<PathBuf> {
    let name = source.as_encoded_bytes().strip_prefix(b"@")?;
    path_of(name).ok().map(PathBuf::from)
}

/// A path of these bytes, which need be no text on systems whose names are none.
#[cfg(unix)]
fn path_of(bytes: &[u8]) -> Result<OsString, String> {
    use std::os::unix::ffi::OsStringExt;
    Ok(OsString::from_vec(bytes.to_vec()))
}

/// A path of these bytes.
#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Result<OsString, String> {
    String::from_utf8(bytes.to_vec()).map(OsString::from).map_err(|_| "is no text in UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_are_meant_where_they_are_named_or_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["clips", "both"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        for name in
            ["clips/a.mp4", "clips/b.MOV", "clips/notes.txt", "clips/app.ts", "both/a.jpg", "both/b.mp4"]
        {
            std::fs::write(at(name), "import").unwrap();
        }
        std::fs::write(at("clips/stream.ts"), [0x47, 0x40]).unwrap();
        let found = |source: &str| photos(&[at(source).into()], None).unwrap();
        for source in ["clips", "clips/*"] {
            let Found { photos, videos, problems, notes, .. } = found(source);
            assert_eq!(videos, ["clips/a.mp4", "clips/b.MOV", "clips/stream.ts"].map(at), "{source}");
            assert!(photos.is_empty() && problems.is_empty() && notes.is_empty());
        }
        let Found { photos, videos, notes, .. } = found("both");
        assert_eq!((photos.len(), videos.len()), (1, 0));
        assert!(notes[0].starts_with("videos are left out, 1 of them"), "{notes:?}");
        assert_eq!(found("both/b.mp4").videos, [at("both/b.mp4")]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_no_text_is_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let photo = folder.path().join(path_of(b"caf\xe9.jpg").unwrap());
        std::fs::write(&photo, "").unwrap();
        let list = folder.path().join("@list.txt");
        std::fs::write(&list, photo.as_os_str().as_encoded_bytes()).unwrap();
        // Named, in a folder, and in a list.
        for source in [photo.clone(), folder.path().into(), list.clone()] {
            let list_of_it = (source == list).then_some(source.as_path());
            let named = if list_of_it.is_some() { vec![] } else { vec![source.clone().into()] };
            let Found { photos: found, problems, .. } = photos(&named, list_of_it).unwrap();
            assert_eq!(found.iter().map(Photo::path).collect::<Vec<_>>(), [&photo], "{source:?}");
            assert!(problems.is_empty());
        }
        // A file that is called as a list would be is that file.
        let file = folder.path().join("@a.jpg");
        std::fs::write(&file, "").unwrap();
        assert_eq!(photos(&[file.clone().into()], None).unwrap().photos[0].path(), file);
    }

    #[test]
    fn a_list_has_a_source_on_each_line() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("b")).unwrap();
        for name in ["a.jpg", "b/1.png", "b/2.png", "c d.jpg"] {
            std::fs::write(at(name), "").unwrap();
        }
        let name = |name: &str| at(name).display().to_string();
        let text =
            format!("\u{feff}{}\r\n\n{}\n{}\n{}\n", name("c d.jpg"), name("b"), name("a.jpg"), name("*.gif"));
        std::fs::write(at("list.txt"), text).unwrap();
        // What was named before is not looked at twice.
        let sources = [at("b/2.png").into(), format!("@{}", name("list.txt")).into()];
        let Found { photos: found, problems, .. } = photos(&sources, None).unwrap();
        let found: Vec<_> =
            found.iter().map(|photo| photo.path().strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(found, ["b/2.png", "c d.jpg", "b/1.png", "a.jpg"].map(Path::new));
        assert!(problems.len() == 1 && problems[0].to_string().contains("*.gif"), "{problems:?}");
        std::fs::write(at("list.txt"), "\n \n").unwrap();
        let Found { photos: none, problems, .. } = photos(&[], Some(&at("list.txt"))).unwrap();
        assert!(none.is_empty() && problems[0].to_string().ends_with("the list is empty"));
        assert!(
            matches!(photos(&[], Some(&at("gone.txt"))), Err(Failure::Usage(m)) if m.contains("gone.txt: cannot read"))
        );
        // In the text of another system.
        std::fs::write(at("list.txt"), [0xff, 0xfe, 0]).unwrap();
        assert!(
            matches!(photos(&[], Some(&at("list.txt"))), Err(Failure::Usage(m)) if m.contains("no text"))
        );
    }
}
