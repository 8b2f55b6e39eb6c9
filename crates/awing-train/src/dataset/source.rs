use super::formats::{Format, Layout};
use awing::{Error, Result};
use std::{
    fmt,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

/// Where annotations are and how they are written: `FORMAT:PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DataSource {
    /// The format.
    pub format: Format,
    /// A folder or a file, as the format asks.
    pub path: PathBuf,
}

impl DataSource {
    /// Whether this source would read what is written to the other one too: one of a format whose files are looked for in all folders
    /// below.
    pub(super) fn reads(&self, other: &Self) -> bool {
        let below = matches!(self.format.description().layout, Layout::Folder { .. });
        below && self.format == other.format && real(&other.path).starts_with(real(&self.path))
    }
}

/// The path without links and `..`, the part of it that is not there yet as it will be.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let there = path.ancestors().find_map(|there| Some((there, there.canonicalize().ok()?)));
    let Some((there, mut real)) = there else { return path };
    for part in path.strip_prefix(there).unwrap_or(Path::new("")).components() {
        match part {
            Component::ParentDir => drop(real.pop()),
            part => real.push(part),
        }
    }
    real
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.format, self.path.display())
    }
}

impl FromStr for DataSource {
    type Err = Error;

    /// Splits at the first colon only, so that `coco:C:\faces.json` keeps its drive letter.
    fn from_str(text: &str) -> Result<Self> {
        let usage = || format!("write FORMAT:PATH with FORMAT one of {}", Format::list());
        let (format, path) = text.split_once(':').ok_or_else(|| {
            Error::invalid("data", format!("`{text}` does not say its format: {}", usage()))
        })?;
        let format = format
            .parse()
            .map_err(|_| Error::invalid("data", format!("`{format}` is not a format: {}", usage())))?;
        if path.is_empty() {
            return Err(Error::invalid("data", format!("`{text}` has no path: {}", usage())));
        }
        Ok(Self { format, path: path.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_back_from_its_name() {
        for format in Format::ALL {
            assert_eq!(format.name().parse::<Format>().unwrap(), format);
            let source: DataSource = format!("{format}:faces/a b").parse().unwrap();
            assert_eq!(source.to_string(), format!("{format}:faces/a b"));
        }
    }

    #[test]
    fn a_drive_letter_stays_in_the_path() {
        let source: DataSource = r"coco:C:\faces.json".parse().unwrap();
        assert_eq!((source.format.name(), source.path), ("coco", PathBuf::from(r"C:\faces.json")));
    }

    #[test]
    fn what_is_not_a_source_is_told_the_formats() {
        for text in ["faces", "c:/faces", "300w:", ":x", "", "лица:x"] {
            let message = text.parse::<DataSource>().unwrap_err().to_string();
            assert!(
                message.contains("300w, wflw, cofw")
                    && message.contains("csv; for photos without points wider, none"),
                "{message}"
            );
        }
    }
}
