//! Learning a scheme's mean head from annotated photos: each shows other faces from other sides, together they tell the depth.

use awing::{
    Error, Result,
    geometry::Point,
    scheme::{Landmark, Scheme, SolidPoint},
};
use awing::{
    geometry::linear::{add, add_square, solve},
    prediction::HeadShape,
};
use rayon::prelude::*;

/// Fewer say little of depth.
const LEAST_FACES: usize = 20;
const MOST_ROUNDS: usize = 200;
/// The head stands still when no coordinate moves by more.
const STILL: f64 = 1e-6;
/// How far the rim of the first guess lies behind its middle, in units of its size.
const BULGE: f64 = 0.5;

/// The mean head of a scheme by factorisation (rigid structure from motion): the points in space, and how far faces spread around them,
/// that explain all faces best when each may be turned, moved and scaled as it likes. Faces with a missing point are left out; each is taken
/// with its mirror image, so that the head is symmetric.
///
/// The head's unit is the scheme's first normalizer (root mean square radius where there is none), its origin the point nearest to the
/// camera, and it looks into the camera as far up as half of the faces do: pitch 0 is their median. What is nearer to the camera cannot be told
/// from such images, only that it is the middle or the rim; the middle is taken to be.
///
/// # Errors
/// [`Error::Invalid`] for fewer than 20 faces with all points, or faces that are all seen from one side.
pub fn learn_mean_head(faces: &[Vec<Landmark>], scheme: &Scheme) -> Result<Vec<SolidPoint>> {
    let complete = |face: &Vec<Landmark>| face.iter().map(Landmark::position).collect::<Option<Vec<Point>>>();
    let mut views: Vec<Vec<Point>> =
        faces.iter().filter_map(complete).filter_map(|face| standard(&face)).collect();
    views.retain(|face| face.len() == scheme.len());
    if views.len() < LEAST_FACES {
        let problem = format!("{} with all points are too few to tell their depth", views.len());
        return Err(Error::invalid("faces", problem));
    }
    let mirrored =
        |face: &Vec<Point>| scheme.mirror.iter().map(|&i| Point::new(-face[i].x, face[i].y)).collect();
    views.extend(views.par_iter().map(mirrored).collect::<Vec<_>>());

    let mut head = first_guess(&views, scheme);
    for round in 0..MOST_ROUNDS {
        let shape = HeadShape::new(head.clone());
        let seen: Vec<View> = views.par_iter().filter_map(|face| View::of(face, &shape)).collect();
        let next = triangulate(&seen, scheme).ok_or_else(|| {
            Error::invalid("faces", "are all seen from one side: nothing tells how deep they are")
        })?;
        let moved = next.iter().zip(&head).flat_map(|(a, b)| a.at.into_iter().zip(b.at));
        let moved = moved.fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
        // Spreads mean nothing before the shape is roughly there.
        let equal = round < 10;
        head = next.into_iter().map(|p| if equal { SolidPoint { spread: 0.05, ..p } } else { p }).collect();
        if !equal && moved < STILL {
            break;
        }
    }
    Ok(looking_ahead(head, &views))
}

/// A face of mean 0 and root mean square radius 1.
fn standard(face: &[Point]) -> Option<Vec<Point>> {
    let mean = Point::mean(face.iter().copied())?;
    let square = face.iter().map(|p| p.distance(mean).powi(2)).sum::<f64>() / face.len() as f64;
    let size = Some(square.sqrt()).filter(|size| *size > 0.0 && size.is_finite())?;
    Some(face.iter().map(|p| Point::new((p.x - mean.x) / size, (p.y - mean.y) / size)).collect())
}

/// The mean face, bulging towards the camera.
fn first_guess(views: &[Vec<Point>], scheme: &Scheme) -> Vec<SolidPoint> {
    let mean = |i: usize| Point::mean(views.iter().map(|face| face[i])).unwrap_or_default();
    let solid = (0..scheme.len()).map(|point| {
        let p = mean(point);
        SolidPoint { point, at: [p.x, p.y, BULGE * (p.x * p.x + p.y * p.y)], spread: 0.05 }
    });
    in_units(solid.collect(), scheme)
}

/// A face with its rotation and scale: its points as they would be at scale 1 around the head's origin.
struct View {
    rows: [[f64; 3]; 2],
    points: Vec<Point>,
}

impl View {
    fn of(face: &[Point], shape: &HeadShape) -> Option<Self> {
        let pose = shape.pose(face).ok()?;
        let [x, y, _] = pose.rotation();
        let to_unit =
            |p: &Point| Point::new((p.x - pose.origin.x) / pose.scale, (p.y - pose.origin.y) / pose.scale);
        Some(Self { rows: [x, y], points: face.iter().map(to_unit).collect() })
    }
}

