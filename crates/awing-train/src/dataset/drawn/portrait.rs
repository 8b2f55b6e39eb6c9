//! Paints a face over a cluttered background. Every landmark stands on an edge, an end or a corner that can be seen.

use super::{
    anatomy::{Anatomy, between},
    canvas::{Canvas, Color, Mask, curve, luma, mix},
};
use awing::geometry::Point;
use image::RgbImage;
use rand::{Rng, RngExt};

struct Palette {
    skin: Color,
    /// Lines of the face: a darker skin.
    shade: Color,
    hair: Color,
    brow: Color,
    lips: Color,
    iris: Color,
}

impl Palette {
    fn random(rng: &mut impl Rng) -> Self {
        let tone = between(rng, 0.0, 1.0) as f32;
        let skin = mix([236.0, 196.0, 168.0], [128.0, 84.0, 58.0], tone);
        let skin = skin.map(|v| v + between(rng, -8.0, 8.0) as f32);
        let hairs =
            [[38.0, 30.0, 26.0], [92.0, 58.0, 34.0], [170.0, 122.0, 62.0], [150.0, 70.0, 34.0], [170.0; 3]];
        let hair = hairs[rng.random_range(0..hairs.len())].map(|v: f32| v + between(rng, -15.0, 15.0) as f32);
        let shade = mix(skin, [40.0, 16.0, 12.0], 0.62);
        // Brows must stand out from the skin.
        let brow = if luma(skin) - luma(hair) > 60.0 {
            mix(hair, [0.0; 3], 0.15)
        } else {
            mix(skin, [20.0; 3], 0.75)
        };
        let lips = mix(
            mix(skin, [190.0, 40.0, 55.0], between(rng, 0.45, 0.85) as f32),
            [60.0, 10.0, 20.0],
            tone * 0.35,
        );
        let irises = [[70.0, 44.0, 26.0], [64.0, 104.0, 150.0], [70.0, 110.0, 70.0], [50.0, 50.0, 54.0]];
        Self { skin, shade, hair, brow, lips, iris: irises[rng.random_range(0..irises.len())] }
    }
}

/// A face being painted: the canvas, and what all parts need.
struct Portrait<'a> {
    canvas: Canvas,
    size: usize,
    anatomy: &'a Anatomy,
    points: Vec<Point>,
    palette: Palette,
}

/// The photo of `size` x `size` pixels that belongs to `anatomy`.
pub(super) fn paint(anatomy: &Anatomy, size: usize, rng: &mut impl Rng) -> RgbImage {
    let mut portrait = Portrait {
        canvas: background(size, rng),
        size,
        anatomy,
        points: anatomy.landmarks(),
        palette: Palette::random(rng),
    };
    let bald = rng.random_bool(0.1);
    portrait.body(bald, rng);
    portrait.head();
    if !bald {
        portrait.fringe(rng);
    }
    portrait.cheeks(rng);
    portrait.nose();
    portrait.eyes(rng);
    portrait.brows(rng);
    portrait.mouth(rng);
    light_and_noise(&mut portrait.canvas, size, rng);
    portrait.canvas.into_image()
}

fn any_color(rng: &mut impl Rng) -> Color {
    [0; 3].map(|_| between(rng, 10.0, 245.0) as f32)
}

fn somewhere(size: usize, rng: &mut impl Rng) -> Point {
    let mut coordinate = || between(rng, -0.1, 1.1) * size as f64;
    Point::new(coordinate(), coordinate())
}

/// A gradient with discs, bars and triangles before it.
fn background(size: usize, rng: &mut impl Rng) -> Canvas {
    let (near, far) = (any_color(rng), any_color(rng));
    let (sin, cos) = between(rng, 0.0, std::f64::consts::TAU).sin_cos();
    let length = size as f64;
    let mut canvas = Canvas::new(size, |p| {
        let along = 0.5 + ((p.x / length - 0.5) * cos + (p.y / length - 0.5) * sin) / 1.5;
        mix(near, far, along as f32)
    });
    for _ in 0..rng.random_range(4..14) {
        let reach = between(rng, 0.03, 0.2) * length;
        let softness = between(rng, 0.0, 0.05) * length;
        let mask = match rng.random_range(0..3) {
            0 => Mask::disc(size, somewhere(size, rng), reach, softness),
            1 => Mask::stroke(size, &[(); 2].map(|()| (somewhere(size, rng), reach / 4.0)), softness),
            _ => Mask::polygon(size, &[(); 3].map(|()| somewhere(size, rng))),
        };
        canvas.fill(&mask, between(rng, 0.3, 1.0) as f32, any_color(rng));
    }
    canvas
}

