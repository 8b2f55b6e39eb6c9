//! From one predicted map to one point.

use super::{center_of_mass, dark, map::Map};
use crate::geometry::Point;
use serde::{Deserialize, Serialize};

/// How the position between cells is found, once the highest cell is (the first of equals, row by row).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decoder {
    /// The centre of the highest cell.
    Argmax,
    /// A quarter of a cell towards the higher neighbour in x and in y; not at the border. The paper's decoder.
    QuarterShift,
    /// The centre of mass of a small window around the highest cell, freed of the bias of cutting the Gaussian off
    /// at the window.
    #[default]
    CenterOfMass,
    /// One Newton step on the logarithm of the map, which is a parabola around a Gaussian's peak (Zhang et al., CVPR
    /// 2020, "Distribution-Aware Coordinate Representation"). Gradient and Hessian are those of the parabola fitted
    /// to the window by least squares: this smooths as the original blur does, but is unbiased at borders too.
    Dark,
}

/// Where a map is highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// In cells, always within the area of the map, [-0.5, size - 0.5].
    pub position: Point,
    /// The value of the highest cell, limited to [0, 1]: how sure the network is.
    pub score: f32,
}

impl Decoder {
    /// Finds the peak of a row-major map of `size` x `size` cells, whose target was a Gaussian of `sigma` cells.
    ///
    /// NaN counts as the lowest value. A map without a peak (all values equal, all NaN, or fewer values than cells)
    /// gives the middle of the map and score 0.
    pub fn decode_map(self, map: &[f32], size: usize, sigma: f64) -> Peak {
        let middle = size as f64 / 2.0 - 0.5;
        let nothing = Peak { position: Point::new(middle, middle), score: 0.0 };
        let Some(map) = map.get(..size * size).and_then(|cells| Map::new(cells, size)) else {
            return nothing;
        };
        let (x, y) = map.highest;
        let peak = Point::new(x as f64, y as f64);
        let refined = match self {
            Self::Argmax => None,
            Self::QuarterShift => quarter_shift(&map),
            Self::CenterOfMass => center_of_mass::refine(&map, sigma),
            Self::Dark => dark::refine(&map, sigma),
        };
        // Whatever the map holds, a refinement stays within a cell of the peak and within the map.
        let limit =
            |value: f64, cell: f64| value.clamp(cell - 1.0, cell + 1.0).clamp(-0.5, size as f64 - 0.5);
        let position = refined.filter(|p| p.is_finite()).unwrap_or(peak);
        let position = Point::new(limit(position.x, peak.x), limit(position.y, peak.y));
        Peak { position, score: map.at(x, y).clamp(0.0, 1.0) }
    }
}

fn quarter_shift(map: &Map<'_>) -> Option<Point> {
    let (x, y) = map.highest;
    let inside = 1..map.size.saturating_sub(1);
    if !inside.contains(&x) || !inside.contains(&y) {
        return None;
    }
    let towards = |before: f32, after: f32| match before.partial_cmp(&after) {
        Some(std::cmp::Ordering::Less) => 0.25,
        Some(std::cmp::Ordering::Greater) => -0.25,
        _ => 0.0,
    };
    let dx = towards(map.at(x - 1, y), map.at(x + 1, y));
    let dy = towards(map.at(x, y - 1), map.at(x, y + 1));
    Some(Point::new(x as f64 + dx, y as f64 + dy))
}

