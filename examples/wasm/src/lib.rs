//! Landmarks of a photo for a host of WebAssembly: it writes the photo's file into [`input`], calls [`align`], and reads the points at
//! [`output`]. `examples/wasm/run.sh` builds it, calls it from Node (`run.mjs`), and holds it against the native answer.

#![expect(unsafe_code, reason = "names that a host can call by")]

use awing::{geometry::Rect, photo::decode_image, prediction::Aligner};
use std::sync::{Mutex, PoisonError};

/// The photo's file.
static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// x and y of each point.
static OUTPUT: Mutex<Vec<f64>> = Mutex::new(Vec::new());

/// Where the host writes a file of `length` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    let mut input = INPUT.lock().unwrap_or_else(PoisonError::into_inner);
    *input = vec![0; length];
    input.as_mut_ptr()
}

/// Finds the landmarks in a box of the photo at [`input`], in pixels, or of the first face where the box is empty. How many there are; 0 where
/// there is no face, -1 for a file that is no photo.
#[unsafe(no_mangle)]
pub extern "C" fn align(x0: f64, y0: f64, x1: f64, y1: f64) -> i32 {
    let input = INPUT.lock().unwrap_or_else(PoisonError::into_inner);
    let mut output = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
    match landmarks(&input, Rect::new(x0, y0, x1, y1)) {
        Ok(points) => *output = points,
        Err(_) => return -1,
    }
    i32::try_from(output.len() / 2).unwrap_or(i32::MAX)
}

/// Where the points of the last [`align`] lie: x0, y0, x1, y1, …
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const f64 {
    OUTPUT.lock().unwrap_or_else(PoisonError::into_inner).as_ptr()
}

/// x and y of each landmark of the face in the box, or of the surest face where the box is empty.
///
/// # Errors
/// Those of [`decode_image`] and [`Aligner::align`].
pub fn landmarks(file: &[u8], face_box: Rect) -> awing::Result<Vec<f64>> {
    let (aligner, photo) = (Aligner::builtin()?, decode_image(file, "photo".as_ref())?);
    let faces = match face_box.is_usable(2.0) {
        true => aligner.align_in_boxes(&photo, &[face_box]).into_iter().collect::<awing::Result<_>>()?,
        false => aligner.align(&photo)?,
    };
    let first = faces.into_iter().next().map(|face| face.landmarks).unwrap_or_default();
    Ok(first.into_iter().flat_map(|point| [point.x, point.y]).collect())
}
