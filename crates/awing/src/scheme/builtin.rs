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

    /// Midline points, lines and normalisers of each scheme, as the field's own code has them.
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
            (scheme.len(), scheme.lines.len(), scheme.normalisers.len())
        };
        let all: Vec<_> = Scheme::builtin_names().into_iter().map(sizes).collect();
        assert_eq!(all, [(68, 13, 2), (98, 13, 2), (29, 13, 2), (19, 5, 0), (5, 0, 1), (14, 14, 1)]);
        let wflw = Scheme::builtin("wflw-98").unwrap();
        assert_eq!(wflw.normaliser("inter-ocular"), Some(&[vec![60], vec![72]]));
        assert_eq!(wflw.normaliser("inter-pupil"), Some(&[vec![96], vec![97]]));
        let aflw = Scheme::builtin("aflw-19").unwrap();
        assert_eq!(aflw.lines[1].points, [3, 4, 5]);
    }

    /// Every pair, and by its absence every point of the midline, as the field's code lists them: names alone let the two inner pairs of a
    /// brow be exchanged.
    #[test]
    fn mirror_pairs_are_those_of_the_field() {
        let pairs = |name: &str, ranges: &[(usize, usize, usize)]| {
            let scheme = Scheme::builtin(name).unwrap();
            let mut expected: Vec<usize> = (0..scheme.len()).collect();
            for &(from, to, count) in ranges {
                // One side counts up, the other down.
                (0..count).for_each(|i| expected.swap(from + i, to - i));
            }
            assert_eq!(scheme.mirror, expected, "{name}");
        };
        // From, to, how many: 33-46 34-45 35-44 36-43 37-42, then 38-50 39-49 40-48 41-47, and so on.
        let wflw = [
            (0, 32, 16),
            (33, 46, 5),
            (38, 50, 4),
            (55, 59, 2),
            (60, 72, 5),
            (65, 75, 3),
            (76, 82, 3),
            (83, 87, 2),
            (88, 92, 2),
            (93, 95, 1),
            (96, 97, 1),
        ];
        pairs("wflw-98", &wflw);
        let w300 = [
            (0, 16, 8),
            (17, 26, 5),
            (31, 35, 2),
            (36, 45, 4),
            (40, 47, 2),
            (48, 54, 3),
            (55, 59, 2),
            (60, 64, 2),
            (65, 67, 1),
        ];
        pairs("300w-68", &w300);
        let cofw = [
            (0, 1),
            (2, 3),
            (4, 6),
            (5, 7),
            (8, 9),
            (10, 11),
            (12, 14),
            (13, 15),
            (16, 17),
            (18, 19),
            (22, 23),
        ];
        pairs("cofw-29", &cofw.map(|(i, j)| (i, j, 1)));
        pairs("aflw-19", &[(0, 5, 3), (6, 11, 3), (12, 14, 1), (15, 17, 1)]);
    }

    #[test]
    fn errors_are_divided_by_the_fields_own_distances() {
        let is = |scheme: &str, name: &str, [from, to]: [&[usize]; 2]| {
            let scheme = Scheme::builtin(scheme).unwrap();
            assert_eq!(
                scheme.normaliser(name),
                Some(&[from.to_vec(), to.to_vec()]),
                "{} {name}",
                scheme.name
            );
        };
        is("300w-68", "inter-ocular", [&[36], &[45]]);
        is("300w-68", "inter-pupil", [&[36, 37, 38, 39, 40, 41], &[42, 43, 44, 45, 46, 47]]);
        is("wflw-98", "inter-ocular", [&[60], &[72]]);
        is("wflw-98", "inter-pupil", [&[96], &[97]]);
        is("cofw-29", "inter-ocular", [&[8], &[9]]);
        is("cofw-29", "inter-pupil", [&[16], &[17]]);
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
