use super::{Answer, PhotoAnswer, TextForm, json};
use crate::failure::Failure;
use serde::Serialize;

/// A line of JSON a photo.
pub(super) struct JsonLines;

/// A photo that failed.
#[derive(Serialize)]
struct ErrorLine<'a> {
    image: &'a str,
    error: &'a str,
}

impl TextForm for JsonLines {
    fn photo(&mut self, photo: &PhotoAnswer<'_>) -> Result<Answer, Failure> {
        Ok(Answer::line(json(photo)?))
    }

    fn failed(&mut self, image: &str, error: &str) -> Result<Answer, Failure> {
        Ok(Answer::line(json(&ErrorLine { image, error })?))
    }
}
