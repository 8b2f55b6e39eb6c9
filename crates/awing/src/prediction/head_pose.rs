//! Which way a head looks, from its landmarks and the mean head of the scheme.

use crate::{
    error::{Error, Result},
    geometry::{
        Point,
        linear::{add, add_square, solve},
    },
    scheme::{Scheme, SolidPoint, has_depth},
};
use serde::{Serialize, Serializer};

/// Annotations and predictions are never better than this, in units of the mean head.
const LEAST_SPREAD: f64 = 0.02;
/// Gauss-Newton converges in five or six.
const MOST_STEPS: usize = 30;
/// Fewer points say too little.
const LEAST_POINTS: usize = 4;

/// How a head is turned, as angles in degrees, and where and how large it appears.
///
/// A head of yaw 0, pitch 0 and roll 0 looks into the camera.
///
/// - `yaw` is positive when the nose points to the right of the image,
/// - `pitch` is positive when it points up,
/// - `roll` is positive when the head is tilted clockwise as seen in the image.
///
/// The head is first pitched about the line through its ears, then yawed about the vertical, then rolled in the image plane; so a photo that
/// is turned clockwise by some degrees has just these more of roll, and a mirror image has the opposite yaw and roll. In the axes x right, y
/// down, z away from the camera the rotation is Rz(roll) Ry(-yaw) Rx(-pitch).
///
/// The camera is taken to be far away (scaled orthographic projection): a face that nearly touches the lens, or stands at the border of a
/// wide-angle photo, gets angles that are some degrees off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HeadPose {
    /// Degrees, from -90 to 90.
    #[serde(serialize_with = "hundredths")]
    pub yaw: f64,
    /// Degrees, from -180 to 180.
    #[serde(serialize_with = "hundredths")]
    pub pitch: f64,
    /// Degrees, from -180 to 180.
    #[serde(serialize_with = "hundredths")]
    pub roll: f64,
    /// How far the landmarks are from those of the turned mean head: root mean square of their distances in per cent of the head's unit,
    /// which for faces is the distance between the outer corners of the eyes. Faces have 3 to 6; much more means that the landmarks are
    /// wrong, or the face is no human one.
    #[serde(serialize_with = "hundredths")]
    pub misfit: f64,
    /// Pixels to the head's unit.
    #[serde(skip)]
    pub scale: f64,
    /// Where the head's origin appears, in pixels; of the built-in heads the tip of the nose.
    #[serde(skip)]
    pub origin: Point,
}

impl HeadPose {
    /// The rotation from the head's axes to the camera's, row by row; x right, y down, z away from the camera.
    pub fn rotation(&self) -> [[f64; 3]; 3] {
        let ((sy, cy), (sp, cp), (sr, cr)) = (sin_cos(self.yaw), sin_cos(self.pitch), sin_cos(self.roll));
        let turned = [[cy, sy * sp, -sy * cp], [0.0, cp, sp], [sy, -cy * sp, cy * cp]];
        let [x, y, z] = turned;
        [std::array::from_fn(|i| cr * x[i] - sr * y[i]), std::array::from_fn(|i| sr * x[i] + cr * y[i]), z]
    }

    /// Where a point of the head appears, in pixels.
    pub fn project(&self, point: [f64; 3]) -> Point {
        let [x, y, _] = self.rotation().map(|row| dot(row, point));
        Point::new(self.origin.x + self.scale * x, self.origin.y + self.scale * y)
    }

    /// The head's axes, `length` units long, in pixels: the origin and the ends of the axes to the right of the face as it is seen, down,
    /// and out of the face.
    pub fn axes(&self, length: f64) -> [Point; 4] {
        [[0.0; 3], [length, 0.0, 0.0], [0.0, length, 0.0], [0.0, 0.0, -length]].map(|p| self.project(p))
    }
}

/// The mean head of a scheme: where its points lie in space, to find how a head is turned.
///
/// ```
/// use awing::{geometry::Point, prediction::HeadShape, scheme::Scheme};
///
/// let shape = HeadShape::of(&*Scheme::builtin("mtfl-5")?)?;
/// let upright = [(30.0, 40.0), (60.0, 40.0), (45.0, 58.0), (33.0, 75.0), (57.0, 75.0)];
/// let pose = shape.pose(&upright.map(|(x, y)| Point::new(x, y)))?;
/// assert!(pose.yaw.abs() < 1.0 && pose.roll.abs() < 1.0);
/// # Ok::<(), awing::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HeadShape {
    solid: Vec<SolidPoint>,
}

