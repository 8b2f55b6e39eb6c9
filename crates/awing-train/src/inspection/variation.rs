//! How the shapes of a dataset vary: turns of the head, expressions, build; and how well a shape fits that.

use super::shape::{Shape, Similarity, TypicalShape, laid_on, median, mirrored};
use awing::geometry::Point;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Directions of variation that are learnt at most.
const MOST: usize = 8;
/// Shapes for each direction.
const SHAPES_EACH: usize = 12;
/// Of orthogonal iteration.
const ITERATIONS: usize = 25;
/// A shape that alone makes this share of a direction is no example of how shapes vary: it is left out.
const ALONE: f64 = 0.25;
/// No point counts as more certain than this share of the median point.
const LEAST_NOISE: f64 = 0.5;
/// An error of a point that the variation hides more than this tells nothing.
const LEAST_SHOWN: f64 = 0.05;
/// Shapes farther from the typical one than this many times the median weigh less.
const FAR: f64 = 2.5;

/// The typical shape, the directions in which shapes differ from it, and how far each point still lies from what these
/// explain.
pub(super) struct Variation {
    typical: TypicalShape,
    /// Orthonormal, in units of noise: first shift, turn and scale, then what was learnt.
    basis: Vec<Vec<f64>>,
    /// The usual distance of each point from what the basis explains.
    noise: Vec<f64>,
    /// The median misfit.
    pub(super) usual: f64,
}

/// A shape laid on the typical one.
pub(super) struct Laid {
    pub(super) points: Shape,
    /// What of it the variation does not explain, x and y of each point, in units of noise; 0 for missing points.
    residual: Vec<f64>,
    /// Mean square of the residual over the annotated points: about 1 for most.
    pub(super) misfit: f64,
    pub(super) similarity: Similarity,
}

impl Variation {
    /// Learnt from these shapes, those left out that look mirrored.
    pub(super) fn of(shapes: &[Shape], typical: TypicalShape) -> Option<Self> {
        let laid: Vec<Shape> = shapes
            .par_iter()
            .filter_map(|shape| {
                let (laid, apart, _) = laid_on(shape, &typical.points)?;
                let (_, other, _) = laid_on(&mirrored(shape), &typical.points)?;
                (apart <= other).then_some(laid)
            })
            .collect();
        let count = typical.points.len();
        let directions = MOST.min(laid.len() / SHAPES_EACH).min((2 * count).saturating_sub(4) / 3);
        let mut variation = Self { typical, basis: Vec::new(), noise: vec![1.0; count], usual: 1.0 };
        // Twice: what counts as far depends on the noise of each point, which is only known then.
        for _ in 0..2 {
            let vectors: Vec<Vec<f64>> = laid.par_iter().map(|laid| variation.vector(laid)).collect();
            variation.basis = variation.learn_from(&vectors, directions);
            let residuals: Vec<Vec<f64>> = vectors.par_iter().map(|v| variation.unexplained(v)).collect();
            variation.noise = variation.noise_of(&laid, &residuals)?;
        }
        let vectors: Vec<Vec<f64>> = laid.par_iter().map(|laid| variation.vector(laid)).collect();
        variation.basis = variation.learn_from(&vectors, directions);
        variation.usual = median(laid.par_iter().map(|laid| variation.misfit_of(laid).1).collect())?;
        Some(variation)
    }

    /// A shape and its misfit; `None` when it cannot be laid on the typical one.
    pub(super) fn lay(&self, shape: &[Option<Point>]) -> Option<Laid> {
        let (points, _, similarity) = laid_on(shape, &self.typical.points)?;
        let (residual, misfit) = self.misfit_of(&points);
        Some(Laid { points, residual, misfit, similarity })
    }

    /// How much the misfit of a laid shape falls when points i and j change places, as the sum over all points.
    pub(super) fn gain(&self, laid: &Laid, i: usize, j: usize) -> Option<f64> {
        let (p, q) = (laid.points.get(i).copied()??, laid.points.get(j).copied()??);
        let (a, b) = (self.noise.get(i)?, self.noise.get(j)?);
        let change = [
            (2 * i, (q.x - p.x) / a),
            (2 * i + 1, (q.y - p.y) / a),
            (2 * j, (p.x - q.x) / b),
            (2 * j + 1, (p.y - q.y) / b),
        ];
        // |P (v + c)|² - |P v|² = 2 r·c + |c|² - |B c|², for r = P v.
        let mut rise = 0.0;
        for (at, c) in change {
            rise += 2.0 * laid.residual.get(at)? * c + c * c;
        }
        for direction in &self.basis {
            let along: f64 = change.iter().filter_map(|(at, c)| Some(direction.get(*at)? * c)).sum();
            rise -= along * along;
        }
        Some(-rise)
    }

