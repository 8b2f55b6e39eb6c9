use std::{collections::HashSet, path::Path};

/// A name for the files of each photo: its own without the ending, numbered where it was taken before.
#[derive(Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// A name of the photo's own; it stays in its folder whatever the photo's path.
    pub(super) fn of(&mut self, photo: &Path) -> String {
        let stem = photo.file_stem().map_or("photo".into(), |stem| stem.to_string_lossy());
        // What came through standard input has no name.
        self.take(if stem == crate::sources::STDIN { "stdin" } else { &stem })
    }

    /// `name`, or the next that is free.
    pub(super) fn take(&mut self, name: &str) -> String {
        let mut free = name.to_owned();
        let mut number = 2_usize;
        // Some file systems take "A" and "a" for the same.
        while !self.0.insert(free.to_lowercase()) {
            free = format!("{name}-{number}");
            number += 1;
        }
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