impl HeadShape {
    /// The head of the scheme, or, for one that has none, of the built-in scheme that shares most names of points with it: so the 98
    /// points of WFLW have the head of the 68.
    ///
    /// # Errors
    /// [`Error::Invalid`] when neither has a head, or the points that they share lie in one plane: a flat head looks the same turned to
    /// either side.
    pub fn of(scheme: &Scheme) -> Result<Self> {
        let solid = if scheme.solid.is_empty() { namesakes(scheme) } else { scheme.solid.clone() };
        if solid.len() < LEAST_POINTS {
            let problem = format!(
                "{} says not where its points lie in space; add `solid` to its file (the example `mean_head` learns it)",
                scheme.name
            );
            return Err(Error::invalid("pose", problem));
        }
        if !has_depth(&solid) {
            let problem = format!(
                "the {} points of {} whose place in space is known lie in one plane, which looks the same turned to either side; add `solid` \
                 to its file with some that stand out",
                solid.len(),
                scheme.name
            );
            return Err(Error::invalid("pose", problem));
        }
        Ok(Self { solid })
    }

    /// A head of these points, by their numbers in the scheme; the caller knows that they are sound.
    pub fn new(solid: Vec<SolidPoint>) -> Self {
        Self { solid }
    }

    /// The pose that brings the head's points nearest to the landmarks, one for each point of the scheme; points that vary much from
    /// face to face count less.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a landmark is missing or not finite, or all lie on one line.
    pub fn pose(&self, landmarks: &[Point]) -> Result<HeadPose> {
        let pair = |solid: &SolidPoint| {
            let point = landmarks.get(solid.point).copied().filter(|p| p.is_finite())?;
            Some(Pair { point, at: solid.at, weight: 1.0 / (solid.spread.powi(2) + LEAST_SPREAD.powi(2)) })
        };
        let pairs: Option<Vec<Pair>> = self.solid.iter().map(pair).collect();
        let Some(pairs) = pairs else {
            return Err(Error::invalid(
                "landmarks",
                "one that the head's pose needs is missing or not finite",
            ));
        };
        fit(&pairs)
            .ok_or_else(|| Error::invalid("landmarks", "lie on one line: the head's pose cannot be told"))
    }
}

/// The points of the built-in scheme with the most names in common.
fn namesakes(scheme: &Scheme) -> Vec<SolidPoint> {
    let shared = |name: &str| -> Vec<SolidPoint> {
        let Ok(known) = Scheme::builtin(name) else { return Vec::new() };
        let here = |solid: &SolidPoint| {
            let point = scheme.index_of(known.points.get(solid.point)?)?;
            Some(SolidPoint { point, ..*solid })
        };
        known.solid.iter().filter_map(here).collect()
    };
    Scheme::builtin_names().into_iter().map(shared).max_by_key(Vec::len).unwrap_or_default()
}

/// A landmark and its place on the head.
struct Pair {
    point: Point,
    at: [f64; 3],
    weight: f64,
}

/// A rotation (rows) and a scale.
#[derive(Clone, Copy)]
struct Turn {
    rows: [[f64; 3]; 3],
    scale: f64,
}

