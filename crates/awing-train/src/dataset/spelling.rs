//! Names of files in either form of Unicode. macOS writes letters with their marks apart, other systems and most annotation files as one: names that
//! differ in that alone are the same, unless there are both.

use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization;

/// The name with each letter and its marks as one.
pub(super) fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// The file called `name` in `folder`, however it is spelled there; as `name` is, if there is such a file.
pub fn find_file(folder: &Path, name: &str) -> Option<PathBuf> {
    let find = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
    find(name).or_else(|| find(&composed(name))).or_else(|| find(&name.nfd().collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_that_is_asked_for_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let [one, apart] = ["ren\u{e9}.png", "rene\u{301}.png"];
        let found =
            |name: &str| find_file(folder.path(), name).map(|path| path.file_name().unwrap().to_owned());
        assert_eq!(found(one), None);
        std::fs::write(folder.path().join(apart), "").unwrap();
        assert_eq!([found(one), found(apart)], [(); 2].map(|()| Some(apart.into())));
        std::fs::write(folder.path().join(one), "").unwrap();
        assert_eq!([found(one), found(apart)], [one, apart].map(|name| Some(name.into())));
    }
}