#[cfg(test)]
mod tests {
    use super::super::gaussian;
    use super::*;
    use proptest::prelude::*;
    use rand::{Rng, RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const ALL: [Decoder; 4] = [Decoder::Argmax, Decoder::QuarterShift, Decoder::CenterOfMass, Decoder::Dark];

    fn drawn(size: usize, p: Point, sigma: f64) -> Vec<f32> {
        let mut map = vec![0.0; size * size];
        gaussian::draw(&mut map, size, p, sigma, 3.0 * sigma);
        map
    }

    /// Adds independent normal noise (Box and Muller).
    fn add_noise(map: &mut [f32], deviation: f64, rng: &mut impl Rng) {
        for cell in map {
            let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
            *cell += (deviation * (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32;
        }
    }

    #[test]
    fn the_quarter_shift_goes_towards_the_higher_neighbour() {
        let mut map = [0.0; 25];
        (map[12], map[11], map[13], map[7]) = (0.9, 0.3, 0.4, 0.1);
        let peak = Decoder::QuarterShift.decode_map(&map, 5, 1.5);
        assert_eq!(peak, Peak { position: Point::new(2.25, 1.75), score: 0.9 });
        assert_eq!(Decoder::Argmax.decode_map(&map, 5, 1.5).position, Point::new(2.0, 2.0));
        // Equal neighbours add nothing, and border peaks are not refined.
        (map[13], map[7]) = (0.3, 0.0);
        assert_eq!(Decoder::QuarterShift.decode_map(&map, 5, 1.5).position, Point::new(2.0, 2.0));
        map[9] = 2.0;
        let peak = Decoder::QuarterShift.decode_map(&map, 5, 1.5);
        assert_eq!(peak, Peak { position: Point::new(4.0, 1.0), score: 1.0 });
    }

    #[test]
    fn maps_without_a_peak_give_the_middle_and_no_score() {
        for decoder in ALL {
            for value in [0.0, 0.7, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let peak = decoder.decode_map(&[value; 64], 8, 1.5);
                assert_eq!(peak, Peak { position: Point::new(3.5, 3.5), score: 0.0 }, "{value}");
            }
            assert_eq!(decoder.decode_map(&[0.5; 10], 8, 1.5).score, 0.0);
            assert!(decoder.decode_map(&[], 0, 1.5).position.is_finite());
        }
    }

    #[test]
    fn nan_and_infinity_do_not_spread() {
        for decoder in ALL {
            let mut map = drawn(16, Point::new(6.2, 9.7), 1.5);
            map[9 * 16 + 7] = f32::NAN;
            map[0] = f32::NAN;
            map[5] = f32::NEG_INFINITY;
            let peak = decoder.decode_map(&map, 16, 1.5);
            assert!(peak.position.distance(Point::new(6.2, 9.7)) < 0.6 && peak.score > 0.9);
            map[40] = f32::INFINITY;
            let peak = decoder.decode_map(&map, 16, 1.5);
            assert_eq!(peak.score, 1.0);
            assert!(peak.position.distance(Point::new(8.0, 2.0)) <= 0.4);
            let negative: Vec<f32> = map.iter().map(|v| -1.0 - v.abs().min(1.0)).collect();
            let peak = decoder.decode_map(&negative, 16, 1.5);
            assert!(peak.position.is_finite() && peak.score == 0.0);
        }
    }

    /// One hot cell, a plateau and a ridge have no Gaussian's curvature: the step stays within a cell of the peak.
    #[test]
    fn shapes_that_are_no_gaussian_give_no_wild_steps() {
        let mut one = [0.0; 256];
        one[5 * 16 + 5] = 1.0;
        let mut plateau = [0.0; 256];
        for i in 0..25 {
            plateau[(5 + i / 5) * 16 + 5 + i % 5] = 1.0;
        }
        let mut ridge = [0.1; 256];
        ridge[80..96].fill(1.0);
        for decoder in ALL {
            for map in [one, plateau, ridge] {
                let at = Decoder::Argmax.decode_map(&map, 16, 1.5).position;
                let found = decoder.decode_map(&map, 16, 1.5).position;
                assert!((found.x - at.x).abs() <= 1.0 && (found.y - at.y).abs() <= 1.0);
            }
        }
    }

    /// Root mean square error in cells over random positions, for a peak `spread` times as wide as expected.
    fn error(decoder: Decoder, spread: f64, noise: f64) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let rounds = 2000;
        let squares = (0..rounds).map(|_| {
            let p = Point::new(rng.random_range(10.0..20.0), rng.random_range(10.0..20.0));
            let mut map = drawn(32, p, 1.5 * spread);
            add_noise(&mut map, noise, &mut rng);
            decoder.decode_map(&map, 32, 1.5).position.distance(p).powi(2)
        });
        (squares.sum::<f64>() / f64::from(rounds)).sqrt()
    }

    /// No unbiased decoder can do better than noise * sqrt(2 / pi) in each axis (the Cramer-Rao bound for a Gaussian
    /// peak of height 1, whatever its width), so 0.0339 in the plane for noise 0.03.
    #[test]
    fn noise_moves_the_peak_little() {
        assert!(error(Decoder::CenterOfMass, 1.0, 0.03) < 0.036);
        assert!(error(Decoder::Dark, 1.0, 0.03) < 0.040);
        // A quarter shift of a peak anywhere in its cell leaves a uniform error of up to 1/4 in each axis: 0.204.
        assert!((error(Decoder::QuarterShift, 1.0, 0.0) - 0.204).abs() < 0.01);
        assert!(error(Decoder::CenterOfMass, 1.0, 0.1) < 0.15);
        assert!(error(Decoder::Dark, 1.0, 0.1) < 0.2);
    }

    #[test]
    fn a_wider_peak_than_expected_is_found_too() {
        assert!(error(Decoder::CenterOfMass, 1.3, 0.0) < 0.025);
        assert!(error(Decoder::Dark, 1.3, 0.0) < 1e-4);
        assert!(error(Decoder::CenterOfMass, 0.8, 0.0) < 0.025);
    }

    proptest! {
        #[test]
        fn an_exact_gaussian_is_found_everywhere(
            size in 16_usize..=64, sigma in 1.0..2.5, u in 0.0..1.0, v in 0.0..1.0, corner in 0..4,
            height in 0.05..1.0_f32,
        ) {
            // A quarter of the cases lie all over the map, the others within two cells of a side or of a corner.
            let near = |t: f64, fold: bool| if fold { t * 2.0 } else { t * size as f64 };
            let p = Point::new(near(u, corner & 1 == 1) - 0.5, near(v, corner & 2 == 2) - 0.5);
            let far = size as f64 - 1.0;
            for p in [p, Point::new(far - p.x, p.y), Point::new(p.x, far - p.y), Point::new(far - p.x, far - p.y)] {
                let mut map = drawn(size, p, sigma);
                map.iter_mut().for_each(|value| *value *= height);
                for decoder in [Decoder::CenterOfMass, Decoder::Dark] {
                    let found = decoder.decode_map(&map, size, sigma).position;
                    prop_assert!(found.distance(p) < 0.01, "{:?} at {:?} found at {:?}", decoder, p, found);
                }
            }
        }

        #[test]
        fn any_map_gives_a_finite_point_inside(
            cells in proptest::collection::vec(proptest::num::f32::ANY, 64), sigma in 0.5..16.0,
        ) {
            for decoder in ALL {
                let Peak { position, score } = decoder.decode_map(&cells, 8, sigma);
                prop_assert!((-0.5..=7.5).contains(&position.x) && (-0.5..=7.5).contains(&position.y));
                prop_assert!((0.0..=1.0).contains(&score));
            }
        }
    }
}
