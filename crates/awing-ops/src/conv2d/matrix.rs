//! Matrix products on the `gemm` crate behind checked shapes.

use gemm::Parallelism;

/// A read-only matrix in a slice: element (i, j) is at i * row_stride + j * column_stride.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row by row, rows `row_stride` apart.
    pub(super) fn rows(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(rows == 0 || columns == 0 || (rows - 1) * row_stride + columns <= data.len());
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A buffer that several threads fill, each its own part.
pub(super) struct Shared {
    start: *mut f32,
    len: usize,
}

// SAFETY: a `Shared` is only written through `multiply_into`, `window`, whose callers own disjoint elements.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn new(buffer: &mut [f32]) -> Self {
        Self { start: buffer.as_mut_ptr(), len: buffer.len() }
    }

    /// The elements from `start` on, `len` of them.
    ///
    /// # Safety
    /// The buffer that this was made from is still borrowed, and no other thread holds any of these elements.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    pub(super) unsafe fn window(&self, start: usize, len: usize) -> &mut [f32] {
        assert!(start + len <= self.len);
        // SAFETY: within the buffer by the assertion, exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }

    /// The product of `left` and `right` into the rows that begin at `start` and are `row_stride` apart; added to
    /// what is there, or written over it. On the calling thread alone.
    ///
    /// # Safety
    /// The buffer that this was made from is still borrowed, and no other thread holds any element of these rows.
    #[allow(unsafe_code)]
    pub(super) unsafe fn multiply_into(
        &self,
        start: usize,
        row_stride: usize,
        left: Matrix<'_>,
        right: Matrix<'_>,
        add: bool,
    ) {
        let (m, k, n) = (left.rows, left.columns, right.columns);
        assert_eq!(k, right.rows);
        if m == 0 || n == 0 {
            return;
        }
        assert!(start + (m - 1) * row_stride + n <= self.len && (m == 1 || n <= row_stride));
        let alpha = if add { 1.0 } else { 0.0 };
        // SAFETY: the assertions here and in `Matrix` keep every access inside the three buffers; the rows written do
        // not overlap one another, and the caller promises that nobody else holds them.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                self.start.add(start),
                1,
                row_stride as isize,
                add,
                left.data.as_ptr(),
                left.column_stride as isize,
                left.row_stride as isize,
                right.data.as_ptr(),
                right.column_stride as isize,
                right.row_stride as isize,
                alpha,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

/// The product of `left` and `right` into `output`, row by row without gaps; see [`Shared::multiply_into`].
#[allow(unsafe_code)]
pub(super) fn multiply(output: &mut [f32], left: Matrix<'_>, right: Matrix<'_>, add: bool) {
    let columns = right.columns;
    // SAFETY: `output` is borrowed mutably for the whole call.
    unsafe { Shared::new(output).multiply_into(0, columns, left, right, add) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_worked_out_by_hand() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let b = [1.0, 0.0, 2.0, 1.0, 0.0, 3.0];
        // [1 2 3; 4 5 6] [1 0; 2 1; 0 3]
        let mut out = [0.0; 4];
        multiply(&mut out, Matrix::rows(&a, 2, 3, 3), Matrix::rows(&b, 3, 2, 2), false);
        assert_eq!(out, [5.0, 11.0, 14.0, 23.0]);
        // [1 2 3; 4 5 6] [1 0 2; 1 0 3]^T, added.
        multiply(&mut out, Matrix::rows(&a, 2, 3, 3), Matrix::rows(&b, 2, 3, 3).transposed(), true);
        assert_eq!(out, [5.0 + 7.0, 11.0 + 10.0, 14.0 + 16.0, 23.0 + 22.0]);
    }
}
