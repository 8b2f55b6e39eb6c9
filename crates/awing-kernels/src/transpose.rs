use crate::threads;

/// Pixels of a tile that is turned at a time: with 16 channels it stays in the first cache.
const PIXELS: usize = 64;

/// Turns each of `matrices`: `values` are [matrices, columns, rows], and [matrices, rows, columns] goes to `out`. Maps with channels
/// first become maps with channels last, and back.
///
/// # Panics
/// If a slice is shorter than the shape says.
pub fn transpose(values: &[f32], [matrices, rows, columns]: [usize; 3], out: &mut [f32]) {
    let size = (rows * columns).max(1);
    let (values, out) = (&values[..matrices * rows * columns], &mut out[..matrices * rows * columns]);
    let work = out.chunks_mut(size).zip(values.chunks(size)).collect();
    threads::each(work, 1, |(out, values): (&mut [f32], &[f32])| {
        for first in (0..columns).step_by(PIXELS) {
            for group in (0..rows).step_by(16) {
                for column in first..(first + PIXELS).min(columns) {
                    for row in group..(group + 16).min(rows) {
                        out[row * columns + column] = values[column * rows + row];
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        // 100 x 40 is more than one tile along each side, and no whole number of them.
        let (rows, columns) = (100, 40);
        let values: Vec<f32> = (0..2 * rows * columns).map(|i| i as f32).collect();
        let mut out = vec![0.0; values.len()];
        transpose(&values, [2, rows, columns], &mut out);
        for (i, value) in out.iter().enumerate() {
            let (matrix, row, column) = (i / (rows * columns), i / columns % rows, i % columns);
            assert_eq!(*value, values[(matrix * columns + column) * rows + row]);
        }
    }
}
