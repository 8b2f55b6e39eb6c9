//! What is behind the head: drawn, or one of the photos given.

use image::RgbImage;

use super::light::Lights;
use crate::math::{Color, linear, mix, smooth, vec3};
use crate::paint::Noise;
use crate::random::Chance;

/// Colors in linear light, row by row.
pub(crate) struct Background {
    pub size: usize,
    pub colors: Vec<Color>,
}

impl Background {
    /// Drawn at random, or cut from one of the photos (three times of four where there are any).
    pub(crate) fn random(
        size: usize,
        photos: &[RgbImage],
        noise: &Noise,
        lights: &Lights,
        c: &mut Chance,
    ) -> Self {
        let colors = if !photos.is_empty() && c.odds(0.75) {
            part_of(&photos[c.below(photos.len())], size, c)
        } else {
            // Nothing in a drawn background is sharp: a quarter of the places is enough.
            doubled(&drawn(size.div_ceil(2), noise, lights, c), size)
        };
        Self { size, colors }
    }
}

/// Twice as many places a side, those between blended; `size` is how many are kept.
fn doubled(half: &[Color], size: usize) -> Vec<Color> {
    let n = size.div_ceil(2);
    let split = |i: usize| {
        let low = (i.saturating_sub(1) / 2).min(n - 1);
        (
            low,
            (low + 1).min(n - 1),
            if i == 0 {
                0.0
            } else if i % 2 == 1 {
                0.25
            } else {
                0.75
            },
        )
    };
    let mut colors = Vec::with_capacity(size * size);
    for y in 0..size {
        let (y0, y1, ty) = split(y);
        for x in 0..size {
            let (x0, x1, tx) = split(x);
            let row = |y: usize| half[y * n + x0].mix(half[y * n + x1], tx);
            colors.push(row(y0).mix(row(y1), ty));
        }
    }
    colors
}

/// A random square of a photo, not less than half its shorter side.
fn part_of(photo: &RgbImage, size: usize, c: &mut Chance) -> Vec<Color> {
    let (w, h) = (photo.width() as f32, photo.height() as f32);
    let side = w.min(h) * c.between(0.5, 1.0);
    let (x0, y0) = (c.between(0.0, w - side), c.between(0.0, h - side));
    let step = side / size as f32;
    let value = |x: usize, y: usize| {
        let at = |t: f32, n: u32| (t.max(0.0) as u32).min(n.saturating_sub(1));
        let p = photo
            .get_pixel(at(x0 + x as f32 * step, photo.width()), at(y0 + y as f32 * step, photo.height()));
        let [r, g, b] = p.0.map(|v| linear(f32::from(v) / 255.0));
        vec3(r, g, b)
    };
    (0..size * size).map(|i| value(i % size, i / size)).collect()
}

fn any_color(c: &mut Chance) -> Color {
    let (gray, tint) = (c.unit().powi(2) * 0.9 + 0.01, c.between(0.0, 0.6));
    let hue = vec3(c.unit(), c.unit(), c.unit());
    Color { x: gray, y: gray, z: gray }.mix(hue * (gray * 2.0), tint)
}

