//! What a real head must show: `AWING_HEAD=folder cargo test -p awing-render -- --ignored`.

use std::sync::OnceLock;

use awing::{geometry::Point, scheme::Scheme};

use crate::drawn_head::mirrored;
use crate::tests::{fit_errors, plain};
use crate::{Head, RenderedFace, Renderer, Seen};

fn real() -> &'static Renderer {
    static REAL: OnceLock<Renderer> = OnceLock::new();
    REAL.get_or_init(|| {
        let folder = std::env::var_os("AWING_HEAD").expect("AWING_HEAD names the folder of a head");
        Renderer::new(Head::open(folder.as_ref()).unwrap())
    })
}

#[test]
#[ignore = "needs a real head"]
fn from_the_front_the_points_are_where_the_vertices_are_and_the_chin_a_little_below() {
    let face = plain(real(), 0.0, 0.0, false);
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
    let (a, b) = (plain(real(), 35.0, 10.0, false), plain(real(), -35.0, 10.0, false));
    for (i, p) in a.points.iter().enumerate() {
        let q = b.points[mirrored(i)].marked;
        assert!(p.marked.distance(Point::new(127.0 - q.x, q.y)) < 0.6, "{i}: {:?} {q:?}", p.marked);
    }
}

#[test]
#[ignore = "needs a real head"]
fn on_a_turned_head_the_far_jaw_is_marked_on_the_contour() {
    let face = plain(real(), 60.0, 0.0, false);
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
        let face = plain(real(), yaw, 0.0, false);
        assert_eq!(near.map(|i| face.points[i].seen), [Seen::Seen; 3], "{yaw}");
        assert!(far.clone().all(|i| face.points[i].seen == Seen::Hidden), "{yaw}: {:?}", &face.points[far]);
    }
}

#[test]
#[ignore = "needs a real head"]
fn closed_eyes_bring_the_lids_together() {
    let (open, shut) = (plain(real(), 0.0, 0.0, false), plain(real(), 0.0, 0.0, true));
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

/// Where each point of a scheme is marked on the plain head, by its name.
fn marked(scheme: &Scheme) -> impl Fn(&str) -> Point {
    let folder = std::env::var_os("AWING_HEAD").expect("AWING_HEAD names the folder of a head");
    let head = Head::open(folder.as_ref()).unwrap();
    let renderer = Renderer::new(head).with_points(scheme.head.clone().unwrap()).unwrap();
    let face = plain(&renderer, 0.0, 0.0, false);
    move |name| face.points[scheme.index_of(name).unwrap()].marked
}

#[test]
#[ignore = "needs a real head"]
fn the_points_of_other_schemes_lie_where_their_names_say() {
    let ears = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ears.toml");
    let [ibug, wflw, cofw] = ["300w-68", "wflw-98", "cofw-29"].map(|name| Scheme::builtin(name).unwrap());
    let ears = Scheme::load(ears).unwrap();
    let (of68, of98, of29, of_ears) = (marked(&ibug), marked(&wflw), marked(&cofw), marked(&ears));
    for name in &ibug.points {
        assert_eq!(of68(name), of98(name), "{name}");
    }
    // The halves of the jaw between their neighbors, pupils between the corners of the eyes and the lids, the lower edge below the upper one.
    let between = |p: Point, a: Point, b: Point| p.distance(a) + p.distance(b) < 1.2 * a.distance(b);
    for i in 1..17 {
        let [a, half, b] =
            [format!("jaw {i}"), format!("jaw {i}.5"), format!("jaw {}", i + 1)].map(|name| of98(&name));
        assert!(between(half, a, b), "{i}: {half:?} {a:?} {b:?}");
    }
    for side in ["left", "right"] {
        let at = |what: &str| of98(&format!("{side} {what}"));
        assert!(between(at("pupil"), at("eye 1"), at("eye 4")));
        assert!(between(at("pupil"), at("eye, middle of upper lid"), at("eye, middle of lower lid")));
        assert!(at("brow, lower edge 2").y > at("brow 3").y + 1.0);
        assert!(
            of29(&format!("{side} brow lower edge")).y > of29(&format!("{side} brow upper edge")).y + 1.0
        );
        let ear = |what: &str| of_ears(&format!("{side} ear, {what}"));
        let edge = if side == "right" { of68("jaw 2") } else { of68("jaw 16") };
        assert!(ear("top").y < ear("tragus").y && ear("tragus").y < ear("lobe").y);
        assert!((ear("rear edge").x - edge.x) * if side == "right" { -1.0 } else { 1.0 } > 1.0);
    }
    assert_eq!(of29("nose tip"), of68("nose bridge 4"));
}

#[test]
#[ignore = "needs a real head"]
fn a_head_is_found_again_from_its_points() {
    let folder = std::env::var_os("AWING_HEAD").expect("AWING_HEAD names the folder of a head");
    let begun = std::time::Instant::now();
    let errors = fit_errors(real(), &Head::open(folder.as_ref()).unwrap(), 120, 75.0);
    let took = begun.elapsed().as_secs_f64() * 1e3 / errors[0].len() as f64;
    let at = |share: f64| errors.each_ref().map(|all| all[(share * (all.len() - 1) as f64) as usize]);
    eprintln!("{} faces, {took:.0} ms each with its rendering: yaw, pitch, roll, misfit", errors[0].len());
    eprintln!("  median {:.2?}, 90 of 100 below {:.2?}", at(0.5), at(0.9));
    let [yaw, pitch, roll, misfit] = at(0.5);
    assert!(yaw < 1.5 && pitch < 2.5 && roll < 1.0 && misfit < 1.0, "{yaw} {pitch} {roll} {misfit}");
}
