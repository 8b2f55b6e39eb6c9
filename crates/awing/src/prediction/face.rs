use crate::geometry::{Point, Rect};
use serde::Serialize;

/// A face with its landmarks, in pixels of the photo.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Face {
    /// The box that was given.
    #[serde(rename = "box", serialize_with = "corners")]
    pub face_box: Rect,
    /// The mean of the points' scores.
    pub score: f32,
    /// One position for each point of the scheme; it may lie outside the photo.
    #[serde(serialize_with = "pairs")]
    pub landmarks: Vec<Point>,
    /// The height of each point's peak, from 0 to 1: low where the network is unsure or the point lies outside the
    /// crop. A hidden point gets a position all the same.
    pub scores: Vec<f32>,
    /// The expected error of each point in per cent of the scheme's usual distance (on faces the inter-ocular one), from its score; empty
    /// where the model is not calibrated.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "hundredths")]
    pub expected_errors: Vec<f64>,
}

fn corners<S: serde::Serializer>(r: &Rect, serializer: S) -> Result<S::Ok, S::Error> {
    [r.x0, r.y0, r.x1, r.y1].map(thousandths).serialize(serializer)
}

fn pairs<S: serde::Serializer>(points: &[Point], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(points.iter().map(|p| [thousandths(p.x), thousandths(p.y)]))
}

fn hundredths<S: serde::Serializer>(errors: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(errors.iter().map(|e| (e * 100.0).round() / 100.0))
}

/// A thousandth of a pixel is far below what anyone can measure.
fn thousandths(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_is_written_as_plain_numbers() {
        let face = Face {
            face_box: Rect::new(1.0, 2.0, 3.0, 4.5),
            score: 0.5,
            landmarks: vec![Point::new(1.23456, -2.0)],
            scores: vec![0.5],
            expected_errors: vec![],
        };
        let plain = r#"{"box":[1.0,2.0,3.0,4.5],"score":0.5,"landmarks":[[1.235,-2.0]],"scores":[0.5]"#;
        assert_eq!(serde_json::to_string(&face).unwrap(), format!("{plain}}}"));
        let face = Face { expected_errors: vec![2.345], ..face };
        assert_eq!(serde_json::to_string(&face).unwrap(), format!(r#"{plain},"expected_errors":[2.35]}}"#));
    }
}
