use super::{Point, Rect, Transform};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Coordinates beyond this are no place in a photo.
const FARTHEST: f64 = 1e7;

/// How the square that the network sees follows from a face box.
///
/// The square stands around the middle of the box and is never cut at the photo's border: what lies outside is black.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CropRule {
    /// Side of the square as a multiple of the larger side of the box. Positive.
    pub margin: f64,
    /// How far the square moves down, as a fraction of its side; negative moves it up.
    pub shift_y: f64,
}

impl Default for CropRule {
    /// 1.3 times the box, not shifted: close to what public WFLW and 300-W pipelines cut around a tight box.
    fn default() -> Self {
        Self { margin: 1.3, shift_y: 0.0 }
    }
}

impl CropRule {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub fn validate(&self) -> Result<()> {
        if !(self.margin > 0.0 && self.margin <= 100.0) {
            return Err(Error::invalid(
                "margin",
                format!("{} is not a positive number up to 100", self.margin),
            ));
        }
        if !(self.shift_y.is_finite() && self.shift_y.abs() <= 1.0) {
            return Err(Error::invalid("shift_y", format!("{} is not between -1 and 1", self.shift_y)));
        }
        Ok(())
    }

    /// Photo to crop: the square around `face_box` (photo pixels), turned clockwise by `degrees` and possibly mirrored,
    /// as `size` x `size` pixels.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the box is not finite, turned inside out, smaller than 2 pixels both ways or absurdly far away, or when
    /// `size` is 0, `degrees` not finite, or the rule itself out of range.
    pub fn transform(&self, face_box: Rect, size: usize, degrees: f64, mirror: bool) -> Result<Transform> {
        self.validate()?;
        let Rect { x0, y0, x1, y1 } = face_box;
        if !face_box.is_usable(0.0)
            || face_box.width().max(face_box.height()) < 2.0
            || [x0, y0, x1, y1].iter().any(|v| v.abs() > FARTHEST)
        {
            return Err(Error::invalid(
                "face box",
                format!(
                    "({x0}, {y0}) to ({x1}, {y1}) is no box (left, top, right, bottom) of at least 2 pixels on its larger side"
                ),
            ));
        }
        if size == 0 {
            return Err(Error::invalid("size", "a crop needs at least one pixel"));
        }
        if !degrees.is_finite() {
            return Err(Error::invalid("degrees", format!("{degrees} is not a finite number")));
        }
        let side = self.margin * face_box.width().max(face_box.height());
        let center = face_box.center();
        let center = Point::new(center.x, center.y + self.shift_y * side);
        Ok(Transform::crop(center, side, size, degrees, mirror))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_square_is_the_margin_times_the_larger_side() {
        // Box 100 x 60 around (150, 130); margin 1.5 gives a side of 150, shifted down by 0.1 * 150 = 15 to
        // (150, 145): the square spans [75, 225] x [70, 220].
        let rule = CropRule { margin: 1.5, shift_y: 0.1 };
        let t = rule.transform(Rect::new(100.0, 100.0, 200.0, 160.0), 50, 0.0, false).unwrap();
        assert!(t.apply(Point::new(75.0, 70.0)).distance(Point::new(-0.5, -0.5)) < 1e-9);
        assert!(t.apply(Point::new(225.0, 220.0)).distance(Point::new(49.5, 49.5)) < 1e-9);
    }

    #[test]
    fn unless_told_otherwise_a_face_gets_three_tenths_of_room() {
        // 1.3 times 100 is a side of 130 around (150, 130): [85, 215] x [65, 195], and not shifted.
        let t =
            CropRule::default().transform(Rect::new(100.0, 100.0, 200.0, 160.0), 130, 0.0, false).unwrap();
        assert!(t.apply(Point::new(85.0, 65.0)).distance(Point::new(-0.5, -0.5)) < 1e-9);
        assert!(t.apply(Point::new(215.0, 195.0)).distance(Point::new(129.5, 129.5)) < 1e-9);
    }

    #[test]
    fn unusable_boxes_are_refused() {
        let rule = CropRule::default();
        for (x0, y0, x1, y1) in [
            (0.0, 0.0, 1.9, 1.9),
            (0.0, 0.0, f64::NAN, 50.0),
            (0.0, 0.0, f64::INFINITY, 50.0),
            (50.0, 50.0, 10.0, 10.0),
            (0.0, 0.0, 1e300, 50.0),
        ] {
            let error = rule.transform(Rect::new(x0, y0, x1, y1), 64, 0.0, false).unwrap_err();
            assert!(error.to_string().starts_with("face box: "), "{error}");
        }
        // Two eyes on one line: the square takes the larger side.
        assert!(rule.transform(Rect::new(100.0, 120.0, 160.0, 120.0), 64, 0.0, false).is_ok());
        let face = Rect::new(0.0, 0.0, 2.0, 2.0);
        assert!(rule.transform(face, 64, 0.0, false).is_ok());
        assert!(rule.transform(face, 0, 0.0, false).is_err());
        assert!(rule.transform(face, 64, f64::NAN, false).is_err());
        assert!(CropRule { margin: 0.0, shift_y: 0.0 }.transform(face, 64, 0.0, false).is_err());
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        assert_eq!(toml::from_str::<CropRule>("margin = 2.0").unwrap().margin, 2.0);
        assert!(toml::from_str::<CropRule>("margins = 2.0").is_err());
    }
}