fn drawn(size: usize, noise: &Noise, lights: &Lights, c: &mut Chance) -> Vec<Color> {
    let n = size as f32;
    let (a, b, d) = (any_color(c), any_color(c), any_color(c));
    let tilt = c.between(-0.5, 0.5);
    let shift = [c.unit(), c.unit()];
    let zoom = c.between(0.3, 2.0);
    let clouds = c.between(0.0, 0.8);
    let coordinates = move |i: usize| ((i % size) as f32 / n, (i / size) as f32 / n);
    let mut colors: Vec<Color> = match c.below(9) {
        // A wall under uneven light.
        0..=2 => (0..size * size)
            .map(|i| {
                let (x, y) = coordinates(i);
                let cloud = Noise::at(&noise.cloud, x * zoom + shift[0], y * zoom + shift[1]);
                a.mix(b, (y + tilt * x + 0.3 * cloud).clamp(0.0, 1.0) * clouds)
            })
            .collect(),
        // Outdoors: sky, a far line of trees or houses, ground.
        3 | 4 => {
            let horizon = c.between(0.2, 0.8);
            let sky = vec3(0.45, 0.62, 0.9).mix(vec3(0.85, 0.85, 0.85), c.unit());
            let green = vec3(0.08, 0.14, 0.04).mix(a, c.unit() * 0.6);
            (0..size * size)
                .map(|i| {
                    let (x, y) = coordinates(i);
                    let edge = horizon + 0.12 * Noise::at(&noise.cloud, x * zoom + shift[0], shift[1]);
                    let leaf = Noise::at(&noise.cloud, 3.0 * x + shift[1], 3.0 * y + shift[0]);
                    let ground = green * (1.0 + 0.8 * leaf).max(0.1);
                    sky.mix(ground, smooth(edge - 0.02, edge + 0.02, y))
                })
                .collect()
        }
        // A room: planes with edges, shelves or window frames.
        5..=7 => {
            let bars: Vec<([f32; 4], Color)> = (0..3 + c.below(12))
                .map(|_| {
                    let (x, y) = (c.between(-0.2, 1.0), c.between(-0.2, 1.0));
                    let long = c.odds(0.5);
                    let (w, h) = if long {
                        (c.between(0.2, 0.9), c.between(0.01, 0.3))
                    } else {
                        (c.between(0.01, 0.3), c.between(0.2, 0.9))
                    };
                    ([x, y, x + w, y + h], any_color(c))
                })
                .collect();
            let blur = c.between(0.003, 0.04);
            (0..size * size)
                .map(|i| {
                    let (x, y) = coordinates(i);
                    let sheared = y + tilt * 0.3 * x;
                    let mut color = a.mix(b, y * 0.6);
                    for ([x0, y0, x1, y1], bar) in &bars {
                        let inside = |t: f32, low: f32, high: f32| {
                            smooth(low - blur, low + blur, t) * smooth(high + blur, high - blur, t)
                        };
                        color = color.mix(*bar, inside(x, *x0, *x1) * inside(sheared, *y0, *y1));
                    }
                    color
                })
                .collect()
        }
        // Stripes or a print.
        _ => {
            let (fx, fy) = (c.between(0.0, 14.0), c.between(0.0, 14.0));
            let sharp = c.between(1.0, 8.0);
            (0..size * size)
                .map(|i| {
                    let (x, y) = coordinates(i);
                    let wave = (fx * x * 6.3).sin()
                        + (fy * y * 6.3).sin()
                        + 0.8 * Noise::at(&noise.cloud, x * zoom, y * zoom);
                    a.mix(d, (wave * sharp * 0.3 + 0.5).clamp(0.0, 1.0))
                })
                .collect()
        }
    };
    // Lamps out of focus.
    if c.odds(0.3) {
        for _ in 0..3 + c.below(20) {
            let (cx, cy, r) = (c.unit() * n, c.unit() * n, c.between(0.01, 0.07) * n);
            let (glow, strength) = (any_color(c) * 2.0 + vec3(0.4, 0.3, 0.15), c.between(0.2, 0.9));
            let range = |t: f32| ((t - r).max(0.0) as usize, ((t + r).max(0.0) as usize).min(size - 1));
            let ((x0, x1), (y0, y1)) = (range(cx), range(cy));
            for y in y0..=y1 {
                for x in x0..=x1 {
                    let far = (x as f32 - cx).hypot(y as f32 - cy) / r;
                    let color = &mut colors[y * size + x];
                    *color = color.mix(glow, strength * smooth(1.0, 0.85, far));
                }
            }
        }
    }
    // The room has the light of the scene, brighter or darker.
    let light = lights.ambient(vec3(0.0, 0.2, 0.9)) + lights.key.color * 0.35;
    let strength = mix(0.4, 1.8, c.unit());
    let lit = light * (strength / (light.x + light.y + light.z).max(0.05) * 3.0).min(4.0);
    let lit = vec3(1.0, 1.0, 1.0).mix(lit, 0.6);
    colors.iter_mut().for_each(|color| *color = color.times(lit));
    colors
}
