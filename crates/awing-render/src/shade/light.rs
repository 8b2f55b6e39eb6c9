//! The lamps and the sky of one photo.

use crate::math::{Color, Vec3, smooth, vec3};
use crate::random::Chance;
use crate::raster::ShadowMap;

/// A distant lamp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lamp {
    /// Towards the lamp, of length 1.
    pub direction: Vec3,
    pub color: Color,
}

/// All light on the face. White skin straight under it returns about 1.
pub(crate) struct Lights {
    /// Throws shadows.
    pub key: Lamp,
    /// How soft its shadows are, in centimeters.
    pub softness: f32,
    /// None to two lamps without shadows.
    pub fill: Vec<Lamp>,
    /// Light from all around: its mean, and its rise in each direction.
    sky: Color,
    rise: [Color; 3],
}

impl Lights {
    pub(crate) fn random(c: &mut Chance) -> Self {
        let around = |azimuth: f32, height: f32| {
            let ((sa, ca), (sh, ch)) = (azimuth.sin_cos(), height.sin_cos());
            vec3(sa * ch, sh, ca * ch)
        };
        // Mostly before and above; sometimes from the side, from behind, from below.
        let key = match c.below(12) {
            0..=6 => around(c.normal_within(2.0) * 0.7, c.between(0.1, 1.1)),
            7..=9 => around(c.between(0.7, 1.7) * if c.odds(0.5) { 1.0 } else { -1.0 }, c.between(-0.1, 0.9)),
            10 => around(c.between(1.7, 3.1) * if c.odds(0.5) { 1.0 } else { -1.0 }, c.between(0.1, 0.9)),
            _ => around(c.normal() * 0.6, c.between(-0.8, 0.0)),
        };
        let warm = |c: &mut Chance, spread: f32| {
            let t = c.normal_within(2.0) * spread;
            vec3(1.0 + 0.22 * t, 1.0 + 0.02 * t, 1.0 - 0.25 * t)
        };
        // The share of the light that comes from all around: an overcast sky to a bare bulb.
        let soft = c.between(0.1, 0.75);
        let key_color = warm(c, 0.5) * (1.75 * (1.0 - soft));
        let lamp = |c: &mut Chance| {
            let direction = around(c.between(-2.2, 2.2), c.between(-0.4, 0.9));
            Lamp { direction, color: warm(c, 0.4) * c.between(0.05, 0.5) }
        };
        let mut fill: Vec<Lamp> = (0..c.below(3)).map(|_| lamp(c)).collect();
        if c.odds(0.06) {
            // A colored lamp, as on a stage.
            let gels = [vec3(1.2, 0.2, 0.3), vec3(0.2, 0.4, 1.3), vec3(0.9, 0.2, 1.1), vec3(0.2, 1.0, 0.6)];
            fill.push(Lamp { color: c.pick(&gels) * 0.6, ..lamp(c) });
        }
        let sky = warm(c, 0.3) * (0.85 * soft);
        let side = c.normal_within(2.0) * 0.2;
        let rise = [sky * side, sky.times(warm(c, 0.3)) * c.between(0.05, 0.5), sky * c.between(-0.15, 0.35)];
        Self {
            key: Lamp { direction: key, color: key_color },
            softness: c.between(0.15, 1.0),
            fill,
            sky,
            rise,
        }
    }

    /// Light from all around on a surface with this normal.
    pub(crate) fn ambient(&self, n: Vec3) -> Color {
        (self.sky + self.rise[0] * n.x + self.rise[1] * n.y + self.rise[2] * n.z).map(|v| v.max(0.02))
    }

    /// All light on a surface without shadows.
    pub(crate) fn on(&self, n: Vec3) -> Color {
        let lamp = |l: &Lamp| l.color * n.dot(l.direction).max(0.0);
        self.fill.iter().fold(self.ambient(n) + lamp(&self.key), |sum, l| sum + lamp(l))
    }

    /// All lamps, and how much of each reaches a place where the key lamp's share is `reaches` and the others' is `open`.
    pub(crate) fn lamps(&self, reaches: f32, open: f32) -> impl Iterator<Item = (&Lamp, f32)> {
        std::iter::once((&self.key, reaches)).chain(self.fill.iter().map(move |lamp| (lamp, open)))
    }

    /// The light of the key lamp that reaches a place, 0 to 1.
    pub(crate) fn key_reaches(&self, shadow: &ShadowMap, place: Vec3, normal: Vec3) -> f32 {
        let cosine = normal.dot(self.key.direction);
        if cosine < -0.2 {
            return 0.0;
        }
        // The map is made of steps, the higher the more the lamp only grazes the surface, and the softness looks farther
        // aside; a surface that turns away is dark in any case.
        let slope = (1.0 - cosine * cosine).sqrt() / cosine.max(0.15);
        let slack = 0.15 + (0.15 + self.softness) * slope * 0.6;
        shadow.light(place + normal * 0.15, self.softness, slack) * smooth(-0.2, 0.15, cosine)
    }
}
