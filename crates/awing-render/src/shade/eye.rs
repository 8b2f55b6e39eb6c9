//! The eyeball: white, iris, pupil and the wet shine.

use super::fragment::Fragment;
use super::light::Lights;
use crate::math::{Color, Vec3, lobe, mix, smooth, vec3};
use crate::paint::{Look, Noise};
use crate::raster::ShadowMap;

/// Where an eye is and looks, in the camera's frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eye {
    pub center: Vec3,
    pub gaze: Vec3,
    pub radius: f32,
    /// The middle of the upper lid's edge, and what is up for the head.
    pub lid: Vec3,
    pub up: Vec3,
}

pub(crate) fn shade(
    f: &Fragment,
    eye: &Eye,
    look: &Look,
    noise: &Noise,
    lights: &Lights,
    shadow: &ShadowMap,
) -> Color {
    let from = (f.place - eye.center) * (1.0 / eye.radius);
    let ahead = from.dot(eye.gaze);
    let aside = from - eye.gaze * ahead;
    // In radii of the eyeball; the iris lies a little behind the cornea, so that it slides as one looks from the side.
    let slid = aside + (f.view - eye.gaze * f.view.dot(eye.gaze)) * -0.12;
    let r = if ahead > 0.0 { slid.length() } else { 1.0 };
    const IRIS: f32 = 0.41;

    let up = vec3(0.0, 1.0, 0.0);
    let right = up.cross(eye.gaze).unit();
    let angle = slid.dot(up).atan2(slid.dot(right)) / std::f32::consts::TAU + 0.5;
    let streak = Noise::at(&noise.streaks, angle, r);
    let fibers = 1.0 + 0.35 * streak + 0.15 * Noise::at(&noise.cloud, 2.0 * angle, 3.0 * r);
    let inner = smooth(0.9, 0.35, r / IRIS);
    let mut iris = look.iris * fibers.max(0.2) * mix(0.9, 1.3, inner);
    iris = iris * (1.0 - (0.35 + 0.5 * look.iris_rim) * smooth(0.75, 1.0, r / IRIS));
    iris = iris.mix(vec3(0.004, 0.004, 0.004), smooth(look.pupil + 0.06, look.pupil - 0.04, r / IRIS));

    let vein = Noise::at(&noise.cloud, 1.7 * angle + 0.3 * r, 2.0 * r);
    let red =
        look.veins * (smooth(0.1, 0.0, vein.abs() - 0.02) * 0.6 + 0.25) * smooth(0.45, 0.95, aside.length());
    let white = vec3(0.58, 0.54, 0.51).times(vec3(1.0, 1.0 - 0.45 * red, 1.0 - 0.45 * red));
    let color = iris.mix(white, smooth(IRIS - 0.03, IRIS + 0.035, r));

    // Lids and lashes shade the ball's upper edge and its corners.
    let normal = from.unit();
    let reaches = lights.key_reaches(shadow, f.place + f.view * 0.15, normal);
    let open = f.open * mix(0.4, 1.0, smooth(-0.05, 0.45, (eye.lid - f.place).dot(eye.up)));
    let wrapped = |l: Vec3| (normal.dot(l) * 0.6 + 0.4).max(0.0);
    let mut light =
        lights.ambient(normal) * open + lights.key.color * (wrapped(lights.key.direction) * reaches);
    for lamp in &lights.fill {
        light += lamp.color * (wrapped(lamp.direction) * open);
    }
    let mut out = color.times(light);

    // The cornea bulges, which makes the highlight small and lets it move with the gaze.
    let bulge = smooth(IRIS + 0.12, IRIS - 0.1, aside.length()) * 0.55;
    let wet = (normal + aside * bulge).unit();
    for (lamp, share) in lights.lamps(reaches.max(0.25), 0.7) {
        let half = (lamp.direction + f.view).unit();
        let facing = wet.dot(half).max(0.0);
        out += lamp.color * (share * (2.2 * lobe(facing, 400.0) + 0.05 * lobe(facing, 30.0)));
    }
    let mirror = wet * (2.0 * wet.dot(f.view)) - f.view;
    out + lights.ambient(mirror) * (0.05 * open * smooth(-0.2, 0.6, mirror.y))
}
