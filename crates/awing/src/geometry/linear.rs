//! Small systems of linear equations, as least squares make them.

/// Adds a vector, `weight` times.
pub fn add<const N: usize>(sum: &mut [f64; N], vector: [f64; N], weight: f64) {
    sum.iter_mut().zip(vector).for_each(|(sum, v)| *sum += weight * v);
}

/// Adds a vector's product with itself, `weight` times.
pub fn add_square<const N: usize>(sum: &mut [[f64; N]; N], vector: [f64; N], weight: f64) {
    sum.iter_mut().zip(vector).for_each(|(row, v)| add(row, vector, weight * v));
}

/// x of a x = b, by elimination with the largest pivot; `None` where there is no single one.
pub fn solve<const N: usize>(mut a: [[f64; N]; N], mut b: [f64; N]) -> Option<[f64; N]> {
    let largest = a.iter().flatten().fold(0.0_f64, |most, v| most.max(v.abs()));
    for i in 0..N {
        let pivot = (i..N).max_by(|&p, &q| a[p][i].abs().total_cmp(&a[q][i].abs()))?;
        let size = a[pivot][i].abs();
        if size <= 1e-12 * largest || !size.is_finite() {
            return None;
        }
        a.swap(i, pivot);
        b.swap(i, pivot);
        let (upper, known) = (a[i], b[i]);
        for (row, value) in a.iter_mut().zip(&mut b).skip(i + 1) {
            let factor = row[i] / upper[i];
            add(row, upper, -factor);
            *value -= factor * known;
        }
    }
    for i in (0..N).rev() {
        let known: f64 = (i + 1..N).map(|k| a[i][k] * b[k]).sum();
        b[i] = (b[i] - known) / a[i][i];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_worked_out_by_hand_and_one_without_an_answer() {
        // 2 x + y = 5 and x + 3 y = 10: x = 1, y = 3. The first pivot is 0 in the second.
        assert_eq!(solve([[2.0, 1.0], [1.0, 3.0]], [5.0, 10.0]), Some([1.0, 3.0]));
        assert_eq!(solve([[0.0, 2.0], [4.0, 0.0]], [6.0, 8.0]), Some([2.0, 3.0]));
        assert_eq!(solve([[1.0, 2.0], [2.0, 4.0]], [1.0, 2.0]), None);
        let mut square = [[1.0, 0.0], [0.0, 1.0]];
        add_square(&mut square, [3.0, -1.0], 2.0);
        assert_eq!(square, [[19.0, -6.0], [-6.0, 3.0]]);
    }
}
