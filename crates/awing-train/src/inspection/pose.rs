use awing::{
    geometry::Point,
    scheme::{Landmark, Scheme},
};

/// How a head is turned, estimated from eyes and nose alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// In the plane of the image: degrees clockwise, -180 to 180.
    pub roll: f64,
    /// About the upright axis: degrees, positive towards the right of the image; `None` without a tip of the nose. Rough, and ever more
    /// so towards the profile, where it stays below the truth.
    pub yaw: Option<f64>,
}

/// What the tip of the nose is called, in the built-in schemes and in those of others.
const NOSE: [&str; 3] = ["nose tip", "nose bridge 4", "nose"];
/// How far the tip of the nose stands before the eyes, as a share of the distance between their middles. MTFL's faces that are half
/// turned (30 degrees) then have medians of 26 to 31 degrees, its profiles (60 degrees) of 38 to 45.
const NOSE_AHEAD: f64 = 0.5;

/// The pose of a face; `None` where the scheme names no eyes ("left eye …", "right eye …"), or they are not annotated.
/// Schemes that name the person's own left and those that name the image's give the same.
pub fn pose(scheme: &Scheme, landmarks: &[Landmark]) -> Option<Pose> {
    let at = |i: usize| landmarks.get(i).and_then(Landmark::position).filter(|p| p.is_finite());
    let named = |side: &str, name: &str| {
        let rest = name.strip_prefix(side).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with("eye") || rest.starts_with("pupil"))
    };
    // Only points whose partner is annotated too: otherwise the middle of an eye would move.
    let eye = |side: &str| {
        let points = scheme.points.iter().enumerate().filter(|(_, name)| named(side, name));
        Point::mean(
            points
                .filter_map(|(i, _)| at(i).filter(|_| scheme.mirror.get(i).copied().and_then(at).is_some())),
        )
    };
    let (left, right) = (eye("left")?, eye("right")?);
    let apart = left.distance(right);
    if apart <= 0.0 {
        return None;
    }
    let nose = NOSE.iter().find_map(|name| scheme.index_of(name)).and_then(at);
    let middle = Point::mean([left, right])?;
    let (mut x, mut y) = ((right.x - left.x) / apart, (right.y - left.y) / apart);
    // The nose is below the eyes: where it is clearly above them, left is the person's own.
    let below = nose.map_or(1.0, |nose| x * (nose.y - middle.y) - y * (nose.x - middle.x));
    if below < -0.2 * apart {
        (x, y) = (-x, -y);
    }
    let yaw = nose.map(|nose| {
        let aside = ((nose.x - middle.x) * x + (nose.y - middle.y) * y) / apart;
        (aside / NOSE_AHEAD).atan().to_degrees()
    });
    Some(Pose { roll: y.atan2(x).to_degrees(), yaw })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five(points: [(f64, f64); 5]) -> Vec<Landmark> {
        points.map(|(x, y)| Landmark::visible(x, y)).to_vec()
    }

    #[test]
    fn roll_is_the_line_of_the_eyes_and_yaw_the_place_of_the_nose() {
        let scheme = Scheme::builtin("mtfl-5").unwrap();
        let upright =
            pose(&scheme, &five([(10.0, 10.0), (50.0, 10.0), (30.0, 30.0), (15.0, 50.0), (45.0, 50.0)]))
                .unwrap();
        assert_eq!(upright, Pose { roll: 0.0, yaw: Some(0.0) });
        // Eyes 40 apart, the nose 20 to the right of their middle: tan = 20 / (0.5 * 40) = 1.
        let turned =
            pose(&scheme, &five([(10.0, 10.0), (50.0, 10.0), (50.0, 30.0), (15.0, 50.0), (45.0, 50.0)]))
                .unwrap();
        assert!((turned.yaw.unwrap() - 45.0).abs() < 1e-9);
        // A quarter turn clockwise: (x, y) to (-y, x).
        let lying =
            pose(&scheme, &five([(-10.0, 10.0), (-10.0, 50.0), (-30.0, 30.0), (-50.0, 15.0), (-50.0, 45.0)]))
                .unwrap();
        assert!((lying.roll - 90.0).abs() < 1e-9 && lying.yaw.unwrap().abs() < 1e-9);
        // Left and right by the person's own sides.
        let own =
            pose(&scheme, &five([(50.0, 10.0), (10.0, 10.0), (50.0, 30.0), (45.0, 50.0), (15.0, 50.0)]))
                .unwrap();
        assert_eq!(own, turned);
    }

    #[test]
    fn a_face_without_eyes_has_no_pose() {
        let mut face = five([(10.0, 10.0), (50.0, 10.0), (30.0, 30.0), (15.0, 50.0), (45.0, 50.0)]);
        face[2] = Landmark::missing();
        let scheme = Scheme::builtin("mtfl-5").unwrap();
        assert_eq!(pose(&scheme, &face).unwrap().yaw, None);
        face[0] = Landmark::missing();
        assert_eq!(pose(&scheme, &face), None);
        let body = Scheme::builtin("body-14").unwrap();
        assert_eq!(pose(&body, &[Landmark::visible(1.0, 2.0); 14]), None);
    }
}
