use serde::{Deserialize, Serialize};

/// Entries of a profile: up to 8 cells from the peak.
const PROFILE: usize = 9;

/// How high and wide the peaks of maps are, on average over faces and points.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peaks {
    /// Value of the largest cell; at most 1 in a target.
    pub height: f64,
    /// Cells across at half of the height: the diameter of a disc with the area of all cells that reach it. What is far from the peak
    /// counts too, so a map with two peaks is wide.
    pub width: f64,
    /// Mean value at 0, 1, … 8 cells from the largest cell, distances rounded.
    pub profile: Vec<f64>,
}

/// Sums over maps.
#[derive(Clone, Debug, Default)]
pub(super) struct PeakSums {
    height: f64,
    width: f64,
    maps: usize,
    profile: [(f64, usize); PROFILE],
}

impl PeakSums {
    /// Takes in a map of `size` x `size` cells; one without a positive cell has no peak and is as high and wide as nothing.
    pub(super) fn add(&mut self, map: &[f32], size: usize) {
        self.maps += 1;
        let Some((at, &height)) = map.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) else { return };
        if height > 0.0 {
            self.height += f64::from(height);
            let area = map.iter().filter(|&&v| v >= 0.5 * height).count();
            self.width += 2.0 * (area as f64 / std::f64::consts::PI).sqrt();
        }
        let place = |cell: usize| ((cell % size) as f64, (cell / size) as f64);
        let (x, y) = place(at);
        for (cell, &value) in map.iter().enumerate() {
            let (u, v) = place(cell);
            let ring = (u - x).hypot(v - y).round() as usize;
            if let Some((sum, count)) = self.profile.get_mut(ring) {
                (*sum, *count) = (*sum + f64::from(value), *count + 1);
            }
        }
    }

    pub(super) fn mean(&self) -> Peaks {
        let maps = self.maps.max(1) as f64;
        let profile = self.profile.iter().map(|&(sum, count)| sum / count.max(1) as f64).collect();
        Peaks { height: self.height / maps, width: self.width / maps, profile }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square of 3 x 3 cells, 0.4 high, with 0.8 in its middle: nine cells reach the half, a disc of 3.385 cells across.
    #[test]
    fn height_width_and_profile_by_hand() {
        let mut map = vec![0.0; 100];
        for (x, y) in (0..9).map(|i| (4 + i % 3, 5 + i / 3)) {
            map[y * 10 + x] = 0.4;
        }
        map[6 * 10 + 5] = 0.8;
        let mut sums = PeakSums::default();
        sums.add(&map, 10);
        let peaks = sums.mean();
        assert!((peaks.height - 0.8).abs() < 1e-6 && (peaks.width - 3.385).abs() < 1e-3, "{peaks:?}");
        // The peak; the square, 1 and sqrt 2 cells away; nothing.
        let expected = [0.8, 0.4, 0.0, 0.0];
        assert!(peaks.profile.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{peaks:?}");
        assert_eq!(peaks.profile.len(), PROFILE);
        // A map of nothing halves the means of height and width.
        sums.add(&[0.0; 100], 10);
        assert!((sums.mean().height - 0.4).abs() < 1e-6);
    }
}
