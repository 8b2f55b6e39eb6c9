use crate::dataset::Place;
use serde::Serialize;
use std::fmt;

/// A kind of mistake in a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// An annotation that makes no sense, left out by the reader.
    Annotation,
    /// An image that is missing, cut off or damaged.
    BrokenImage,
    /// An image of another size than its annotation says.
    OtherSize,
    /// Two images of the same bytes.
    SameImage,
    /// Two annotations of one face.
    SameFace,
    /// A face whose points lie in one place.
    NoExtent,
    /// A point far outside its image.
    PointOutside,
    /// x and y exchanged.
    SwappedCoordinates,
    /// Left and right mixed up in the whole face.
    MirroredFace,
    /// Points that changed places.
    ExchangedPoints,
    /// Points far from where the others say that they should be.
    MisplacedPoints,
    /// Mirror pairs of the scheme that the data contradict.
    MirrorPairs,
    /// Coordinates that seem to count pixels from the other number, 0 or 1.
    CountedFrom,
}

impl FindingKind {
    /// All kinds, in the order they are told.
    pub const ALL: [Self; 13] = [
        Self::Annotation,
        Self::BrokenImage,
        Self::OtherSize,
        Self::SameImage,
        Self::SameFace,
        Self::NoExtent,
        Self::PointOutside,
        Self::SwappedCoordinates,
        Self::MirroredFace,
        Self::ExchangedPoints,
        Self::MisplacedPoints,
        Self::MirrorPairs,
        Self::CountedFrom,
    ];

    /// For people: "swapped coordinates".
    pub const fn title(self) -> &'static str {
        match self {
            Self::Annotation => "unusable annotations",
            Self::BrokenImage => "broken images",
            Self::OtherSize => "images of another size",
            Self::SameImage => "images that come twice",
            Self::SameFace => "faces annotated twice",
            Self::NoExtent => "faces without extent",
            Self::PointOutside => "points outside the image",
            Self::SwappedCoordinates => "x and y exchanged",
            Self::MirroredFace => "left and right mixed up",
            Self::ExchangedPoints => "exchanged points",
            Self::MisplacedPoints => "misplaced points",
            Self::MirrorPairs => "mirror pairs of the scheme",
            Self::CountedFrom => "pixels counted from 0 or 1",
        }
    }
}

/// Something that is probably a mistake, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of mistake.
    pub kind: FindingKind,
    /// Where it stands, where that is known.
    #[serde(flatten, serialize_with = "place_fields")]
    pub place: Option<Place>,
    /// The name of the face; `None` for what concerns all of them.
    pub face: Option<String>,
    /// The points that it is about, from 0; empty where it is about all.
    pub points: Vec<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub mend: String,
}

fn place_fields<S: serde::Serializer>(place: &Option<Place>, to: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = to.serialize_map(Some(2))?;
    map.serialize_entry("file", &place.as_ref().map(|p| p.file.display().to_string()))?;
    map.serialize_entry("line", &place.as_ref().and_then(|p| p.line))?;
    map.end()
}

impl fmt::Display for Finding {
    /// One line: where, which face, what, how to mend it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if let Some(face) = &self.face {
            write!(f, "{face}: ")?;
        }
        f.write_str(&self.problem)?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, "; {}", self.mend) }
    }
}
