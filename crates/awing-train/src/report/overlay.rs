use super::{
    paint::{Ink, disc, outline, polyline},
    text::{self, Direction},
};
use awing::{
    geometry::{Point, Rect, Transform},
    scheme::{Landmark, Scheme},
};
use image::RgbImage;

/// Points that belong to no line of the scheme.
const LONE: [u8; 3] = [255, 214, 10];
/// Predicted and true points side by side: orange and sky blue differ for everybody.
pub(super) const PREDICTED: [u8; 3] = [255, 149, 0];
pub(super) const TRUE: [u8; 3] = [60, 190, 255];
const BOX: [u8; 3] = [255, 255, 255];
/// To the right, down, towards the camera.
const AXES: [[u8; 3]; 3] = [[240, 60, 60], [60, 210, 80], [70, 120, 255]];
const HALO: Ink = Ink::new([0; 3], 0.4);

/// A number stands away from this many of a point's neighbours.
const NEIGHBOURS: usize = 5;

/// The landmarks of one face, to be drawn on its image: discs, boundary lines, the face box. Everything scales with the
/// face, so that a face of 100 px and a photo of 4000 px look alike.
///
/// ```
/// # use awing::{geometry::Point, scheme::Scheme};
/// # use awing_train::report::Overlay;
/// # fn draw(photo: &mut image::RgbImage, scheme: &Scheme, points: &[Point], scores: &[f64]) {
/// Overlay::new(scheme, points).scores(scores).draw(photo);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Overlay<'a> {
    scheme: &'a Scheme,
    points: Vec<Option<Point>>,
    scores: Vec<f64>,
    truth: Vec<Option<Point>>,
    face_box: Option<Rect>,
    numbered: bool,
    axes: Option<[Point; 4]>,
    label: String,
}

impl<'a> Overlay<'a> {
    /// Predicted points, one for each point of the scheme, in pixels of the image. Points that are not finite are not
    /// drawn.
    pub fn new(scheme: &'a Scheme, points: &[Point]) -> Self {
        let points = points.iter().map(|p| Some(*p).filter(|p| p.is_finite())).collect();
        Self {
            scheme,
            points,
            scores: vec![],
            truth: vec![],
            face_box: None,
            numbered: false,
            axes: None,
            label: String::new(),
        }
    }

    /// Annotated points; missing ones are not drawn.
    pub fn annotated(scheme: &'a Scheme, landmarks: &[Landmark]) -> Self {
        Self { points: positions(landmarks), ..Self::new(scheme, &[]) }
    }

    /// A score in [0, 1] for each point, shown as opacity.
    #[must_use]
    pub fn scores(mut self, scores: &[f64]) -> Self {
        self.scores = scores.to_vec();
        self
    }

    /// Also draws the annotation, in a second color, and a line from each predicted point to the true one. Boundary
    /// lines are then left out: they would hide the errors.
    #[must_use]
    pub fn truth(mut self, truth: &[Landmark]) -> Self {
        self.truth = positions(truth);
        self
    }

    /// Also draws the face box.
    #[must_use]
    pub fn face_box(mut self, face_box: Rect) -> Self {
        self.face_box = Some(face_box);
        self
    }

    /// Also writes its number, from 0, beside each point.
    #[must_use]
    pub fn numbered(mut self) -> Self {
        self.numbered = true;
        self
    }

    /// Also draws three axes from their origin: to the right of the face in red, down in green, out of it in blue
    /// ([`awing::prediction::HeadPose::axes`]).
    #[must_use]
    pub fn axes(mut self, axes: [Point; 4]) -> Self {
        self.axes = Some(axes).filter(|axes| axes.iter().all(|p| p.is_finite()));
        self
    }

