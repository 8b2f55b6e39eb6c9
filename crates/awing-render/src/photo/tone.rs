//! From light to the bytes of a photo.

use image::RgbImage;

use crate::math::{Color, vec3};
use crate::random::Chance;

/// Develops a square photo. `face` is how bright the face is on average in the light of the scene, which the camera's
/// automatic exposure goes by in part.
pub(crate) fn develop(colors: &[Color], size: usize, face: f32, c: &mut Chance) -> RgbImage {
    let automatic = (0.30 / face.max(0.01)).powf(0.65);
    let exposure = automatic * 2.0_f32.powf(c.normal_within(2.2) * 0.38);
    let warm = c.normal_within(2.0) * 0.06;
    let balance = vec3(1.0 + warm, 1.0 + c.normal_within(2.0) * 0.015, 1.0 - warm) * exposure;
    let contrast = c.between(0.85, 1.2);
    let lift = c.unit().powi(3) * 0.03;
    // Gray photos, and colors stronger or weaker.
    let saturation = if c.odds(0.06) { 0.0 } else { c.between(0.75, 1.2) };
    let table: Vec<u8> = (0..4096).map(|i| curve(i as f32 / 4095.0 * 4.0, contrast, lift)).collect();
    let byte = |v: f32| table[((v.max(0.0) * (4095.0 / 4.0)) as usize).min(4095)];
    let mut bytes = Vec::with_capacity(colors.len() * 3);
    for color in colors {
        let color = color.times(balance);
        let gray = 0.3 * color.x + 0.6 * color.y + 0.1 * color.z;
        let color = vec3(gray, gray, gray).mix(color, saturation);
        bytes.extend([byte(color.x), byte(color.y), byte(color.z)]);
    }
    RgbImage::from_raw(size as u32, size as u32, bytes).unwrap_or_default()
}

/// sRGB with a shoulder, so that highlights do not break off.
fn curve(light: f32, contrast: f32, lift: f32) -> u8 {
    // Straight up to 0.6, then bent towards 1.
    let v = if light < 0.6 { light } else { 0.6 + 0.4 * (1.0 - (-(light - 0.6) / 0.4).exp()) };
    let encoded = if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
    let v = 0.45 + (encoded - 0.45) * contrast;
    ((lift + (1.0 - lift) * v).clamp(0.0, 1.0) * 255.0).round() as u8
}
