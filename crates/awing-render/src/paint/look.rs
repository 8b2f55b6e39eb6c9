//! What a person's skin and hair are like, before anything is painted.

use crate::math::{Color, mix, smooth, srgb, vec3};
use crate::random::Chance;

/// The color of the hair of the head, the brows and the beard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HairColor {
    pub base: Color,
    /// The color that grows: of brows, lashes and beard, where the hair of the head is dyed.
    pub natural: Color,
    /// 0 none to 1 all gray hairs.
    pub gray: f32,
}

/// Facial hair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Beard {
    None,
    /// The shadow of shaved hair, and stubs.
    Stubble,
    Moustache,
    /// Chin and moustache.
    Goatee,
    Full,
}

/// A person's look.
#[derive(Clone)]
pub(crate) struct Look {
    /// 0 the lightest skin to 1 the darkest.
    pub melanin: f32,
    /// Redness of the skin, about -1 to 1.
    pub blood: f32,
    /// Yellowness, about -1 to 1.
    pub yellow: f32,
    /// 0 a child's skin to 1 a very old one.
    pub age: f32,
    /// 0 dry to 1 oily.
    pub oil: f32,
    /// How uneven the skin's color is, 0 to 1.
    pub uneven: f32,
    pub freckles: f32,
    pub moles: usize,
    pub spots: usize,
    pub hair: HairColor,
    /// Brows: width in shares of the texture, how dense (0 to 1), how much they rise in the middle.
    pub brow_width: f32,
    pub brow_density: f32,
    pub brow_arch: f32,
    /// Darker than the hair of the head by this share.
    pub brow_dark: f32,
    pub beard: Beard,
    /// 0 sparse to 1 thick.
    pub beard_density: f32,
    /// Shares of a texel's color replaced, and with what.
    pub lipstick: (f32, Color),
    pub eye_shadow: (f32, Color),
    pub liner: f32,
    pub blush: f32,
    /// The iris.
    pub iris: Color,
    pub iris_rim: f32,
    pub pupil: f32,
    /// Red veins in the white of the eye, 0 to 1, and how yellow it is.
    pub veins: f32,
    pub lash_density: f32,
    pub teeth: Color,
    pub feminine: bool,
}

/// How much light skin returns, by its melanin (0 to 1), blood and yellowness (about -1 to 1).
pub(crate) fn skin_tone(melanin: f32, blood: f32, yellow: f32) -> Color {
    // Measured tones of skin in photos, from the lightest to the darkest.
    const TONES: [[u8; 3]; 7] = [
        [250, 220, 204],
        [241, 201, 176],
        [226, 178, 146],
        [206, 157, 127],
        [165, 117, 89],
        [119, 79, 56],
        [76, 50, 37],
    ];
    let at = melanin.clamp(0.0, 1.0) * (TONES.len() - 1) as f32;
    let low = (at as usize).min(TONES.len() - 2);
    let tone = |i: usize| srgb(TONES[i][0], TONES[i][1], TONES[i][2]);
    let base = tone(low).mix(tone(low + 1), at - low as f32);
    base.times(vec3(
        1.0 + 0.05 * blood + 0.01 * yellow,
        1.0 - 0.13 * blood + 0.02 * yellow,
        1.0 - 0.11 * blood - 0.16 * yellow,
    ))
}

