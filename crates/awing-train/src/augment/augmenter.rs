use super::AugmentConfig;
use crate::augment::PhotoPart;
use awing::{
    Error, Result,
    geometry::{CropRule, Planes, Point, Rect, Transform, margin, warp, warp_into},
    scheme::{Landmark, SharedScheme, Visibility},
};
use image::RgbImage;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How often the geometry is drawn anew while it pushes landmarks out of the crop.
const DRAWS: usize = 5;

/// A face as the network sees it, with its landmarks.
#[derive(Clone, Debug)]
pub struct FaceCrop {
    /// The pixels: size x size, black where the photo ends.
    pub image: RgbImage,
    /// One landmark for each point of the scheme, in pixels of the crop; they may lie outside it. In a mirrored crop the pairs are
    /// swapped, so that a "left" point is on the left side of the face that is seen.
    pub landmarks: Vec<Landmark>,
    /// From the photo to the crop, mirror included.
    pub transform: Transform,
}

/// Cuts face crops, plain or varied.
#[derive(Clone, Debug)]
pub struct Augmenter {
    config: AugmentConfig,
    scheme: SharedScheme,
    crop_rule: CropRule,
    size: usize,
}

impl Augmenter {
    /// Crops of `size` x `size` pixels by `crop_rule`, for landmarks of `scheme`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a setting is out of range or `size` is 0.
    pub fn new(
        config: AugmentConfig,
        scheme: SharedScheme,
        crop_rule: CropRule,
        size: usize,
    ) -> Result<Self> {
        config.validate()?;
        crop_rule.validate()?;
        if size == 0 {
            return Err(Error::invalid("size", "a crop needs at least one pixel"));
        }
        Ok(Self { config, scheme, crop_rule, size })
    }

    /// The crop without variation, for evaluation. `face_box` and `landmarks` are in pixels of `image`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the box is unusable, a landmark is not finite, or there are not as many as the scheme has.
    pub fn plain(&self, image: &RgbImage, face_box: Rect, landmarks: &[Landmark]) -> Result<FaceCrop> {
        self.check(landmarks)?;
        let transform = self.crop_rule.transform(face_box, self.size, 0.0, false)?;
        Ok(FaceCrop {
            image: warp(image, &transform, self.size),
            landmarks: move_landmarks(landmarks, &transform),
            transform,
        })
    }

    /// A varied crop for training; the same `seed` gives the same bytes. `face_box` and `landmarks` are in pixels of `image`.
    ///
    /// A geometry that pushes a landmark out of the crop is drawn anew up to four times, since such a point cannot be
    /// learnt from a heatmap (the paper's released loader redraws its shifts in the same way).
    ///
    /// # Errors
    /// [`Error::Invalid`] when the box is unusable, a landmark is not finite, or there are not as many as the scheme has.
    pub fn sample(
        &self,
        image: &RgbImage,
        face_box: Rect,
        landmarks: &[Landmark],
        seed: u64,
    ) -> Result<FaceCrop> {
        let mut crop = Planes::new(self.size);
        let (landmarks, transform) = self.vary(image, [0, 0], face_box, landmarks, seed, &mut crop)?;
        Ok(FaceCrop { image: crop.to_rgb(), landmarks, transform })
    }

    /// [`Augmenter::sample`] of a photo of which at least the part within [`Augmenter::reach`] is there, into `crop`, which must have
    /// this augmenter's size; gives the crop's landmarks.
    pub(crate) fn sample_into(
        &self,
        photo: &PhotoPart,
        face_box: Rect,
        landmarks: &[Landmark],
        seed: u64,
        crop: &mut Planes,
    ) -> Result<Vec<Landmark>> {
        self.vary(&photo.pixels, photo.corner, face_box, landmarks, seed, crop)
            .map(|(landmarks, _)| landmarks)
    }

