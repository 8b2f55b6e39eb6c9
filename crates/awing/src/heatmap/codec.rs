use super::{
    Center, CodecConfig, Occluded, boundary, gaussian, gaussian::Window, weight_map::raise_near_peaks,
};
use crate::{
    error::{Error, Result},
    geometry::{Point, to_cell, to_pixel},
    scheme::Scheme,
    scheme::{Landmark, Visibility},
};

/// Draws target maps from points and reads points from predicted maps, by one configuration.
#[derive(Clone, Debug)]
pub struct Codec {
    config: CodecConfig,
}

impl Codec {
    /// A codec of this configuration.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming a setting that is out of range.
    pub fn new(config: CodecConfig) -> Result<Self> {
        config.check()?;
        Ok(Self { config })
    }

    /// The configuration.
    pub fn config(&self) -> &CodecConfig {
        &self.config
    }

    /// Width and height of a map in cells.
    pub fn size(&self) -> usize {
        self.config.size
    }

    /// Whether there is a boundary channel for this scheme; it is the last one.
    pub fn has_boundary(&self, scheme: &Scheme) -> bool {
        self.config.boundary.enabled && !scheme.lines.is_empty()
    }

    /// How many maps there are for this scheme: one for each point, and perhaps the boundary.
    pub fn channels(&self, scheme: &Scheme) -> usize {
        scheme.len() + usize::from(self.has_boundary(scheme))
    }

    /// Draws the target maps of a face and the weights of the loss on them.
    ///
    /// `landmarks` are in pixels of the network's input, one for each point of the scheme. `targets` and `weights` are
    /// `[channels, size, size]` and overwritten. Targets are within [0, 1]. Weights are W + 1 near target peaks and 1
    /// elsewhere (see [`super::WeightMapConfig`]), and 0 over the whole map of a point that is missing, not finite or,
    /// if the configuration says so, occluded; also over the boundary map when a point on a line is missing.
    /// A point outside of the maps leaves its map 0, with weights: the network should find nothing there.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the number of landmarks, targets or weights is not that of the scheme.
    pub fn encode(
        &self,
        scheme: &Scheme,
        landmarks: &[Landmark],
        targets: &mut [f32],
        weights: &mut [f32],
    ) -> Result<()> {
        let area = self.config.size * self.config.size;
        expect("landmarks", landmarks.len(), scheme.len())?;
        expect("targets", targets.len(), self.channels(scheme) * area)?;
        expect("weights", weights.len(), self.channels(scheme) * area)?;
        let pixels: Vec<Option<Point>> = landmarks.iter().map(|l| self.pixel_to_learn(l)).collect();
        let maps = targets.chunks_exact_mut(area).zip(weights.chunks_exact_mut(area));
        for ((target, weight), pixel) in maps.zip(&pixels) {
            target.fill(0.0);
            let Some(pixel) = *pixel else {
                weight.fill(0.0);
                continue;
            };
            weight.fill(1.0);
            let (center, radius) = self.label(pixel);
            let window = gaussian::draw(target, self.config.size, center, self.config.sigma(), radius);
            self.weigh(target, weight, &window);
        }
        let points = scheme.len() * area;
        if let (Some(target), Some(weight)) = (targets.get_mut(points..), weights.get_mut(points..))
            && self.has_boundary(scheme)
        {
            self.encode_boundary(scheme, landmarks, target, weight);
        }
        Ok(())
    }

    /// Reads the first `points` of the predicted `maps`, `[channels, size, size]`: for each a position in pixels of the
    /// network's input and a score in [0, 1], the height of the peak. Always finite; a map without any peak gives the
    /// middle of the input and score 0.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there are fewer maps than points.
    pub fn decode(&self, maps: &[f32], points: usize) -> Result<Vec<(Point, f32)>> {
        let (size, stride) = (self.config.size, self.config.stride);
        if maps.len() < points * size * size {
            let problem = format!("{} values are fewer than {points} maps of {size} x {size}", maps.len());
            return Err(Error::invalid("heatmaps", problem));
        }
        let read = |map| {
            let peak = self.config.decoder.decode_map(map, size, self.config.sigma());
            let pixel = match self.config.center {
                Center::Exact => to_pixel(peak.position, stride),
                // floor(pixel / stride) took half a cell on average.
                Center::Floor => {
                    Point::new((peak.position.x + 0.5) * stride, (peak.position.y + 0.5) * stride)
                }
            };
            (pixel, peak.score)
        };
        Ok(maps.chunks_exact(size * size).take(points).map(read).collect())
    }