    /// Also writes some text above the face: a name or a number.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// The same face in another image, such as a crop: everything goes through the transform. The box stays upright.
    #[must_use]
    pub fn mapped(mut self, transform: &Transform) -> Self {
        let points = self.points.iter_mut().chain(&mut self.truth).flatten();
        for p in points.chain(self.axes.iter_mut().flatten()) {
            *p = transform.apply(*p);
        }
        self.face_box = self.face_box.and_then(|r| {
            Rect::around(
                [Point::new(r.x0, r.y0), Point::new(r.x1, r.y1)].map(|corner| transform.apply(corner)),
            )
        });
        self
    }

    /// The box around everything that will be drawn; `None` when there is nothing.
    pub fn extent(&self) -> Option<Rect> {
        let corners = self.face_box.map(|r| [Point::new(r.x0, r.y0), Point::new(r.x1, r.y1)]);
        Rect::around(
            self.points.iter().chain(&self.truth).flatten().copied().chain(corners.into_iter().flatten()),
        )
    }

    /// Draws the face. What lies outside the image is cut off.
    pub fn draw(&self, image: &mut RgbImage) {
        let Some(size) = self.size() else { return };
        // Few points may be larger than many.
        let density = (68.0 / self.points.len().max(1) as f64).sqrt().clamp(0.8, 2.5);
        let radius = (0.0095 * size * density).max(1.2);
        let line = (0.006 * size).max(0.9);
        let rim = (0.25 * radius).max(0.6);

        if let Some(face_box) = self.face_box {
            outline(image, face_box, 1.2 * line + 2.0 * rim, HALO);
            outline(image, face_box, 1.2 * line, Ink::new(BOX, 0.9));
        }
        if let Some(extent) = self.extent().filter(|_| !self.label.is_empty()) {
            let em = (0.14 * size).max(11.0);
            // Above the face, or at its upper edge where it reaches the image's.
            let at = Point::new(extent.x0, (extent.y0 - 0.3 * em).max(0.9 * em));
            let shadow = Point::new(at.x + 0.08 * em, at.y + 0.08 * em);
            for (place, rgb) in [(shadow, [0; 3]), (at, BOX)] {
                text::draw(image, &self.label, place, em, Ink::new(rgb, 1.0), Direction::Right);
            }
        }
        if self.truth.is_empty() {
            let opaque = |points: &[usize]| {
                points.iter().map(|&i| self.opacity(i)).sum::<f64>() / points.len().max(1) as f64
            };
            for (stretch, points, color) in self.stretches() {
                let opacity = opaque(&points);
                polyline(image, &stretch, line + 1.2 * rim, Ink::new(HALO.rgb, HALO.alpha * opacity));
                polyline(image, &stretch, line, Ink::new(color, 0.85 * opacity));
            }
        }
        for (p, t) in self.points.iter().zip(&self.truth) {
            if let (Some(p), Some(t)) = (p, t) {
                polyline(image, &[*p, *t], line + 1.2 * rim, HALO);
                polyline(image, &[*p, *t], line, Ink::new([255; 3], 1.0));
            }
        }
        for t in self.truth.iter().flatten() {
            dot(image, *t, 0.85 * radius, rim, TRUE, 1.0);
        }
        for (i, p) in self.points.iter().enumerate() {
            let Some(p) = p else { continue };
            let color = if self.truth.is_empty() { self.color(i) } else { PREDICTED };
            dot(image, *p, radius, rim, color, self.opacity(i));
        }
        if self.numbered {
            self.write_numbers(image, (0.021 * size).clamp(7.0, 16.0), radius + rim);
        }
        self.draw_axes(image, 2.2 * line);
    }