    /// How far a point of a laid shape is from where the others say that it should be, x and y in units of noise; `None` where they
    /// say nothing.
    pub(super) fn off(&self, laid: &Laid, point: usize) -> Option<[f64; 2]> {
        laid.points.get(point).copied()??;
        let (x, y) = (2 * point, 2 * point + 1);
        let r = [*laid.residual.get(x)?, *laid.residual.get(y)?];
        // Of an error e of this point alone the residual shows P e, P = 1 - B B' in its rows and columns: that undone.
        let (mut a, mut b, mut c) = (1.0, 0.0, 1.0);
        for direction in &self.basis {
            let (dx, dy) = (direction.get(x)?, direction.get(y)?);
            a -= dx * dx;
            b -= dx * dy;
            c -= dy * dy;
        }
        let determinant = a * c - b * b;
        (determinant > LEAST_SHOWN)
            .then(|| [(c * r[0] - b * r[1]) / determinant, (a * r[1] - b * r[0]) / determinant])
    }

    /// Where the others say that a point should be, in the shape before it was laid down.
    pub(super) fn place(&self, laid: &Laid, point: usize) -> Option<Point> {
        let ([x, y], noise) = (self.off(laid, point)?, self.noise(point));
        let p = laid.points.get(point).copied()??;
        Some(laid.similarity.undo(Point::new(p.x - noise * x, p.y - noise * y)))
    }

    /// The usual distance of a point from what the variation explains, the typical shape being of size 1.
    pub(super) fn noise(&self, point: usize) -> f64 {
        self.noise.get(point).copied().unwrap_or(1.0)
    }

    fn misfit_of(&self, laid: &[Option<Point>]) -> (Vec<f64>, f64) {
        let residual = self.unexplained(&self.vector(laid));
        let annotated = laid.iter().flatten().count().max(1);
        let misfit = residual.iter().map(|v| v * v).sum::<f64>() / annotated as f64;
        (residual, misfit)
    }

    /// The difference from the typical shape in units of noise; 0 for missing points.
    fn vector(&self, laid: &[Option<Point>]) -> Vec<f64> {
        let each = laid.iter().zip(&self.typical.points).zip(&self.noise);
        each.flat_map(|((p, typical), noise)| match (p, typical) {
            (Some(p), Some(t)) => [(p.x - t.x) / noise, (p.y - t.y) / noise],
            _ => [0.0; 2],
        })
        .collect()
    }

    /// A basis of what the vectors have in common, those left out that have a direction for themselves.
    fn learn_from(&self, vectors: &[Vec<f64>], directions: usize) -> Vec<Vec<f64>> {
        let mut kept = vectors.to_vec();
        loop {
            let basis = learn(&kept, self.tangents(), directions);
            let learnt = &basis[basis.len().saturating_sub(directions)..];
            let alone = learnt.iter().find_map(|direction| {
                let squares: Vec<f64> = kept.iter().map(|vector| dot(vector, direction).powi(2)).collect();
                let most = squares.iter().copied().fold(0.0, f64::max);
                (most > ALONE * squares.iter().sum::<f64>())
                    .then(|| squares.iter().position(|s| *s == most))?
            });
            match alone {
                // Half of the shapes are enough to learn from, and as few must do.
                Some(shape) if 2 * kept.len() > vectors.len() => drop(kept.swap_remove(shape)),
                _ => return basis,
            }
        }
    }

    fn unexplained(&self, vector: &[f64]) -> Vec<f64> {
        let mut rest = vector.to_vec();
        for direction in &self.basis {
            remove(&mut rest, direction);
        }
        rest
    }

    /// What shift, turn and scale do to the typical shape.
    fn tangents(&self) -> Vec<Vec<f64>> {
        let of = |change: fn(Point) -> [f64; 2]| {
            let each = self.typical.points.iter().zip(&self.noise);
            each.flat_map(|(p, noise)| p.map_or([0.0; 2], |p| change(p).map(|v| v / noise))).collect()
        };
        vec![of(|_| [1.0, 0.0]), of(|_| [0.0, 1.0]), of(|p| [p.x, p.y]), of(|p| [-p.y, p.x])]
    }

    /// The median length of each point's residual, in the units of the typical shape.
    fn noise_of(&self, laid: &[Shape], residuals: &[Vec<f64>]) -> Option<Vec<f64>> {
        let of = |i: usize| {
            let each =
                laid.iter().zip(residuals).filter(|(laid, _)| laid.get(i).is_some_and(Option::is_some));
            let lengths = each.filter_map(|(_, r)| Some(r.get(2 * i)?.hypot(*r.get(2 * i + 1)?)));
            median(lengths.collect()).map(|length| length * self.noise(i))
        };
        let lengths: Vec<Option<f64>> = (0..self.noise.len()).into_par_iter().map(of).collect();
        let middle = median(lengths.iter().copied().flatten().collect())?.max(1e-6);
        Some(lengths.into_iter().map(|length| length.unwrap_or(middle).max(LEAST_NOISE * middle)).collect())
    }
}