    /// The position of a landmark that the network shall learn.
    fn pixel_to_learn(&self, landmark: &Landmark) -> Option<Point> {
        let used = match landmark.visibility {
            Visibility::Visible => true,
            Visibility::Occluded => self.config.occluded == Occluded::Train,
            Visibility::Missing => false,
        };
        Some(landmark.point).filter(|p| used && p.is_finite())
    }

    /// Centre and reach of the Gaussian for a point, in cells.
    fn label(&self, pixel: Point) -> (Point, f64) {
        let stride = self.config.stride;
        match self.config.center {
            Center::Exact => (to_cell(pixel, stride), 3.0 * self.config.sigma()),
            Center::Floor => (Point::new((pixel.x / stride).floor(), (pixel.y / stride).floor()), 3.0),
        }
    }

    fn weigh(&self, target: &[f32], weights: &mut [f32], window: &Window) {
        let config = &self.config.weight_map;
        if config.enabled {
            let near = (config.weight + 1.0) as f32;
            raise_near_peaks(target, weights, self.config.size, window, config.threshold as f32, near);
        }
    }

    fn encode_boundary(
        &self,
        scheme: &Scheme,
        landmarks: &[Landmark],
        target: &mut [f32],
        weights: &mut [f32],
    ) {
        // A hidden point is annotated: the line runs through it, whether its own map is learnt or not.
        let cell = |&point: &usize| {
            let pixel = landmarks.get(point).and_then(Landmark::position).filter(|p| p.is_finite())?;
            Some(self.label(pixel).0)
        };
        let lines: Option<Vec<Vec<Point>>> =
            scheme.lines.iter().map(|line| line.points.iter().map(cell).collect()).collect();
        let Some(lines) = lines else {
            target.fill(0.0);
            weights.fill(0.0);
            return;
        };
        weights.fill(1.0);
        boundary::draw(target, self.config.size, lines, self.config.boundary.sigma);
        self.weigh(target, weights, &Window::whole(self.config.size));
    }
}

fn expect(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::invalid(what, format!("{found} of them, but the scheme and the maps ask for {expected}")))
}

#[cfg(test)]
mod tests {
    use super::super::{BoundaryConfig, Decoder, WeightMapConfig};
    use super::*;
    use proptest::prelude::*;

    /// One face encoded: targets and weights, map by map.
    struct Encoded {
        targets: Vec<Vec<f32>>,
        weights: Vec<Vec<f32>>,
    }

    fn encode(config: &CodecConfig, scheme: &Scheme, landmarks: &[Landmark]) -> Encoded {
        let codec = Codec::new(config.clone()).unwrap();
        let area = config.size * config.size;
        // What was there before must not matter.
        let (mut targets, mut weights) =
            (vec![5.0; codec.channels(scheme) * area], vec![7.0; codec.channels(scheme) * area]);
        codec.encode(scheme, landmarks, &mut targets, &mut weights).unwrap();
        assert!(targets.iter().all(|t| (0.0..=1.0).contains(t)));
        let maps = |all: Vec<f32>| all.chunks_exact(area).map(<[f32]>::to_vec).collect();
        Encoded { targets: maps(targets), weights: maps(weights) }
    }

    fn all(map: &[f32], value: f32) -> bool {
        map.iter().all(|v| *v == value)
    }

    fn one_point() -> Scheme {
        Scheme::from_toml("name = \"one\"\npoints = [\"p\"]", "one").unwrap()
    }

    /// A face spread over the input so that every point of the scheme lies inside.
    fn face(scheme: &Scheme) -> Vec<Landmark> {
        let at = |i: usize| (20.3 + (i * 37 % 210) as f64, 24.9 + (i * 53 % 203) as f64);
        (0..scheme.len()).map(at).map(|(x, y)| Landmark::visible(x, y)).collect()
    }

