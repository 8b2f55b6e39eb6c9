//! What parts are made of, and where there is none of it.

use crate::head::Surface;
use crate::math::Color;
use crate::paint::Noise;

/// How a part is shaded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Material {
    Head(Surface),
    Hair,
    /// Cloth, paper, plastic, by its number among the face's wares.
    Ware(usize),
    /// Spectacle glass, through which one sees.
    Lens,
    /// A hand.
    Hand,
}

/// How gaps in a part are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cutout {
    None,
    Lashes,
    /// Hair in strands that end raggedly; how ragged, 0 to 1.
    Strands(f32),
    /// Single strands that stand off from the others.
    Wisps,
}

/// What a thing is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ware {
    pub color: Color,
    /// A second color in stripes or checks; how many to a texture, across and along (0: none).
    pub second: Color,
    pub stripes: [f32; 2],
    /// 0 dull to 1 like a mirror.
    pub gloss: f32,
    /// How coarse the weave and the folds are.
    pub rough: f32,
}

/// Spectacle glass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lens {
    pub color: Color,
    /// 0 clear to 1 opaque.
    pub opacity: f32,
    /// How much of the surroundings is mirrored, 0 to 1.
    pub mirror: f32,
}

impl Lens {
    /// Whether nobody can tell what is behind.
    pub(crate) fn is_opaque(&self) -> bool {
        self.opacity > 0.7 || self.mirror > 0.5
    }
}

/// How hair is cut into strands on a surface; one a style.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strands {
    /// Tiles of streaks around the head and along the strands.
    pub across: f32,
    pub along: f32,
    /// How much strands curl, 0 straight.
    pub curl: f32,
}

impl Strands {
    /// The streaks at a texture coordinate, about -1 to 1; `at` looks into a tile, between cells or at the nearest.
    pub(crate) fn streak(&self, noise: &Noise, [u, v]: [f32; 2], at: fn(&[f32], f32, f32) -> f32) -> f32 {
        if self.curl > 0.0 {
            let bend = at(&noise.cloud, 5.0 * u, 3.0 * v) * self.curl;
            let (across, along) = (u * self.across + 0.12 * bend, v * self.along - 0.5 * bend);
            0.6 * at(&noise.streaks, across, along) + 0.6 * self.curl * at(&noise.cloud, 6.0 * u, 9.0 * v)
        } else {
            let sway = 0.05 * at(&noise.cloud, 2.0 * u, 0.7 * v);
            at(&noise.streaks, u * self.across + sway, v * self.along)
        }
    }
}

/// What the gaps of a face's hair and lashes depend on.
pub(crate) struct Gaps<'a> {
    pub noise: &'a Noise,
    pub strands: Strands,
    /// 0 no lashes to 1 thick ones.
    pub lashes: f32,
}

impl Gaps<'_> {
    /// Whether something is there, at the texture coordinates that `uv` works out where they are needed.
    pub(crate) fn keep(&self, cutout: Cutout, uv: impl Fn() -> [f32; 2]) -> bool {
        match cutout {
            Cutout::None => true,
            Cutout::Lashes => {
                // Six cards lie above each other on the texture: three of the upper lid, three of the lower.
                let [u, v] = uv();
                let upper = v > 0.5;
                let along = ((if upper { 0.988 } else { 0.486 } - v).rem_euclid(0.166) / 0.14).min(1.0);
                let (length, many) = if upper { (0.95, 1.0) } else { (0.55, 0.45) };
                let across = ((u + 0.01 * along) * 95.0).fract() - 0.5;
                let strand = Noise::near(
                    &self.noise.grain,
                    (u * 95.0).floor() * 0.137,
                    v.mul_add(6.0, 0.5).floor() * 0.31,
                );
                let density = self.lashes * many;
                along < length * (0.75 + 0.3 * strand)
                    && across.abs() < 0.26 * density * (1.1 - along / length)
            }
            Cutout::Strands(ragged) => {
                let [u, v] = uv();
                let streak = self.strands.streak(self.noise, [u, v], Noise::near);
                // Each strand has its own length; the ends of v are the tips.
                let uneven = 0.35 + 0.7 * streak + 0.2 * Noise::near(&self.noise.cloud, 3.0 * u, 0.5);
                v < 1.0 - ragged * uneven.clamp(0.0, 1.0)
            }
            Cutout::Wisps => {
                let [u, v] = uv();
                v < 0.93 && self.strands.streak(self.noise, [u + 0.37, v], Noise::near) > 0.55
            }
        }
    }
}