    /// The part of a photo, in its pixels, that samples with this box can show, whatever their seed.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the box is unusable.
    pub fn reach(&self, face_box: Rect) -> Result<Rect> {
        let upright = self.crop_rule.transform(face_box, self.size, 0.0, false)?.inverse();
        let middle = self.size as f64 / 2.0 - 0.5;
        let center = upright.apply(Point::new(middle, middle));
        // A varied crop is a square, at most this much larger than the upright one, anyhow turned, and shifted by a fraction of its
        // own side: all of it lies within a circle.
        let shrinkage = upright.scale() / (1.0 - self.config.scale);
        let radius = shrinkage * self.size as f64 * (0.5 + self.config.shift) * std::f64::consts::SQRT_2;
        let reach = radius + margin(shrinkage) + 1.0;
        Ok(Rect::new(center.x - reach, center.y - reach, center.x + reach, center.y + reach))
    }

    fn vary(
        &self,
        pixels: &RgbImage,
        corner: [u32; 2],
        face_box: Rect,
        landmarks: &[Landmark],
        seed: u64,
        crop: &mut Planes,
    ) -> Result<(Vec<Landmark>, Transform)> {
        self.check(landmarks)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mirror = rng.random_bool(self.config.mirror);
        let upright = self.crop_rule.transform(face_box, self.size, 0.0, false)?;
        let mut transform = upright;
        let mut moved = Vec::new();
        for _ in 0..DRAWS {
            transform = upright.then(&self.draw_variation(mirror, &mut rng));
            moved = move_landmarks(landmarks, &transform);
            if moved.iter().filter_map(Landmark::position).all(|p| self.shows(p)) {
                break;
            }
        }
        if mirror {
            moved = swap_pairs(&moved, &self.scheme.mirror)?;
        }
        warp_into(pixels, corner, &transform, crop);
        self.config.degrade(crop, &mut rng);
        Ok((moved, transform))
    }

    /// Crop to varied crop: itself a crop, of a square that is a little moved, larger or smaller, and turned.
    fn draw_variation(&self, mirror: bool, rng: &mut ChaCha8Rng) -> Transform {
        let mut symmetric = |range: f64| rng.random_range(-range..=range);
        let side = self.size as f64;
        let degrees = symmetric(self.config.rotation);
        let scale = 1.0 + symmetric(self.config.scale);
        let (dx, dy) = (symmetric(self.config.shift) * side, symmetric(self.config.shift) * side);
        let middle = Point::new(side / 2.0 - 0.5, side / 2.0 - 0.5);
        let turned = Transform::crop(middle, side / scale, self.size, degrees, mirror);
        Transform { translation: Point::new(turned.translation.x + dx, turned.translation.y + dy), ..turned }
    }

    fn shows(&self, p: Point) -> bool {
        let end = self.size as f64 - 1.0;
        (0.0..=end).contains(&p.x) && (0.0..=end).contains(&p.y)
    }

    fn check(&self, landmarks: &[Landmark]) -> Result<()> {
        let expected = self.scheme.points.len();
        if landmarks.len() != expected {
            let problem =
                format!("{} instead of the {expected} of scheme {}", landmarks.len(), self.scheme.name);
            return Err(Error::invalid("landmarks", problem));
        }
        match landmarks.iter().position(|l| l.position().is_some_and(|p| !p.is_finite())) {
            Some(i) => Err(Error::invalid(format!("landmark {i}"), "its position is not a finite number")),
            None => Ok(()),
        }
    }
}

fn move_landmarks(landmarks: &[Landmark], transform: &Transform) -> Vec<Landmark> {
    let moved = |l: &Landmark| match l.visibility {
        Visibility::Missing => Landmark::missing(),
        visibility => Landmark { point: transform.apply(l.point), visibility },
    };
    landmarks.iter().map(moved).collect()
}

