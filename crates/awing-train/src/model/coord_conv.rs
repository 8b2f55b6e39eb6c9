use super::layers::{Initializer, convolve};
use awing::{Error, Result};
use burn::{
    module::Module,
    nn::conv::Conv2d,
    tensor::{Device, Tensor, TensorData},
};

/// A convolution that knows where it is: its input is joined by the row, the column and the radius of each pixel, and
/// by the coordinates of the boundary where the previous stack found one (Wang et al. 2019, section 6).
///
/// ```
/// use awing_train::{Device, model::{CoordConv, Initializer}};
/// use burn::tensor::Tensor;
///
/// let device = Device::flex();
/// let mut init = Initializer::new(1, &device);
/// let stem = CoordConv::new(&mut init, 3, 3, 16, 7, 2)?;
/// let features = stem.forward(Tensor::zeros([1, 64, 64, 3], &device), None);
/// assert_eq!(features.dims(), [1, 32, 32, 16]);
/// # Ok::<(), awing::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct CoordConv {
    conv: Conv2d,
    coordinates: usize,
}

impl CoordConv {
    /// From `inputs` to `outputs` channels, with a bias and a padding of `kernel` / 2. `coordinates` are 0 for a plain convolution, 3 for
    /// [`coordinates`], 5 for those and [`boundary_coordinates`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for another number of coordinates, an even kernel, or a size of 0.
    pub fn new(
        init: &mut Initializer,
        inputs: usize,
        coordinates: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
    ) -> Result<Self> {
        if ![0, 3, 5].contains(&coordinates) {
            return Err(Error::invalid("coordinates", format!("{coordinates} is not 0, 3 or 5")));
        }
        if inputs == 0 || outputs == 0 || stride == 0 || kernel.is_multiple_of(2) {
            let problem = format!(
                "{inputs} to {outputs} channels, kernel {kernel}, stride {stride}: none may be 0, and the kernel must be odd"
            );
            return Err(Error::invalid("convolution", problem));
        }
        Ok(Self { conv: init.conv(inputs + coordinates, outputs, kernel, stride, true), coordinates })
    }

    /// `x` is [batch, height, width, inputs]; `boundary` the two channels of [`boundary_coordinates`], for a layer of 5 coordinates. The
    /// result has 1 / stride of the height and width, rounded up, and `outputs` channels.
    pub fn forward(&self, x: Tensor<4>, boundary: Option<Tensor<4>>) -> Tensor<4> {
        if self.coordinates == 0 {
            return convolve(&self.conv, x, None);
        }
        let [batch, height, width, _] = x.dims();
        let place = coordinates(height, width, &x.device());
        let beside = match boundary {
            None => place,
            Some(boundary) => Tensor::cat(vec![place.expand([batch, height, width, 3]), boundary], 3),
        };
        convolve(&self.conv, x, Some(beside))
    }
}

/// Row, column and radius of each pixel, shape [1, height, width, 3]: row and column run from -1 to 1, both ends
/// included; the radius is the distance from the middle, 1 in the corners.
pub fn coordinates(height: usize, width: usize, device: &Device) -> Tensor<4> {
    let along = |i: usize, n: usize| if n > 1 { 2.0 * i as f32 / (n - 1) as f32 - 1.0 } else { 0.0 };
    let columns: Vec<f32> = (0..width).map(|j| along(j, width)).collect();
    let mut values = Vec::with_capacity(3 * height * width);
    for row in (0..height).map(|i| along(i, height)) {
        for &column in &columns {
            values.extend([row, column, (0.5 * (row * row + column * column)).sqrt()]);
        }
    }
    Tensor::from_data(TensorData::new(values, [1, height, width, 3]), device)
}

/// The boundary's own coordinates, shape [batch, height, width, 2]: row and column where the predicted boundary map
/// `maps`, [batch, height, width, 1], exceeds 0.05, and 0 elsewhere. No gradient flows through the threshold.
pub fn boundary_coordinates(maps: Tensor<4>) -> Tensor<4> {
    let [batch, height, width, _] = maps.dims();
    let device = maps.device();
    let place = coordinates(height, width, &device).slice_dim(3, 0..2).expand([batch, height, width, 2]);
    let elsewhere = maps.detach().lower_equal_elem(0.05).expand([batch, height, width, 2]);
    place.mask_fill(elsewhere, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_that_cannot_be_are_refused() {
        let init = &mut Initializer::new(1, &Device::flex());
        for (coordinates, outputs, kernel, stride) in [(2, 8, 3, 1), (3, 0, 3, 1), (3, 8, 2, 1), (3, 8, 3, 0)]
        {
            assert!(CoordConv::new(init, 4, coordinates, outputs, kernel, stride).is_err());
        }
    }

    #[test]
    fn coordinates_worked_out_by_hand() {
        let device = Device::flex();
        let values: Vec<f32> = coordinates(3, 2, &device).into_data().try_to_vec().unwrap();
        let h = 0.5_f32.sqrt();
        let expected = [
            [-1.0, -1.0, 1.0],
            [-1.0, 1.0, 1.0],
            [0.0, -1.0, h],
            [0.0, 1.0, h],
            [1.0, -1.0, 1.0],
            [1.0, 1.0, 1.0],
        ];
        assert!(values.iter().zip(expected.as_flattened()).all(|(a, b)| (a - b).abs() < 1e-6), "{values:?}");
    }

    #[test]
    fn the_boundary_keeps_its_coordinates_where_the_map_is_high() {
        let device = Device::flex();
        let rows = [0.0_f32, 0.04, 0.06, f32::NAN, -1.0, 2.0, 0.05, 0.5, 0.0];
        let maps = Tensor::<4>::from_data(TensorData::new(rows.to_vec(), [1, 3, 3, 1]), &device);
        let values: Vec<f32> = boundary_coordinates(maps).into_data().try_to_vec().unwrap();
        let row: Vec<f32> = values.iter().step_by(2).copied().collect();
        let column: Vec<f32> = values[1..].iter().step_by(2).copied().collect();
        assert_eq!(row[..3], [0.0, 0.0, -1.0]);
        assert_eq!(row[5], 0.0, "the row of the middle");
        assert_eq!(row[6..9], [0.0, 1.0, 0.0]);
        assert_eq!((column[2], column[5], column[7]), (1.0, 1.0, 0.0));
    }
}
