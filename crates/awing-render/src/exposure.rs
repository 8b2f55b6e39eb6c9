//! What the camera sees of a scene: the triangle at each sample, and of each point whether something hides it.

use crate::{
    math::Vec3,
    photo::{Seen, Visible},
    raster::{Buffer, SAMPLES},
    scene::{Camera, Cutout, Gaps, Lens, Material, Scene},
};

pub(crate) struct Exposure {
    /// Where each place of the scene is, in samples, and its depth.
    pub screen: Vec<[f32; 3]>,
    pub buffer: Buffer,
    /// The samples of spectacle glass alone, if there is any.
    pub glass: Option<Buffer>,
    /// Of each point that was asked for.
    pub seen: Vec<Seen>,
}

impl Exposure {
    /// Of a photo of `size` pixels a side. `points` are places and how many centimeters of the head may lie before each.
    pub(crate) fn new(
        scene: &Scene,
        camera: &Camera,
        size: usize,
        gaps: &Gaps<'_>,
        lens: &Lens,
        points: &[(Vec3, f32)],
    ) -> Self {
        let on_screen = |place: &Vec3| {
            let [x, y, near] = camera.project(*place);
            [x * SAMPLES as f32 + 0.5, y * SAMPLES as f32 + 0.5, near]
        };
        let screen: Vec<[f32; 3]> = scene.places.iter().map(on_screen).collect();
        let empty = || Buffer::new(size * SAMPLES, size * SAMPLES);
        let draw = |buffer: &mut Buffer, part: usize| {
            let part = &scene.parts[part];
            let triangles = &scene.triangles[part.triangles.clone()];
            let first = part.triangles.start as u32;
            buffer.draw(&screen, triangles, first, part.both_sides, |triangle, weights| {
                gaps.keep(part.cutout, || scene.uv_at(triangle, weights))
            });
        };
        let (head, others) = (0..scene.head_parts, scene.head_parts..scene.parts.len());
        let is_lens = |part: &usize| scene.parts[*part].material == Material::Lens;
        // Lashes are thin enough to see lids through: they come last.
        let is_solid = |part: &usize| scene.parts[*part].cutout == Cutout::None;

        // The head first: what it hides of itself, then the rest: what that covers.
        let mut buffer = empty();
        head.clone().filter(is_solid).for_each(|part| draw(&mut buffer, part));
        let visible = Visible::by_head(&buffer, camera, points);
        others.clone().filter(|part| !is_lens(part)).for_each(|part| draw(&mut buffer, part));
        let mut glass: Option<Buffer> = None;
        others.filter(is_lens).for_each(|part| draw(glass.get_or_insert_with(empty), part));
        let first_other = scene.parts[head.clone()].last().map_or(0, |part| part.triangles.end as u32);
        let mut seen = visible.by_all(&buffer, camera, points, first_other);
        if let Some(glass) = glass.as_ref().filter(|_| lens.is_opaque()) {
            for (seen, behind) in seen.iter_mut().zip(visible.by_all(glass, camera, points, first_other)) {
                if behind == Seen::Covered {
                    *seen = behind;
                }
            }
        }
        head.filter(|part| !is_solid(part)).for_each(|part| draw(&mut buffer, part));
        Self { screen, buffer, glass, seen }
    }
}
