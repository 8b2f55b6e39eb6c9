use awing::{Error, Result};
use std::{
    fmt,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

/// An annotation format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// iBUG `.pts` files beside images (300-W and its parts): a folder.
    W300,
    /// WFLW lists: a list file, or a folder holding one and `WFLW_images`.
    Wflw,
    /// COFW's MATLAB v7.3 files, images inside.
    Cofw,
    /// AFLW in the CSV form of the HRNet project.
    Aflw,
    /// YouTube Faces frames in the CSV form of the Udacity project.
    Ytf,
    /// MTFL lists of five points.
    Mtfl,
    /// Leeds Sports Pose Extended: `joints.csv` beside `images`.
    Lspet,
    /// dlib's imglab XML.
    Dlib,
    /// COCO keypoints JSON.
    Coco,
    /// This project's own CSV: see the module's documentation.
    Csv,
}

impl Format {
    /// All formats, in the order messages list them.
    pub const ALL: [Self; 10] = [
        Self::W300,
        Self::Wflw,
        Self::Cofw,
        Self::Aflw,
        Self::Ytf,
        Self::Mtfl,
        Self::Lspet,
        Self::Dlib,
        Self::Coco,
        Self::Csv,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::W300 => "300w",
            Self::Wflw => "wflw",
            Self::Cofw => "cofw",
            Self::Aflw => "aflw",
            Self::Ytf => "ytf",
            Self::Mtfl => "mtfl",
            Self::Lspet => "lspet",
            Self::Dlib => "dlib",
            Self::Coco => "coco",
            Self::Csv => "csv",
        }
    }

    /// The built-in scheme the format usually carries; `None` where the file decides.
    pub const fn usual_scheme(self) -> Option<&'static str> {
        match self {
            Self::W300 | Self::Ytf | Self::Dlib => Some("300w-68"),
            Self::Wflw => Some("wflw-98"),
            Self::Cofw => Some("cofw-29"),
            Self::Aflw => Some("aflw-19"),
            Self::Mtfl => Some("mtfl-5"),
            Self::Lspet => Some("body-14"),
            Self::Coco | Self::Csv => None,
        }
    }

    /// "300w, wflw, …"
    fn list() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|f| f.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
            Error::invalid("format", format!("`{text}` is none of the formats: {}", Self::list()))
        })
    }
}

/// Where annotations are and how they are written: `FORMAT:PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DataSource {
    /// The format.
    pub format: Format,
    /// A folder or a file, as the format asks.
    pub path: PathBuf,
}

impl DataSource {
    /// Whether this source would read what is written to the other one too: of all formats only .pts files are looked for in all folders
    /// below.
    pub(super) fn reads(&self, other: &Self) -> bool {
        let same = self.format == Format::W300 && other.format == Format::W300;
        same && real(&other.path).starts_with(real(&self.path))
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
        assert_eq!((source.format, source.path), (Format::Coco, PathBuf::from(r"C:\faces.json")));
    }

    #[test]
    fn what_is_not_a_source_is_told_the_formats() {
        for text in ["faces", "c:/faces", "300w:", ":x", "", "лица:x"] {
            let message = text.parse::<DataSource>().unwrap_err().to_string();
            assert!(message.contains("300w, wflw, cofw") && message.ends_with("csv"), "{message}");
        }
    }
}
