use super::{
    paint::{Ink, fill, polyline},
    text::{self, Direction},
};
use awing::geometry::{Point, Rect};
use image::RgbImage;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontTransform,
    text_anchor::{HPos, VPos},
};
use std::convert::Infallible;

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// Plotters counts in whole pixels; a pixel of a chart is this many of its.
pub(super) const FINE: u32 = 4;

/// What plotters draws on: an image painted with anti-aliasing. Plotters knows whole pixels only, so it is told that the
/// image is [`FINE`] times as large.
pub(super) struct Canvas<'a>(pub(super) &'a mut RgbImage);

fn position((x, y): BackendCoord) -> Point {
    Point::new(f64::from(x) / f64::from(FINE), f64::from(y) / f64::from(FINE))
}

fn ink(color: BackendColor) -> Ink {
    let (r, g, b) = color.rgb;
    Ink::new([r, g, b], color.alpha)
}

/// Plotters' font size is 1.24 em.
fn em(style: &impl BackendTextStyle) -> f64 {
    style.size() / 1.24 / f64::from(FINE)
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.0.width() * FINE, self.0.height() * FINE)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        self.draw_rect(point, (point.0 + 1, point.1 + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (x0, y0): BackendCoord,
        (x1, y1): BackendCoord,
        style: &S,
        filled: bool,
    ) -> Drawn {
        if !filled {
            return self.draw_path([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)], style);
        }
        let (a, b) = (position((x0, y0)), position((x1, y1)));
        fill(self.0, Rect::new(a.x - 0.5, a.y - 0.5, b.x - 0.5, b.y - 0.5), ink(style.color()));
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let mut points: Vec<Point> = path.into_iter().map(position).collect();
        // Ticks and grid lines lie on whole pixels, or they would blur over two.
        if let [a, b] = points.as_mut_slice() {
            if a.x == b.x {
                (a.x, b.x) = (a.x.round(), a.x.round());
            }
            if a.y == b.y {
                (a.y, b.y) = (a.y.round(), a.y.round());
            }
        }
        polyline(self.0, &points, f64::from(style.stroke_width()) / f64::from(FINE), ink(style.color()));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, line: &str, style: &S, pos: BackendCoord) -> Drawn {
        let em = em(style);
        // The same places as in an SVG: capitals are 0.73 em tall.
        let along = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -text::width(line, em) / 2.0,
            HPos::Right => -text::width(line, em),
        };
        let down = match style.anchor().v_pos {
            VPos::Top => 0.76 * em,
            VPos::Center => 0.365 * em,
            VPos::Bottom => -0.24 * em,
        };
        let p = position(pos);
        let (origin, direction) = match style.transform() {
            FontTransform::Rotate270 => (Point::new(p.x + down, p.y - along), Direction::Up),
            _ => (Point::new(p.x + along, p.y + down), Direction::Right),
        };
        text::draw(self.0, line, origin, em, ink(style.color()), direction);
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        line: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let fine = f64::from(FINE);
        Ok(((text::width(line, em(style)) * fine).ceil() as u32, (em(style) * fine).ceil() as u32))
    }
}
