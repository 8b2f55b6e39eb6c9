//! The exact Euclidean distance transform in linear time (Felzenszwalb and Huttenlocher, "Distance Transforms of
//! Sampled Functions", 2012): one pass over the columns, one lower envelope of parabolas for each row.

/// For each cell of a row-major grid, the squared distance to the nearest marked cell, centre to centre;
/// infinite when none is marked.
pub(super) fn squared_distances(marked: &[bool], width: usize) -> Vec<f64> {
    let height = marked.len().checked_div(width).unwrap_or(0);
    // First the distance along the column: counted from above, then from below.
    let mut distance: Vec<f64> = marked.iter().map(|&m| if m { 0.0 } else { f64::INFINITY }).collect();
    for i in width..width * height {
        distance[i] = distance[i].min(distance[i - width] + 1.0);
    }
    for i in (width..width * height).rev() {
        distance[i - width] = distance[i - width].min(distance[i] + 1.0);
    }
    let mut envelope = Envelope::default();
    for row in distance.chunks_exact_mut(width.max(1)) {
        envelope.rebuild(row);
        envelope.write(row);
    }
    distance
}

/// The lower envelope of the parabolas (x - i)^2 + d_i^2, from left to right.
#[derive(Default)]
struct Envelope {
    /// Each with its apex, the height there, and where it begins to be the lowest.
    parabolas: Vec<(f64, f64, f64)>,
}

impl Envelope {
    fn rebuild(&mut self, distances: &[f64]) {
        self.parabolas.clear();
        for (i, d) in distances.iter().enumerate().filter(|(_, d)| d.is_finite()) {
            let (apex, height) = (i as f64, d * d);
            let mut begin = f64::NEG_INFINITY;
            while let Some(&(a, h, b)) = self.parabolas.last() {
                begin = ((height + apex * apex) - (h + a * a)) / (2.0 * (apex - a));
                if begin > b {
                    break;
                }
                // The last one is nowhere the lowest.
                self.parabolas.pop();
                begin = f64::NEG_INFINITY;
            }
            self.parabolas.push((apex, height, begin));
        }
    }

    fn write(&self, row: &mut [f64]) {
        let mut rest = self.parabolas.iter().peekable();
        let mut lowest = (0.0, f64::INFINITY);
        for (x, cell) in row.iter_mut().enumerate() {
            let x = x as f64;
            while let Some((apex, height, _)) = rest.next_if(|p| p.2 <= x) {
                lowest = (*apex, *height);
            }
            *cell = (x - lowest.0).powi(2) + lowest.1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_marked_cell_gives_circles_around_it() {
        let mut marked = [false; 20];
        marked[5 + 3] = true;
        let distances = squared_distances(&marked, 5);
        // (3, 1) is marked: (0, 0) is 3 to the right and 1 up of it.
        assert_eq!(distances[0], 10.0);
        assert_eq!(distances[5 + 3], 0.0);
        assert_eq!(distances[3 * 5 + 4], 5.0);
    }

    #[test]
    fn without_marks_everything_is_infinitely_far() {
        assert!(squared_distances(&[false; 12], 4).iter().all(|d| *d == f64::INFINITY));
        assert!(squared_distances(&[], 0).is_empty());
    }

    proptest! {
        #[test]
        fn it_equals_the_search_of_all_marks(
            width in 1_usize..24, height in 1_usize..24, density in 0.0..0.3,
            noise in proptest::collection::vec(0.0..1.0, 576),
        ) {
            let marked: Vec<bool> = noise[..width * height].iter().map(|&n| n < density).collect();
            let distances = squared_distances(&marked, width);
            for (i, &distance) in distances.iter().enumerate() {
                let to = |j: usize| (i % width).abs_diff(j % width).pow(2) + (i / width).abs_diff(j / width).pow(2);
                let nearest = (0..marked.len()).filter(|&j| marked[j]).map(to).min();
                prop_assert_eq!(distance, nearest.map_or(f64::INFINITY, |d| d as f64));
            }
        }
    }
}
