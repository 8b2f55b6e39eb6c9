//! What a real head must show: `AWING_HEAD=folder cargo test -p awing-render -- --ignored`.

use std::sync::OnceLock;

use awing::geometry::Point;

use super::drawn_head::mirrored;
use super::renderer::Asked;
use super::{Head, HeadPose, RenderedFace, Renderer, Seen};

fn real() -> &'static Renderer {
    static REAL: OnceLock<Renderer> = OnceLock::new();
    REAL.get_or_init(|| {
        let folder = std::env::var_os("AWING_HEAD").expect("AWING_HEAD names the folder of a head");
        Renderer::new(Head::open(folder.as_ref()).unwrap())
    })
}

/// The mean head, bare, far from the camera.
fn plain(yaw: f32, pitch: f32, eyes_closed: bool) -> RenderedFace {
    let pose = Some(HeadPose { yaw, pitch, roll: 0.0 });
    real().asked(1, 0, 128, &Asked { pose, plain: true, eyes_closed })
}

#[test]
#[ignore = "needs a real head"]
fn from_the_front_the_points_are_where_the_vertices_are_and_the_chin_a_little_below() {
    let face = plain(0.0, 0.0, false);
    for (i, p) in face.points.iter().enumerate() {
        let below = (4..=12).contains(&i);
        // 128 pixels hold about 34 cm: the edge of the jaw is at most 1.5 cm from the vertices, mostly far less.
        let most = match i {
            17.. => 0.0,
            _ if below => 4.5,
            _ => 1.0,
        };
        assert!(p.marked.distance(p.vertex) <= most, "{i}: {p:?}");
        assert!(!below || p.marked.y > p.vertex.y, "{i}: {p:?}");
        assert_eq!(p.seen, Seen::Seen, "{i}: {p:?}");
    }
    // 0.55 of 128 pixels.
    let side = (face.face_box.x1 - face.face_box.x0).max(face.face_box.y1 - face.face_box.y0);
    assert!((side - 70.4).abs() < 1.5, "{:?}", face.face_box);
}

#[test]
#[ignore = "needs a real head"]
fn mirrored_poses_give_mirrored_points() {
    let (a, b) = (plain(35.0, 10.0, false), plain(-35.0, 10.0, false));
    for (i, p) in a.points.iter().enumerate() {
        let q = b.points[mirrored(i)].marked;
        assert!(p.marked.distance(Point::new(127.0 - q.x, q.y)) < 0.6, "{i}: {:?} {q:?}", p.marked);
    }
}

#[test]
#[ignore = "needs a real head"]
fn on_a_turned_head_the_far_jaw_is_marked_on_the_contour() {
    let face = plain(60.0, 0.0, false);
    // The nose points to the right of the image: the face's left, points 9 to 16, is the far side.
    for (i, p) in face.points.iter().enumerate().take(16).skip(13) {
        assert!(p.marked.x - p.vertex.x > 3.0, "{i}: {p:?}");
    }
    // The near side lies on the jawbone's edge, farther out than the vertices.
    assert!(face.points[2].marked.x < face.points[2].vertex.x - 1.0);
    assert_eq!(face.points[30].marked, face.points[30].vertex);
}

#[test]
#[ignore = "needs a real head"]
fn in_profile_the_far_eye_is_hidden_and_the_near_one_seen() {
    // The outer half of the near eye; the ball itself hides the inner one.
    for (yaw, near, far) in [(90.0, [36, 37, 41], 42..48), (-90.0, [45, 44, 46], 36..42)] {
        let face = plain(yaw, 0.0, false);
        assert_eq!(near.map(|i| face.points[i].seen), [Seen::Seen; 3], "{yaw}");
        assert!(far.clone().all(|i| face.points[i].seen == Seen::Hidden), "{yaw}: {:?}", &face.points[far]);
    }
}

#[test]
#[ignore = "needs a real head"]
fn closed_eyes_bring_the_lids_together() {
    let (open, shut) = (plain(0.0, 0.0, false), plain(0.0, 0.0, true));
    assert!(open.eyes_closed.iter().all(|c| *c < 0.05), "{:?}", open.eyes_closed);
    assert!(shut.eyes_closed.iter().all(|c| *c > 0.8), "{:?}", shut.eyes_closed);
    for (upper, lower) in [(37, 41), (38, 40), (43, 47), (44, 46)] {
        let gap = |f: &RenderedFace| f.points[upper].marked.distance(f.points[lower].marked);
        assert!(gap(&shut) < 0.4 * gap(&open), "{upper}: {} {}", gap(&shut), gap(&open));
    }
}

#[test]
#[ignore = "needs a real head"]
fn a_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| real().faces(9, 3, 4, 64))
    };
    for (a, b) in on(1).iter().zip(&on(3)) {
        assert!(a.image.as_raw() == b.image.as_raw() && a.points == b.points);
    }
}

#[test]
#[ignore = "needs a real head"]
fn points_of_all_kinds_are_seen_among_many_faces() {
    let faces = real().faces(2, 0, 40, 64);
    let all = || faces.iter().flat_map(|f| &f.points);
    let share = |seen| all().filter(|p| p.seen == seen).count() as f32 / all().count() as f32;
    assert!(share(Seen::Seen) > 0.6 && share(Seen::Hidden) > 0.02 && share(Seen::Covered) > 0.01);
    assert!(
        all().all(|p| p.marked.is_finite() && p.vertex.is_finite() && p.place.iter().all(|v| v.is_finite()))
    );
}
