use super::{
    Overlay,
    overlay::{PREDICTED, TRUE},
    paint::{Ink, disc},
    text::{self, Direction},
};
use awing::geometry::{Point, Rect, Transform};
use image::{
    Rgb, RgbImage,
    imageops::{self, FilterType},
};

const BACKGROUND: [u8; 3] = [250, 250, 250];
/// Where a tile reaches beyond its image.
const BEYOND: [u8; 3] = [70, 70, 70];
const TEXT: Ink = Ink::new([30, 30, 30], 1.0);
const GAP: u32 = 8;
const EM: f64 = 13.0;
const TITLE_EM: f64 = 18.0;

/// One face of a contact sheet.
#[derive(Clone, Debug)]
pub struct Tile<'a> {
    /// The whole image.
    pub image: &'a RgbImage,
    /// What to draw, in pixels of the image; the tile shows the surroundings of it.
    pub overlay: Overlay<'a>,
    /// What face it is: shortened in its middle when it is too long.
    pub name: String,
    /// What is to be said of it: "NME 4.21 %". Never shortened.
    pub value: String,
}

/// Faces side by side in titled groups ("worst", "median", "best"), `columns` in a row, each `tile` pixels wide. Points
/// are drawn after scaling, so that they are crisp whatever the size of the photo.
pub fn contact_sheet(groups: &[(String, Vec<Tile<'_>>)], columns: usize, tile: u32) -> RgbImage {
    let widest = groups.iter().map(|(_, tiles)| tiles.len()).max().unwrap_or(0);
    let columns = columns.min(widest).max(1);
    let (caption, title) = ((1.7 * EM) as u32, (2.0 * TITLE_EM) as u32);
    let (step_x, step_y) = (tile + GAP, tile + caption + GAP);
    let rows = |tiles: usize| tiles.div_ceil(columns) as u32;
    let compares = groups.iter().flat_map(|(_, tiles)| tiles).any(|face| face.overlay.compares());
    let key = if compares { caption } else { 0 };
    let height = groups.iter().map(|(_, tiles)| title + rows(tiles.len()) * step_y).sum::<u32>();
    let mut sheet = RgbImage::from_pixel(GAP + columns as u32 * step_x, height + key + GAP, Rgb(BACKGROUND));

    let mut top = 0;
    for (name, tiles) in groups {
        let baseline = Point::new(f64::from(GAP), f64::from(top) + 1.4 * TITLE_EM);
        let name = text::shorten(name, TITLE_EM, f64::from(sheet.width() - 2 * GAP));
        text::draw(&mut sheet, &name, baseline, TITLE_EM, TEXT, Direction::Right);
        top += title;
        for (i, face) in tiles.iter().enumerate() {
            let (x, y) = (GAP + (i % columns) as u32 * step_x, top + (i / columns) as u32 * step_y);
            imageops::replace(&mut sheet, &close_up(face, tile), i64::from(x), i64::from(y));
            write_caption(&mut sheet, face, f64::from(x), f64::from(y + tile) + 1.15 * EM, f64::from(tile));
        }
        top += rows(tiles.len()) * step_y;
    }
    if compares {
        write_key(&mut sheet, f64::from(top) + 1.15 * EM);
    }
    sheet
}

/// Says below the tiles which color is which.
fn write_key(sheet: &mut RgbImage, baseline: f64) {
    let mut left = f64::from(GAP);
    for (color, meaning) in [(PREDICTED, "predicted"), (TRUE, "annotated")] {
        disc(sheet, Point::new(left + 0.35 * EM, baseline - 0.35 * EM), 0.35 * EM, Ink::new(color, 1.0));
        left += EM;
        text::draw(sheet, meaning, Point::new(left, baseline), EM, TEXT, Direction::Right);
        left += text::width(meaning, EM) + EM;
    }
}

/// The name to the left and the value to the right.
fn write_caption(sheet: &mut RgbImage, face: &Tile<'_>, x: f64, baseline: f64, room: f64) {
    let value = text::width(&face.value, EM);
    let name = text::shorten(&face.name, EM, room - value - EM);
    text::draw(sheet, &name, Point::new(x, baseline), EM, Ink::new([110; 3], 1.0), Direction::Right);
    text::draw(sheet, &face.value, Point::new(x + room - value, baseline), EM, TEXT, Direction::Right);
}

/// A square around the face, `size` pixels wide, with the overlay drawn on it.
fn close_up(face: &Tile<'_>, size: u32) -> RgbImage {
    let (width, height) = face.image.dimensions();
    let r = face.overlay.extent().unwrap_or(Rect::of_image(width, height));
    // A prediction gone astray must not shrink the face to a dot: a tile shows at most twice the image.
    let most = 2.0 * f64::from(width.max(height));
    let side = (1.25 * r.width().max(r.height())).clamp(8.0, most.max(8.0)).round();
    let corner = |middle: f64| (middle - side / 2.0).round().clamp(-most, most);
    let (x0, y0) = (corner(r.center().x), corner(r.center().y));

    let mut square = RgbImage::from_pixel(side as u32, side as u32, Rgb(BEYOND));
    imageops::replace(&mut square, face.image, -x0 as i64, -y0 as i64);
    let mut tile = imageops::resize(&square, size, size, FilterType::CatmullRom);
    let scale = f64::from(size) / side;
    // p' = (p - corner + 0.5) scale - 0.5
    let shift = |corner: f64| (0.5 - corner) * scale - 0.5;
    let into_tile =
        Transform { matrix: [[scale, 0.0], [0.0, scale]], translation: Point::new(shift(x0), shift(y0)) };
    face.overlay.clone().mapped(&into_tile).draw(&mut tile);
    tile
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::scheme::Scheme;

    #[test]
    fn tiles_stand_in_rows_and_points_stay_on_their_pixels() {
        let scheme = Scheme {
            name: "toy".to_owned(),
            points: vec!["a".to_owned(), "b".to_owned()],
            mirror: vec![1, 0],
            lines: vec![],
            normalizers: vec![],
            solid: vec![],
            head: None,
        };
        let image = RgbImage::from_pixel(100, 60, Rgb([0, 0, 120]));
        let overlay = Overlay::new(&scheme, &[Point::new(30.0, 30.0), Point::new(70.0, 30.0)]);
        let tile = Tile { image: &image, overlay, name: "a".repeat(90), value: "NME 4.2 %".to_owned() };
        let groups = [
            ("worst".to_owned(), vec![tile.clone(), tile.clone(), tile.clone()]),
            ("best".to_owned(), vec![tile]),
        ];
        let sheet = contact_sheet(&groups, 2, 120);
        // Width 8 + 2 * 128; height 36 + 2 * 150 + 36 + 150 + 8, with captions of 22 px.
        assert_eq!(sheet.dimensions(), (264, 530));
        // The square is 1.25 * 40 = 50 px around (50, 30), from x = 25: a is at (30 - 25 + 0.5) * 2.4 - 0.5 = 12.7.
        let color = sheet.get_pixel(8 + 13, 36 + 60).0;
        assert!(color[0] > 200 && color[2] < 80, "{color:?}");
    }

    #[test]
    fn an_empty_sheet_is_a_picture_too() {
        assert!(contact_sheet(&[], 4, 100).width() > 0);
    }
}