impl Look {
    pub(crate) fn random(c: &mut Chance) -> Self {
        let feminine = c.odds(0.5);
        let melanin = c.unit().powf(1.15);
        let age = c.unit().powf(1.6);
        let light = smooth(0.45, 0.1, melanin);
        let gray = if age > 0.45 && c.odds(0.6) { c.between(0.2, 1.0) * smooth(0.4, 0.8, age) } else { 0.0 };
        let natural = hair_color(c, light);
        let dyes = [
            srgb(150, 40, 60),
            srgb(60, 80, 150),
            srgb(170, 90, 150),
            srgb(60, 120, 90),
            srgb(190, 160, 110),
        ];
        let base = if c.odds(0.05) { c.pick(&dyes) } else { natural };
        let hair = HairColor { base, natural, gray };
        let made_up = feminine && c.odds(0.5);
        let beard = if feminine || c.odds(0.4) {
            Beard::None
        } else {
            c.pick(&[
                Beard::Stubble,
                Beard::Stubble,
                Beard::Stubble,
                Beard::Moustache,
                Beard::Goatee,
                Beard::Full,
                Beard::Full,
            ])
        };
        let lips = [
            srgb(170, 30, 50),
            srgb(120, 20, 40),
            srgb(210, 90, 100),
            srgb(190, 60, 40),
            srgb(90, 30, 50),
            srgb(200, 110, 100),
        ];
        let shadow =
            [srgb(70, 50, 50), srgb(120, 80, 60), srgb(60, 60, 90), srgb(140, 90, 110), srgb(40, 35, 35)];
        let iris_light = [
            srgb(96, 130, 160),
            srgb(120, 140, 140),
            srgb(98, 118, 80),
            srgb(140, 110, 60),
            srgb(100, 66, 36),
        ];
        let iris_dark = [srgb(70, 42, 24), srgb(48, 28, 18), srgb(92, 58, 30)];
        Self {
            melanin,
            blood: c.normal_within(2.0) * 0.5,
            yellow: c.normal_within(2.0) * 0.5,
            age,
            oil: c.unit(),
            uneven: c.between(0.2, 1.0),
            freckles: if c.odds(0.15 + 0.25 * light) { c.unit() } else { 0.0 },
            moles: if c.odds(0.5) { c.below(7) } else { 0 },
            spots: if c.odds(0.3) { c.below(18) } else { 0 },
            brow_width: if feminine { c.between(0.014, 0.028) } else { c.between(0.018, 0.04) },
            brow_density: if c.odds(0.08) { c.between(0.0, 0.15) } else { c.between(0.35, 1.0) },
            brow_arch: c.between(-0.006, 0.01),
            brow_dark: c.between(0.5, 1.0),
            beard,
            beard_density: c.between(0.3, 1.0),
            lipstick: if made_up { (c.between(0.2, 0.9), c.pick(&lips)) } else { (0.0, Color::ZERO) },
            eye_shadow: if made_up && c.odds(0.6) {
                (c.between(0.1, 0.7), c.pick(&shadow))
            } else {
                (0.0, Color::ZERO)
            },
            liner: if made_up { c.unit() } else { 0.0 },
            blush: if made_up { c.unit() } else { c.between(0.0, 0.4) },
            iris: if c.odds(light) { c.pick(&iris_light) } else { c.pick(&iris_dark) },
            iris_rim: c.unit(),
            pupil: c.between(0.25, 0.5),
            veins: c.unit().powi(2),
            lash_density: if feminine { c.between(0.5, 1.0) } else { c.between(0.15, 0.6) },
            teeth: vec3(0.78, 0.74, 0.64).mix(vec3(0.72, 0.60, 0.40), c.unit().powi(2)),
            hair,
            feminine,
        }
    }
}

fn hair_color(c: &mut Chance, light: f32) -> Color {
    let black = srgb(26, 22, 20);
    let brown = srgb(74, 50, 34);
    if c.odds(light) {
        let fair =
            c.pick(&[srgb(190, 156, 104), srgb(150, 112, 70), srgb(150, 76, 40), brown, srgb(110, 80, 54)]);
        fair.mix(brown, mix(0.0, 0.5, c.unit()))
    } else {
        black.mix(brown, c.unit().powi(2))
    }
}

/// What hair looks like after its roots went gray: each strand is one or the other.
pub(super) fn strand_color(look: &Look, c: &mut Chance) -> Color {
    let gray = srgb(200, 198, 194);
    let own = look.hair.natural * c.between(0.6, 1.3);
    if c.odds(look.hair.gray) { gray * c.between(0.7, 1.1) } else { own }
}
