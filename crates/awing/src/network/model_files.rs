use crate::{
    error::{Error, Result},
    files::{LONGEST_SETTINGS, LONGEST_WEIGHTS, read_bytes, read_text, whole_folder},
};
use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

/// The files of a model's folder, of landmarks or of a detector: `config.toml`, `model.safetensors`, the card `README.md`, and
/// `calibration.toml` where scores were calibrated.
#[derive(Clone, Debug)]
pub struct ModelFiles {
    /// `config.toml`.
    pub config: Cow<'static, str>,
    /// `model.safetensors`.
    pub weights: Cow<'static, [u8]>,
    /// `calibration.toml`.
    pub calibration: Option<Cow<'static, str>>,
    /// The folder, or what errors call it.
    pub folder: PathBuf,
}

impl ModelFiles {
    /// Reads a folder.
    ///
    /// # Errors
    /// [`Error::Model`] when there is no such folder, [`Error::Io`] when a file is missing.
    pub fn read(folder: &Path) -> Result<Self> {
        let folder = whole_folder(folder);
        if !folder.is_dir() {
            return Err(Error::model(folder, "folder", "is not there; give the folder of a trained model"));
        }
        let config = read_text(&folder.join("config.toml"), LONGEST_SETTINGS)?.into();
        let weights = read_bytes(&folder.join("model.safetensors"), LONGEST_WEIGHTS)?.into();
        let path = folder.join("calibration.toml");
        let calibration = if path.exists() { Some(read_text(&path, LONGEST_SETTINGS)?.into()) } else { None };
        Ok(Self { config, weights, calibration, folder })
    }

    /// Files that were compiled into a program, by `include_str!` and `include_bytes!`; `folder` is what errors call it.
    pub fn embedded(
        folder: &str,
        config: &'static str,
        weights: &'static [u8],
        calibration: Option<&'static str>,
    ) -> Self {
        Self {
            config: config.into(),
            weights: weights.into(),
            calibration: calibration.map(Cow::from),
            folder: folder.into(),
        }
    }

    /// Whether they are a detector's rather than a model's of landmarks.
    pub fn is_detector(&self) -> bool {
        toml::from_str::<toml::Table>(&self.config).is_ok_and(|config| config.contains_key("detector"))
    }

    /// `config.toml`, whose version must be `version`.
    pub(crate) fn parse_config<T: serde::de::DeserializeOwned>(&self, version: u32) -> Result<T> {
        let path = self.config_path();
        let bad = |e: toml::de::Error| Error::model(&path, "file", e.to_string().replace('\n', " "));
        let table: toml::Table = toml::from_str(&self.config).map_err(bad)?;
        let found = table.get("version").and_then(toml::Value::as_integer);
        if found != Some(i64::from(version)) {
            let found = found.map_or("none".to_owned(), |v| v.to_string());
            let problem = format!("is {found}; this release reads version {version}");
            return Err(Error::model(&path, "version", problem));
        }
        toml::from_str(&self.config).map_err(bad)
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    pub(crate) fn weights_path(&self) -> PathBuf {
        self.folder.join("model.safetensors")
    }
}
