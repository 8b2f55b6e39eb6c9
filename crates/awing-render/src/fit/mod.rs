//! From landmarks back to a head: whose it is, what its face does, how it is turned.

mod basis;
mod cholesky;
mod pose;

use awing::{
    Error, Result,
    geometry::{Point, Rect},
    scheme::{HeadPoints, Landmark, Visibility},
};

use crate::head::{Crossing, Head, JawPath};
use crate::math::Vec3;
use crate::photo::outermost;
use crate::shape::HeadTurn;
use basis::{Basis, between};
pub(crate) use pose::Pose;
use pose::{double, single};

/// Fewer landmarks say too little.
const LEAST_LANDMARKS: usize = 6;
/// How far landmarks are from where they should be, as a share of the longer side of the box around them.
const NOISE: f64 = 0.01;
/// Landmarks that are farther off than this many times the noise pull no more than at that distance (Huber).
const PULL: f64 = 3.0;
/// Hidden landmarks are guesses: how much of a seen one they count.
const HIDDEN: f64 = 0.3;
/// The spread of expressions' weights, and that of the logarithm of the camera's distance around a meter.
const EXPRESSION: f64 = 0.3;
const DISTANCE: [f64; 2] = [4.6, 0.6];
/// Steps of the pose alone, from each of the poses that are tried, and of everything.
const POSE_STEPS: usize = 12;
const STEPS: usize = 25;
/// A step that brings less than this share of the error ends the search.
const ENOUGH: f64 = 1e-5;

/// Finds the head behind landmarks: pose, identity and expression of a morphable head whose points lie where the landmarks are. Made once, for
/// any number of faces.
pub struct HeadFitter {
    basis: Basis,
}

/// A head as its landmarks show it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FittedHead {
    /// How it is turned.
    pub turn: HeadTurn,
    /// Weights of the modes of identity, of the standard normal distribution.
    pub identity: Vec<f32>,
    /// Weights of the expressions, 0 to 1, in the head's order.
    pub expression: Vec<f32>,
    /// Where the fitted head has its points, in pixels: also those that were missing.
    pub points: Vec<Point>,
    /// How far these are from the landmarks: root mean square of the distances in per cent of the longer side of the box around the landmarks.
    pub misfit: f64,
    pub(crate) pose: Pose,
    /// What the pose turns the head about, in the head's own frame.
    pub(crate) middle: [f64; 3],
}

/// A landmark to come near to.
struct Target {
    point: usize,
    at: [f64; 2],
    /// Its share of a seen one.
    counts: f64,
}

/// What is improved.
#[derive(Clone)]
struct Guess {
    pose: Pose,
    weights: Vec<f64>,
}

impl HeadFitter {
    /// For landmarks that are these points of a head.
    ///
    /// # Errors
    /// [`Error::Invalid`] as of [`Renderer::with_points`](crate::Renderer::with_points).
    pub fn new(head: &Head, points: &HeadPoints) -> Result<Self> {
        head.check(points)?;
        Ok(Self { basis: Basis::new(head, points) })
    }

    /// The head behind the landmarks of a face, in pixels: one for each point; missing ones count for nothing, occluded ones for less.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there are too few landmarks, or not as many as points, or they lie in one place.
    pub fn fit(&self, landmarks: &[Landmark]) -> Result<FittedHead> {
        if landmarks.len() != self.basis.len() {
            let what = format!("are {} for {} points", landmarks.len(), self.basis.len());
            return Err(Error::invalid("landmarks", what));
        }
        let target = |(point, landmark): (usize, &Landmark)| {
            let at = landmark.position()?;
            let counts = if landmark.visibility == Visibility::Occluded { HIDDEN } else { 1.0 };
            Some(Target { point, at: [at.x, at.y], counts })
        };
        let targets: Vec<Target> = landmarks.iter().enumerate().filter_map(target).collect();
        let finite = targets.iter().all(|t| t.at.iter().all(|v| v.is_finite() && v.abs() < 1e6));
        let around = Rect::around(targets.iter().map(|t| Point::new(t.at[0], t.at[1])));
        let side = around.map_or(0.0, |face| face.width().max(face.height()));
        if targets.len() < LEAST_LANDMARKS || !finite || side < 1e-3 {
            let what = format!(
                "{} are given, in {side:.3} pixels; a head shows itself by {LEAST_LANDMARKS} or more that lie apart",
                targets.len()
            );
            return Err(Error::invalid("landmarks", what));
        }
        let search = Search { basis: &self.basis, targets: &targets, noise: NOISE * side };
        let guess = search.run().ok_or_else(|| Error::invalid("landmarks", "fit no head at all"))?;
        let places = self.basis.places(&guess.weights);
        let spots = search.spots(&guess, &places);
        let points: Vec<Point> = spots
            .iter()
            .map(|spot| guess.pose.seen(guess.pose.turned(between(&places, spot))))
            .map(|[x, y]| Point::new(x, y))
            .collect();
        let square = |t: &Target| points[t.point].distance(Point::new(t.at[0], t.at[1])).powi(2);
        let mean = targets.iter().map(square).sum::<f64>() / targets.len() as f64;
        let (identity, expression) = guess.weights.split_at(self.basis.identities);
        let single = |weights: &[f64]| weights.iter().map(|w| *w as f32).collect();
        Ok(FittedHead {
            turn: guess.pose.turn(),
            identity: single(identity),
            expression: single(expression),
            points,
            misfit: 100.0 * mean.sqrt() / side,
            pose: guess.pose,
            middle: self.basis.middle,
        })
    }
}

