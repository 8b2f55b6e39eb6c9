use super::StackedHourglass;
use awing::network::HeatmapNetwork;
use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use image::RgbImage;
use rayon::prelude::*;

/// A network that predicts on the device where it is, through Burn.
#[derive(Clone, Debug)]
pub struct OnDevice {
    network: StackedHourglass,
    device: Device,
}

impl OnDevice {
    /// The network as it predicts: without a tape, with its running statistics.
    pub fn new(network: &StackedHourglass) -> Self {
        let network = network.valid();
        let device = network.devices().first().cloned().unwrap_or_default().without_autodiff();
        Self { network, device }
    }

    /// Whether it computes on the processor.
    pub fn is_on_cpu(&self) -> bool {
        self.device == Device::flex()
    }
}

impl HeatmapNetwork for OnDevice {
    fn forward(&self, images: &[&RgbImage]) -> Vec<Vec<f32>> {
        let Some(first) = images.first() else { return Vec::new() };
        let images = Tensor::<4>::from_data(input(images, first.dimensions()), &self.device);
        // On a thread of the pool, so that its many short parallel parts need not wake it from outside.
        let Some(maps) = rayon::scope(|_| self.network.forward(images).pop()) else { return Vec::new() };
        let [_, channels, height, width] = maps.dims();
        let values: Vec<f32> = maps.into_data().iter().collect();
        values.chunks_exact(channels * height * width).map(<[f32]>::to_vec).collect()
    }
}

/// [images, 3, height, width], red green blue in [0, 1].
fn input(images: &[&RgbImage], (width, height): (u32, u32)) -> TensorData {
    let [width, height] = [width as usize, height as usize];
    let area = width * height;
    let mut values = vec![0.0_f32; images.len() * 3 * area];
    values.par_chunks_mut((3 * area).max(1)).zip(images).for_each(|(planes, image)| {
        let (red, rest) = planes.split_at_mut(area);
        let (green, blue) = rest.split_at_mut(area);
        let pixels = image.as_raw().as_chunks::<3>().0;
        for (((r, g), b), pixel) in red.iter_mut().zip(green).zip(blue).zip(pixels) {
            [*r, *g, *b] = pixel.map(|v| f32::from(v) * (1.0 / 255.0));
        }
    });
    TensorData::new(values, [images.len(), 3, height, width])
}