/// Least squares over rotation, scale and place. A flat head seen from one side looks like one turned to the other, so both are tried.
fn fit(pairs: &[Pair]) -> Option<HeadPose> {
    let total: f64 = pairs.iter().map(|p| p.weight).sum();
    let mean = |of: &dyn Fn(&Pair) -> f64| pairs.iter().map(|p| p.weight * of(p)).sum::<f64>() / total;
    let place = Point::new(mean(&|p| p.point.x), mean(&|p| p.point.y));
    let middle = [0, 1, 2].map(|i| mean(&|p| p.at[i]));
    let centred: Vec<Pair> = (pairs.iter())
        .map(|p| Pair {
            point: Point::new(p.point.x - place.x, p.point.y - place.y),
            at: std::array::from_fn(|i| p.at[i] - middle[i]),
            weight: p.weight,
        })
        .collect();
    let start = affine(&centred)?;
    let first = descend(start, &centred)?;
    let [[_, _, a], [_, _, b], [c, d, _]] = first.rows;
    let mut other = first;
    // The same image of a flat head: x and y of the rotation stay, its slopes into the depth change sign.
    (other.rows[0][2], other.rows[1][2], other.rows[2][0], other.rows[2][1]) = (-a, -b, -c, -d);
    let best = [Some(first), descend(other, &centred)].into_iter().flatten();
    let turn = best.min_by(|a, b| cost(a, &centred).total_cmp(&cost(b, &centred)))?;
    let [x, y, z] = turn.rows;
    let offset = [x, y].map(|row| turn.scale * dot(row, middle));
    let squares: f64 = centred.iter().map(|p| residual(&turn, p).iter().map(|r| r * r).sum::<f64>()).sum();
    let pose = HeadPose {
        yaw: z[0].clamp(-1.0, 1.0).asin().to_degrees(),
        pitch: (-z[1]).atan2(z[2]).to_degrees(),
        roll: y[0].atan2(x[0]).to_degrees(),
        misfit: 100.0 * (squares / pairs.len() as f64).sqrt() / turn.scale,
        scale: turn.scale,
        origin: Point::new(place.x - offset[0], place.y - offset[1]),
    };
    [pose.yaw, pose.pitch, pose.roll, pose.misfit, pose.scale].iter().all(|v| v.is_finite()).then_some(pose)
}

/// The rotation and scale nearest to the best affine map: exact where the landmarks fit.
fn affine(pairs: &[Pair]) -> Option<Turn> {
    let (mut spread, mut crossed) = ([[0.0; 3]; 3], [[0.0; 3]; 2]);
    for p in pairs {
        add_square(&mut spread, p.at, p.weight);
        add(&mut crossed[0], p.at, p.weight * p.point.x);
        add(&mut crossed[1], p.at, p.weight * p.point.y);
    }
    let [a, b] = [solve(spread, crossed[0])?, solve(spread, crossed[1])?];
    // B = A A'; R = B^(-1/2) A, where B^(1/2) = (B + sqrt(det) 1) / sqrt(trace + 2 sqrt(det)).
    let (aa, ab, bb) = (dot(a, a), dot(a, b), dot(b, b));
    let root = (aa * bb - ab * ab).max(0.0).sqrt();
    let trace = aa + bb + 2.0 * root;
    if root <= 1e-9 * trace || !trace.is_finite() {
        return None;
    }
    let norm = trace.sqrt();
    let half = [[(aa + root) / norm, ab / norm], [ab / norm, (bb + root) / norm]];
    let det = half[0][0] * half[1][1] - half[0][1] * half[1][0];
    let x: [f64; 3] = std::array::from_fn(|i| (half[1][1] * a[i] - half[0][1] * b[i]) / det);
    let y: [f64; 3] = std::array::from_fn(|i| (half[0][0] * b[i] - half[1][0] * a[i]) / det);
    Some(Turn { rows: [x, y, cross(x, y)], scale: (half[0][0] + half[1][1]) / 2.0 })
}

/// Gauss-Newton over the logarithm of the scale and a small rotation about each of the camera's axes; steps that lead up are halved.
fn descend(mut turn: Turn, pairs: &[Pair]) -> Option<Turn> {
    let mut now = cost(&turn, pairs);
    for _ in 0..MOST_STEPS {
        let (mut normal, mut right) = ([[0.0; 4]; 4], [0.0; 4]);
        for p in pairs {
            let [x, y, z] = turn.rows.map(|row| turn.scale * dot(row, p.at));
            // Derivatives of x and y: scale, and w x (x, y, z) for the three axes.
            let rows = [[x, 0.0, z, -y], [y, -z, 0.0, x]];
            for (row, r) in rows.into_iter().zip(residual(&turn, p)) {
                add_square(&mut normal, row, p.weight);
                add(&mut right, row, p.weight * r);
            }
        }
        let trace: f64 = (0..4).map(|i| normal[i][i]).sum();
        (0..4).for_each(|i| normal[i][i] += 1e-9 * trace);
        let mut step = solve(normal, right)?;
        let mut moved = false;
        for _ in 0..8 {
            let next = stepped(&turn, step);
            let then = cost(&next, pairs);
            if then < now {
                (turn, moved) = (next, now - then > 1e-12 * now);
                now = then;
                break;
            }
            step = step.map(|s| s / 2.0);
        }
        if !moved {
            break;
        }
    }
    Some(turn)
}

