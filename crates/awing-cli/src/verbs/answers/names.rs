use std::{collections::HashMap, path::Path};

/// The longest name of a file without its number and ending, in bytes: file systems take 255 with them.
const LONGEST: usize = 200;

/// A name for the files of each photo: its own without the ending, numbered where it was taken before. Of each name that is taken the next
/// number is kept, so that many photos of one name are no trouble.
#[derive(Default)]
pub(super) struct Names(HashMap<String, usize>);

impl Names {
    /// A name of the photo's own; it stays in its folder whatever the photo's path.
    pub(super) fn of(&mut self, photo: &Path) -> String {
        let stem = photo.file_stem().map_or("photo".into(), |stem| stem.to_string_lossy());
        // What came through standard input has no name.
        self.take(if stem == crate::sources::STDIN { "stdin" } else { &stem })
    }

    /// `name`, or the next that is free.
    pub(super) fn take(&mut self, name: &str) -> String {
        let name = &name[..name.floor_char_boundary(LONGEST)];
        // Some file systems take "A" and "a" for the same.
        let key = name.to_lowercase();
        let mut number = self.0.get(&key).copied().unwrap_or(2);
        let mut free = name.to_owned();
        while self.0.contains_key(&free.to_lowercase()) {
            free = format!("{name}-{number}");
            number += 1;
        }
        self.0.insert(free.to_lowercase(), 2);
        self.0.insert(key, number);
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_collide_and_stay_in_the_folder() {
        let mut names = Names::default();
        let got: Vec<String> = ["a/x.jpg", "b/x.jpg", "c/X.png", "x-2.jpg", "../../up.png", "/", "-"]
            .iter()
            .map(|path| names.of(Path::new(path)))
            .collect();
        assert_eq!(got, ["x", "x-2", "X-3", "x-2-2", "up", "photo", "stdin"]);
        assert_eq!(names.take("up-face2"), "up-face2");
        assert_eq!(names.of(Path::new("up-face2.jpg")), "up-face2-2");
    }
}
