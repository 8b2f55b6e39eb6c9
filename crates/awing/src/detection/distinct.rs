use super::DetectedFace;

/// Two boxes that share this much of the smaller one are one face.
const SAME_FACE: f64 = 0.5;

/// The surest box of each face, the surest face first.
pub(super) fn distinct(mut faces: Vec<DetectedFace>) -> Vec<DetectedFace> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<DetectedFace> = Vec::new();
    for face in faces {
        if kept.iter().all(|other| other.face_box.shared(face.face_box) < SAME_FACE) {
            kept.push(face);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;

    #[test]
    fn of_boxes_on_one_face_the_surest_stays() {
        let face = |x: f64, score: f32| DetectedFace { face_box: Rect::new(x, 0.0, x + 10.0, 10.0), score };
        // 0 and 5 share a half, 0 and 6 less.
        assert_eq!(
            distinct(vec![face(5.0, 0.7), face(0.0, 0.9), face(30.0, 0.8)]),
            [face(0.0, 0.9), face(30.0, 0.8)]
        );
        assert_eq!(distinct(vec![face(6.0, 0.7), face(0.0, 0.9)]).len(), 2);
        // A small box within a large one.
        let small = DetectedFace { face_box: Rect::new(6.0, 1.0, 9.0, 4.0), score: 0.6 };
        assert_eq!(distinct(vec![small, face(0.0, 0.9)]), [face(0.0, 0.9)]);
    }
}
