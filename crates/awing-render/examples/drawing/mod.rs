//! What the examples share: landmarks drawn into a photo, and a sheet of photos as JPEG.

use awing_render::{RenderedFace, Seen};
use image::{
    Rgb, RgbImage,
    imageops::{FilterType, replace, resize},
};
use jpeg_encoder::{ColorType, Encoder};
use std::{error::Error, path::Path};

const QUALITY: u8 = 85;

/// Green seen, red hidden by the head itself, blue covered by something else.
pub(crate) fn draw_points(face: &mut RenderedFace) {
    for point in &face.points {
        let color = match point.seen {
            Seen::Seen => [0, 255, 0],
            Seen::Hidden => [255, 0, 0],
            _ => [60, 120, 255],
        };
        for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
            let (x, y) = (point.marked.x.round() as i64 + dx, point.marked.y.round() as i64 + dy);
            if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
                && let Some(pixel) = face.image.get_pixel_mut_checked(x, y)
            {
                *pixel = Rgb(color);
            }
        }
    }
}

/// Writes photos in rows of `columns`, each `tile` pixels wide and high.
pub(crate) fn save_sheet<'a>(
    path: &Path,
    photos: impl ExactSizeIterator<Item = &'a RgbImage>,
    columns: u32,
    tile: u32,
) -> Result<(), Box<dyn Error>> {
    let rows = (photos.len() as u32).div_ceil(columns);
    let mut sheet = RgbImage::new(columns * tile, rows * tile);
    for (i, photo) in (0..).zip(photos) {
        let small = resize(photo, tile, tile, FilterType::Triangle);
        replace(&mut sheet, &small, (i % columns * tile).into(), (i / columns * tile).into());
    }
    let (width, height) = (u16::try_from(sheet.width())?, u16::try_from(sheet.height())?);
    Encoder::new_file(path, QUALITY)?.encode(&sheet, width, height, ColorType::Rgb)?;
    Ok(())
}
