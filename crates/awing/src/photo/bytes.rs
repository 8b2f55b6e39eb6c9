/// A file's bytes, as a type of this crate: what decoders are generic over. For a plain slice they would be those that `image` has compiled already, for
/// itself and perhaps without optimization.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl AsRef<[u8]> for Bytes<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}
