//! The exact Euclidean distance to marked cells nearby: the nearest mark of each column, then the best of the columns around
//! (the separation of Saito and Toriwaki 1994, cut off at a reach, which leaves only steps that work on many cells at once).

/// For each cell of a row-major grid, the squared distance to the nearest marked cell, centre to centre, wherever that is at most
/// `reach` (up to 100) squared; elsewhere some larger number.
pub(super) fn squared_distances(marked: &[bool], width: usize, reach: u8) -> Vec<u16> {
    awing_kernels::vectorized(|| measure(marked, width, reach))
}

#[inline(always)]
fn measure(marked: &[bool], width: usize, reach: u8) -> Vec<u16> {
    let height = marked.len().checked_div(width).unwrap_or(0);
    let far = u16::from(reach) + 1;
    // First along the columns: counted from above, then from below.
    let mut distances: Vec<u16> = marked.iter().map(|&m| if m { 0 } else { far }).collect();
    for y in 1..height {
        let (before, after) = distances.split_at_mut(y * width);
        count_on(&before[(y - 1) * width..], &mut after[..width]);
    }
    for y in (1..height).rev() {
        let (before, after) = distances.split_at_mut(y * width);
        count_on(&after[..width], &mut before[(y - 1) * width..]);
    }
    let reach = usize::from(reach);
    let mut squared = vec![far * far; width + 2 * reach];
    for row in distances.chunks_exact_mut(width.max(1)) {
        for (square, &distance) in squared[reach..].iter_mut().zip(&*row) {
            *square = distance.wrapping_mul(distance);
        }
        row.fill(far * far);
        for (offset, columns) in squared.windows(width).enumerate() {
            let aside = offset.abs_diff(reach) as u16;
            let aside = aside * aside;
            for (cell, &along) in row.iter_mut().zip(columns) {
                *cell = (*cell).min(along.wrapping_add(aside));
            }
        }
    }
    distances
}

/// A cell is at most one further than its neighbour.
#[inline(always)]
fn count_on(neighbours: &[u16], row: &mut [u16]) {
    for (cell, &neighbour) in row.iter_mut().zip(neighbours) {
        *cell = (*cell).min(neighbour.wrapping_add(1));
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
        let distances = squared_distances(&marked, 5, 4);
        // (3, 1) is marked: (0, 0) is 3 to the right and 1 up of it.
        assert_eq!(distances[0], 10);
        assert_eq!(distances[5 + 3], 0);
        assert_eq!(distances[3 * 5 + 4], 5);
    }

    #[test]
    fn without_marks_everything_is_out_of_reach() {
        assert!(squared_distances(&[false; 12], 4, 2).iter().all(|d| *d > 4));
        assert!(squared_distances(&[], 0, 3).is_empty());
    }

    proptest! {
        #[test]
        fn it_equals_the_search_of_all_marks(
            width in 1_usize..24, height in 1_usize..24, density in 0.0..0.3, reach in 0_u8..30,
            noise in proptest::collection::vec(0.0..1.0, 576),
        ) {
            let marked: Vec<bool> = noise[..width * height].iter().map(|&n| n < density).collect();
            let distances = squared_distances(&marked, width, reach);
            let limit = usize::from(reach).pow(2);
            for (i, &distance) in distances.iter().enumerate() {
                let distance = usize::from(distance);
                let to = |j: usize| (i % width).abs_diff(j % width).pow(2) + (i / width).abs_diff(j / width).pow(2);
                match (0..marked.len()).filter(|&j| marked[j]).map(to).min() {
                    Some(nearest) if nearest <= limit => prop_assert_eq!(distance, nearest),
                    _ => prop_assert!(distance > limit),
                }
            }
        }
    }
}
