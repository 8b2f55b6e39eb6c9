use awing_kernels::Geometry;
use burn::tensor::ops::ConvOptions;

/// What a convolution is besides its weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hyper {
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl Hyper {
    pub(super) fn geometry(self, images: usize, kernel: usize) -> Geometry {
        Geometry { images, kernel, stride: self.stride, padding: self.padding }
    }

    pub(super) fn options(self) -> ConvOptions<2> {
        ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1)
    }
}
