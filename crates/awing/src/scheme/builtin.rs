//! The schemes inside the library.

use super::Scheme;
use crate::error::{Error, Result};
use std::{path::Path, sync::Arc};

/// Name and file text. The names in the files are the same, which a test checks.
const BUILTIN: [(&str, &str); 6] = [
    ("300w-68", include_str!("builtin/300w-68.toml")),
    ("wflw-98", include_str!("builtin/wflw-98.toml")),
    ("cofw-29", include_str!("builtin/cofw-29.toml")),
    ("aflw-19", include_str!("builtin/aflw-19.toml")),
    ("mtfl-5", include_str!("builtin/mtfl-5.toml")),
    ("body-14", include_str!("builtin/body-14.toml")),
];

impl Scheme {
    /// The names that [`Scheme::builtin`] knows.
    pub fn builtin_names() -> Vec<&'static str> {
        BUILTIN.iter().map(|(name, _)| *name).collect()
    }

    /// A scheme inside the library: "300w-68", "wflw-98", "cofw-29", "aflw-19", "mtfl-5" or "body-14".
    ///
    /// # Errors
    /// [`Error::Invalid`] for another name, listing these.
    pub fn builtin(name: &str) -> Result<Arc<Self>> {
        let Some((_, text)) = BUILTIN.iter().find(|(n, _)| *n == name) else {
            let known = Self::builtin_names().join(", ");
            return Err(Error::invalid(
                "scheme",
                format!("`{name}` is not a built-in scheme; there are {known}"),
            ));
        };
        Self::from_toml(text, name).map(Arc::new)
    }

    /// The built-in scheme of this name, or else the scheme file at this path.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is neither, and what [`Scheme::load`] says of a file.
    pub fn find(name_or_path: &str) -> Result<Arc<Self>> {
        if BUILTIN.iter().any(|(name, _)| *name == name_or_path) {
            return Self::builtin(name_or_path);
        }
        if !Path::new(name_or_path).exists() {
            let known = Self::builtin_names().join(", ");
            let problem = format!("`{name_or_path}` is neither a scheme file nor one of {known}");
            return Err(Error::invalid("scheme", problem));
        }
        Self::load(name_or_path).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Midline points, lines and normalizers of each scheme, as the field's own code has them.
    #[test]
    fn the_built_in_schemes_are_those_of_the_field() {
        let midline = |name: &str| -> Vec<usize> {
            let scheme = Scheme::builtin(name).unwrap();
            assert_eq!(scheme.name, name);
            (0..scheme.len()).filter(|&i| scheme.mirror[i] == i).collect()
        };
        assert_eq!(midline("300w-68"), [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]);
        assert_eq!(midline("wflw-98"), [16, 51, 52, 53, 54, 57, 79, 85, 90, 94]);
        assert_eq!(midline("cofw-29"), [20, 21, 24, 25, 26, 27, 28]);
        assert_eq!(midline("aflw-19"), [13, 16, 18]);
        assert_eq!(midline("mtfl-5"), [2]);
        assert_eq!(midline("body-14"), [12, 13]);
        let sizes = |name| {
            let scheme = Scheme::builtin(name).unwrap();
            (scheme.len(), scheme.lines.len(), scheme.normalizers.len())
        };
        let all: Vec<_> = Scheme::builtin_names().into_iter().map(sizes).collect();
        assert_eq!(all, [(68, 13, 2), (98, 13, 2), (29, 13, 2), (19, 5, 0), (5, 0, 1), (14, 14, 1)]);
        let aflw = Scheme::builtin("aflw-19").unwrap();
        assert_eq!(aflw.lines[1].points, [3, 4, 5]);
    }

    /// The pairs, index by index, as the field's code and the papers' have them: a wrong pair passes every check of form.
    #[test]
    fn the_mirror_tables_are_those_of_the_field() {
        // Jaw points 0 to `n` / 2 - 1 face `n` - i, then single pairs.
        let table = |len: usize, jaw: usize, pairs: &str| {
            let mut mirror: Vec<usize> = (0..len).collect();
            (0..=jaw).filter(|_| jaw > 0).for_each(|i| mirror[i] = jaw - i);
            for pair in pairs.split_whitespace() {
                let (a, b) = pair.split_once('-').unwrap();
                let (a, b): (usize, usize) = (a.parse().unwrap(), b.parse().unwrap());
                (mirror[a], mirror[b]) = (b, a);
            }
            mirror
        };
        let pairs98 = "33-46 34-45 35-44 36-43 37-42 38-50 39-49 40-48 41-47 55-59 56-58 60-72 61-71 62-70 63-69 \
            64-68 65-75 66-74 67-73 76-82 77-81 78-80 83-87 84-86 88-92 89-91 93-95 96-97";
        let pairs68 = "17-26 18-25 19-24 20-23 21-22 31-35 32-34 36-45 37-44 38-43 39-42 40-47 41-46 48-54 49-53 \
            50-52 55-59 56-58 60-64 61-63 65-67";
        let pairs29 = "0-1 2-3 4-6 5-7 8-9 10-11 12-14 13-15 16-17 18-19 22-23";
        let pairs19 = "0-5 1-4 2-3 6-11 7-10 8-9 12-14 15-17";
        for (name, len, jaw, pairs) in [
            ("wflw-98", 98, 32, pairs98),
            ("300w-68", 68, 16, pairs68),
            ("cofw-29", 29, 0, pairs29),
            ("aflw-19", 19, 0, pairs19),
        ] {
            assert_eq!(Scheme::builtin(name).unwrap().mirror, table(len, jaw, pairs), "{name}");
        }
    }

    /// Errors divided by another distance cannot be compared with published ones, and no other test would see it.
    #[test]
    fn distances_between_eyes_are_measured_where_the_field_measures_them() {
        let eye = |from: usize| (from..from + 6).collect::<Vec<usize>>();
        for (name, ocular, pupil) in [
            ("300w-68", [vec![36], vec![45]], [eye(36), eye(42)]),
            ("wflw-98", [vec![60], vec![72]], [vec![96], vec![97]]),
            ("cofw-29", [vec![8], vec![9]], [vec![16], vec![17]]),
        ] {
            let scheme = Scheme::builtin(name).unwrap();
            assert_eq!(scheme.normalizer("inter-ocular"), Some(&ocular), "{name}");
            assert_eq!(scheme.normalizer("inter-pupil"), Some(&pupil), "{name}");
        }
    }

    /// A mirror pair is one name with left and right exchanged, or a count that runs the other way along the jaw, the
    /// nose or the lips: whatever says left must face the same thing saying right.
    #[test]
    fn mirror_pairs_agree_with_the_names() {
        for name in Scheme::builtin_names() {
            let scheme = Scheme::builtin(name).unwrap();
            for (i, &j) in scheme.mirror.iter().enumerate() {
                let kind = |p: usize| {
                    let words = scheme.points[p].replace("left", "right");
                    words.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').to_owned()
                };
                assert_eq!(kind(i), kind(j), "{name}: {i} and {j}");
                let left = |p: usize| scheme.points[p].contains("left");
                let right = |p: usize| scheme.points[p].contains("right");
                assert_eq!((left(i), right(i)), (right(j), left(j)), "{name}: {i} and {j}");
            }
        }
    }

    #[test]
    fn every_line_has_a_mirror_line() {
        for name in Scheme::builtin_names() {
            let scheme = Scheme::builtin(name).unwrap();
            for line in &scheme.lines {
                let there: Vec<_> = line.points.iter().map(|&p| scheme.mirror[p]).collect();
                let back: Vec<_> = there.iter().rev().copied().collect();
                assert!(
                    scheme.lines.iter().any(|l| l.points == there || l.points == back),
                    "{name}: {}",
                    line.name
                );
            }
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Scheme::builtin("ibug").unwrap_err().to_string();
        assert!(error.contains("`ibug`") && error.contains("300w-68"), "{error}");
        let error = Scheme::find("no/such/file.toml").unwrap_err().to_string();
        assert!(error.contains("neither") && error.contains("body-14"), "{error}");
        assert_eq!(Scheme::find("mtfl-5").unwrap().len(), 5);
    }
}