    /// Numbers stand on the side of a point that is away from its neighbours.
    fn write_numbers(&self, image: &mut RgbImage, em: f64, gap: f64) {
        for (i, p) in self.points.iter().enumerate() {
            let Some(p) = p else { continue };
            let mut others: Vec<Point> = self.points.iter().flatten().copied().filter(|q| q != p).collect();
            others.sort_by(|a, b| a.distance(*p).total_cmp(&b.distance(*p)));
            others.truncate(NEIGHBOURS);
            let from = Point::mean(others).unwrap_or(Point::new(p.x, p.y + 1.0));
            let away = from.distance(*p).max(1e-9);
            let text = i.to_string();
            let (width, height) = (text::width(&text, em), 0.72 * em);
            // The middle of the text, so that its box just misses the point.
            let (dx, dy) = ((p.x - from.x) / away, (p.y - from.y) / away);
            let reach = gap + 0.5 * (width * dx.abs() + height * dy.abs()) + 0.1 * em;
            let (x, y) = (p.x + reach * dx - width / 2.0, p.y + reach * dy + height / 2.0);
            for (sx, sy) in [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)] {
                let shade = Ink::new([0; 3], 0.55);
                text::draw(image, &text, Point::new(x + sx, y + sy), em, shade, Direction::Right);
            }
            text::draw(image, &text, Point::new(x, y), em, Ink::new([255; 3], 1.0), Direction::Right);
        }
    }

    /// Above the points; the axis that points at the camera lies uppermost.
    fn draw_axes(&self, image: &mut RgbImage, width: f64) {
        let Some([origin, ends @ ..]) = self.axes else { return };
        for (end, color) in ends.into_iter().zip(AXES) {
            polyline(image, &[origin, end], width + 2.0, HALO);
            polyline(image, &[origin, end], width, Ink::new(color, 1.0));
        }
    }

    /// Whether the annotation is drawn beside the prediction.
    pub(super) fn compares(&self) -> bool {
        !self.truth.is_empty()
    }

    /// The size of the face in pixels that strokes are measured by.
    fn size(&self) -> Option<f64> {
        let points = Rect::around(self.points.iter().chain(&self.truth).flatten().copied());
        let side = |r: Rect| (r.width() * r.height()).sqrt().max(0.3 * r.width().max(r.height()));
        self.face_box.or(points).map(side).filter(|size| size.is_finite())
    }

    /// The lines of the scheme, broken where a point is missing: positions, their indices, color.
    fn stretches(&self) -> Vec<(Vec<Point>, Vec<usize>, [u8; 3])> {
        let mut stretches = vec![];
        for line in &self.scheme.lines {
            let position = |&i: &usize| self.points.get(i).copied().flatten();
            for run in line.points.split(|i| position(i).is_none()).filter(|run| run.len() > 1) {
                stretches.push((run.iter().filter_map(position).collect(), run.to_vec(), line.color));
            }
        }
        stretches
    }

    /// The color of a point: that of the first line it lies on, made lighter.
    fn color(&self, point: usize) -> [u8; 3] {
        let line = self.scheme.lines.iter().find(|line| line.points.contains(&point));
        line.map_or(LONE, |line| line.color.map(|c| c + (255 - c) / 3))
    }

    /// A point with a score of 0 is still there to be seen.
    fn opacity(&self, point: usize) -> f64 {
        self.scores.get(point).filter(|s| s.is_finite()).map_or(1.0, |s| 0.2 + 0.8 * s.clamp(0.0, 1.0))
    }
}

/// A disc with a dark rim that keeps it visible on skin and on white alike.
fn dot(image: &mut RgbImage, center: Point, radius: f64, rim: f64, rgb: [u8; 3], opacity: f64) {
    disc(image, center, radius + rim, Ink::new(HALO.rgb, 0.55 * opacity));
    disc(image, center, radius, Ink::new(rgb, opacity));
}