/// An orthonormal basis of `given` and the `directions` in which the vectors vary most besides.
fn learn(vectors: &[Vec<f64>], given: Vec<Vec<f64>>, directions: usize) -> Vec<Vec<f64>> {
    let mut fixed: Vec<Vec<f64>> = Vec::new();
    for vector in given {
        orthonormal(vector, &mut fixed);
    }
    let length = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let far = FAR * median(vectors.iter().map(|v| length(v)).collect()).unwrap_or(1.0);
    let vectors: Vec<Vec<f64>> = vectors
        .iter()
        .map(|v| {
            let weight = (far / length(v).max(1e-12)).min(1.0);
            v.iter().map(|v| v * weight).collect()
        })
        .collect();
    let size = vectors.first().map_or(0, Vec::len);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut found: Vec<Vec<f64>> =
        (0..directions).map(|_| (0..size).map(|_| rng.random_range(-1.0..1.0)).collect()).collect();
    for _ in 0..ITERATIONS {
        let next: Vec<Vec<f64>> = found
            .par_iter()
            .map(|direction| {
                let mut sum = vec![0.0; size];
                for vector in &vectors {
                    let along = dot(vector, direction);
                    sum.iter_mut().zip(vector).for_each(|(s, v)| *s += along * v);
                }
                sum
            })
            .collect();
        let mut basis = fixed.clone();
        for vector in next {
            orthonormal(vector, &mut basis);
        }
        found = basis.split_off(fixed.len());
    }
    fixed.extend(found);
    fixed
}

/// Adds what of the vector is at right angles to the basis, with length 1; nothing where nothing is left.
fn orthonormal(mut vector: Vec<f64>, basis: &mut Vec<Vec<f64>>) {
    let before = dot(&vector, &vector).sqrt();
    // Twice, for rounding.
    for _ in 0..2 {
        basis.iter().for_each(|direction| remove(&mut vector, direction));
    }
    let length = dot(&vector, &vector).sqrt();
    if length > 1e-9 * before.max(1e-12) {
        vector.iter_mut().for_each(|v| *v /= length);
        basis.push(vector);
    }
}

fn remove(vector: &mut [f64], direction: &[f64]) {
    let along = dot(vector, direction);
    vector.iter_mut().zip(direction).for_each(|(v, d)| *v -= along * d);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::{
        super::shape::{distance, shape},
        *,
    };
    use crate::dataset::drawn_faces;

    fn learnt(shapes: &[Shape]) -> Variation {
        Variation::of(shapes, TypicalShape::of(shapes).unwrap()).unwrap()
    }

    #[test]
    fn the_basis_is_orthonormal_and_explains_most() {
        let shapes: Vec<Shape> = drawn_faces(120, 64, 5).iter().map(shape).collect();
        let variation = learnt(&shapes);
        assert_eq!(variation.basis.len(), 4 + MOST);
        for (i, a) in variation.basis.iter().enumerate() {
            for (j, b) in variation.basis.iter().enumerate() {
                assert!((dot(a, b) - f64::from(u8::from(i == j))).abs() < 1e-9);
            }
        }
        // Faces that it has not seen fit as well, mirrored ones far worse.
        for face in drawn_faces(20, 64, 6).iter().map(shape) {
            let fits = variation.lay(&face).unwrap().misfit;
            let mirror = variation.lay(&mirrored(&face)).unwrap().misfit;
            assert!(fits < 6.0 * variation.usual && mirror > 4.0 * fits, "{fits} {mirror}");
        }
    }

    #[test]
    fn the_gain_is_that_of_doing_it() {
        let shapes: Vec<Shape> = drawn_faces(60, 64, 7).iter().map(shape).collect();
        let variation = learnt(&shapes);
        let laid = variation.lay(&shapes[3]).unwrap();
        let mut exchanged = laid.points.clone();
        exchanged.swap(36, 48);
        let sum = |points: &Shape| variation.misfit_of(points).1 * 68.0;
        let gain = sum(&laid.points) - sum(&exchanged);
        assert!((variation.gain(&laid, 36, 48).unwrap() - gain).abs() < 1e-6 * gain.abs());
        assert!(gain < -100.0);
        assert!(distance(&laid.points, &exchanged).unwrap() > 0.1);
    }

    #[test]
    fn a_moved_point_is_told_its_place() {
        let shapes: Vec<Shape> = drawn_faces(60, 64, 7).iter().map(shape).collect();
        let variation = learnt(&shapes);
        let mut moved = shapes[3].clone();
        let right = moved[30].unwrap();
        moved[30] = Some(Point::new(right.x + 15.0, right.y - 10.0));
        let laid = variation.lay(&moved).unwrap();
        let off = |i: usize| variation.off(&laid, i).map_or(0.0, |[x, y]| x.hypot(y));
        assert!((0..68).all(|i| i == 30 || off(i) < off(30)));
        let told = variation.place(&laid, 30).unwrap();
        assert!(told.distance(right) < 4.0, "{told:?} {right:?}");
        assert!(variation.off(&laid, 68).is_none());
    }
}
