//! One line of text in the font that the library brings along.

use super::paint::{Ink, blend};
use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use awing::geometry::Point;
use image::RgbImage;
use std::sync::LazyLock;

/// DejaVu Sans cut down to Latin-1 and a few signs; its licence lies beside it.
pub(super) static FONT_FILE: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");

static FONT: LazyLock<Option<FontRef<'static>>> = LazyLock::new(|| FontRef::try_from_slice(FONT_FILE).ok());

/// Where text runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Direction {
    /// From left to right.
    Right,
    /// From bottom to top, the letters lying on their backs.
    Up,
}

/// The scale at which the font's em is `em` pixels.
fn scale(font: &FontRef<'_>, em: f64) -> PxScale {
    PxScale::from((em as f32) * font.height_unscaled() / font.units_per_em().unwrap_or(1.0))
}

/// Width of the text in pixels.
pub(super) fn width(text: &str, em: f64) -> f64 {
    let Some(font) = FONT.as_ref() else { return 0.0 };
    let font = font.as_scaled(scale(font, em));
    text.chars().map(|c| f64::from(font.h_advance(font.glyph_id(c)))).sum()
}

/// Draws the text with the left end of its baseline at `origin`; an em is `em` pixels.
pub(super) fn draw(image: &mut RgbImage, text: &str, origin: Point, em: f64, ink: Ink, direction: Direction) {
    let Some(font) = FONT.as_ref() else { return };
    let scale = scale(font, em);
    let scaled = font.as_scaled(scale);
    let mut advance = 0.0;
    for c in text.chars() {
        let id = font.glyph_id(c);
        let at = match direction {
            Direction::Right => (origin.x as f32 + advance, origin.y as f32),
            Direction::Up => (-origin.y as f32 + advance, origin.x as f32),
        };
        advance += scaled.h_advance(id);
        let Some(outline) =
            font.outline_glyph(id.with_scale_and_position(scale, ab_glyph::point(at.0, at.1)))
        else {
            continue;
        };
        let corner = outline.px_bounds().min;
        outline.draw(|x, y, coverage| {
            let (x, y) = (corner.x as i64 + i64::from(x), corner.y as i64 + i64::from(y));
            let (x, y) = if direction == Direction::Right { (x, y) } else { (y, -x) };
            if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) {
                blend(image, x, y, ink, f64::from(coverage));
            }
        });
    }
}

/// The text, or as much of its beginning and end as fits into `room` pixels with "…" between.
pub(super) fn shorten(text: &str, em: f64, room: f64) -> String {
    if width(text, em) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    // Names differ at their ends more often than at their beginnings, so the end keeps the larger part.
    let candidate = |kept: usize| {
        let head = letters.iter().take(kept / 3);
        let tail = letters.iter().skip(letters.len() - (kept - kept / 3));
        head.chain(['…'].iter()).chain(tail).collect::<String>()
    };
    (0..letters.len()).rev().map(candidate).find(|short| width(short, em) <= room).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_is_whole() {
        let font = FONT.as_ref().unwrap();
        for c in (' '..='~').chain("äöüßéèñçÅø µ±×°²–—…≤≥∞−αεθλσω".chars())
        {
            assert_ne!(font.glyph_id(c).0, 0, "{c}");
        }
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shorten("short", 10.0, 100.0), "short");
        let short = shorten("helen/testset/a_very_long_name_2960256451_1.jpg", 10.0, 120.0);
        assert!(
            width(&short, 10.0) <= 120.0 && short.starts_with("helen") && short.ends_with("451_1.jpg"),
            "{short}"
        );
        assert_eq!(shorten("name", 10.0, 1.0), "");
    }

    #[test]
    fn text_running_up_is_text_running_right_turned() {
        let (mut right, mut up) = (RgbImage::new(40, 40), RgbImage::new(40, 40));
        let ink = Ink::new([255; 3], 1.0);
        draw(&mut right, "Ab", Point::new(5.0, 30.0), 16.0, ink, Direction::Right);
        draw(&mut up, "Ab", Point::new(30.0, 34.0), 16.0, ink, Direction::Up);
        assert!(right.pixels().any(|p| p.0[0] > 200));
        // (x, y) of the line running right is (y, 39 - x) of the one running up.
        assert_eq!(image::imageops::rotate270(&right), up);
    }
}
