use crate::network::PoseNetwork;
use awing::{
    Result,
    geometry::{CropRule, Rect},
    heatmap::{Codec, CodecConfig},
    scheme::{Landmark, SharedScheme},
};
use awing_train::{
    Device,
    augment::{AugmentConfig, Augmenter, FaceCrop},
    dataset::{Dataset, Sample},
};
use burn::tensor::{Tensor, TensorData};
use image::RgbImage;
use rayon::prelude::*;
use std::sync::Arc;

/// One person in one photo.
pub(crate) struct Person {
    pub(crate) photo: Arc<RgbImage>,
    pub(crate) name: String,
    /// Around the annotated joints.
    pub(crate) body: Rect,
    pub(crate) joints: Vec<Landmark>,
}

/// People in memory, and how crops, target maps and weights are made of them.
pub(crate) struct Poses {
    pub(crate) people: Vec<Person>,
    pub(crate) scheme: SharedScheme,
    pub(crate) codec: Codec,
    augmenter: Augmenter,
    side: usize,
}

/// The tensors of one step: [batch, 3, side, side], and twice [batch, joints, side / 4, side / 4].
pub(crate) struct Batch {
    pub(crate) images: Tensor<4>,
    pub(crate) targets: Tensor<4>,
    pub(crate) weights: Tensor<4>,
}

impl Poses {
    /// Reads the photos. Crops are `side` pixels wide; the weights of the loss are raised around the joints with `weight_map`, else
    /// they are 1 everywhere.
    ///
    /// # Errors
    /// When a photo cannot be read or `side` does not suit the network.
    pub(crate) fn new(
        scheme: SharedScheme,
        samples: &[Sample],
        side: usize,
        weight_map: bool,
    ) -> Result<Self> {
        let read = |sample: &Sample| -> Result<Option<Person>> {
            // Without two different joints there is nothing to cut out.
            let Some(body) = sample.landmark_box() else { return Ok(None) };
            let (name, joints) = (sample.name.clone(), sample.landmarks.clone());
            Ok(Some(Person { photo: sample.load_image()?, name, body, joints }))
        };
        let people =
            samples.par_iter().filter_map(|sample| read(sample).transpose()).collect::<Result<_>>()?;
        if side == 0 || !side.is_multiple_of(PoseNetwork::MULTIPLE) {
            let problem = format!("{side} pixels are no multiple of {}", PoseNetwork::MULTIPLE);
            return Err(awing::Error::invalid("side", problem));
        }
        // Joints only: no boundary map.
        let mut codec = CodecConfig::default().for_maps(side / PoseNetwork::STRIDE, false);
        codec.weight_map.enabled = weight_map;
        let augment =
            AugmentConfig { rotation: 30.0, scale: 0.25, shift: 0.05, ..AugmentConfig::geometric() };
        let rule = CropRule { margin: 1.25, ..CropRule::default() };
        let augmenter = Augmenter::new(augment, scheme.clone(), rule, side)?;
        Ok(Self { people, scheme, codec: Codec::new(codec)?, augmenter, side })
    }

    /// The people of an annotated set, as [`Poses::new`].
    ///
    /// # Errors
    /// Those of [`Poses::new`].
    pub(crate) fn of(dataset: &Dataset, side: usize, weight_map: bool) -> Result<Self> {
        Self::new(dataset.scheme.clone(), &dataset.samples, side, weight_map)
    }

    /// The crop of a person: varied by a seed for training, else plain.
    ///
    /// # Errors
    /// When an annotation makes no sense.
    pub(crate) fn crop(&self, person: &Person, seed: Option<u64>) -> Result<FaceCrop> {
        match seed {
            Some(seed) => self.augmenter.sample(&person.photo, person.body, &person.joints, seed),
            None => self.augmenter.plain(&person.photo, person.body, &person.joints),
        }
    }

    /// The images of crops.
    pub(crate) fn images(&self, crops: &[FaceCrop], device: &Device) -> Tensor<4> {
        let area = self.side * self.side;
        let mut values = vec![0.0_f32; crops.len() * 3 * area];
        for (crop, image) in crops.iter().zip(values.chunks_exact_mut(3 * area)) {
            for (i, pixel) in crop.image.pixels().enumerate() {
                for (channel, value) in pixel.0.into_iter().enumerate() {
                    image[channel * area + i] = f32::from(value) / 255.0;
                }
            }
        }
        Tensor::from_data(TensorData::new(values, [crops.len(), 3, self.side, self.side]), device)
    }

    /// Varied crops of these people with their target maps and weights; the same seed gives the same batch.
    ///
    /// # Errors
    /// Those of [`Poses::crop`].
    pub(crate) fn batch(&self, people: &[usize], seed: u64, device: &Device) -> Result<Batch> {
        let varied = |(i, &person): (usize, &usize)| {
            self.crop(&self.people[person], Some(seed.wrapping_mul(0x9e37_79b9).wrapping_add(i as u64)))
        };
        let crops = people.par_iter().enumerate().map(varied).collect::<Result<Vec<_>>>()?;
        let (joints, size) = (self.scheme.len(), self.codec.size());
        let one = joints * size * size;
        let (mut targets, mut weights) = (vec![0.0; crops.len() * one], vec![0.0; crops.len() * one]);
        for ((crop, targets), weights) in
            crops.iter().zip(targets.chunks_exact_mut(one)).zip(weights.chunks_exact_mut(one))
        {
            self.codec.encode(&self.scheme, &crop.landmarks, targets, weights)?;
        }
        let maps =
            |values| Tensor::from_data(TensorData::new(values, [crops.len(), joints, size, size]), device);
        Ok(Batch { images: self.images(&crops, device), targets: maps(targets), weights: maps(weights) })
    }
}
