use super::{
    paint::Ink,
    text::{self, Direction},
};
use awing::{Error, Result, geometry::Point};
use image::{
    ImageBuffer, Luma, Rgb, RgbImage,
    imageops::{self, FilterType},
};

/// Matplotlib's "inferno" at ten equal steps: dark to light, also in gray print.
const INFERNO: [[u8; 3]; 10] = [
    [0, 0, 4],
    [27, 12, 65],
    [74, 12, 107],
    [120, 28, 109],
    [165, 44, 96],
    [207, 68, 70],
    [237, 105, 37],
    [251, 155, 6],
    [247, 209, 61],
    [252, 255, 164],
];
const GAP: u32 = 6;
const EM: f64 = 13.0;

/// The maps of one face, to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Heatmaps<'a> {
    /// The face crop that went into the network; a square.
    pub crop: &'a RgbImage,
    /// The maps [channels, side, side], row by row; values in [0, 1], what lies outside is cut.
    pub maps: &'a [f32],
    /// Landmark channels, which come first; channels after them are boundary maps.
    pub landmarks: usize,
    /// Side of a map in cells.
    pub side: usize,
}

/// One row a face: the crop, the maximum of its landmark maps over the crop, and its boundary map where there is one.
///
/// # Errors
/// [`Error::Invalid`] when a list of maps is not made of whole `side` x `side` maps or has fewer than `landmarks`.
pub fn heatmap_picture(faces: &[Heatmaps<'_>]) -> Result<RgbImage> {
    let rows: Vec<Vec<RgbImage>> = faces.iter().map(panels).collect::<Result<_>>()?;
    let size = faces.iter().map(|face| face.crop.width()).max().unwrap_or(0);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let (top, step) = ((2.0 * EM) as u32, size + GAP);
    let mut picture =
        RgbImage::from_pixel(GAP + columns * step, top + rows.len() as u32 * step, Rgb([250; 3]));
    for (name, column) in ["crop", "landmark maps, maximum", "boundary map"].into_iter().zip(0..columns) {
        let (left, name) = (f64::from(GAP + column * step), text::shorten(name, EM, f64::from(size)));
        text::draw(
            &mut picture,
            &name,
            Point::new(left, 1.4 * EM),
            EM,
            Ink::new([30; 3], 1.0),
            Direction::Right,
        );
    }
    for (panels, row) in rows.iter().zip(0_u32..) {
        for (panel, column) in panels.iter().zip(0_u32..) {
            imageops::replace(
                &mut picture,
                panel,
                i64::from(GAP + column * step),
                i64::from(top + row * step),
            );
        }
    }
    Ok(picture)
}

fn panels(face: &Heatmaps<'_>) -> Result<Vec<RgbImage>> {
    let cells = face.side * face.side;
    if cells == 0 || !face.maps.len().is_multiple_of(cells) || face.maps.len() / cells < face.landmarks {
        let problem = format!(
            "{} values are not {} or more maps of {} x {}",
            face.maps.len(),
            face.landmarks,
            face.side,
            face.side
        );
        return Err(Error::invalid("heatmaps", problem));
    }
    let (landmarks, boundary) = face.maps.split_at(face.landmarks * cells);
    let mut panels = vec![face.crop.clone(), over(face.crop, landmarks, face.side)];
    if !boundary.is_empty() {
        panels.push(over(&RgbImage::new(face.crop.width(), face.crop.height()), boundary, face.side));
    }
    Ok(panels)
}

/// The maximum of the maps as a color over the image: the higher the less the image shines through.
pub(super) fn over(image: &RgbImage, maps: &[f32], side: usize) -> RgbImage {
    let mut highest = vec![0.0_f32; side * side];
    for map in maps.chunks_exact(side * side) {
        for (h, &v) in highest.iter_mut().zip(map) {
            *h = h.max(v); // a NaN is not larger than anything
        }
    }
    let value = |x: u32, y: u32| highest.get(y as usize * side + x as usize).map_or(0.0, |v| v.min(1.0));
    let map = ImageBuffer::from_fn(side as u32, side as u32, |x, y| Luma([value(x, y)]));
    // Cell and pixel centres meet as everywhere: q = (p + 0.5) / stride - 0.5.
    let map = imageops::resize(&map, image.width(), image.height(), FilterType::Triangle);
    let mut picture = image.clone();
    for (pixel, level) in picture.pixels_mut().zip(map.pixels()) {
        let level = f64::from(level.0[0]).clamp(0.0, 1.0);
        let alpha = 0.45 + 0.55 * level.sqrt();
        for (old, new) in pixel.0.iter_mut().zip(color(level)) {
            *old = (f64::from(*old) * (1.0 - alpha) + new * alpha).round() as u8;
        }
    }
    picture
}

/// The color of a level in [0, 1].
fn color(level: f64) -> [f64; 3] {
    let at = level * (INFERNO.len() - 1) as f64;
    let low = INFERNO.get(at.floor() as usize).unwrap_or(&INFERNO[0]);
    let high = INFERNO.get(at.ceil() as usize).unwrap_or(low);
    std::array::from_fn(|c| f64::from(low[c]) * (1.0 - at.fract()) + f64::from(high[c]) * at.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_bright_where_it_lies() {
        let crop = RgbImage::from_pixel(32, 32, Rgb([200; 3]));
        let mut maps = vec![0.0; 3 * 64];
        maps[64 + 8 * 2 + 5] = 1.0; // channel 1, cell (5, 2)
        maps[128 + 8 * 6 + 1] = f32::NAN; // boundary
        let face = Heatmaps { crop: &crop, maps: &maps, landmarks: 2, side: 8 };
        let picture = heatmap_picture(&[face, face]).unwrap();
        assert_eq!(picture.dimensions(), (6 + 3 * 38, 26 + 2 * 38));
        // The cell's middle is pixel (5.5 * 4 - 0.5, 2.5 * 4 - 0.5) = (21.5, 9.5) of the second panel.
        let [peak, rest] = [(21, 9), (5, 25)].map(|(x, y)| picture.get_pixel(6 + 38 + x, 26 + y).0[0]);
        assert!(peak > 230 && rest < 120, "{peak} {rest}");
        assert_eq!(picture.get_pixel(6 + 76 + 6, 26 + 26).0, [0, 0, 2]);
    }

    #[test]
    fn broken_maps_are_refused() {
        let crop = RgbImage::new(4, 4);
        for (len, landmarks, side) in [(15, 1, 4), (16, 2, 4), (0, 0, 0)] {
            let maps = vec![0.0; len];
            assert!(heatmap_picture(&[Heatmaps { crop: &crop, maps: &maps, landmarks, side }]).is_err());
        }
    }
}
