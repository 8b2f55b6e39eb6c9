use super::{Answer, PhotoAnswer, TextForm, bytes_of, json};
use crate::failure::Failure;
use serde::Serialize;
use std::path::Path;

/// A line of JSON a photo.
pub(super) struct JsonLines;

/// A photo that failed.
#[derive(Serialize)]
struct ErrorLine<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_bytes: Option<String>,
    error: &'a str,
}

impl TextForm for JsonLines {
    fn photo(&mut self, photo: &PhotoAnswer<'_>) -> Result<Answer, Failure> {
        Ok(Answer::line(json(photo)?))
    }

    fn failed(&mut self, photo: &Path, error: &str) -> Result<Answer, Failure> {
        let line = ErrorLine { image: &photo.to_string_lossy(), image_bytes: bytes_of(photo), error };
        Ok(Answer::line(json(&line)?))
    }
}
