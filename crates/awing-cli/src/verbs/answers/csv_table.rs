use super::{Answer, FaceAnswer, PhotoAnswer, TextForm};
use crate::failure::Failure;

/// A line a face. It has no place for photos that failed.
pub(super) struct CsvTable {
    pub(super) points: usize,
    pub(super) pose: bool,
}

impl TextForm for CsvTable {
    fn head(&self) -> Option<String> {
        Some(format!("image,face,{}", face_columns(self.points, self.pose)))
    }

    fn photo(&mut self, photo: &PhotoAnswer<'_>) -> Result<Answer, Failure> {
        let faces = photo.faces.iter().enumerate();
        let line = |(index, face): (usize, _)| {
            face_line(vec![photo.image.to_owned(), index.to_string()], face, self.pose)
        };
        Ok(Answer { lines: faces.map(line).collect::<Result<_, _>>()?, problems: vec![] })
    }
}

/// The names of a face's columns.
pub(in crate::verbs) fn face_columns(points: usize, pose: bool) -> String {
    let points: String = (0..points).map(|i| format!(",x{i},y{i},s{i}")).collect();
    let pose = if pose { ",yaw,pitch,roll,misfit" } else { "" };
    format!("box_x0,box_y0,box_x1,box_y1,score{points}{pose}")
}

/// A line of a table: the `first` fields, then those of [`face_columns`].
pub(in crate::verbs) fn face_line(
    first: Vec<String>,
    answer: &FaceAnswer<'_>,
    pose: bool,
) -> Result<String, Failure> {
    let face = answer.face;
    let b = face.face_box;
    let mut fields = first;
    fields.extend([b.x0, b.y0, b.x1, b.y1].map(|v| format!("{v:.3}")));
    fields.push(format!("{:.4}", face.score));
    for (point, score) in face.landmarks.iter().zip(&face.scores) {
        fields.extend([format!("{:.3}", point.x), format!("{:.3}", point.y), format!("{score:.4}")]);
    }
    if pose {
        let angles = answer.pose.map(|p| [p.yaw, p.pitch, p.roll, p.misfit].map(|v| format!("{v:.2}")));
        fields.extend(angles.unwrap_or_default());
    }
    let mut writer = csv::Writer::from_writer(vec![]);
    let failed = |e: String| Failure::Work(format!("CSV: {e}"));
    writer.write_record(&fields).map_err(|e| failed(e.to_string()))?;
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::{
        geometry::{Point, Rect},
        prediction::Face,
    };

    #[test]
    fn a_csv_line_quotes_the_name_and_leaves_room_for_an_unknown_pose() {
        let face = Face {
            face_box: Rect::new(1.0, 2.0, 3.0, 4.0),
            score: 0.5,
            landmarks: vec![Point::new(1.25, 2.0)],
            scores: vec![0.25],
            expected_errors: vec![],
        };
        let answer = FaceAnswer { face: &face, pose: None };
        let plain = "\"a,b.jpg\",3,1.000,2.000,3.000,4.000,0.5000,1.250,2.000,0.2500";
        let line = |pose| face_line(vec!["a,b.jpg".to_owned(), "3".to_owned()], &answer, pose).unwrap();
        assert_eq!(line(false), plain);
        assert_eq!(line(true), format!("{plain},,,,"));
    }
}
