//! How far the head reaches in each direction, without the ears: what hair and hats lie on.

use crate::head::{Head, Surface};
use crate::math::{Vec3, vec3};
use crate::paint::MIDDLE;
use crate::shape::Person;

const AROUND: usize = 48;
const UP: usize = 28;
/// The lowest direction, in radians.
const LOWEST: f32 = -1.2;
const HIGHEST: f32 = std::f32::consts::FRAC_PI_2;

pub(super) struct Skull {
    /// Rows from below to the crown, centimeters.
    radii: Vec<f32>,
}

impl Skull {
    pub(super) fn new(head: &Head, person: &Person) -> Self {
        let mut radii = vec![0.0_f32; AROUND * UP];
        for surface in [Surface::Skin, Surface::Scalp] {
            for v in head.of(surface).iter().map(|t| t.v[0] as usize) {
                let (mean, d) = (head.mean[v], person.places[v] - MIDDLE);
                let ear = mean.x.abs() > 7.5 && mean.y < 5.5 && mean.z < 3.5;
                if ear || mean.y < -9.0 {
                    continue;
                }
                let (x, y) = cell(d.x.atan2(d.z), d.y.atan2(d.x.hypot(d.z)));
                let at = (y.round() as usize).min(UP - 1) * AROUND + x.round() as usize % AROUND;
                radii[at] = radii[at].max(d.length());
            }
        }
        // Cells that no vertex fell into take the mean of those around.
        for _ in 0..8 {
            let old = radii.clone();
            for (i, r) in radii.iter_mut().enumerate().filter(|(_, r)| **r == 0.0) {
                let (mut sum, mut n) = (0.0, 0.0);
                for near in around(i) {
                    if old[near] > 0.0 {
                        sum += old[near];
                        n += 1.0;
                    }
                }
                if n > 0.0 {
                    *r = sum / n;
                }
            }
        }
        let smoothed = |old: &[f32], i: usize| {
            let near = around(i);
            0.5 * old[i] + 0.5 * near.iter().map(|n| old[*n]).sum::<f32>() / near.len() as f32
        };
        let radii: Vec<f32> = (0..radii.len()).map(|i| smoothed(&radii, i)).collect();
        Self { radii }
    }

    /// How far the head reaches, in centimeters from its middle.
    pub(super) fn radius(&self, azimuth: f32, elevation: f32) -> f32 {
        let (x, y) = cell(azimuth, elevation);
        let (x0, y0) = (x as usize, (y as usize).min(UP - 2));
        let (tx, ty) = (x - x0 as f32, (y - y0 as f32).clamp(0.0, 1.0));
        let at = |x: usize, y: usize| self.radii[y * AROUND + x % AROUND];
        let row = |y: usize| at(x0, y) + (at(x0 + 1, y) - at(x0, y)) * tx;
        row(y0) + (row(y0 + 1) - row(y0)) * ty
    }

    /// The place above the head by some centimeters.
    pub(super) fn place(&self, azimuth: f32, elevation: f32, above: f32) -> Vec3 {
        MIDDLE + direction(azimuth, elevation) * (self.radius(azimuth, elevation) + above)
    }
}

/// Of length 1; azimuth 0 is the front and runs to the viewer's right.
pub(super) fn direction(azimuth: f32, elevation: f32) -> Vec3 {
    let ((sa, ca), (se, ce)) = (azimuth.sin_cos(), elevation.sin_cos());
    vec3(sa * ce, se, ca * ce)
}

fn cell(azimuth: f32, elevation: f32) -> (f32, f32) {
    let turn = (azimuth / std::f32::consts::TAU).rem_euclid(1.0);
    let up = ((elevation - LOWEST) / (HIGHEST - LOWEST)).clamp(0.0, 1.0);
    ((turn * AROUND as f32).min(AROUND as f32 - 0.001), up * (UP - 1) as f32)
}

fn around(i: usize) -> Vec<usize> {
    let (x, y) = (i % AROUND, i / AROUND);
    let mut near = vec![y * AROUND + (x + 1) % AROUND, y * AROUND + (x + AROUND - 1) % AROUND];
    if y > 0 {
        near.push(i - AROUND);
    }
    if y + 1 < UP {
        near.push(i + AROUND);
    }
    near
}
