use image::RgbImage;

/// A square picture as three planes of bytes, red green blue, each row by row: the order of the network's input, and one in which
/// processors work on sixteen or more values at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planes {
    side: usize,
    values: Vec<u8>,
}

impl Planes {
    /// A black picture of `side` x `side` pixels.
    pub fn new(side: usize) -> Self {
        Self { side, values: vec![0; 3 * side * side] }
    }

    /// Width and height in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// The values of all planes, one plane after the other.
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// The values of all planes, one plane after the other.
    pub fn values_mut(&mut self) -> &mut [u8] {
        &mut self.values
    }

    /// Red, green and blue.
    pub fn planes(&self) -> [&[u8]; 3] {
        let (red, rest) = self.values.split_at(self.side * self.side);
        let (green, blue) = rest.split_at(self.side * self.side);
        [red, green, blue]
    }

    /// Red, green and blue.
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        let (red, rest) = self.values.split_at_mut(self.side * self.side);
        let (green, blue) = rest.split_at_mut(self.side * self.side);
        [red, green, blue]
    }

    /// The picture pixel by pixel.
    pub fn to_rgb(&self) -> RgbImage {
        let mut image = RgbImage::new(self.side as u32, self.side as u32);
        let [red, green, blue] = self.planes();
        for (((pixel, &r), &g), &b) in image.as_chunks_mut::<3>().0.iter_mut().zip(red).zip(green).zip(blue) {
            *pixel = [r, g, b];
        }
        image
    }

    /// Writes the network's input: [3, side, side], in [0, 1].
    pub fn write_input(&self, input: &mut [f32]) {
        awing_kernels::vectorized(|| to_unit(&self.values, input));
    }
}

/// Bytes as numbers in [0, 1].
#[inline(always)]
fn to_unit(values: &[u8], unit: &mut [f32]) {
    for (target, &value) in unit.iter_mut().zip(values) {
        *target = f32::from(value) * (1.0 / 255.0);
    }
}

impl From<&RgbImage> for Planes {
    /// Of a square picture; of another one the square in its top-left corner.
    fn from(image: &RgbImage) -> Self {
        let mut picture = Self::new(image.width().min(image.height()) as usize);
        let side = picture.side;
        for (c, plane) in picture.planes_mut().into_iter().enumerate() {
            for (row, pixels) in plane.chunks_exact_mut(side.max(1)).zip(image.rows()) {
                for (value, pixel) in row.iter_mut().zip(pixels) {
                    *value = pixel.0[c];
                }
            }
        }
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn pixels_and_planes_hold_the_same() {
        let image = RgbImage::from_fn(2, 2, |x, y| Rgb([x as u8, y as u8, 255]));
        let planes = Planes::from(&image);
        assert_eq!(planes.values(), [0, 1, 0, 1, 0, 0, 1, 1, 255, 255, 255, 255]);
        assert_eq!(planes.to_rgb(), image);
        let mut input = [9.0; 12];
        planes.write_input(&mut input);
        assert_eq!(input[..4], [0.0, 1.0 / 255.0, 0.0, 1.0 / 255.0]);
        assert_eq!(input[8..], [1.0; 4]);
    }
}
