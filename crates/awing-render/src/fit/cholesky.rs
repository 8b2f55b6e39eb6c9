//! Large symmetric systems of linear equations, as least squares make them.

/// Solves a x = b in place of b, for a positive definite matrix of `b.len()` rows, of which the lower triangle is read and overwritten. False where
/// it is not positive definite; b is then of no use.
pub(super) fn solve(a: &mut [f64], b: &mut [f64]) -> bool {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let (row, other) = (&a[i * n..i * n + j], &a[j * n..j * n + j]);
            let known: f64 = row.iter().zip(other).map(|(p, q)| p * q).sum();
            let rest = a[i * n + j] - known;
            if i != j {
                a[i * n + j] = rest / a[j * n + j];
            } else if rest > 0.0 {
                a[i * n + i] = rest.sqrt();
            } else {
                // Also for what is no number.
                return false;
            }
        }
    }
    for i in 0..n {
        let known: f64 = (0..i).map(|k| a[i * n + k] * b[k]).sum();
        b[i] = (b[i] - known) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - known) / a[i * n + i];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_worked_out_by_hand_and_one_without_an_answer() {
        // 4 x + 2 y = 14 and 2 x + 5 y = 19: x = 2, y = 3.
        let (mut a, mut b) = ([4.0, f64::NAN, 2.0, 5.0], [14.0, 19.0]);
        assert!(solve(&mut a, &mut b));
        assert!((b[0] - 2.0).abs() < 1e-12 && (b[1] - 3.0).abs() < 1e-12, "{b:?}");
        assert!(!solve(&mut [1.0, 0.0, 2.0, 4.0], &mut [1.0, 2.0]));
        assert!(!solve(&mut [f64::NAN], &mut [1.0]));
    }
}
