//! The one error type of awing's crates: what went wrong, in which file, line or field, and how to fix it.

use std::path::{Path, PathBuf};

/// What made an error, by another library.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong on what a user gave: each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write `path`.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb phrase: "read", "create the folder".
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// An annotation, scheme, box or configuration file does not hold what its format asks for.
    #[error("{}{}: {field}: {problem}", path.display(), line.map(|l| format!(":{l}")).unwrap_or_default())]
    Format {
        /// The file.
        path: PathBuf,
        /// Line in the file, counted from 1, where the format has lines.
        line: Option<usize>,
        /// The field, element or key.
        field: String,
        /// What is wrong with it and how to mend it.
        problem: String,
        /// What another library said of it, if one did.
        source: Option<Cause>,
    },
    /// An image is missing, truncated or of an unknown kind.
    #[error("{}: image: {problem}", path.display())]
    Image {
        /// The image file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What another library said of it, if one did.
        source: Option<Cause>,
    },
    /// A video is missing, damaged or without pictures, or ffmpeg cannot read or write it.
    #[error("{}: video: {problem}", path.display())]
    Video {
        /// The video file.
        path: PathBuf,
        /// What is wrong with it and how to mend it.
        problem: String,
        /// What another library said of it, if one did.
        source: Option<Cause>,
    },
    /// A model folder or a checkpoint cannot be used.
    #[error("{}: {field}: {problem}", path.display())]
    Model {
        /// The folder, or the file in it.
        path: PathBuf,
        /// The configuration key or tensor name.
        field: String,
        /// What is wrong with it and how to mend it.
        problem: String,
        /// What another library said of it, if one did.
        source: Option<Cause>,
    },
    /// A value given by the caller (a setting, an option, an argument) is out of range.
    #[error("{field}: {problem}")]
    Invalid {
        /// The setting or argument.
        field: String,
        /// What is wrong with it and how to mend it.
        problem: String,
    },
    /// Training cannot go on; what was saved before stays as it was.
    #[error("training stopped at step {step}: {problem}")]
    Training {
        /// Optimizer steps done before.
        step: usize,
        /// What happened and what to try.
        problem: String,
    },
}

/// The kinds of [`enum@Error`], to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// [`Error::Io`].
    Io,
    /// [`Error::Format`].
    Format,
    /// [`Error::Image`].
    Image,
    /// [`Error::Video`].
    Video,
    /// [`Error::Model`].
    Model,
    /// [`Error::Invalid`].
    Invalid,
    /// [`Error::Training`].
    Training,
}

impl Error {
    /// An [`Error::Io`] for `map_err`: `fs::read(p).map_err(Error::io(p, "read"))`.
    pub fn io(path: impl AsRef<Path>, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { path, action, source }
    }

    /// An [`Error::Format`]; `line` counts from 1.
    pub fn format(
        path: impl AsRef<Path>,
        line: impl Into<Option<usize>>,
        field: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::Format {
            path: path.as_ref().to_path_buf(),
            line: line.into(),
            field: shortened(field.into()),
            problem: shortened(problem.into()),
            source: None,
        }
    }

    /// An [`Error::Image`].
    pub fn image(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::Image { path: path.as_ref().to_path_buf(), problem: problem.into(), source: None }
    }

    /// An [`Error::Video`].
    pub fn video(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::Video { path: path.as_ref().to_path_buf(), problem: problem.into(), source: None }
    }

    /// An [`Error::Model`].
    pub fn model(path: impl AsRef<Path>, field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Model {
            path: path.as_ref().to_path_buf(),
            field: field.into(),
            problem: problem.into(),
            source: None,
        }
    }

    /// The same error with what another library said as its [`source`](std::error::Error::source), where it can have one.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        if let Self::Format { source, .. }
        | Self::Image { source, .. }
        | Self::Video { source, .. }
        | Self::Model { source, .. } = &mut self
        {
            *source = Some(cause.into());
        }
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } => ErrorKind::Io,
            Self::Format { .. } => ErrorKind::Format,
            Self::Image { .. } => ErrorKind::Image,
            Self::Video { .. } => ErrorKind::Video,
            Self::Model { .. } => ErrorKind::Model,
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Training { .. } => ErrorKind::Training,
        }
    }

    /// The same error with the name of the face or file that it is about, where it has none yet.
    #[must_use]
    pub fn about(self, name: &str) -> Self {
        match self {
            Self::Invalid { field, problem } => Self::format(name, None, field, problem),
            named => named,
        }
    }

    /// An [`Error::Invalid`].
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }
}

/// A file of strangers may hold anything in the place of a name or a number: a message is one line and shows the beginning of it.
fn shortened(text: String) -> String {
    const MOST: usize = 600;
    let line = text.replace(char::is_control, " ");
    if line.len() <= MOST {
        return line;
    }
    format!("{}…", &line[..line.floor_char_boundary(MOST)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_error_names_file_line_and_field() {
        let error = Error::format("faces/a.pts", 4, "y", "`abc` is not a number");
        assert_eq!(error.to_string(), "faces/a.pts:4: y: `abc` is not a number");
        let error = Error::format("faces/a.pts", None, "points", "67 instead of 68");
        assert_eq!(error.to_string(), "faces/a.pts: points: 67 instead of 68");
        let stranger = Error::format("a.csv", 2, "x\ny", "z".repeat(5000)).to_string();
        assert!(stranger.starts_with("a.csv:2: x y: zzz") && stranger.len() < 700, "{stranger}");
        assert_eq!(error.about("b").to_string(), "faces/a.pts: points: 67 instead of 68");
        assert_eq!(Error::invalid("box", "is empty").about("a.jpg").to_string(), "a.jpg: box: is empty");
    }

    #[test]
    fn an_error_tells_its_kind_and_keeps_its_cause() {
        use std::error::Error as _;
        let cause = "x".parse::<u8>().unwrap_err();
        let error = Error::image("a.jpg", "damaged").because(cause.clone());
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Image, "a.jpg: image: damaged".to_owned()));
        assert_eq!(error.source().unwrap().to_string(), cause.to_string());
        assert!(Error::invalid("box", "is empty").because(cause).source().is_none());
        let io = Error::io("a", "read")(std::io::ErrorKind::NotFound.into());
        assert!(io.kind() == ErrorKind::Io && io.source().is_some());
    }
}
