use super::map::Map;
use crate::geometry::Point;

/// Rounds of re-centring the window; each leaves about a third of the error that a wrong sigma makes.
const ROUNDS: usize = 4;
/// Halvings of an interval of two cells: to a ten-thousandth of a cell.
const HALVINGS: usize = 14;

/// The centre of mass of the positive values in a soft window around the peak, without the bias of the window.
///
/// The window is a Gaussian of `sigma` too, moved onto the position found so far: where the position rests, the map's
/// correlation with the derivative of its Gaussian is 0, the best that can be had under noise. A window that is not yet
/// on the peak, or cut by a border, draws the centre of mass towards its own middle. How far is known: over a
/// rectangle the two axes separate, and the centre of mass in x grows steadily with the Gaussian's own x. So
/// the position is the one whose Gaussian, in the same window, has the centre of mass that was measured.
pub(super) fn refine(map: &Map<'_>, sigma: f64) -> Option<Point> {
    let near = map.around_peak((2.0 * sigma).ceil() as usize)?;
    let window = |offset: f64| (-offset * offset / (2.0 * sigma * sigma)).exp();
    // The product of two Gaussians of sigma is one of sigma / sqrt(2), in the middle between them.
    let narrow = sigma / std::f64::consts::SQRT_2;
    let mut center = Point::default();
    for _ in 0..ROUNDS {
        let (mut mass, mut x, mut y) = (0.0, 0.0, 0.0);
        for &(u, v, value) in &near.cells {
            let value = value * window(u - center.x) * window(v - center.y);
            mass += value;
            x += value * u;
            y += value * v;
        }
        center.x = (2.0 * center_of(x / mass, near.columns, narrow) - center.x).clamp(-1.0, 1.0);
        center.y = (2.0 * center_of(y / mass, near.rows, narrow) - center.y).clamp(-1.0, 1.0);
    }
    let (x, y) = map.highest;
    Some(Point::new(x as f64 + center.x, y as f64 + center.y))
}

/// The centre, within a cell of 0, of the Gaussian whose values at the whole numbers from `first` to `last` have the
/// centre of mass `measured`: by halving, since that grows with the centre.
fn center_of(measured: f64, (first, last): (f64, f64), sigma: f64) -> f64 {
    let cut_center_of_mass = |center: f64| {
        let (mut mass, mut moment) = (0.0, 0.0);
        let mut at = first;
        while at <= last {
            let value = (-(at - center).powi(2) / (2.0 * sigma * sigma)).exp();
            mass += value;
            moment += value * at;
            at += 1.0;
        }
        moment / mass
    };
    let (mut low, mut high) = (-1.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if cut_center_of_mass(middle) < measured { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symmetric_window_needs_no_correction() {
        assert!(center_of(0.0, (-2.0, 2.0), 1.5).abs() < 1e-4);
    }

    /// Sigma 1, cells 0 and 1 only (a corner): the centre of mass w1 / (w0 + w1) of a Gaussian at c is
    /// 1 / (1 + exp(0.5 - c)); for c = -0.5 that is 1 / (1 + e) = 0.268941.
    #[test]
    fn a_cut_window_is_corrected() {
        assert!((center_of(0.268_941, (0.0, 1.0), 1.0) + 0.5).abs() < 1e-4);
        assert!((center_of(0.5, (0.0, 1.0), 1.0) - 0.5).abs() < 1e-4);
    }

    #[test]
    fn the_search_ends_within_a_cell() {
        assert!((center_of(3.0, (-2.0, 3.0), 1.0) - 1.0).abs() < 1e-4);
        assert!((center_of(-2.0, (-2.0, 2.0), 1.0) + 1.0).abs() < 1e-4);
    }
}
