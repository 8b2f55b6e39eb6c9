use crate::{
    augment::{Augmenter, PhotoPart},
    training::recipe::Recipe,
};
use awing::{
    Error, Result,
    geometry::{Planes, Rect},
    heatmap::Codec,
    scheme::{Landmark, SharedScheme},
};

/// Makes training samples: from a decoded photo, a box and landmarks to what the network sees and shall answer, on the thread that
/// calls it and without a picture in between.
///
/// ```
/// use awing_train::{dataset::drawn_faces, training::{Recipe, SampleMaker, SampleSlot}};
/// use awing::scheme::Scheme;
///
/// let face = &drawn_faces(1, 96, 7)[0];
/// let mut maker = SampleMaker::new(&Recipe::preset("nano")?, Scheme::builtin("300w-68")?)?;
/// let photo = face.load_image()?.into();
/// let mut image = vec![0.0; maker.image_len()];
/// let (mut targets, mut weights) = (vec![0.0; maker.maps_len()], vec![0.0; maker.maps_len()]);
/// let slot = SampleSlot { image: &mut image, targets: &mut targets, weights: &mut weights };
/// maker.make(&photo, face.landmark_box().unwrap(), &face.landmarks, 42, slot)?;
/// assert!(targets.iter().all(|t| (0.0..=1.0).contains(t)));
/// # Ok::<(), awing::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SampleMaker {
    augmenter: Augmenter,
    codec: Codec,
    scheme: SharedScheme,
    /// The crop at hand, kept for its memory.
    crop: Planes,
}

/// Where a sample is written to: its places in the tensors of a batch.
#[derive(Debug)]
pub struct SampleSlot<'a> {
    /// [3, side, side]: red green blue in [0, 1].
    pub image: &'a mut [f32],
    /// [channels, size, size] in [0, 1].
    pub targets: &'a mut [f32],
    /// The shape of the targets: what each pixel counts, 0 where there is no annotation.
    pub weights: &'a mut [f32],
}

impl SampleMaker {
    /// By the recipe's network, crop, augmentation and maps.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming a setting that is out of range.
    pub fn new(recipe: &Recipe, scheme: SharedScheme) -> Result<Self> {
        let maps = recipe.heatmap.clone().for_maps(recipe.network.map_size(), recipe.network.boundary);
        Ok(Self {
            augmenter: Augmenter::new(recipe.augment, scheme.clone(), recipe.crop, recipe.network.input)?,
            codec: Codec::new(maps)?,
            scheme,
            crop: Planes::new(recipe.network.input),
        })
    }

    /// Width and height of the network's input.
    pub fn side(&self) -> usize {
        self.crop.side()
    }

    /// Width and height of a map.
    pub fn map_size(&self) -> usize {
        self.codec.size()
    }

    /// Maps of a sample.
    pub fn channels(&self) -> usize {
        self.codec.channels(&self.scheme)
    }

    /// Numbers in a sample's image.
    pub fn image_len(&self) -> usize {
        3 * self.side() * self.side()
    }

    /// Numbers in a sample's targets, and in its weights.
    pub fn maps_len(&self) -> usize {
        self.channels() * self.map_size() * self.map_size()
    }

    /// One varied sample: the same `seed` gives the same numbers. `face_box` and `landmarks` are in pixels of the photo, of which at
    /// least the part within [`SampleMaker::reach`] must be there.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the box is unusable, a landmark is not finite, there are not as many as the scheme has, or a slot has
    /// another length.
    pub fn make(
        &mut self,
        photo: &PhotoPart,
        face_box: Rect,
        landmarks: &[Landmark],
        seed: u64,
        slot: SampleSlot<'_>,
    ) -> Result<()> {
        if slot.image.len() != self.image_len() {
            let problem = format!("{} numbers instead of {}", slot.image.len(), self.image_len());
            return Err(Error::invalid("image", problem));
        }
        let landmarks = self.augmenter.sample_into(photo, face_box, landmarks, seed, &mut self.crop)?;
        self.crop.write_input(slot.image);
        self.codec.encode(&self.scheme, &landmarks, slot.targets, slot.weights)
    }

    /// The part of a photo, in its pixels, that samples with this box can show, whatever their seed.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the box is unusable.
    pub fn reach(&self, face_box: Rect) -> Result<Rect> {
        self.augmenter.reach(face_box)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{augment::AugmentConfig, dataset::drawn_faces};
    use awing::{network::NetworkConfig, scheme::Scheme};
    use image::imageops::{FilterType, resize};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn maker(augment: AugmentConfig) -> SampleMaker {
        let mut recipe = Recipe::preset("nano").unwrap();
        recipe.network = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: true, coord_conv: true };
        recipe.augment = augment;
        SampleMaker::new(&recipe, Scheme::builtin("300w-68").unwrap()).unwrap()
    }

    /// Image, targets and weights.
    fn made(
        maker: &mut SampleMaker,
        photo: &PhotoPart,
        face: (Rect, &[Landmark]),
        seed: u64,
    ) -> [Vec<f32>; 3] {
        let mut image = vec![7.0; maker.image_len()];
        let (mut targets, mut weights) = (vec![7.0; maker.maps_len()], vec![7.0; maker.maps_len()]);
        let slot = SampleSlot { image: &mut image, targets: &mut targets, weights: &mut weights };
        maker.make(photo, face.0, face.1, seed, slot).unwrap();
        [image, targets, weights]
    }

    #[test]
    fn slots_of_another_length_are_refused() {
        let mut maker = maker(AugmentConfig::default());
        let face = &drawn_faces(1, 96, 3)[0];
        let photo = face.load_image().unwrap().into();
        let (mut image, mut targets, mut weights) = (vec![0.0; 3], vec![0.0; 3], vec![0.0; 3]);
        let slot = SampleSlot { image: &mut image, targets: &mut targets, weights: &mut weights };
        let error = maker.make(&photo, face.landmark_box().unwrap(), &face.landmarks, 0, slot).unwrap_err();
        assert_eq!(error.to_string(), "image: 3 numbers instead of 12288");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// Enlarged, the face is shrunk by more than 1.5, so that the warp averages blocks.
        #[test]
        fn the_reach_is_all_that_a_sample_sees(
            seed: u64, large in 1_u32..5, rotation in 0.0..180.0_f64, shift in 0.0..0.5_f64, scale in 0.0..0.6_f64,
            x in -40.0..40.0_f64, y in -40.0..40.0_f64, side in 12.0..60.0_f64,
        ) {
            let mut maker = maker(AugmentConfig { rotation, shift, scale, ..AugmentConfig::default() });
            let face = &drawn_faces(1, 96, seed)[0];
            let photo = face.load_image().unwrap();
            let photo = Arc::new(resize(&*photo, 96 * large, 96 * large, FilterType::Triangle));
            let (middle, half) = (48.0 * f64::from(large), f64::from(large) * side / 2.0);
            let face_box = Rect::new(middle + x - half, middle + y - half, middle + x + half, middle + y + half);
            let part = PhotoPart::cut(&photo, maker.reach(face_box).unwrap());
            let face = (face_box, &face.landmarks[..]);
            let whole = made(&mut maker, &photo.clone().into(), face, seed);
            prop_assert_eq!(whole, made(&mut maker, &part, face, seed));
        }
    }
}