fn positions(landmarks: &[Landmark]) -> Vec<Option<Point>> {
    landmarks.iter().map(|l| l.position().filter(|p| p.is_finite())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::scheme::Line;

    fn scheme() -> Scheme {
        Scheme {
            name: "toy".to_owned(),
            points: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
            mirror: vec![0, 1, 2, 3],
            lines: vec![Line { name: "line".to_owned(), points: vec![0, 1, 2, 9], color: [0, 90, 255] }],
            normalizers: vec![],
            solid: vec![],
            head: None,
        }
    }

    fn points() -> Vec<Point> {
        [(20.0, 20.0), (80.0, 20.0), (80.0, 80.0), (20.0, 80.0)].map(|(x, y)| Point::new(x, y)).to_vec()
    }

    fn gray() -> RgbImage {
        RgbImage::from_pixel(100, 100, image::Rgb([128; 3]))
    }

    #[test]
    fn points_take_the_color_of_their_line() {
        let (scheme, mut image) = (scheme(), gray());
        Overlay::new(&scheme, &points()).draw(&mut image);
        assert_eq!(image.get_pixel(20, 20).0, [85, 145, 255]);
        assert_eq!(image.get_pixel(20, 80).0, LONE);
        let on_line = image.get_pixel(50, 20).0;
        assert!(on_line[2] > 200 && on_line[0] < 60, "{on_line:?}");
        assert_eq!(image.get_pixel(50, 80).0, [128; 3], "no line there");
    }

    #[test]
    fn a_missing_point_breaks_its_line_and_a_low_score_pales() {
        let (scheme, mut image) = (scheme(), gray());
        let mut holes = points();
        holes[1] = Point::new(f64::NAN, 0.0);
        Overlay::new(&scheme, &holes).scores(&[1.0, 1.0, 1.0, 0.0]).draw(&mut image);
        assert_eq!(image.get_pixel(50, 20).0, [128; 3]);
        let pale = image.get_pixel(20, 80).0;
        assert!(pale[0] > 118 && pale[0] < 160, "{pale:?}");
    }

    #[test]
    fn truth_is_drawn_beside_the_prediction() {
        let (scheme, mut image) = (scheme(), gray());
        let truth: Vec<Landmark> = points().iter().map(|p| Landmark::visible(p.x, p.y + 10.0)).collect();
        Overlay::new(&scheme, &points()).truth(&truth).draw(&mut image);
        assert_eq!(image.get_pixel(20, 20).0, PREDICTED);
        assert_eq!(image.get_pixel(20, 30).0, TRUE);
        assert!(image.get_pixel(20, 25).0[0] > 230, "the error between them");
    }

    #[test]
    fn axes_lie_above_the_points() {
        let (scheme, mut image) = (scheme(), gray());
        let axes = [(50.0, 50.0), (75.0, 50.0), (50.0, 75.0), (40.0, 40.0)].map(|(x, y)| Point::new(x, y));
        Overlay::new(&scheme, &points()).axes(axes).draw(&mut image);
        assert_eq!(image.get_pixel(65, 50).0, AXES[0]);
        assert_eq!(image.get_pixel(50, 65).0, AXES[1]);
        assert_eq!(image.get_pixel(45, 45).0, AXES[2]);
    }

    #[test]
    fn a_label_stands_above_the_face_and_inside_the_image() {
        let scheme = scheme();
        let white = |face_box: Rect, rows: std::ops::Range<u32>| {
            let mut image = gray();
            Overlay::new(&scheme, &[]).face_box(face_box).label("12").draw(&mut image);
            rows.flat_map(|y| (12..30).map(move |x| (x, y)))
                .filter(|(x, y)| image.get_pixel(*x, *y)[0] > 220)
                .count()
        };
        assert!(white(Rect::new(10.0, 60.0, 70.0, 95.0), 45..57) > 5);
        assert!(white(Rect::new(10.0, -40.0, 70.0, 50.0), 1..14) > 5);
    }

    #[test]
    fn a_mapped_overlay_is_scaled_with_its_face() {
        let scheme = scheme();
        let overlay = Overlay::new(&scheme, &points()).face_box(Rect::new(10.0, 10.0, 90.0, 90.0));
        let twice = Transform { matrix: [[2.0, 0.0], [0.0, 2.0]], translation: Point::new(1.0, 0.0) };
        assert_eq!(overlay.mapped(&twice).extent(), Some(Rect::new(21.0, 20.0, 181.0, 180.0)));
        Overlay::annotated(&scheme, &[Landmark::missing()]).draw(&mut gray());
    }
}
