//! Names of files in either form of Unicode. macOS writes letters with their marks apart, other systems and most annotation files as one: names that
//! differ in that alone are the same, unless there are both.

use std::path::PathBuf;
use unicode_normalization::UnicodeNormalization;

/// The name with each letter and its marks as one.
pub(super) fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// The file called `name` in the first of these folders that has it, spelled as `name` is or, if none is, in the other form.
pub fn find_file(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    let find = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    find(name).or_else(|| find(&composed(name))).or_else(|| find(&name.nfd().collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_that_is_asked_for_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let folders = ["first", "second"].map(|name| folder.path().join(name));
        folders.iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
        let [one, apart] = ["ren\u{e9}.png", "rene\u{301}.png"];
        let found = |name: &str| find_file(&folders, name).map(|path| path.file_name().unwrap().to_owned());
        assert_eq!(found(one), None);
        std::fs::write(folders[0].join(apart), "").unwrap();
        assert_eq!([found(one), found(apart)], [(); 2].map(|()| Some(apart.into())));
        std::fs::write(folders[1].join(one), "").unwrap();
        assert_eq!([found(one), found(apart)], [one, apart].map(|name| Some(name.into())));
    }
}
