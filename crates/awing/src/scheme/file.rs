//! The TOML form of a scheme.

use super::{HeadPoints, Line, Scheme, SolidPoint};
use crate::{
    error::{Error, Result},
    files::{LONGEST_SETTINGS, read_text},
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A scheme as its file has it: mirror pairs instead of a permutation, colors as "#rrggbb".
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemeFile {
    name: String,
    points: Vec<String>,
    #[serde(default)]
    mirror: Vec<[usize; 2]>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    solid: Vec<SolidPoint>,
    #[serde(default, alias = "normalisers")]
    normalizers: Vec<NormalizerFile>,
    #[serde(default)]
    lines: Vec<LineFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<HeadPoints>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NormalizerFile {
    name: String,
    between: [Vec<usize>; 2],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineFile {
    name: String,
    points: Vec<usize>,
    #[serde(default = "plain", alias = "colour")]
    color: String,
}

/// Of a line that names none.
fn plain() -> String {
    "#8fb8de".to_owned()
}

impl Scheme {
    /// Reads a scheme file; its form is in the documentation of [the module](crate::scheme).
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::Format`] naming the line or the field that is wrong.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let text = read_text(path.as_ref(), LONGEST_SETTINGS)?;
        Self::from_toml(&text, path)
    }

    /// Reads the text of a scheme file; `source` names it in errors.
    ///
    /// # Errors
    /// [`Error::Format`] naming the line or the field that is wrong.
    pub fn from_toml(text: &str, source: impl AsRef<Path>) -> Result<Self> {
        let source = source.as_ref();
        let file: SchemeFile = toml::from_str(text).map_err(|e| {
            let start = e.span().map(|span| span.start.min(text.len()));
            let line = start.and_then(|at| text.get(..at)).map(|before| before.matches('\n').count() + 1);
            let key = line.and_then(|n| text.lines().nth(n - 1)).and_then(|l| l.split_once('='));
            let field = key.map_or("scheme", |(key, _)| key.trim());
            Error::format(source, line, field, e.message().replace('\n', " "))
        })?;
        let mirror = permutation(&file.mirror, file.points.len(), source)?;
        let lines = file.lines.into_iter().enumerate().map(|(i, line)| {
            let color = parse_color(&line.color).ok_or_else(|| {
                let problem = format!("`{}` is not a color; write it as \"#8fb8de\"", line.color);
                Error::format(source, None, format!("lines[{i}].color (\"{}\")", line.name), problem)
            })?;
            Ok(Line { name: line.name, points: line.points, color })
        });
        let scheme = Self {
            name: file.name,
            points: file.points,
            mirror,
            lines: lines.collect::<Result<_>>()?,
            normalizers: file.normalizers.into_iter().map(|n| (n.name, n.between)).collect(),
            solid: file.solid,
            head: file.head,
        };
        scheme.check(source)?;
        Ok(scheme)
    }

    /// The text of a scheme file, which [`Scheme::load`] reads back to an equal scheme.
    ///
    /// # Errors
    /// [`Error::Format`] when the scheme is not sound (see [`Scheme::check`]).
    pub fn to_toml(&self) -> Result<String> {
        self.check(&self.name)?;
        let pairs = self.mirror.iter().enumerate().filter(|(i, j)| i < j);
        let line = |line: &Line| {
            let [r, g, b] = line.color;
            LineFile {
                name: line.name.clone(),
                points: line.points.clone(),
                color: format!("#{r:02x}{g:02x}{b:02x}"),
            }
        };
        let normalizer = |(name, between): &(String, [Vec<usize>; 2])| NormalizerFile {
            name: name.clone(),
            between: between.clone(),
        };
        let file = SchemeFile {
            name: self.name.clone(),
            points: self.points.clone(),
            mirror: pairs.map(|(i, &j)| [i, j]).collect(),
            solid: self.solid.clone(),
            normalizers: self.normalizers.iter().map(normalizer).collect(),
            lines: self.lines.iter().map(line).collect(),
            head: self.head.clone(),
        };
        toml::to_string(&file).map_err(|e| Error::format(&self.name, None, "scheme", e.to_string()))
    }
}

/// The permutation that exchanges each pair and leaves every other point where it is.
fn permutation(pairs: &[[usize; 2]], count: usize, source: &Path) -> Result<Vec<usize>> {
    let mut mirror: Vec<usize> = (0..count).collect();
    for (n, &[i, j]) in pairs.iter().enumerate() {
        let wrong = |problem| Err(Error::format(source, None, format!("mirror[{n}]"), problem));
        if let Some(p) = [i, j].into_iter().find(|&p| p >= count) {
            return wrong(format!("there is no point {p}; the {count} points count from 0"));
        }
        if i == j {
            return wrong(format!("point {i} is paired with itself; leave points on the midline out"));
        }
        if let Some(p) = [i, j].into_iter().find(|&p| mirror[p] != p) {
            return wrong(format!("point {p} is in another pair too"));
        }
        (mirror[i], mirror[j]) = (j, i);
    }
    Ok(mirror)
}

fn parse_color(text: &str) -> Option<[u8; 3]> {
    let digits =
        text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([r, g, b])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const CAT: &str = r##"
name = "cat-3"
points = ["left eye", "right eye", "nose"]
mirror = [[0, 1]]

[[normalizers]]
name = "inter-ocular"
between = [[0], [1]]

[[lines]]
name = "face"
points = [0, 2, 1]
color = "#8fb8de"
"##;

    #[test]
    fn a_users_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cat.toml");
        fs::write(&path, CAT).unwrap();
        let cat = Scheme::find(path.to_str().unwrap()).unwrap();
        assert_eq!(cat.mirror, [1, 0, 2]);
        assert_eq!(cat.lines[0].color, [0x8f, 0xb8, 0xde]);
        assert_eq!(cat.normalizer("inter-ocular"), Some(&[vec![0], vec![1]]));
        let bare = Scheme::from_toml("name = \"p\"\npoints = [\"only\"]", "p.toml").unwrap();
        assert_eq!((bare.mirror, bare.lines.len()), (vec![0], 0));
    }

    #[test]
    fn every_scheme_survives_its_file() {
        for name in Scheme::builtin_names() {
            let scheme = Scheme::builtin(name).unwrap();
            assert_eq!(*scheme, Scheme::from_toml(&scheme.to_toml().unwrap(), name).unwrap());
        }
        let mut odd = Scheme::from_toml(CAT, "cat.toml").unwrap();
        odd.points[0] = "a \"quoted\" \\ name\n".into();
        assert_eq!(odd, Scheme::from_toml(&odd.to_toml().unwrap(), "odd").unwrap());
        odd.mirror.pop();
        assert!(odd.to_toml().is_err());
    }

    #[test]
    fn faults_are_named_with_their_line_or_field() {
        let faults = [
            (
                "mirror = [[0, 1]]",
                "mirror = [[0, 1], [1, 2]]",
                "cat.toml: mirror[1]: point 1 is in another pair too",
            ),
            ("[[0, 1]]", "[[2, 2]]", "cat.toml: mirror[0]: point 2 is paired with itself"),
            ("[[0, 1]]", "[[0, 3]]", "cat.toml: mirror[0]: there is no point 3; the 3 points"),
            ("[[0, 1]]", "[[0, -1]]", "cat.toml:4: mirror: "),
            ("[[0, 1]]", "[[0, 1.5]]", "cat.toml:4: mirror: "),
            ("[[0, 1]]", "[[0, nan]]", "cat.toml:4: mirror: "),
            ("color", "hue", "cat.toml:13: hue: unknown field `hue`"),
            ("#8fb8de", "#8fb8d", "cat.toml: lines[0].color (\"face\"): `#8fb8d` is not a color"),
            ("#8fb8de", "#+fb8de", "cat.toml: lines[0].color (\"face\"): "),
            ("[0, 2, 1]", "[0]", "cat.toml: lines[0].points (\"face\"): has 1 point"),
            ("between = [[0], [1]]", "between = [[0]]", "cat.toml:8: between: "),
        ];
        for (from, to, message) in faults {
            let error = Scheme::from_toml(&CAT.replacen(from, to, 1), "cat.toml").unwrap_err().to_string();
            assert!(error.starts_with(message), "{error} is not {message}");
            assert!(!error.contains('\n'));
        }
        let error = Scheme::load("no/such/file.toml").unwrap_err().to_string();
        assert!(error.starts_with("no/such/file.toml: cannot read"), "{error}");
    }
}