    #[test]
    fn an_exact_label_has_its_centre_at_the_unrounded_cell() {
        // Pixel 29.5 is cell (29.5 + 0.5) / 4 - 0.5 = 7 and pixel 43.5 is cell 10.5, between two cells.
        let map = encode(&CodecConfig::default(), &one_point(), &[Landmark::visible(29.5, 43.5)]);
        // exp(-0.5^2 / (2 1.5^2)) = 0.94596, and one cell to the side another exp(-1 / 4.5) = 0.80074 of it.
        for (x, y, value) in [(7, 10, 0.945_96), (7, 11, 0.945_96), (8, 10, 0.757_47), (6, 11, 0.757_47)] {
            assert!((map.targets[0][y * 64 + x] - value).abs() < 1e-5);
        }
        assert_eq!(map.weights[0][10 * 64 + 7], 11.0);
        assert_eq!(map.weights[0][30 * 64 + 7], 1.0);
    }

    #[test]
    fn the_papers_label_is_floored_and_its_weights_are_61_cells() {
        let map = encode(&CodecConfig::paper(), &one_point(), &[Landmark::visible(31.9, 40.0)]);
        assert_eq!(map.targets[0][10 * 64 + 7], 1.0);
        assert!((map.targets[0][10 * 64 + 9] - 0.5204).abs() < 1e-4);
        assert_eq!(map.targets[0][10 * 64 + 11], 0.0);
        assert_eq!(map.weights[0].iter().filter(|w| **w == 11.0).count(), 61);
    }

    #[test]
    fn points_that_are_not_learnt_have_no_weight() {
        let scheme = Scheme::builtin("wflw-98").unwrap();
        let mut landmarks = face(&scheme);
        // The pupils (96, 97) are on no line; 3 is on the jaw.
        landmarks[96] = Landmark::missing();
        landmarks[97].visibility = Visibility::Occluded;
        let ignore = CodecConfig { occluded: Occluded::Ignore, ..CodecConfig::default() };
        let map = encode(&ignore, &scheme, &landmarks);
        for i in [96, 97] {
            assert!(all(&map.targets[i], 0.0) && all(&map.weights[i], 0.0));
        }
        assert!(map.weights[98].contains(&1.0) && map.weights[98].contains(&11.0));
        assert!(map.targets[98].contains(&1.0));
        landmarks[3].visibility = Visibility::Occluded;
        let map = encode(&ignore, &scheme, &landmarks);
        assert!(all(&map.weights[3], 0.0), "hidden");
        assert!(map.weights[98].contains(&11.0), "annotated all the same: the line runs through it");
        let train = CodecConfig::default();
        let map = encode(&train, &scheme, &landmarks);
        assert!(map.weights[3].contains(&11.0) && map.weights[98].contains(&11.0));
        landmarks[5].point.x = f64::NAN;
        let map = encode(&train, &scheme, &landmarks);
        assert!(all(&map.weights[5], 0.0) && all(&map.weights[98], 0.0));
    }

    /// What is scored is learnt. The author's loader does not ask which point is hidden either.
    #[test]
    fn hidden_points_are_learnt_like_visible_ones() {
        let scheme = Scheme::builtin("cofw-29").unwrap();
        let seen = face(&scheme);
        let mut hidden = seen.clone();
        hidden.iter_mut().step_by(3).for_each(|l| l.visibility = Visibility::Occluded);
        for config in [CodecConfig::default(), CodecConfig::paper()] {
            let [seen, hidden] = [&seen, &hidden].map(|face| encode(&config, &scheme, face));
            assert!(hidden.targets == seen.targets && hidden.weights == seen.weights);
            assert!(hidden.weights[0].contains(&11.0));
        }
    }

    #[test]
    fn a_visible_point_outside_has_an_empty_map_with_weight() {
        for x in [-60.0, 400.0, 1e300] {
            for config in [CodecConfig::default(), CodecConfig::paper()] {
                let map = encode(&config, &one_point(), &[Landmark::visible(x, 100.0)]);
                assert!(all(&map.targets[0], 0.0) && all(&map.weights[0], 1.0));
            }
        }
    }