fn stepped(turn: &Turn, [grow, w @ ..]: [f64; 4]) -> Turn {
    let angle = dot(w, w).sqrt();
    let (sin, cos) = angle.sin_cos();
    // Rodrigues' formula, on each column.
    let (s, c) = if angle > 1e-12 { (sin / angle, (1.0 - cos) / (angle * angle)) } else { (1.0, 0.5) };
    let mut rows = [[0.0; 3]; 3];
    for i in 0..3 {
        let column = turn.rows.map(|row| row[i]);
        let (across, along) = (cross(w, column), dot(w, column));
        for (j, row) in rows.iter_mut().enumerate() {
            row[i] = cos * column[j] + s * across[j] + c * along * w[j];
        }
    }
    Turn { rows, scale: turn.scale * grow.clamp(-1.0, 1.0).exp() }
}

fn residual(turn: &Turn, p: &Pair) -> [f64; 2] {
    let [x, y, _] = turn.rows;
    [p.point.x - turn.scale * dot(x, p.at), p.point.y - turn.scale * dot(y, p.at)]
}

fn cost(turn: &Turn, pairs: &[Pair]) -> f64 {
    pairs.iter().map(|p| p.weight * residual(turn, p).iter().map(|r| r * r).sum::<f64>()).sum()
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn sin_cos(degrees: f64) -> (f64, f64) {
    degrees.to_radians().sin_cos()
}

fn hundredths<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    ((value * 100.0).round() / 100.0).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Transform;
    use proptest::prelude::*;

    fn shape(scheme: &str) -> HeadShape {
        HeadShape::of(&Scheme::builtin(scheme).unwrap()).unwrap()
    }

    fn turned(yaw: f64, pitch: f64, roll: f64) -> HeadPose {
        HeadPose { yaw, pitch, roll, misfit: 0.0, scale: 80.0, origin: Point::new(120.0, 90.0) }
    }

    /// The landmarks of the mean head.
    fn landmarks(scheme: &str, pose: &HeadPose) -> Vec<Point> {
        let mut points = vec![Point::default(); Scheme::builtin(scheme).unwrap().len()];
        shape(scheme).solid.iter().for_each(|solid| points[solid.point] = pose.project(solid.at));
        points
    }

    /// The nose is a point before the head's origin.
    #[test]
    fn the_signs_are_those_of_the_documentation() {
        let nose = |yaw, pitch, roll| {
            let [origin, right, _, out] = turned(yaw, pitch, roll).axes(1.0);
            (out.x - origin.x, out.y - origin.y, right.y - origin.y)
        };
        assert_eq!(nose(0.0, 0.0, 0.0), (0.0, 0.0, 0.0));
        // sin 30 = 1/2 of 80 pixels.
        assert!((nose(30.0, 0.0, 0.0).0 - 40.0).abs() < 1e-9, "to the right");
        assert!((nose(0.0, 30.0, 0.0).1 + 40.0).abs() < 1e-9, "up");
        assert!((nose(0.0, 0.0, 30.0).2 - 40.0).abs() < 1e-9, "clockwise: the right side sinks");
    }

    #[test]
    fn a_turned_photo_has_more_roll_and_a_mirror_image_the_opposite_yaw() {
        let scheme = Scheme::builtin("300w-68").unwrap();
        let points = landmarks("300w-68", &turned(25.0, -10.0, 5.0));
        // A face that is no mean one.
        let points: Vec<Point> = (0..)
            .zip(&points)
            .map(|(i, p)| Point::new(p.x + f64::from(i % 7) - 3.0, p.y + f64::from(i % 5)))
            .collect();
        let shape = shape("300w-68");
        let straight = shape.pose(&points).unwrap();
        let turn = Transform::crop(Point::new(100.0, 100.0), 200.0, 400, 33.0, false);
        let rolled = shape.pose(&points.iter().map(|p| turn.apply(*p)).collect::<Vec<_>>()).unwrap();
        assert!((rolled.roll - straight.roll - 33.0).abs() < 1e-6, "{rolled:?}");
        assert!((rolled.yaw - straight.yaw).abs() < 1e-6 && (rolled.pitch - straight.pitch).abs() < 1e-6);
        assert!(
            (rolled.misfit - straight.misfit).abs() < 1e-6
                && (rolled.scale - 2.0 * straight.scale).abs() < 1e-6
        );
        let mirrored: Vec<Point> =
            scheme.mirror.iter().map(|&i| Point::new(239.0 - points[i].x, points[i].y)).collect();
        let mirrored = shape.pose(&mirrored).unwrap();
        assert!((mirrored.yaw + straight.yaw).abs() < 1e-6 && (mirrored.roll + straight.roll).abs() < 1e-6);
        assert!((mirrored.pitch - straight.pitch).abs() < 1e-6);
    }

    #[test]
    fn a_scheme_without_a_head_borrows_that_of_its_namesakes() {
        let points = landmarks("wflw-98", &turned(-20.0, 8.0, 12.0));
        let pose = shape("wflw-98").pose(&points).unwrap();
        assert!((pose.yaw + 20.0).abs() < 1e-6 && pose.misfit < 1e-6, "{pose:?}");
        assert_eq!(shape("wflw-98").solid.len(), 68);
        let error = HeadShape::of(&Scheme::builtin("body-14").unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("pose: body-14 says not") && error.contains("solid"), "{error}");
    }

    /// Two mirror pairs of a symmetric head always lie in one plane.
    #[test]
    fn a_flat_head_is_refused_instead_of_blaming_the_landmarks() {
        let names = [
            "left eye outer corner",
            "right eye outer corner",
            "left mouth corner",
            "right mouth corner",
            "nose tip",
        ];
        let of = |count: usize| {
            let points = names[..count].iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
            let text = format!("name = \"mine\"\npoints = [{points}]\nmirror = [[0, 1], [2, 3]]");
            HeadShape::of(&Scheme::from_toml(&text, "mine").unwrap())
        };
        let error = of(4).unwrap_err().to_string();
        assert!(error.starts_with("pose: the 4 points of mine whose place"), "{error}");
        assert!(of(5).is_ok(), "the nose stands out");
    }

    #[test]
    fn what_has_no_pose_is_told() {
        let shape = shape("mtfl-5");
        let line: Vec<Point> = (0..5).map(|i| Point::new(f64::from(i), 3.0)).collect();
        assert!(shape.pose(&line).unwrap_err().to_string().contains("one line"));
        assert!(shape.pose(&[Point::new(4.0, 4.0); 5]).is_err());
        assert!(shape.pose(&line[..4]).unwrap_err().to_string().contains("missing"));
        assert!(shape.pose(&[Point::new(f64::NAN, 4.0); 5]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_projected_head_gives_its_rotation_back(
            scheme in prop::sample::select(vec!["300w-68", "wflw-98", "cofw-29", "aflw-19", "mtfl-5"]),
            yaw in -80.0..80.0_f64, pitch in -60.0..60.0_f64, roll in -179.0..179.0_f64, scale in 5.0..900.0_f64,
        ) {
            let pose = HeadPose { scale, ..turned(yaw, pitch, roll) };
            let found = shape(scheme).pose(&landmarks(scheme, &pose)).unwrap();
            for (a, b) in [(found.yaw, yaw), (found.pitch, pitch), (found.roll, roll), (found.misfit, 0.0)] {
                prop_assert!((a - b).abs() < 1e-4, "{found:?} {pose:?}");
            }
            prop_assert!((found.scale / scale - 1.0).abs() < 1e-6 && found.origin.distance(pose.origin) < 1e-4 * scale);
        }

        #[test]
        fn noise_of_a_hundredth_moves_the_angles_by_few_degrees(
            yaw in -60.0..60.0_f64, pitch in -30.0..30.0_f64, noise in prop::collection::vec(-0.8..0.8_f64, 136),
        ) {
            let points = landmarks("300w-68", &turned(yaw, pitch, 0.0));
            let moved: Vec<Point> =
                points.iter().zip(noise.chunks_exact(2)).map(|(p, n)| Point::new(p.x + n[0], p.y + n[1])).collect();
            let found = shape("300w-68").pose(&moved).unwrap();
            prop_assert!((found.yaw - yaw).abs() < 3.0 && (found.pitch - pitch).abs() < 4.0, "{found:?}");
        }

        #[test]
        fn any_points_give_a_pose_or_an_error(points in prop::collection::vec((-1e6..1e6_f64, -1e6..1e6_f64), 5)) {
            let points: Vec<Point> = points.into_iter().map(|(x, y)| Point::new(x, y)).collect();
            if let Ok(pose) = shape("mtfl-5").pose(&points) {
                prop_assert!(pose.yaw.abs() <= 90.0 && pose.scale > 0.0);
            }
        }
    }
}
