use super::collect::Collector;
use awing::{Error, Result, scheme::Scheme};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a reader is told by the user: which scheme to use and where the images are.
pub(crate) struct Choice {
    /// The user's scheme.
    pub(super) own: Option<Arc<Scheme>>,
    /// The name of the format's usual one.
    pub(super) usual: Option<&'static str>,
    /// The user's folder of images.
    pub(super) images: Option<PathBuf>,
}

impl Choice {
    /// Collects faces whose images lie in the user's folder of images, or else in the format's; or in the folder `images` beside the
    /// annotation file or beside its folder, where annotation tools put them.
    pub(super) fn collector(&self, scheme: Arc<Scheme>, usual: impl Into<PathBuf>) -> Collector {
        match &self.images {
            Some(folder) => Collector::new(scheme, vec![folder.clone()]).absolute(),
            None => {
                let usual = usual.into();
                let (below, beside) = (usual.join("images"), usual.join("../images"));
                Collector::new(scheme, vec![usual, below, beside])
            }
        }
    }

    /// The user's scheme, or the format's usual one.
    pub(super) fn usual(&self) -> Result<Arc<Scheme>> {
        match (&self.own, self.usual) {
            (Some(own), _) => Ok(own.clone()),
            (None, Some(name)) => Scheme::builtin(name),
            (None, None) => Err(Error::invalid("scheme", "give a scheme file: this format has no usual one")),
        }
    }

    /// The scheme for annotations of `points` points each, as the head of `file` says.
    pub(super) fn with_points(&self, points: usize, file: &Path, line: Option<usize>) -> Result<Arc<Scheme>> {
        let usual = match points {
            68 => Some("300w-68"),
            98 => Some("wflw-98"),
            29 => Some("cofw-29"),
            19 => Some("aflw-19"),
            14 => Some("body-14"),
            5 => Some("mtfl-5"),
            _ => None,
        };
        let scheme = match (&self.own, self.usual.or(usual)) {
            (Some(own), _) => own.clone(),
            (None, Some(name)) => Scheme::builtin(name)?,
            (None, None) => {
                let problem =
                    format!("no built-in scheme has {points} points; give a scheme file of your own");
                return Err(Error::format(file, line, "points", problem));
            }
        };
        if scheme.points.len() == points {
            return Ok(scheme);
        }
        let problem = format!(
            "the file has {points}, the scheme `{}` {}; give a scheme of {points} points",
            scheme.name,
            scheme.points.len()
        );
        Err(Error::format(file, line, "points", problem))
    }

    #[cfg(test)]
    pub(super) fn own(scheme: Arc<Scheme>) -> Self {
        Self { own: Some(scheme), usual: None, images: None }
    }
}