    #[test]
    fn the_boundary_and_the_weight_map_can_be_left_out() {
        let scheme = Scheme::builtin("300w-68").unwrap();
        let config = CodecConfig {
            boundary: BoundaryConfig { enabled: false, ..BoundaryConfig::default() },
            weight_map: WeightMapConfig { enabled: false, ..WeightMapConfig::default() },
            ..CodecConfig::default()
        };
        let map = encode(&config, &scheme, &face(&scheme));
        assert_eq!(map.targets.len(), 68);
        assert!(map.weights.iter().all(|w| all(w, 1.0)));
        // Five points have no lines, so no boundary either.
        let codec = Codec::new(CodecConfig::default()).unwrap();
        assert_eq!(codec.channels(&Scheme::builtin("mtfl-5").unwrap()), 5);
        assert_eq!(codec.channels(&scheme), 69);
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let (codec, scheme) = (Codec::new(CodecConfig::default()).unwrap(), one_point());
        let point = [Landmark::visible(1.0, 1.0)];
        let (mut full, mut short) = (vec![0.0; 4096], vec![0.0; 4095]);
        assert!(codec.encode(&scheme, &[], &mut full.clone(), &mut full).is_err());
        assert!(codec.encode(&scheme, &point, &mut short, &mut full).is_err());
        let error = codec.encode(&scheme, &point, &mut full, &mut short).unwrap_err().to_string();
        assert!(error.starts_with("weights: 4095 of them"), "{error}");
        assert!(codec.decode(&full, 2).is_err());
        assert_eq!(codec.decode(&full, 1).unwrap(), [(Point::new(127.5, 127.5), 0.0)]);
    }

    /// A floored label says nothing about the fraction: over a whole cell the errors must cancel.
    #[test]
    fn floored_labels_are_read_without_bias() {
        for decoder in [Decoder::Argmax, Decoder::QuarterShift, Decoder::CenterOfMass, Decoder::Dark] {
            let config = CodecConfig { decoder, ..CodecConfig::paper() };
            let codec = Codec::new(config.clone()).unwrap();
            let mut sum = 0.0;
            for step in 0..32 {
                let x = 80.0625 + f64::from(step) / 8.0;
                let map = encode(&config, &one_point(), &[Landmark::visible(x, 99.0)]);
                let (found, score) = codec.decode(&map.targets[0], 1).unwrap()[0];
                assert!((found.x - x).abs() <= 2.0 && score == 1.0);
                sum += found.x - x;
            }
            assert!(sum.abs() < 1e-3, "{decoder:?}: {sum}");
        }
    }

    proptest! {
        /// Any point within the area of the map, up to half a cell outside the outermost cell centres.
        #[test]
        fn points_survive_the_round_trip(
            size in 16_usize..=64, sigma in 1.0..2.5, stride in 1.0..8.0, u in 0.0..1.0, v in 0.0..1.0, dark: bool,
        ) {
            let decoder = if dark { Decoder::Dark } else { Decoder::CenterOfMass };
            let config = CodecConfig { size, stride, sigma: Some(sigma), decoder, ..CodecConfig::default() };
            let point = Point::new(u * size as f64 * stride - 0.5, v * size as f64 * stride - 0.5);
            let map = encode(&config, &one_point(), &[Landmark::visible(point.x, point.y)]);
            let (found, score) = Codec::new(config).unwrap().decode(&map.targets[0], 1).unwrap()[0];
            prop_assert!(found.distance(point) < 0.05 * stride);
            prop_assert!(score > 0.75);
        }

        #[test]
        fn any_landmark_is_encoded(x in proptest::num::f64::ANY, y in proptest::num::f64::ANY, paper: bool) {
            let config = if paper { CodecConfig::paper() } else { CodecConfig::default() };
            let scheme = Scheme::builtin("aflw-19").unwrap();
            let mut landmarks = face(&scheme);
            landmarks[1] = Landmark::visible(x, y);
            let map = encode(&config, &scheme, &landmarks);
            prop_assert!(map.weights.iter().flatten().all(|w| [0.0, 1.0, 11.0].contains(w)));
        }
    }
}
