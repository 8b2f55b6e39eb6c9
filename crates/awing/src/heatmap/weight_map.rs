use super::gaussian::Window;

/// Sets `weight` wherever the target, after a gray dilation by 3 x 3 cells, reaches `threshold`; leaves other weights
/// as they are. Outside of `window` the target must be below the threshold.
///
/// A maximum filter reaches the threshold exactly where one of the nine cells does, so each cell that does raises its
/// neighbours: only the window is visited, and a border needs no padding.
pub(crate) fn raise_near_peaks(
    target: &[f32],
    weights: &mut [f32],
    size: usize,
    window: &Window,
    threshold: f32,
    weight: f32,
) {
    let reaches = |value: &f32| *value >= threshold;
    for y in window.y.clone() {
        let row = target.get(y * size..(y + 1) * size).unwrap_or_default();
        let mut rest = window.x.clone();
        // Cells that reach it come in runs, at most one a row around a point.
        while let Some(start) = row.get(rest.clone()).and_then(|cells| cells.iter().position(reaches)) {
            let start = rest.start + start;
            let run = row[start..rest.end].iter().take_while(|value| reaches(value)).count();
            rest.start = start + run;
            let (first, end) = (start.saturating_sub(1), (rest.start + 1).min(size));
            for v in y.saturating_sub(1)..(y + 2).min(size) {
                if let Some(cells) = weights.get_mut(v * size + first..v * size + end) {
                    cells.fill(weight);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gaussian;
    use super::*;
    use crate::geometry::Point;
    use proptest::prelude::*;

    fn weights_of(target: &[f32], size: usize, window: &Window) -> Vec<f32> {
        let mut weights = vec![1.0; size * size];
        raise_near_peaks(target, &mut weights, size, window, 0.2, 11.0);
        weights
    }

    /// With sigma 1.75 the value 0.2 is at r^2 = 2 * 1.75^2 * ln 5 = 9.86, so the 29 cells with x^2 + y^2 <= 9 reach it;
    /// with sigma 1 at r^2 = 3.22: a square of 9, dilated to 25.
    #[test]
    fn as_many_cells_are_raised_as_the_paper_has() {
        for (sigma, radius, before, after) in [(1.75, 3.0, 29, 61), (1.0, 3.0, 9, 25)] {
            let mut target = [0.0; 64 * 64];
            let window = gaussian::draw(&mut target, 64, Point::new(30.0, 20.0), sigma, radius);
            assert_eq!(target.iter().filter(|v| **v > 0.2).count(), before);
            let weights = weights_of(&target, 64, &window);
            assert_eq!(weights.iter().filter(|w| **w == 11.0).count(), after);
            assert_eq!(weights.iter().filter(|w| **w == 1.0).count(), 64 * 64 - after);
        }
    }

    #[test]
    fn the_threshold_is_inclusive() {
        let mut target = [0.0; 25];
        target[12] = 0.2;
        assert_eq!(weights_of(&target, 5, &Window::whole(5)).iter().filter(|w| **w == 11.0).count(), 9);
        target[12] = 0.199_99;
        assert!(weights_of(&target, 5, &Window::whole(5)).iter().all(|w| *w == 1.0));
    }

    proptest! {
        #[test]
        fn it_is_a_maximum_filter_and_a_threshold(
            size in 1_usize..9, cells in proptest::collection::vec(0.0..0.4_f32, 64),
        ) {
            let target = &cells[..size * size];
            let weights = weights_of(target, size, &Window::whole(size));
            for (at, &weight) in weights.iter().enumerate() {
                let (x, y) = (at % size, at / size);
                let near = |i: usize| (i % size).abs_diff(x) <= 1 && (i / size).abs_diff(y) <= 1;
                let dilated = (0..size * size).filter(|&i| near(i)).map(|i| target[i]).fold(0.0, f32::max);
                prop_assert_eq!(weight, if dilated >= 0.2 { 11.0 } else { 1.0 });
            }
        }
    }
}