/// Renames the points of a mirror image: point i is what was point `pairs[i]` before.
fn swap_pairs(landmarks: &[Landmark], pairs: &[usize]) -> Result<Vec<Landmark>> {
    if pairs.len() != landmarks.len() {
        return Err(Error::invalid(
            "scheme.mirror",
            format!("{} entries for {} points", pairs.len(), landmarks.len()),
        ));
    }
    pairs
        .iter()
        .map(|&j| landmarks.get(j).copied())
        .collect::<Option<_>>()
        .ok_or_else(|| Error::invalid("scheme.mirror", "an entry names a point that does not exist"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Recipe;
    use awing::{geometry::mirror_x, network::NetworkConfig, scheme::Scheme};
    use image::Rgb;
    use proptest::prelude::*;

    /// Three points: left, middle, right.
    fn scheme() -> SharedScheme {
        SharedScheme::new(Scheme {
            name: "three".into(),
            points: ["left", "middle", "right"].map(String::from).to_vec(),
            mirror: vec![2, 1, 0],
            lines: Vec::new(),
            normalizers: vec![],
            solid: vec![],
            head: None,
        })
    }

    fn augmenter(config: AugmentConfig, size: usize) -> Augmenter {
        Augmenter::new(config, scheme(), CropRule { margin: 2.0, shift_y: 0.0 }, size).unwrap()
    }

    fn three(points: [(f64, f64); 3]) -> Vec<Landmark> {
        points.map(|(x, y)| Landmark::visible(x, y)).to_vec()
    }

    fn textured(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7) as u8, (y * 5) as u8, (x * y) as u8]))
    }

    #[test]
    fn without_variation_a_sample_is_the_plain_crop() {
        // Box 40 px around (40, 30), margin 2: the square of 80 px around it, 32 px wide: scale 0.4. The point (50, 20) is 10
        // right and 10 up of the middle, which is 15.5 in the crop: (19.5, 11.5).
        let photo = textured(90, 70);
        let augmenter = augmenter(AugmentConfig::none(), 32);
        let face_box = Rect::new(20.0, 10.0, 60.0, 50.0);
        let landmarks = three([(30.0, 20.0), (40.0, 30.0), (50.0, 20.0)]);
        let plain = augmenter.plain(&photo, face_box, &landmarks).unwrap();
        let sample = augmenter.sample(&photo, face_box, &landmarks, 9).unwrap();
        assert_eq!(plain.image, sample.image);
        assert!(plain.landmarks[2].point.distance(Point::new(19.5, 11.5)) < 1e-9);
        for (a, b) in plain.landmarks.iter().zip(&sample.landmarks) {
            assert!(a.point.distance(b.point) < 1e-9);
        }
    }

    #[test]
    fn mirrored_pairs_swap_with_their_visibility_and_twice_is_the_identity() {
        let config = AugmentConfig { mirror: 1.0, ..AugmentConfig::none() };
        let photo = textured(90, 70);
        let (face_box, size) = (Rect::new(20.0, 10.0, 60.0, 50.0), 80);
        let landmarks = vec![
            Landmark { point: Point::new(30.0, 20.0), visibility: Visibility::Occluded },
            Landmark::visible(41.0, 33.0),
            Landmark::missing(),
        ];
        let mirror = augmenter(config, size);
        let plain = mirror.plain(&photo, face_box, &landmarks).unwrap();
        let once = mirror.sample(&photo, face_box, &landmarks, 1).unwrap();
        assert_eq!(once.image, image::imageops::flip_horizontal(&plain.image));
        assert_eq!(once.landmarks[0], Landmark::missing());
        assert_eq!(once.landmarks[2].visibility, Visibility::Occluded);
        let (left, seen) = (plain.landmarks[0].point, once.landmarks[2].point);
        assert!(seen.distance(Point::new(mirror_x(left.x, size), left.y)) < 1e-9);
        // The crop again as a photo, with the box that gives the same square: 80 / 2 = 40 px around its middle, 39.5.
        let again =
            mirror.sample(&once.image, Rect::new(19.5, 19.5, 59.5, 59.5), &once.landmarks, 2).unwrap();
        assert_eq!(again.image, plain.image);
        for (a, b) in again.landmarks.iter().zip(&plain.landmarks) {
            assert!(a.visibility == b.visibility && a.point.distance(b.point) < 1e-9);
        }
    }

    #[test]
    fn the_seed_decides_every_byte() {
        let augmenter = augmenter(AugmentConfig::default(), 48);
        let (photo, face_box) = (textured(90, 70), Rect::new(20.0, 10.0, 60.0, 50.0));
        let landmarks = three([(30.0, 20.0), (40.0, 30.0), (50.0, 20.0)]);
        let mut seen = Vec::new();
        for seed in 0..20 {
            let a = augmenter.sample(&photo, face_box, &landmarks, seed).unwrap();
            let b = augmenter.sample(&photo, face_box, &landmarks, seed).unwrap();
            assert_eq!((&a.image, &a.landmarks, a.transform), (&b.image, &b.landmarks, b.transform));
            assert!(!seen.contains(&a.image), "two seeds gave the same crop");
            seen.push(a.image);
        }
    }

    /// Turned and scaled about the middle, then mirrored, then shifted, as the crop is seen: a shift that came before would be turned, scaled
    /// and mirrored with the rest.
    #[test]
    fn a_crop_is_turned_scaled_mirrored_and_then_shifted() {
        let augmenter = augmenter(AugmentConfig::geometric(), 100);
        for (seed, mirror) in [(1, false), (2, true), (3, false), (4, true), (5, false), (6, true)] {
            let transform = augmenter.draw_variation(mirror, &mut ChaCha8Rng::seed_from_u64(seed));
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut symmetric = |range: f64| rng.random_range(-range..=range);
            let (degrees, scale) = (symmetric(50.0), 1.0 + symmetric(0.15));
            let (dx, dy) = (100.0 * symmetric(25.0 / 256.0), 100.0 * symmetric(25.0 / 256.0));
            // 20 right of the middle and 5 below; x runs right and y down, so a clockwise turn takes right to down.
            let (sin, cos) = degrees.to_radians().sin_cos();
            let (x, y) = (scale * (20.0 * cos - 5.0 * sin), scale * (20.0 * sin + 5.0 * cos));
            let expected = Point::new(49.5 + if mirror { -x } else { x } + dx, 49.5 + y + dy);
            let found = transform.apply(Point::new(69.5, 54.5));
            assert!(found.distance(expected) < 1e-9, "{found:?} is not {expected:?}");
        }
    }

    /// All presets cut 1.3 times the box, as the models that ship were trained and measured.
    #[test]
    fn every_preset_cuts_the_same_square() {
        for name in NetworkConfig::PRESETS {
            let crop = Recipe::preset(name).unwrap().crop;
            assert_eq!(crop, CropRule { margin: 1.3, shift_y: 0.0 }, "{name}");
        }
    }

    #[test]
    fn the_variation_stays_in_its_ranges_and_fills_them() {
        let config = AugmentConfig::geometric();
        let augmenter = augmenter(config, 256);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let middle = Point::new(127.5, 127.5);
        let (mut turn, mut shift, mut small, mut large) = (0.0_f64, 0.0_f64, 1.0_f64, 1.0_f64);
        for _ in 0..2000 {
            let t = augmenter.draw_variation(false, &mut rng);
            let [[a, _], [c, _]] = t.matrix;
            let moved = t.apply(middle);
            turn = turn.max(c.atan2(a).to_degrees().abs());
            shift = shift.max((moved.x - 127.5).abs()).max((moved.y - 127.5).abs());
            (small, large) = (small.min(t.scale()), large.max(t.scale()));
        }
        assert!((49.0..=50.0 + 1e-9).contains(&turn), "{turn} degrees");
        assert!((24.5..=25.0 + 1e-9).contains(&shift), "{shift} px");
        assert!(
            (0.85 - 1e-9..0.86).contains(&small) && (1.14..1.15 + 1e-9).contains(&large),
            "{small} to {large}"
        );
    }

    #[test]
    fn landmarks_stay_in_the_crop_where_they_can() {
        // At margin 1.3 the rim of the box is 0.385 of the crop from its middle. Enlarged by 1.15 and shifted by 0.098 it
        // reaches 0.54, beyond the crop's 0.5; drawing anew leaves next to none of those.
        let rule = CropRule::default();
        let augmenter = Augmenter::new(AugmentConfig::geometric(), scheme(), rule, 64).unwrap();
        let landmarks = three([(10.0, 60.0), (60.0, 110.0), (110.0, 60.0)]);
        let photo = RgbImage::new(8, 8);
        let outside = (0..300).filter(|&seed| {
            let crop =
                augmenter.sample(&photo, Rect::new(10.0, 10.0, 110.0, 110.0), &landmarks, seed).unwrap();
            crop.landmarks.iter().any(|l| !augmenter.shows(l.point))
        });
        assert!(outside.count() < 30);
    }

    #[test]
    fn odd_photos_and_boxes_partly_outside_give_a_crop() {
        let augmenter = augmenter(AugmentConfig::default(), 40);
        for (w, h) in [(1, 1), (1, 30), (30, 1), (50, 40)] {
            for (x0, y0) in [(-30.0, -20.0), (0.0, 0.0), (1000.0, 20.0)] {
                let landmarks =
                    vec![Landmark::missing(), Landmark::visible(-500.0, 3.0), Landmark::visible(x0, y0)];
                for seed in 0..20 {
                    let face_box = Rect::new(x0, y0, x0 + 40.0, y0 + 40.0);
                    let crop = augmenter.sample(&textured(w, h), face_box, &landmarks, seed).unwrap();
                    assert_eq!((crop.image.dimensions(), crop.landmarks.len()), ((40, 40), 3));
                }
            }
        }
    }

    #[test]
    fn wrong_landmarks_boxes_and_settings_are_named() {
        let augmenter = augmenter(AugmentConfig::default(), 40);
        let (photo, face_box) = (textured(50, 50), Rect::new(5.0, 5.0, 45.0, 45.0));
        let good = three([(1.0, 1.0); 3]);
        let message = |result: Result<FaceCrop>| result.unwrap_err().to_string();
        let error = message(augmenter.sample(&photo, face_box, &good[..2], 0));
        assert_eq!(error, "landmarks: 2 instead of the 3 of scheme three");
        let bad = three([(1.0, 1.0), (1.0, f64::NAN), (1.0, 1.0)]);
        assert!(message(augmenter.plain(&photo, face_box, &bad)).starts_with("landmark 1: "));
        assert!(
            message(augmenter.plain(&photo, Rect::new(5.0, 5.0, 6.0, 6.0), &good)).starts_with("face box: ")
        );
        let rule = CropRule::default();
        assert!(Augmenter::new(AugmentConfig::default(), scheme(), rule, 0).is_err());
        let config = AugmentConfig { mirror: 1.5, ..AugmentConfig::default() };
        assert!(Augmenter::new(config, scheme(), rule, 40).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn points_go_with_the_pixels(x in 70.0..130.0_f64, y in 70.0..130.0_f64, seed: u64, size in 48_usize..160) {
            // A spot at the left point; after a mirror it is the right one.
            let at = Point::new(x, y);
            let photo = RgbImage::from_fn(200, 200, |px, py| {
                let d = Point::new(px.into(), py.into()).distance(at);
                Rgb([(255.0 * (-d * d / 18.0).exp()).round() as u8; 3])
            });
            let landmarks = vec![Landmark::visible(x, y), Landmark::missing(), Landmark::missing()];
            let augmenter = augmenter(AugmentConfig::geometric(), size);
            let crop = augmenter.sample(&photo, Rect::new(50.0, 50.0, 150.0, 150.0), &landmarks, seed).unwrap();
            let found: Vec<Point> = crop.landmarks.iter().filter_map(Landmark::position).collect();
            prop_assert_eq!(found.len(), 1);
            let (mut sx, mut sy, mut total) = (0.0, 0.0, 0.0);
            for (px, py, p) in crop.image.enumerate_pixels() {
                let w = f64::from(p.0[0]);
                (sx, sy, total) = (sx + w * f64::from(px), sy + w * f64::from(py), total + w);
            }
            let centroid = Point::new(sx / total, sy / total);
            prop_assert!(centroid.distance(found[0]) < 0.1, "{centroid:?} instead of {:?}", found[0]);
        }
    }
}
