use image::RgbImage;

/// Crops of faces in, heatmaps out: [`Network`](super::Network) on the processor, or another that computes elsewhere.
pub trait HeatmapNetwork: Send + Sync {
    /// The last stack's maps of each image, row by row, [maps, height / 4, width / 4]. Images are of one size, a multiple of 64 each way;
    /// a network of coordinates or boundary coordinates has the size of its configuration. None for no image.
    fn forward(&self, images: &[&RgbImage]) -> Vec<Vec<f32>>;
}
