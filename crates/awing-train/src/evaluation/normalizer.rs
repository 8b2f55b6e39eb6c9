use awing::{
    Error, Result,
    geometry::{Point, Rect},
    scheme::{Landmark, Scheme},
};
use std::{convert::Infallible, fmt, str::FromStr};

/// A shorter distance, in pixels, is none: errors by it would outgrow all others.
const LEAST: f64 = 1e-3;

/// The distance of a face that counts as 1 in the normalized mean error. Numbers with different normalizers cannot be
/// compared: pupils lie closer together than outer eye corners, so the inter-pupil NME of the same points is larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Normalizer {
    /// "inter-ocular": between the outer eye corners (300-W, WFLW).
    InterOcular,
    /// "inter-pupil": between the pupils, or the means of the eye points.
    InterPupil,
    /// "box": sqrt(width * height) of the face box (AFLW, Menpo).
    Box,
    /// "diagonal": sqrt(width^2 + height^2) of the face box.
    Diagonal,
    /// Any other distance that the scheme names, such as "torso".
    Named(String),
}

impl Normalizer {
    /// The distance in pixels for one face.
    ///
    /// The landmark distances come from the annotation, never from the prediction. For `Box` and `Diagonal`,
    /// `face_box` is the box to measure, for sets that annotate one (AFLW); `None` means the tight box around the annotated
    /// points.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the scheme has no such distance, when a point that it needs is not annotated, or when
    /// the distance is below a thousandth of a pixel or not finite. Such a face cannot be scored: leave it out, it is no failure of the model.
    pub fn distance(&self, scheme: &Scheme, truth: &[Landmark], face_box: Option<Rect>) -> Result<f64> {
        let distance = match self {
            Self::Box => self.rect(truth, face_box).map(|r| (r.width() * r.height()).sqrt())?,
            Self::Diagonal => self.rect(truth, face_box).map(|r| r.width().hypot(r.height()))?,
            Self::InterOcular | Self::InterPupil | Self::Named(_) => {
                let name = self.to_string();
                let [a, b] = scheme.normalizer(&name).ok_or_else(|| {
                    let problem = format!("the scheme `{}` has none; use box or diagonal", scheme.name);
                    Error::invalid(self.field(), problem)
                })?;
                self.end(scheme, truth, a)?.distance(self.end(scheme, truth, b)?)
            }
        };
        if distance.is_finite() && distance >= LEAST {
            return Ok(distance);
        }
        Err(Error::invalid(self.field(), format!("is {distance} px for this face, so it cannot be scored")))
    }

    /// The customary distance of a scheme: the first that it names, or the box where it names none.
    pub fn usual(scheme: &Scheme) -> Self {
        match scheme.normalizers.first() {
            None => Self::Box,
            Some((name, _)) => match name.parse() {
                Ok(normalizer) => normalizer,
                Err(never) => match never {},
            },
        }
    }

    /// What one hundred per cent is, for axis labels: "inter-ocular distance", "box size".
    pub fn quantity(&self) -> String {
        match self {
            Self::Box => "box size".to_owned(),
            Self::Diagonal => "box diagonal".to_owned(),
            other => format!("{other} distance"),
        }
    }

    fn field(&self) -> String {
        format!("normalizer {self}")
    }

    fn rect(&self, truth: &[Landmark], face_box: Option<Rect>) -> Result<Rect> {
        face_box
            .or_else(|| Rect::around(truth.iter().filter_map(Landmark::position)))
            .filter(|r| r.width() >= 0.0 && r.height() >= 0.0)
            .ok_or_else(|| Error::invalid(self.field(), "this face has no usable box"))
    }

    /// The mean of the points at one end of the distance.
    fn end(&self, scheme: &Scheme, truth: &[Landmark], indices: &[usize]) -> Result<Point> {
        let position = |&i: &usize| {
            truth.get(i).and_then(Landmark::position).ok_or_else(|| {
                let name = scheme.points.get(i).map_or("unknown", String::as_str);
                Error::invalid(self.field(), format!("point {i} ({name}) of this face is not annotated"))
            })
        };
        let points: Vec<Point> = indices.iter().map(position).collect::<Result<_>>()?;
        Point::mean(points).ok_or_else(|| {
            Error::invalid(self.field(), format!("the scheme `{}` lists no point", scheme.name))
        })
    }
}

