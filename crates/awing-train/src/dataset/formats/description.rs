use crate::{
    dataset::Sample, dataset::boxed_photo::BoxedPhoto, dataset::choice::Choice, dataset::collect::Collector,
};
use awing::{Result, scheme::Scheme};
use std::path::Path;

/// All that is known of an annotation format. Its own file says it, and nothing else asks which format it has before it.
pub(crate) struct Description {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// The built-in scheme that the format usually carries; `None` where the file decides, or where there are no points.
    pub(crate) scheme: Option<&'static str>,
    /// What a path is.
    pub(crate) layout: Layout,
    /// How it is read.
    pub(crate) read: Read,
    /// What it can say of a face, and how that is written; `None` where it is only read.
    pub(crate) write: Option<Writer>,
}

/// What a path in a format is.
pub(crate) enum Layout {
    /// A folder, with a file of this ending for each face beside its image in all folders below, and `beside` in any of them.
    Folder { ending: &'static str, beside: &'static str },
    /// A file, which is called `name` in a folder of its own, and images by names below the folder `images` beside it; empty for the
    /// file's own folder.
    File { name: &'static str, images: &'static str },
    /// A file of this name with the images inside.
    Whole { name: &'static str },
    /// Photos and no annotation: a file, a folder, or a pattern.
    Photos,
}

impl Layout {
    /// What the annotation file is called in a folder; `None` for a file a face.
    pub(crate) const fn file_name(&self) -> Option<&'static str> {
        match self {
            Self::File { name, .. } | Self::Whole { name } => Some(name),
            Self::Folder { .. } | Self::Photos => None,
        }
    }

    /// How the names of annotation files end.
    pub(crate) fn ending(&self) -> Option<&'static str> {
        match self {
            Self::Folder { ending, .. } => Some(ending),
            _ => self.file_name()?.rsplit('.').next(),
        }
    }

    /// Whether images may lie elsewhere than the annotations say.
    pub(crate) const fn images_elsewhere(&self) -> bool {
        matches!(self, Self::File { .. })
    }
}

/// How a format is read.
pub(crate) enum Read {
    /// It has faces with points.
    Faces(fn(&Path, &Choice) -> Result<Collector>),
    /// It has photos with a box around each face, and no points.
    Photos(fn(&Path) -> Result<Vec<BoxedPhoto>>),
}

/// What a format can say of a face, and how.
pub(crate) struct Writer {
    /// Whether it tells hidden points from visible ones.
    pub(crate) hidden: bool,
    /// Points that are not annotated.
    pub(crate) missing: Missing,
    /// Boxes.
    pub(crate) boxes: Boxes,
    /// Whether it tells a data set's own box from that of a detector.
    pub(crate) own_boxes: bool,
    /// Names of images.
    pub(crate) names: Names,
    /// Faces of one image.
    pub(crate) faces: Faces,
    /// Subsets.
    pub(crate) subsets: Subsets,
    /// What it has besides and is not read, for people; empty where there is nothing.
    pub(crate) unread: &'static str,
    /// Writes faces that fit all this to the annotation file or folder.
    pub(crate) write: fn(&[Sample], &Scheme, &Path) -> Result<()>,
}

impl Writer {
    /// A format of points alone: visible ones of any number of faces, and no field besides.
    pub(crate) const fn plain(write: fn(&[Sample], &Scheme, &Path) -> Result<()>) -> Self {
        Self {
            hidden: false,
            missing: Missing::No,
            boxes: Boxes::No,
            own_boxes: false,
            names: Names::Any,
            faces: Faces::Any,
            subsets: Subsets::No,
            unread: "",
            write,
        }
    }
}

/// Which missing points a format can say.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Missing {
    /// None.
    No,
    /// Any.
    Yes,
    /// Any, by a place at or left of and above (0, 0), where no other point can be.
    AsCorner,
}

/// What a format does with boxes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Boxes {
    /// There are none.
    No,
    /// A face has one or not.
    Optional,
    /// Every face has one or none has.
    AllOrNone,
    /// Every face has one.
    Needed,
    /// Every face has one, a square, which is the data set's own.
    OwnSquare,
}

/// Which names of images a format can say.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Names {
    /// All.
    Any,
    /// Those without blanks at the ends.
    Trimmed,
    /// Those without blanks.
    Words,
    /// Those of a known ending, no two of which differ in it alone; no blanks at the ends.
    Stems,
    /// None: images are called by their numbers, in such a folder.
    Numbers { folder: &'static str },
}

/// How many faces of an image a format can say.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Faces {
    /// One.
    One,
    /// Those whose first points differ.
    Distinct,
    /// All.
    Any,
}

/// Which subsets a format can say.
pub(crate) enum Subsets {
    /// None.
    No,
    /// Those of such names.
    Called(fn(&str) -> bool),
    /// These.
    Known(&'static [&'static str]),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Those that follow from the image's name.
    OfImage(fn(&str) -> Vec<String>),
}

impl Subsets {
    /// Those that are left of a face's subsets.
    pub(crate) fn kept(&self, image: &str, subsets: &[String]) -> Vec<String> {
        let known = |names: &[&str], most| {
            let kept = names.iter().filter(|name| subsets.iter().any(|subset| subset == *name));
            kept.take(most).map(|name| (*name).to_string()).collect()
        };
        match self {
            Self::No => Vec::new(),
            Self::Called(named_so) => subsets.iter().filter(|name| named_so(name)).cloned().collect(),
            Self::Known(names) => known(names, names.len()),
            Self::OneOf(names) => known(names, 1),
            Self::OfImage(of) => of(image),
        }
    }
}
