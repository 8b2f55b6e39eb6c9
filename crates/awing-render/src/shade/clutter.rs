//! Things of all sizes that lie on each other, and no face: what a detector must not take for one.
//!
//! Shapes whose number falls with the cube of their size look as natural scenes do at every scale (the dead leaves model: Lee, Mumford, Huang,
//! "Occlusion models for natural images", IJCV 2001).

use super::background::Background;
use super::light::Lights;
use crate::math::{Color, Vec3, linear, mix, smooth, vec3};
use crate::paint::{Noise, skin_tone};
use crate::random::Chance;

/// The smallest radius of a shape, in pixels.
const SMALLEST: f32 = 1.5;
/// How wide the soft edge of a shape is, in pixels.
const EDGE: f32 = 1.0;

/// A shape in the plane of the picture.
struct Leaf {
    center: [f32; 2],
    /// Half the extent along and across, in pixels.
    half: [f32; 2],
    /// Cosine and sine of how it is turned.
    turn: [f32; 2],
    /// 2 an ellipse, more a box with round corners, less a star.
    power: f32,
    cover: Cover,
}

/// What a shape looks like.
struct Cover {
    colors: [Color; 2],
    /// How the second color is mixed in: bands along, checks, or a noise.
    pattern: Pattern,
    /// Waves or cells over the shape.
    rate: f32,
    /// Where the noise begins.
    shift: [f32; 2],
    /// Strength of fine grain.
    grain: f32,
    /// 0 flat, 1 as round as a ball.
    round: f32,
}

#[derive(Clone, Copy)]
enum Pattern {
    Plain,
    Bands,
    Checks,
    Cloud,
    Streaks,
}

/// Lays things over a background.
pub(crate) fn lay(background: &mut Background, noise: &Noise, lights: &Lights, c: &mut Chance) {
    let size = background.size as f32;
    // Numbers of things from a bare wall to a heap of gravel.
    let count = (4.0 * (c.unit() * 5.0).exp()) as usize;
    let largest = size * c.between(0.08, 0.45);
    // The same few colors come again in a scene.
    let palette: Vec<Color> = (0..3 + c.below(8)).map(|_| any_color(c)).collect();
    let mut leaves: Vec<Leaf> = (0..count).map(|_| Leaf::random(size, largest, &palette, c)).collect();
    // The large ones lie mostly below: a heap that its largest thing covers shows nothing else.
    leaves.sort_by(|a, b| b.half[0].total_cmp(&a.half[0]));
    for i in 0..leaves.len() {
        if c.odds(0.3) {
            let other = c.below(leaves.len());
            leaves.swap(i, other);
        }
    }
    for leaf in &leaves {
        leaf.draw(background, noise, lights);
    }
}

impl Leaf {
    fn random(size: f32, largest: f32, palette: &[Color], c: &mut Chance) -> Self {
        // The inverse of the distribution whose density falls with the cube.
        let (small, large) = (SMALLEST.powi(-2), largest.max(2.0 * SMALLEST).powi(-2));
        let radius = mix(large, small, c.unit().powi(2)).powf(-0.5);
        let slim = c.between(0.15, 1.0).sqrt();
        let angle = c.between(0.0, std::f32::consts::TAU);
        let pattern = match c.below(10) {
            0..=3 => Pattern::Plain,
            4 | 5 => Pattern::Cloud,
            6 => Pattern::Streaks,
            7 | 8 => Pattern::Bands,
            _ => Pattern::Checks,
        };
        Self {
            center: [c.between(-0.1, 1.1) * size, c.between(-0.1, 1.1) * size],
            half: [radius, radius * slim],
            turn: [angle.cos(), angle.sin()],
            power: [0.8, 2.0, 2.0, 4.0, 12.0][c.below(5)],
            cover: Cover {
                colors: [c.pick(palette), c.pick(palette)],
                pattern,
                rate: c.between(1.0, 9.0),
                shift: [c.unit(), c.unit()],
                grain: c.unit().powi(2) * 0.4,
                round: if c.odds(0.5) { c.unit() } else { 0.0 },
            },
        }
    }

    fn draw(&self, background: &mut Background, noise: &Noise, lights: &Lights) {
        let size = background.size;
        let reach = self.half[0] * 1.5 + EDGE;
        let range = |middle: f32| {
            let top = size as f32 - 1.0;
            ((middle - reach).clamp(0.0, top) as usize, (middle + reach).clamp(0.0, top) as usize)
        };
        let ((x0, x1), (y0, y1)) = (range(self.center[0]), range(self.center[1]));
        for y in y0..=y1 {
            for x in x0..=x1 {
                let (dx, dy) = (x as f32 - self.center[0], y as f32 - self.center[1]);
                let at = [
                    (dx * self.turn[0] + dy * self.turn[1]) / self.half[0],
                    (dy * self.turn[0] - dx * self.turn[1]) / self.half[1],
                ];
                let far =
                    (at[0].abs().powf(self.power) + at[1].abs().powf(self.power)).powf(1.0 / self.power);
                let inside = (1.0 - far) * self.half[1];
                if inside > -EDGE {
                    let color = self.cover.at(at, far, self.turn, noise, lights);
                    let pixel = &mut background.colors[y * size + x];
                    *pixel = pixel.mix(color, smooth(-EDGE, EDGE, inside));
                }
            }
        }
    }
}

impl Cover {
    /// The light of a place of the shape, -1 to 1 along and across, `far` from its middle (1 at its edge).
    fn at(&self, [u, v]: [f32; 2], far: f32, turn: [f32; 2], noise: &Noise, lights: &Lights) -> Color {
        let on = |t: f32| (t * self.rate * 0.5 + 64.0).fract() > 0.5;
        let (x, y) = (0.15 * u + self.shift[0], 0.15 * v + self.shift[1]);
        let share = match self.pattern {
            Pattern::Plain => 0.0,
            Pattern::Bands => f32::from(u8::from(on(u))),
            Pattern::Checks => f32::from(u8::from(on(u) != on(v))),
            Pattern::Cloud => (0.5 + 0.7 * Noise::at(&noise.cloud, x, y)).clamp(0.0, 1.0),
            Pattern::Streaks => (0.5 + 0.6 * Noise::at(&noise.streaks, x, y)).clamp(0.0, 1.0),
        };
        let grain = 1.0 + self.grain * Noise::near(&noise.grain, u, v);
        // Bent like a dome, whose height over the picture falls towards the edge.
        let bent = self.round * far.min(1.0);
        let aside = vec3(u * turn[0] - v * turn[1], -(u * turn[1] + v * turn[0]), 0.0).unit() * bent;
        let normal = (aside + vec3(0.0, 0.0, (1.0 - bent * bent).max(0.05).sqrt())).unit();
        self.colors[0].mix(self.colors[1], share).times(lights.on(normal)) * grain.max(0.1)
    }
}

/// A color of things: gray and brown ones, skin among them, more often than bright ones.
fn any_color(c: &mut Chance) -> Color {
    if c.odds(0.2) {
        return skin_tone(c.unit(), c.normal_within(2.0), c.normal_within(2.0));
    }
    let gray = linear(c.unit());
    let hue = vec3(c.unit(), c.unit(), c.unit()) * (2.0 * gray);
    (Vec3::ONE * gray).mix(hue, c.unit().powi(2)).map(|v| v.min(1.0))
}