/// The point in space that is nearest to what all views show of it, for each point.
fn triangulate(views: &[View], scheme: &Scheme) -> Option<Vec<SolidPoint>> {
    let mut normal = [[0.0; 3]; 3];
    views.iter().flat_map(|view| view.rows).for_each(|row| add_square(&mut normal, row, 1.0));
    let place = |point: usize| {
        let mut right = [0.0; 3];
        for view in views {
            let Point { x, y } = view.points[point];
            add(&mut right, view.rows[0], x);
            add(&mut right, view.rows[1], y);
        }
        solve(normal, right)
    };
    let places = (0..scheme.len()).map(place).collect::<Option<Vec<[f64; 3]>>>()?;
    let spread = |point: usize| {
        let square = |view: &View| {
            let [x, y] = view.rows.map(|row| row.iter().zip(places[point]).map(|(r, v)| r * v).sum::<f64>());
            Point::new(x, y).distance(view.points[point]).powi(2)
        };
        // Of each coordinate.
        (views.iter().map(square).sum::<f64>() / (2 * views.len()) as f64).sqrt()
    };
    let spreads: Vec<f64> = (0..scheme.len()).map(spread).collect();
    // Symmetric but for rounding, since each view has its mirror image.
    let solid = scheme.mirror.iter().enumerate().map(|(point, &partner)| {
        let ([x, y, z], [u, v, w]) = (places[point], places[partner]);
        let at = [(x - u) / 2.0, f64::midpoint(y, v), f64::midpoint(z, w)];
        SolidPoint { point, at, spread: f64::midpoint(spreads[point], spreads[partner]) }
    });
    Some(in_units(solid.collect(), scheme))
}

/// Scaled to the unit, with the point nearest to the camera as origin.
fn in_units(solid: Vec<SolidPoint>, scheme: &Scheme) -> Vec<SolidPoint> {
    let mean = |points: &[usize]| {
        let sum = points
            .iter()
            .fold([0.0; 3], |sum: [f64; 3], &p| std::array::from_fn(|i| sum[i] + solid[p].at[i]));
        sum.map(|v| v / points.len().max(1) as f64)
    };
    let all: Vec<usize> = (0..solid.len()).collect();
    let middle = mean(&all);
    let unit = match scheme.normalizers.first() {
        Some((_, [from, to])) => distance(mean(from), mean(to)),
        None => {
            let square: f64 = solid.iter().map(|p| distance(p.at, middle).powi(2)).sum();
            (square / solid.len() as f64).sqrt()
        }
    };
    let nearest = solid.iter().min_by(|a, b| a.at[2].total_cmp(&b.at[2])).map_or(middle, |p| p.at);
    let moved = |at: [f64; 3]| std::array::from_fn(|i| (at[i] - nearest[i]) / unit);
    solid.iter().map(|p| SolidPoint { at: moved(p.at), spread: p.spread, ..*p }).collect()
}

/// Turned about the line through the ears so that the median pitch is 0.
fn looking_ahead(mut head: Vec<SolidPoint>, views: &[Vec<Point>]) -> Vec<SolidPoint> {
    // The turn moves no point of the midline sideways, but which is nearest to the camera may change the angle by a trace.
    let shape = HeadShape::new(head.clone());
    let mut pitches: Vec<f64> = views.par_iter().filter_map(|v| Some(shape.pose(v).ok()?.pitch)).collect();
    pitches.sort_by(f64::total_cmp);
    let (sin, cos) = pitches.get(pitches.len() / 2).copied().unwrap_or_default().to_radians().sin_cos();
    for p in &mut head {
        // Rx(-pitch)
        let [x, y, z] = p.at;
        p.at = [x, cos * y + sin * z, cos * z - sin * y];
    }
    head
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::prediction::HeadPose;

    /// Heads of one shape from many sides, a little noisy.
    fn seen(scheme: &Scheme, sides: impl Fn(f64) -> (f64, f64)) -> Vec<Vec<Landmark>> {
        let view = |i: i32| {
            let t = f64::from(i);
            let (yaw, pitch) = sides(t);
            let pose = HeadPose {
                yaw,
                pitch,
                roll: 10.0 * (0.9 * t).sin(),
                misfit: 0.0,
                scale: 50.0 + t,
                origin: Point::new(90.0 + t, 80.0),
            };
            let noisy = |p: &SolidPoint| {
                let seen = pose.project(p.at);
                let noise = |k: f64| 0.2 * (k * (t + 1.0) * (p.point as f64 + 1.0)).sin();
                Landmark::visible(seen.x + noise(7.7), seen.y + noise(3.1))
            };
            scheme.solid.iter().map(noisy).collect()
        };
        (0..60).map(view).collect()
    }

    #[test]
    fn the_head_that_was_photographed_is_found() {
        // As many look up as down.
        let scheme = Scheme::builtin("300w-68").unwrap();
        let faces = seen(&scheme, |t| (35.0 * (1.3 * t).sin(), 0.5 * t - 14.75));
        let head = learn_mean_head(&faces, &scheme).unwrap();
        for (a, b) in head.iter().zip(&scheme.solid) {
            assert!(distance(a.at, b.at) < 0.03, "{a:?} {b:?}");
            assert!(a.spread < 0.01, "{a:?}");
        }
    }

    #[test]
    fn few_faces_are_refused() {
        let scheme = Scheme::builtin("300w-68").unwrap();
        let faces = seen(&scheme, |_| (0.0, 0.0));
        assert!(
            learn_mean_head(&faces[..19], &scheme).unwrap_err().to_string().contains("19 with all points")
        );
    }
}
