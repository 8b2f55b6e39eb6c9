//! The annotation formats, each in a file of its own that says all of it: a [`Description`].
//!
//! To add one: write its file, name it in `mod` below, and add its line to [`Format::ALL`].

mod aflw;
mod coco;
mod cofw;
mod csv;
mod description;
mod dlib;
mod lspet;
mod mtfl;
mod none;
mod pts;
#[cfg(test)]
mod tests;
mod wflw;
mod wider;
mod ytf;

pub(super) use description::{Boxes, Description, Faces, Layout, Missing, Names, Read, Subsets, Writer};
pub use pts::write_points;

use awing::{Error, Result};
use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

/// An annotation format, by its name: `"300w".parse()`.
#[derive(Clone, Copy)]
pub struct Format(&'static Description);

impl Format {
    /// All formats, in the order messages list them; those without points last.
    pub const ALL: [Self; 12] = [
        Self(&pts::FORMAT),
        Self(&wflw::FORMAT),
        Self(&cofw::FORMAT),
        Self(&aflw::FORMAT),
        Self(&ytf::FORMAT),
        Self(&mtfl::FORMAT),
        Self(&lspet::FORMAT),
        Self(&dlib::FORMAT),
        Self(&coco::FORMAT),
        Self(&csv::FORMAT),
        Self(&wider::FORMAT),
        Self(&none::FORMAT),
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// The built-in scheme the format usually carries; `None` where the file decides.
    pub const fn usual_scheme(self) -> Option<&'static str> {
        self.0.scheme
    }

    /// Whether it has faces with points; `wider` has boxes of faces alone, and `none` photos without a face.
    pub const fn has_points(self) -> bool {
        matches!(self.0.read, Read::Faces(_))
    }

    /// Whether [`super::convert()`] can write it.
    pub const fn is_written(self) -> bool {
        self.0.write.is_some()
    }

    /// How the names of its annotation files end, without the dot; `None` where it has none.
    pub fn ending(self) -> Option<&'static str> {
        self.0.layout.ending()
    }

    /// All that is known of it.
    pub(super) const fn description(self) -> &'static Description {
        self.0
    }

    /// "300w, wflw, …; or wider, none for boxes without points".
    pub(super) fn list() -> String {
        let names = |points: bool| {
            let those = Self::ALL.into_iter().filter(|format| format.has_points() == points);
            those.map(Self::name).collect::<Vec<_>>().join(", ")
        };
        format!("{}; for photos without points {}", names(true), names(false))
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Format {}

impl Hash for Format {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Format({})", self.name())
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
