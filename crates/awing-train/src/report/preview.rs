//! Annotated faces, and the maps that a network learns from them.

use super::{
    Overlay, Tile, contact_sheet,
    heatmap_picture::over,
    paint::Ink,
    text::{self, Direction},
};
use awing::{
    Error, Result,
    geometry::{CropRule, Point, Rect, warp},
    heatmap::Codec,
    scheme::{Landmark, Scheme},
};
use image::{Rgb, RgbImage, imageops};

const GAP: u32 = 8;
const EM: f64 = 13.0;
const BACKGROUND: [u8; 3] = [250, 250, 250];

/// An annotated face to be shown.
#[derive(Clone, Debug)]
pub struct PreviewFace<'a> {
    /// Its name.
    pub name: &'a str,
    /// The whole image.
    pub image: &'a RgbImage,
    /// One for each point of the scheme.
    pub landmarks: &'a [Landmark],
    /// The box that came with it.
    pub face_box: Option<Rect>,
}

impl<'a> PreviewFace<'a> {
    fn overlay(&self, scheme: &'a Scheme) -> Overlay<'a> {
        let overlay = Overlay::annotated(scheme, self.landmarks).numbered();
        match self.face_box {
            Some(face_box) => overlay.face_box(face_box),
            None => overlay,
        }
    }
}

/// The faces with their points, lines, numbers and boxes, `columns` in a row, each `tile` pixels wide.
pub fn preview_sheet(
    title: &str,
    scheme: &Scheme,
    faces: &[PreviewFace<'_>],
    columns: usize,
    tile: u32,
) -> RgbImage {
    let tiles = faces.iter().map(|face| {
        let count = |v| face.landmarks.iter().filter(|l| l.visibility == v).count();
        let hidden = count(awing::scheme::Visibility::Occluded);
        let missing = count(awing::scheme::Visibility::Missing);
        let counts = [(hidden, "hidden"), (missing, "missing")];
        let told: Vec<String> =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        Tile {
            image: face.image,
            overlay: face.overlay(scheme),
            name: face.name.to_owned(),
            value: told.join(", "),
        }
    });
    contact_sheet(&[(title.to_owned(), tiles.collect())], columns, tile)
}

/// A row for each face: its crop with points, lines and numbers, the maximum of its target maps, and the boundary map where the
/// scheme has lines: what a network with this codec is to learn, `tile` pixels wide each.
///
/// # Errors
/// [`Error::Invalid`] for a face of too few points to cut out, or of another number than the scheme's.
pub fn target_sheet(
    title: &str,
    scheme: &Scheme,
    faces: &[PreviewFace<'_>],
    codec: &Codec,
    rule: &CropRule,
    tile: u32,
) -> Result<RgbImage> {
    let names: &[&str] = if codec.has_boundary(scheme) {
        &["annotation", "target maps, maximum", "boundary map"]
    } else {
        &["annotation", "target maps, maximum"]
    };
    let caption = (1.7 * EM) as u32;
    let (step_x, step_y) = (tile + GAP, tile + caption + GAP);
    let head = (3.6 * EM) as u32;
    let size = (GAP + names.len() as u32 * step_x, head + faces.len() as u32 * step_y + GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, Rgb(BACKGROUND));
    let write = |sheet: &mut RgbImage, text: &str, x: u32, baseline: f64, gray: u8| {
        let text = text::shorten(text, EM, f64::from(tile));
        let at = Point::new(f64::from(x), baseline);
        text::draw(sheet, &text, at, EM, Ink::new([gray; 3], 1.0), Direction::Right);
    };
    let columns = || (0_u32..).map(|column| GAP + column * step_x);
    write(&mut sheet, title, GAP, 1.4 * EM, 30);
    for (name, x) in names.iter().zip(columns()) {
        write(&mut sheet, name, x, 3.0 * EM, 110);
    }
    for (face, row) in faces.iter().zip(0_u32..) {
        let top = head + row * step_y;
        let panels = panels(face, scheme, codec, rule, tile).map_err(|e| e.about(face.name))?;
        for (panel, x) in panels.iter().zip(columns()) {
            imageops::replace(&mut sheet, panel, i64::from(x), i64::from(top));
        }
        write(&mut sheet, face.name, GAP, f64::from(top + tile) + 1.15 * EM, 110);
    }
    Ok(sheet)
}

fn panels(
    face: &PreviewFace<'_>,
    scheme: &Scheme,
    codec: &Codec,
    rule: &CropRule,
    tile: u32,
) -> Result<Vec<RgbImage>> {
    let around = Rect::around(face.landmarks.iter().filter_map(Landmark::position))
        .ok_or_else(|| Error::invalid("points", "none is annotated"))?;
    let input = (codec.size() as f64 * codec.config().stride).round() as usize;
    let area = codec.size() * codec.size();
    let mut maps = vec![0.0; codec.channels(scheme) * area];
    let mut weights = maps.clone();
    let to_input = rule.transform(around, input, 0.0, false)?;
    let landmarks: Vec<Landmark> =
        face.landmarks.iter().map(|l| Landmark { point: to_input.apply(l.point), ..*l }).collect();
    codec.encode(scheme, &landmarks, &mut maps, &mut weights)?;

    let to_tile = rule.transform(around, tile as usize, 0.0, false)?;
    let crop = warp(face.image, &to_tile, tile as usize);
    let mut annotated = crop.clone();
    face.overlay(scheme).mapped(&to_tile).draw(&mut annotated);
    let (points, boundary) = maps.split_at(scheme.len() * area);
    let mut panels = vec![annotated, over(&crop, points, codec.size())];
    if codec.has_boundary(scheme) {
        panels.push(over(&RgbImage::new(tile, tile), boundary, codec.size()));
    }
    Ok(panels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::drawn_faces;
    use awing::heatmap::CodecConfig;

    #[test]
    fn targets_stand_beside_their_faces() {
        let scheme = Scheme::builtin("300w-68").unwrap();
        let samples = drawn_faces(2, 96, 1);
        let images: Vec<_> = samples.iter().map(|s| s.load_image().unwrap()).collect();
        let faces: Vec<PreviewFace<'_>> = samples
            .iter()
            .zip(&images)
            .map(|(s, image)| PreviewFace { name: &s.name, image, landmarks: &s.landmarks, face_box: None })
            .collect();
        let codec = Codec::new(CodecConfig::default()).unwrap();
        let sheet = target_sheet("two", &scheme, &faces, &codec, &CropRule::default(), 128).unwrap();
        // Three columns of 128 + 8; a head of 46 and two rows of 128 + 22 + 8.
        assert_eq!(sheet.dimensions(), (8 + 3 * 136, 46 + 2 * 158 + 8));
        let bright = |x0: u32| {
            let column = (x0..x0 + 128).flat_map(|x| (46..174).map(move |y| (x, y)));
            column.filter(|&(x, y)| sheet.get_pixel(x, y).0[0] > 240).count()
        };
        assert!(bright(8 + 136) > 100 && bright(8 + 272) > 100);
        let five = Scheme::builtin("mtfl-5").unwrap();
        let error = target_sheet("two", &five, &faces, &codec, &CropRule::default(), 128).unwrap_err();
        assert!(error.to_string().contains("drawn/00000: landmarks: 68 of them"), "{error}");
        assert_eq!(preview_sheet("two", &scheme, &faces, 3, 128).width(), 8 + 2 * 136);
    }
}