impl Portrait<'_> {
    /// A length in pixels, from half widths of the face.
    fn px(&self, length: f64) -> f64 {
        length * self.anatomy.scale
    }

    fn at(&self, x: f64, y: f64, z: f64) -> Point {
        self.anatomy.project([x, y, z])
    }

    /// A stroke of one width, in half widths of the face, but never thinner than a pixel.
    fn line(&self, points: &[Point], width: f64) -> Mask {
        let radius = (self.px(width) / 2.0).max(0.5);
        Mask::stroke(self.size, &points.iter().map(|&p| (p, radius)).collect::<Vec<_>>(), 1.0)
    }

    /// A smooth line through landmarks.
    fn through(&self, indices: &[usize]) -> Vec<Point> {
        curve(&indices.iter().map(|&i| self.points[i]).collect::<Vec<_>>(), false)
    }

    /// What is behind the face: hair, shoulders, neck, ears.
    fn body(&mut self, bald: bool, rng: &mut impl Rng) {
        if !bald {
            let length = between(rng, 0.3, 2.0);
            let behind = [
                (-1.0, 0.0),
                (-1.12, -0.5),
                (-0.75, -1.2),
                (0.0, -1.5),
                (0.75, -1.2),
                (1.12, -0.5),
                (1.0, 0.0),
            ];
            let mut hair: Vec<Point> = behind.iter().map(|&(x, y)| self.at(1.08 * x, y, -0.6)).collect();
            hair.extend([self.at(1.1, length, -0.6), self.at(-1.1, length, -0.6)]);
            let mask = Mask::polygon(self.size, &curve(&hair, true));
            self.canvas.fill(&mask, 1.0, mix(self.palette.hair, [0.0; 3], 0.25));
        }
        let shoulders = [(-0.6, 1.75), (-1.6, 2.1), (-2.3, 4.0), (2.3, 4.0), (1.6, 2.1), (0.6, 1.75)];
        let shoulders: Vec<Point> = shoulders.iter().map(|&(x, y)| self.at(x, y, -0.4)).collect();
        self.canvas.fill(&Mask::polygon(self.size, &shoulders), 1.0, any_color(rng));
        let neck = [(-0.55, 0.6), (-0.6, 1.85), (0.0, 2.2), (0.6, 1.85), (0.55, 0.6)]
            .map(|(x, y)| self.at(x, y, -0.4));
        self.canvas.fill(
            &Mask::polygon(self.size, &neck),
            1.0,
            mix(self.palette.skin, self.palette.shade, 0.55),
        );
        for temple in [0, 16] {
            // From the temple down to the second point of the jaw.
            let toward = if temple == 0 { 2 } else { 14 };
            let (a, b) = (self.points[temple], self.points[toward]);
            let ear = Point::new(0.55 * a.x + 0.45 * b.x, 0.55 * a.y + 0.45 * b.y);
            let mask =
                Mask::stroke(self.size, &[(a, self.px(0.13)), (ear, self.px(0.15)), (b, self.px(0.06))], 1.0);
            self.canvas.fill(&mask, 1.0, mix(self.palette.skin, self.palette.shade, 0.3));
        }
    }

    fn head(&mut self) {
        let jaw = self.through(&(0..17).collect::<Vec<_>>());
        let forehead =
            (0..=16).map(|i| self.anatomy.project(self.anatomy.forehead(f64::from(i) / 16.0, 1.3)));
        let outline: Vec<Point> = jaw.iter().copied().chain(forehead).collect();
        let (skin, shade) = (self.palette.skin, self.palette.shade);
        let (middle, radius) = (self.at(0.0, 0.3, 0.6), self.px(1.9));
        // Darker towards the edge, as round things are.
        let round = |p: Point| mix(skin, shade, (0.35 * (p.distance(middle) / radius).powi(2)) as f32);
        self.canvas.paint(&Mask::polygon(self.size, &outline), 1.0, round);
        self.canvas.fill(&self.line(&jaw, 0.035), 0.85, shade);
    }

    /// Hair before the forehead, between the top of the head and the hairline.
    fn fringe(&mut self, rng: &mut impl Rng) {
        let (line, parting) = (between(rng, 0.62, 0.95), between(rng, -0.5, 0.5));
        let mut hair: Vec<Point> = (0..=16)
            .map(|i| self.anatomy.project(self.anatomy.forehead(f64::from(i) / 16.0, 1.42)))
            .collect();
        let hairline = [
            (-0.97, 0.2),
            (-0.85, 0.55),
            (parting - 0.4, line),
            (parting, line + 0.12),
            (parting + 0.4, line),
            (0.85, 0.55),
            (0.97, 0.2),
        ];
        let hairline: Vec<Point> =
            hairline.iter().map(|&(x, y)| self.at(x, -y, -0.3 + 0.4 * (1.0 - x * x))).collect();
        hair.extend(curve(&hairline, false));
        self.canvas.fill(&Mask::polygon(self.size, &hair), 1.0, self.palette.hair);
        // A few strands.
        for _ in 0..5 {
            let x = between(rng, -0.7, 0.7);
            let strand = [self.at(x * 0.6, -1.4, 0.0), self.at(x, -line - 0.12, 0.1)];
            let color = mix(self.palette.hair, [if rng.random() { 255.0 } else { 0.0 }; 3], 0.2);
            self.canvas.fill(&self.line(&strand, 0.05), 0.6, color);
        }
    }

    fn cheeks(&mut self, rng: &mut impl Rng) {
        let blush = mix(self.palette.skin, [225.0, 90.0, 90.0], 0.5);
        let opacity = between(rng, 0.0, 0.5) as f32;
        for side in [-1.0, 1.0] {
            let mask = Mask::disc(self.size, self.at(side * 0.55, 0.5, 0.2), self.px(0.1), self.px(0.4));
            self.canvas.fill(&mask, opacity, blush);
        }
    }

    fn nose(&mut self) {
        let (shade, skin) = (self.palette.shade, self.palette.skin);
        let bridge = self.through(&[27, 28, 29, 30]);
        // A soft shadow on the side turned away, the ridge as a fine line that ends in a bright tip
        // with a dark rim.
        let aside = self.px(if self.anatomy.turned() > 0.0 { 0.06 } else { -0.06 });
        let shadow: Vec<(Point, f64)> =
            bridge.iter().map(|p| (Point::new(p.x + aside, p.y), self.px(0.04))).collect();
        self.canvas.fill(&Mask::stroke(self.size, &shadow, self.px(0.1)), 0.35, shade);
        self.canvas.fill(&self.line(&bridge, 0.03), 0.6, shade);
        for (radius, color) in [(0.075, mix(skin, shade, 0.6)), (0.05, mix(skin, [255.0; 3], 0.7))] {
            let tip = Mask::disc(self.size, self.points[30], self.px(radius), self.px(0.03));
            self.canvas.fill(&tip, 0.85, color);
        }
        let base = self.through(&[31, 32, 33, 34, 35]);
        self.canvas.fill(&self.line(&base, 0.035), 0.9, shade);
        for i in [32, 34] {
            let p = self.points[i];
            let nostril = Mask::disc(self.size, p, self.px(0.045), 1.0);
            self.canvas.fill(&nostril, 0.9, mix(shade, [0.0; 3], 0.5));
        }
    }

    fn eyes(&mut self, rng: &mut impl Rng) {
        let (look, iris) = (between(rng, -0.25, 0.25), self.palette.iris);
        let white = [236.0, 234.0, 230.0];
        let lid = mix(self.palette.shade, [0.0; 3], 0.6);
        for (side, first, open) in
            [(-1.0, 36, self.anatomy.eye_open()[0]), (1.0, 42, self.anatomy.eye_open()[1])]
        {
            let upper = self.through(&[first, first + 1, first + 2, first + 3]);
            let lower = self.through(&[first + 3, first + 4, first + 5, first]);
            let inside: Vec<Point> = upper.iter().chain(&lower).copied().collect();
            let inside = Mask::polygon(self.size, &inside);
            if open > 0.02 {
                self.canvas.fill(&inside, 1.0, white);
                let center = self.anatomy.project(self.anatomy.eye(side, look, -0.01));
                for (radius, color) in [(0.085, iris), (0.045, [12.0; 3])] {
                    self.canvas.fill(
                        &Mask::disc(self.size, center, self.px(radius), 1.0).and(&inside),
                        1.0,
                        color,
                    );
                }
                let glint = Point::new(center.x + self.px(0.03), center.y - self.px(0.03));
                self.canvas.fill(
                    &Mask::disc(self.size, glint, self.px(0.018), 1.0).and(&inside),
                    0.9,
                    [255.0; 3],
                );
            }
            self.canvas.fill(&self.line(&lower, 0.018), 0.6, lid);
            self.canvas.fill(&self.line(&upper, 0.035), 0.95, lid);
        }
    }

    fn brows(&mut self, rng: &mut impl Rng) {
        let width = between(rng, 0.03, 0.06);
        for indices in [[21, 20, 19, 18, 17], [22, 23, 24, 25, 26]] {
            let line = self.through(&indices);
            // Thick inside, thin outside.
            let last = line.len().max(2) - 1;
            let radius = |i: usize| self.px(width * (1.0 - 0.6 * i as f64 / last as f64)).max(0.6);
            let line: Vec<(Point, f64)> = line.iter().enumerate().map(|(i, &p)| (p, radius(i))).collect();
            self.canvas.fill(&Mask::stroke(self.size, &line, 1.0), 0.95, self.palette.brow);
        }
    }

    fn mouth(&mut self, rng: &mut impl Rng) {
        let halves = |a: [usize; 2], b: [usize; 2], back: usize| {
            let mut indices: Vec<usize> = (b[0]..=b[1]).collect();
            indices.push(back);
            (self.through(&(a[0]..=a[1]).collect::<Vec<_>>()), self.through(&indices))
        };
        let (upper, lower) = halves([48, 54], [54, 59], 48);
        let (inner_upper, inner_lower) = halves([60, 64], [64, 67], 60);
        let closed = |a: &[Point], b: &[Point]| Mask::polygon(self.size, &[a, b].concat());
        let (lips, inside) = (closed(&upper, &lower), closed(&inner_upper, &inner_lower));
        let dark = mix(self.palette.lips, [30.0, 5.0, 8.0], 0.75);
        self.canvas.fill(&lips, 1.0, self.palette.lips);
        self.canvas.fill(&inside, 1.0, mix(dark, [0.0; 3], 0.4));
        if rng.random_bool(0.7) {
            let teeth: Vec<(Point, f64)> = inner_upper.iter().map(|&p| (p, self.px(0.06))).collect();
            self.canvas.fill(&Mask::stroke(self.size, &teeth, 1.0).and(&inside), 1.0, [238.0, 236.0, 226.0]);
        }
        for line in [&inner_upper, &inner_lower] {
            self.canvas.fill(&self.line(line, 0.022), 0.9, dark);
        }
        for line in [&upper, &lower] {
            self.canvas.fill(&self.line(line, 0.018), 0.7, mix(self.palette.lips, dark, 0.6));
        }
    }
}

