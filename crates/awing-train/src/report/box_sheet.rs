use super::paint::{Ink, outline};
use awing::geometry::Rect;
use image::{Rgb, RgbImage, imageops};

const BOX: Ink = Ink::new([60, 220, 90], 1.0);
const IGNORED: Ink = Ink::new([230, 150, 40], 1.0);
const GAP: u32 = 8;

/// Pictures of one size side by side, `columns` in a row, each with the boxes of its faces in green, and those that do not count in orange.
pub fn box_sheet(pictures: &[(&RgbImage, &[Rect], &[Rect])], columns: usize) -> RgbImage {
    let columns = columns.clamp(1, pictures.len().max(1)) as u32;
    let (width, height) = pictures.first().map_or((1, 1), |(picture, ..)| picture.dimensions());
    let rows = (pictures.len() as u32).div_ceil(columns);
    let (step_x, step_y) = (width + GAP, height + GAP);
    let mut sheet = RgbImage::from_pixel(columns * step_x + GAP, rows * step_y + GAP, Rgb([250; 3]));
    for (place, (picture, boxes, ignored)) in (0..).zip(pictures) {
        let mut picture = (*picture).clone();
        for (boxes, ink) in [(ignored, IGNORED), (boxes, BOX)] {
            boxes.iter().for_each(|face| outline(&mut picture, *face, 2.0, ink));
        }
        let (x, y) = (GAP + place % columns * step_x, GAP + place / columns * step_y);
        imageops::replace(&mut sheet, &picture, i64::from(x), i64::from(y));
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_drawn_in_their_places() {
        let picture = RgbImage::new(40, 30);
        let face = [Rect::new(10.0, 10.0, 20.0, 20.0)];
        let sheet = box_sheet(&[(&picture, &face, &[]), (&picture, &[], &face), (&picture, &[], &[])], 2);
        assert_eq!(sheet.dimensions(), (2 * 48 + 8, 2 * 38 + 8));
        assert_eq!(sheet.get_pixel(8 + 10, 8 + 15).0, BOX.rgb);
        assert_eq!(sheet.get_pixel(56 + 10, 8 + 15).0, IGNORED.rgb);
        assert_eq!(sheet.get_pixel(8 + 10, 46 + 15).0, [0; 3]);
        assert_eq!(sheet.get_pixel(56 + 10, 46 + 15).0, [250; 3]);
    }
}
