use super::map::Map;
use crate::geometry::Point;

/// Gradient and Hessian of the logarithm of the map around its peak, from the paraboloid
/// c + gx x + gy y + hxx x^2 / 2 + hxy x y + hyy y^2 / 2 that fits it best in a window; then the Newton step to its top.
///
/// Each cell counts by the square of its value, since noise of one size in the map is noise of size 1 / value in its
/// logarithm; cells of 0 or less drop out. A window cut by the border is as good: nothing assumes symmetry.
/// `None` when the paraboloid has no top.
pub(super) fn refine(map: &Map<'_>, sigma: f64) -> Option<Point> {
    let near = map.around_peak(radius(sigma))?;
    let mut equations = [[0.0; 7]; 6];
    for (x, y, value) in near.cells.into_iter().filter(|c| c.2 > 0.0) {
        let terms = [1.0, x, y, x * x / 2.0, x * y, y * y / 2.0, value.ln()];
        for (row, left) in equations.iter_mut().zip(terms) {
            for (entry, right) in row.iter_mut().zip(terms) {
                *entry += value * value * left * right;
            }
        }
    }
    let [_, gx, gy, hxx, hxy, hyy] = solve(equations)?;
    let determinant = hxx * hyy - hxy * hxy;
    if !(hxx < 0.0 && determinant > 0.0) {
        return None;
    }
    let (x, y) = map.highest;
    Some(Point::new(
        x as f64 - (hyy * gx - hxy * gy) / determinant,
        y as f64 - (hxx * gy - hxy * gx) / determinant,
    ))
}

/// Three columns or more remain at a border, enough for a curvature.
fn radius(sigma: f64) -> usize {
    ((1.5 * sigma).round() as usize).max(2)
}

/// Solves six equations for six unknowns by elimination; `None` when they do not determine them.
/// The matrix is symmetric and not negative, so the pivots may be taken in order.
fn solve(mut rows: [[f64; 7]; 6]) -> Option<[f64; 6]> {
    for i in 0..6 {
        let (done, rest) = rows.split_at_mut(i + 1);
        let pivot = done[i];
        // In units of the peak value, whose own weight is 1.
        if pivot[i].is_nan() || pivot[i] <= 1e-12 {
            return None;
        }
        for row in rest {
            let factor = row[i] / pivot[i];
            for (entry, above) in row.iter_mut().zip(pivot) {
                *entry -= factor * above;
            }
        }
    }
    let mut solution = [0.0; 6];
    for i in (0..6).rev() {
        let known: f64 = (i + 1..6).map(|j| rows[i][j] * solution[j]).sum();
        solution[i] = (rows[i][6] - known) / rows[i][i];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_equations_are_solved() {
        // Diagonal 2 with one coupling: 2 a + b = 4, a + 2 b = 5 give a = 1, b = 2; the others are 2 c = 6.
        let mut rows = [[0.0; 7]; 6];
        for (i, row) in rows.iter_mut().enumerate() {
            (row[i], row[6]) = (2.0, 6.0);
        }
        (rows[0][1], rows[0][6], rows[1][0], rows[1][6]) = (1.0, 4.0, 1.0, 5.0);
        assert_eq!(solve(rows), Some([1.0, 2.0, 3.0, 3.0, 3.0, 3.0]));
        rows[5][5] = 0.0;
        assert_eq!(solve(rows), None);
        rows[5][5] = f64::NAN;
        assert_eq!(solve(rows), None);
    }
}