/// Brighter on one side than on the other, coarse blotches, and fine noise.
fn light_and_noise(canvas: &mut Canvas, size: usize, rng: &mut impl Rng) {
    let (sin, cos) = between(rng, 0.0, std::f64::consts::TAU).sin_cos();
    let (strength, level) = (between(rng, 0.0, 0.6), between(rng, 0.75, 1.1));
    let (blotches, wave, phase) = (between(rng, 0.0, 0.06), between(rng, 10.0, 40.0), between(rng, 0.0, 6.0));
    let grain = between(rng, 1.0, 12.0) as f32;
    let length = size as f64;
    canvas.change(|p, color| {
        let (u, v) = (p.x / length - 0.5, p.y / length - 0.5);
        let uneven = (wave * u + phase).sin() * (wave * v - 2.0 * phase).sin();
        let light = (level + strength * (u * cos + v * sin) + blotches * uneven) as f32;
        // The sum of two uniform numbers, around zero.
        color.map(|c| c * light + grain * (rng.random::<f32>() + rng.random::<f32>() - 1.0))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_landmarks_lie_on_edges() {
        // The mean gradient at the landmarks of many faces is far above that over the face in general, point by point: the mean
        // over the faces at point i compared with the mean at points moved by a tenth of the photo at random.
        let (faces, size) = (60, 128);
        let (mut on, mut off) = (vec![0.0; 68], 0.0);
        for seed in 0..faces {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let anatomy = Anatomy::random(size, &mut rng);
            let image = image::imageops::grayscale(&paint(&anatomy, size, &mut rng));
            let range = |x: f64, y: f64| {
                let (x, y) = (x.round() as u32, y.round() as u32);
                let near = (0..9).map(|i| image.get_pixel(x + i % 3 - 1, y + i / 3 - 1).0[0]);
                f64::from(near.clone().max().unwrap() - near.min().unwrap())
            };
            for (sum, p) in on.iter_mut().zip(anatomy.landmarks()) {
                *sum += range(p.x, p.y) / faces as f64;
                let mut aside = |v: f64| (v + between(&mut rng, -12.0, 12.0)).clamp(2.0, 125.0);
                off += range(aside(p.x), aside(p.y)) / (faces * 68) as f64;
            }
        }
        for (i, on) in on.iter().enumerate() {
            assert!(*on > 1.2 * off, "point {i}: {on:.1} against {off:.1} aside");
        }
    }

    #[test]
    fn brows_stand_out_from_every_skin() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for _ in 0..500 {
            let palette = Palette::random(&mut rng);
            assert!(luma(palette.skin) - luma(palette.brow) > 40.0);
            assert!(luma(palette.skin) - luma(palette.shade) > 30.0);
        }
    }
}
