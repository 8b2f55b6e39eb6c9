//! The model that `--model` names.

use crate::failure::Failure;
use awing::{
    network::{Builtin, Model},
    prediction::Aligner,
};
use awing_train::{Device, model::aligner_on};
use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Models that ship inside, unless they were left out of this build.
pub(crate) const SHIPPED: [&str; 2] = ["builtin", "builtin-open"];

/// A folder, or the name of a model that ships inside; a folder of that name is `./builtin`.
#[derive(Clone, Debug)]
pub(crate) enum ModelSource {
    Shipped(&'static str),
    Folder(PathBuf),
}

impl FromStr for ModelSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let shipped = SHIPPED.into_iter().find(|name| *name == text);
        Ok(shipped.map_or_else(|| Self::Folder(text.into()), Self::Shipped))
    }
}

impl From<&Path> for ModelSource {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_path_buf())
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shipped(name) => f.write_str(name),
            Self::Folder(folder) => folder.display().fmt(f),
        }
    }
}

/// The model of a name that `option` was given.
pub(crate) fn shipped(option: &str, name: &str) -> Result<Builtin, Failure> {
    Builtin::named(name).ok_or_else(|| {
        let names: Vec<&str> = Builtin::ALL.iter().map(|builtin| builtin.name()).collect();
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Failure::Usage(format!(
            "{option}: of the models that ship inside this build has {there}, not `{name}`"
        ))
    })
}

impl ModelSource {
    pub(crate) fn load(&self) -> Result<Model, Failure> {
        Ok(match self {
            Self::Shipped(name) => Model::builtin(shipped("--model", name)?)?,
            Self::Folder(folder) => Model::load(folder)?,
        })
    }

    /// The model ready to find landmarks on `device`.
    pub(crate) fn aligner(&self, device: &Device) -> Result<Aligner, Failure> {
        Ok(match self {
            // The detector looks at its faces with the same one: on the processor it is unpacked once.
            Self::Shipped(name) if *device == Device::flex() => Aligner::shipped(shipped("--model", name)?)?,
            source => aligner_on(source.load()?, device)?,
        })
    }
}

/// What the weights of these names may not be used for, where they ship inside and there is such a thing.
pub(crate) fn restriction(names: &[&str]) -> Option<String> {
    let open = Builtin::named("builtin-open");
    let restricted =
        names.iter().find_map(|name| Builtin::named(name).filter(|builtin| Some(*builtin) != open))?;
    let instead = open.map(|open| format!("; {} is {}", open.name(), open.terms()));
    Some(format!("{} is {}{}", restricted.name(), restricted.terms(), instead.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_that_ships_has_its_name_here() {
        for builtin in Builtin::ALL {
            assert!(SHIPPED.contains(&builtin.name()));
        }
        assert_eq!(restriction(&["builtin-open", "seetaface", "my/folder"]), None);
        if cfg!(feature = "builtin-model") {
            let told = restriction(&["builtin-open", "builtin"]).unwrap();
            assert!(told.starts_with("builtin is for research only, not for commercial products"), "{told}");
        }
    }
}