impl FromStr for Normalizer {
    type Err = Infallible;

    /// Any word is a name; whether the scheme knows it is found out by [`Normalizer::distance`].
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "inter-ocular" => Self::InterOcular,
            "inter-pupil" => Self::InterPupil,
            "box" => Self::Box,
            "diagonal" => Self::Diagonal,
            other => Self::Named(other.to_owned()),
        })
    }
}

impl fmt::Display for Normalizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InterOcular => "inter-ocular",
            Self::InterPupil => "inter-pupil",
            Self::Box => "box",
            Self::Diagonal => "diagonal",
            Self::Named(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two points for each eye, then the nose.
    fn scheme() -> Scheme {
        Scheme {
            name: "toy".to_owned(),
            points: ["left outer", "left inner", "right inner", "right outer", "nose"]
                .map(str::to_owned)
                .to_vec(),
            mirror: vec![3, 2, 1, 0, 4],
            lines: vec![],
            normalizers: vec![
                ("inter-ocular".into(), [vec![0], vec![3]]),
                ("inter-pupil".into(), [vec![0, 1], vec![2, 3]]),
            ],
            solid: vec![],
            head: None,
        }
    }

    fn face() -> Vec<Landmark> {
        [(0.0, 0.0), (4.0, 0.0), (8.0, 0.0), (12.0, 5.0), (6.0, 8.0)]
            .map(|(x, y)| Landmark::visible(x, y))
            .to_vec()
    }

    #[test]
    fn each_distance_by_hand() {
        let (scheme, face) = (scheme(), face());
        let distance = |n: &str, r| n.parse::<Normalizer>().unwrap().distance(&scheme, &face, r).unwrap();
        // Corners (0, 0) and (12, 5): 13. Eye means (2, 0) and (10, 2.5): sqrt(64 + 6.25).
        assert_eq!(distance("inter-ocular", None), 13.0);
        assert_eq!(distance("inter-pupil", None), 70.25_f64.sqrt());
        // The tight box is 12 x 8; the given one 9 x 4, and 3-4-5 for the diagonal of 12 x 9.
        assert_eq!(distance("box", None), 96.0_f64.sqrt());
        assert_eq!(distance("box", Some(Rect::new(1.0, 1.0, 10.0, 5.0))), 6.0);
        assert_eq!(distance("diagonal", Some(Rect::new(0.0, 0.0, 12.0, 9.0))), 15.0);
    }

    #[test]
    fn a_face_that_cannot_be_scored_is_a_typed_error() {
        let (scheme, mut face) = (scheme(), face());
        let error =
            |n: Normalizer, face: &[Landmark]| n.distance(&scheme, face, None).unwrap_err().to_string();
        assert_eq!(
            error(Normalizer::Named("torso".to_owned()), &face),
            "normalizer torso: the scheme `toy` has none; use box or diagonal"
        );
        face[3] = face[0];
        assert!(error(Normalizer::InterOcular, &face).contains("is 0 px"));
        face[3].point.x += 1e-300;
        assert!(error(Normalizer::InterOcular, &face).contains("cannot be scored"));
        face[3] = Landmark::missing();
        assert!(
            error(Normalizer::InterOcular, &face)
                .contains("point 3 (right outer) of this face is not annotated")
        );
        assert!(error(Normalizer::Box, &[]).contains("no usable box"));
        face[4].point = Point::new(f64::NAN, 0.0);
        assert!(error(Normalizer::Box, &face[4..]).contains("no usable box"));
    }

    #[test]
    fn names_round_trip() {
        for name in ["inter-ocular", "inter-pupil", "box", "diagonal", "torso"] {
            assert_eq!(name.parse::<Normalizer>().unwrap().to_string(), name);
        }
        assert_eq!(Normalizer::Box.quantity(), "box size");
        assert_eq!(Normalizer::InterOcular.quantity(), "inter-ocular distance");
    }
}