/// The search for one face.
struct Search<'a> {
    basis: &'a Basis,
    targets: &'a [Target],
    /// Pixels.
    noise: f64,
}

impl Search<'_> {
    fn run(&self) -> Option<Guess> {
        let mut starts: Vec<(f64, Guess)> = Vec::new();
        for yaw in [-75.0, -40.0, 0.0, 40.0, 75.0] {
            for roll in (0..12).map(|i| 30.0 * i as f32) {
                let start = self.start(HeadTurn { yaw, pitch: 0.0, roll })?;
                starts.push((self.error(&start), start));
            }
        }
        starts.sort_by(|a, b| a.0.total_cmp(&b.0));
        starts.truncate(3);
        let improved = starts.into_iter().map(|(_, start)| self.improve(start, POSE_STEPS, false));
        let best = improved.min_by(|a, b| self.error(a).total_cmp(&self.error(b)))?;
        let best = self.improve(best, STEPS, true);
        self.error(&best).is_finite().then_some(best)
    }

    /// The mean head turned so, as large as the landmarks and in their middle.
    fn start(&self, turn: HeadTurn) -> Option<Guess> {
        let rotation = turn.rotation().rows().map(double);
        let pose = Pose { rotation, log_scale: 0.0, center: [0.0; 2], log_distance: DISTANCE[0] };
        let mut guess = Guess { pose, weights: vec![0.0; self.basis.weights()] };
        let places = self.basis.places(&guess.weights);
        let spots = self.spots(&guess, &places);
        let seen: Vec<[f64; 2]> =
            self.targets.iter().map(|t| pose.seen(pose.turned(between(&places, &spots[t.point])))).collect();
        let count = self.targets.len() as f64;
        let middle = |points: &mut dyn Iterator<Item = [f64; 2]>| {
            points.fold([0.0; 2], |sum, p| [sum[0] + p[0] / count, sum[1] + p[1] / count])
        };
        let (from, to) = (middle(&mut seen.iter().copied()), middle(&mut self.targets.iter().map(|t| t.at)));
        let spread = |points: &mut dyn Iterator<Item = [f64; 2]>, middle: [f64; 2]| {
            points.map(|p| (p[0] - middle[0]).powi(2) + (p[1] - middle[1]).powi(2)).sum::<f64>().sqrt()
        };
        let scale =
            spread(&mut self.targets.iter().map(|t| t.at), to) / spread(&mut seen.iter().copied(), from);
        if !(scale.is_finite() && scale > 0.0) {
            return None;
        }
        guess.pose.log_scale = scale.ln();
        guess.pose.center = [0, 1].map(|i| to[i] - scale * from[i]);
        Some(guess)
    }

    /// Where each point lies on the head, as it is turned.
    fn spots(&self, guess: &Guess, places: &[[f64; 3]]) -> Vec<Crossing> {
        let turned: Vec<Vec3> = places.iter().map(|p| single(guess.pose.turned(*p))).collect();
        let (camera, rotation) = (guess.pose.camera(), guess.pose.rotation());
        let edge = |path: &JawPath| outermost(path, &turned, &camera, &rotation);
        self.basis.spots(edge).collect()
    }

    /// Levenberg and Marquardt's steps: of the pose alone, or of everything.
    fn improve(&self, mut guess: Guess, steps: usize, everything: bool) -> Guess {
        let (mut damping, mut error) = (1e-3, self.error(&guess));
        for _ in 0..steps {
            let (matrix, right) = self.equations(&guess, everything);
            let size = right.len();
            let mut better = None;
            while damping < 1e6 {
                let (mut a, mut b) = (matrix.clone(), right.clone());
                for i in 0..size {
                    a[i * size + i] *= 1.0 + damping;
                }
                if cholesky::solve(&mut a, &mut b) {
                    let next = self.stepped(&guess, &b);
                    let then = self.error(&next);
                    if then < error {
                        better = Some((next, then));
                        break;
                    }
                }
                damping *= 10.0;
            }
            let Some((next, then)) = better else { break };
            let gain = (error - then) / error;
            (guess, error) = (next, then);
            damping = (damping * 0.1).max(1e-9);
            if gain < ENOUGH {
                break;
            }
        }
        guess
    }

    fn stepped(&self, guess: &Guess, step: &[f64]) -> Guess {
        let pose = guess.pose.moved(step);
        let mut weights = guess.weights.clone();
        for (i, (weight, change)) in weights.iter_mut().zip(&step[Pose::NUMBERS..]).enumerate() {
            *weight += change;
            if i >= self.basis.identities {
                *weight = weight.clamp(0.0, 1.0);
            }
        }
        Guess { pose, weights }
    }

    /// The spread of a weight, by its number.
    fn spread(&self, weight: usize) -> f64 {
        if weight < self.basis.identities { 1.0 } else { EXPRESSION }
    }

    /// Half the sum of what the landmarks and what is known of heads and cameras have against a guess.
    fn error(&self, guess: &Guess) -> f64 {
        let places = self.basis.places(&guess.weights);
        let spots = self.spots(guess, &places);
        let mut sum = ((guess.pose.log_distance - DISTANCE[0]) / DISTANCE[1]).powi(2);
        for (i, weight) in guess.weights.iter().enumerate() {
            sum += (weight / self.spread(i)).powi(2);
        }
        for target in self.targets {
            let seen = guess.pose.seen(guess.pose.turned(between(&places, &spots[target.point])));
            let far = (seen[0] - target.at[0]).hypot(seen[1] - target.at[1]) / self.noise;
            // Huber's: a square that becomes a line.
            sum += target.counts * if far < PULL { far * far } else { PULL * (2.0 * far - PULL) };
        }
        0.5 * sum
    }

    /// The normal equations of a step: the matrix, of which the lower triangle counts, and the right side.
    fn equations(&self, guess: &Guess, everything: bool) -> (Vec<f64>, Vec<f64>) {
        let weights = if everything { guess.weights.len() } else { 0 };
        let size = Pose::NUMBERS + weights;
        let (mut matrix, mut right) = (vec![0.0; size * size], vec![0.0; size]);
        let places = self.basis.places(&guess.weights);
        let spots = self.spots(guess, &places);
        let mut row = vec![0.0; size];
        for target in self.targets {
            let spot = &spots[target.point];
            let place = guess.pose.turned(between(&places, spot));
            let seen = guess.pose.seen(place);
            let off = [0, 1].map(|i| (target.at[i] - seen[i]) / self.noise);
            let far = off[0].hypot(off[1]);
            let counts = target.counts * if far < PULL { 1.0 } else { PULL / far };
            let (moves, slopes) = (guess.pose.moves(place), guess.pose.slopes(place));
            let steps: Vec<[f64; 3]> =
                (0..weights).map(|mode| guess.pose.turned(self.basis.step(mode, spot))).collect();
            for axis in 0..2 {
                for (number, value) in row.iter_mut().enumerate() {
                    let slope = match number.checked_sub(Pose::NUMBERS) {
                        None => moves[axis][number],
                        Some(mode) => (0..3).map(|i| slopes[axis][i] * steps[mode][i]).sum(),
                    };
                    *value = slope / self.noise;
                }
                for i in 0..size {
                    let k = counts * row[i];
                    right[i] += k * off[axis];
                    for (sum, value) in matrix[i * size..=i * size + i].iter_mut().zip(&row) {
                        *sum += k * value;
                    }
                }
            }
        }
        let mut known = |number: usize, value: f64, spread: f64| {
            matrix[number * size + number] += 1.0 / (spread * spread);
            right[number] -= value / (spread * spread);
        };
        known(Pose::NUMBERS - 1, guess.pose.log_distance - DISTANCE[0], DISTANCE[1]);
        for weight in 0..weights {
            known(Pose::NUMBERS + weight, guess.weights[weight], self.spread(weight));
        }
        (matrix, right)
    }
}
