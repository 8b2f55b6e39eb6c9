use burn::backend::{Backend, ExtensionType, tensor::FloatTensor};

/// A tensor that an operation can do without: Burn's operations take no `Option`.
#[derive(Clone, Debug, ExtensionType)]
pub(crate) enum Maybe<B: Backend> {
    Given(FloatTensor<B>),
    Missing,
}

impl<B: Backend> Maybe<B> {
    pub(crate) fn into_option(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Given(tensor) => Some(tensor),
            Self::Missing => None,
        }
    }
}

impl<B: Backend> From<Option<FloatTensor<B>>> for Maybe<B> {
    fn from(tensor: Option<FloatTensor<B>>) -> Self {
        tensor.map_or(Self::Missing, Self::Given)
    }
}
