//! What the whole promises, on the drawn head; the tests that only a real head can answer are in `real_head.rs`.

use std::path::Path;
use std::sync::OnceLock;

use awing::{Error, geometry::Point, scheme::Visibility};
use proptest::prelude::*;
use serde_json::Value;

use super::drawn_head::{Tensor, drawn_head, mirrored, safetensors, write_drawn_head};
use super::renderer::Asked;
use super::{Head, HeadPose, RenderedFace, Renderer, Seen};

fn head() -> Head {
    let folder = tempfile::tempdir().unwrap();
    write_drawn_head(folder.path()).unwrap();
    Head::open(folder.path()).unwrap()
}

fn drawn() -> &'static Renderer {
    static DRAWN: OnceLock<Renderer> = OnceLock::new();
    DRAWN.get_or_init(|| Renderer::new(head()))
}

/// The mean head, bare, far from the camera.
fn plain(renderer: &Renderer, yaw: f32, pitch: f32, eyes_closed: bool) -> RenderedFace {
    let pose = Some(HeadPose { yaw, pitch, roll: 0.0 });
    renderer.asked(1, 0, 128, &Asked { pose, plain: true, eyes_closed })
}

#[test]
fn from_the_front_points_are_where_their_vertices_project_to() {
    let face = plain(drawn(), 0.0, 0.0, false);
    let head = head();
    let place = |i: usize| head.mean[head.landmarks68[i] as usize];
    // From 200 m away all lie at one scale: the larger side of the 68 points is 0.55 of 128 pixels, and their middle is the photo's.
    let bounds = |of: &dyn Fn(usize) -> f32| {
        let all = || (0..68).map(of);
        (all().fold(f32::INFINITY, f32::min), all().fold(f32::NEG_INFINITY, f32::max))
    };
    let ((left, right), (low, high)) = (bounds(&|i| place(i).x), bounds(&|i| place(i).y));
    let scale = 70.4 / (right - left).max(high - low);
    for (i, p) in face.points.iter().enumerate() {
        let (x, y) = (63.5 + scale * place(i).x, 63.5 - scale * (place(i).y - (low + high) / 2.0));
        let there = Point::new(f64::from(x), f64::from(y));
        assert!(p.vertex.distance(there) < 0.1, "{i}: {p:?} {there:?}");
        assert!(i < 17 || p.marked == p.vertex, "{i}: {p:?}");
        assert_eq!(p.seen, Seen::Seen, "{i}: {p:?}");
    }
    let side = (face.face_box.x1 - face.face_box.x0).max(face.face_box.y1 - face.face_box.y0);
    // The egg's contour is below the vertex of its chin, by less than 2 cm.
    assert!((70.4..70.4 + 2.0 * f64::from(scale)).contains(&side), "{:?}", face.face_box);
    assert!(face.landmarks().iter().all(|l| l.visibility == Visibility::Visible));
    assert_eq!(face.landmarks()[30].point, face.points[30].marked);
}

#[test]
fn mirrored_poses_give_mirrored_points() {
    let (a, b) = (plain(drawn(), 35.0, 10.0, false), plain(drawn(), -35.0, 10.0, false));
    for (i, p) in a.points.iter().enumerate() {
        let q = b.points[mirrored(i)].marked;
        assert!(p.marked.distance(Point::new(127.0 - q.x, q.y)) < 0.05, "{i}: {:?} {q:?}", p.marked);
    }
}

#[test]
fn the_jaw_is_marked_on_the_contour_that_is_seen() {
    // An egg's own edge is its contour from the front.
    for p in &plain(drawn(), 0.0, 0.0, false).points[..3] {
        assert!(p.marked.distance(p.vertex) < 3.0, "{p:?}");
    }
    // The nose points to the right of the image: the face's left, points 9 to 16, is the far side.
    let face = plain(drawn(), 60.0, 0.0, false);
    for (i, p) in face.points.iter().enumerate().take(16).skip(12) {
        assert!(p.marked.x - p.vertex.x > 3.0, "{i}: {p:?}");
    }
    assert_eq!(face.points[30].marked, face.points[30].vertex);
}

#[test]
fn in_profile_the_far_eye_is_hidden_and_the_near_one_seen() {
    for (yaw, near, far) in [(90.0, 36..42, 42..48), (-90.0, 42..48, 36..42)] {
        let face = plain(drawn(), yaw, 0.0, false);
        let seen = |i: usize| face.points[i].seen;
        assert!(near.clone().all(|i| seen(i) == Seen::Seen), "{yaw}: {:?}", &face.points[near]);
        assert!(far.clone().all(|i| seen(i) == Seen::Hidden), "{yaw}: {:?}", &face.points[far]);
        assert!(far.clone().all(|i| face.landmarks()[i].visibility == Visibility::Occluded));
    }
}

#[test]
fn closed_eyes_bring_the_lids_together() {
    let (open, shut) = (plain(drawn(), 0.0, 0.0, false), plain(drawn(), 0.0, 0.0, true));
    // The drawn lids close in height alone: their depths keep them a little apart.
    assert!(
        open.eyes_closed == [0.0; 2] && shut.eyes_closed.iter().all(|c| *c > 0.9),
        "{:?}",
        shut.eyes_closed
    );
    for (upper, lower) in [(37, 41), (38, 40), (43, 47), (44, 46)] {
        let gap = |f: &RenderedFace| f.points[lower].marked.y - f.points[upper].marked.y;
        // The drawn lids go nine tenths of their way.
        assert!((gap(&shut) / gap(&open) - 0.1).abs() < 0.02, "{upper}: {} {}", gap(&shut), gap(&open));
    }
}

#[test]
fn a_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| drawn().faces(9, 3, 4, 64))
    };
    let (one, two) = (on(1), on(2));
    for (a, b) in one.iter().zip(&two) {
        assert!(a.image.as_raw() == b.image.as_raw() && a.points == b.points);
    }
    assert!(one[0].image != one[1].image);
    assert_eq!(drawn().face(9, 5, 64).image, one[2].image);
}

#[test]
fn points_must_be_vertices() {
    let n = head().vertices() as u32;
    assert_eq!(Renderer::new(head()).with_points(&[3, 1]).unwrap().face(1, 1, 32).points.len(), 2);
    let refused = Renderer::new(head()).with_points(&[n]).err().unwrap().to_string();
    assert_eq!(refused, format!("points: names vertex {n}, but the head has {n}"));
}

/// What is said of a drawn head after `damage` had its way with it.
fn refused(damage: impl Fn(&mut Value, &mut Vec<Tensor>)) -> String {
    let (mut description, mut tensors) = drawn_head();
    damage(&mut description, &mut tensors);
    opened(description.to_string().as_bytes(), &safetensors(&tensors)).err().unwrap().to_string()
}

fn opened(json: &[u8], model: &[u8]) -> Result<Head, Error> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("face_model.json"), json).unwrap();
    std::fs::write(folder.path().join("face_model.safetensors"), model).unwrap();
    Head::open(folder.path())
}

#[test]
fn damaged_heads_are_refused_by_name() {
    let far = head().vertices() as i32;
    let nan = refused(|_, t| t[0].bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes()));
    let huge = refused(|_, t| t[5].bytes[..4].copy_from_slice(&1e30_f32.to_le_bytes()));
    let index = refused(|_, t| t[2].bytes[0..4].copy_from_slice(&far.to_le_bytes()));
    let negative = refused(|_, t| t[3].bytes[0..4].copy_from_slice(&(-1_i32).to_le_bytes()));
    let triangle = refused(|_, t| t[3].bytes[12..16].copy_from_slice(&(-1_i32).to_le_bytes()));
    let material = refused(|_, t| t[4].bytes[2] = 12);
    let shape = refused(|_, t| t[5].shape = vec![2, 3, t[5].shape[1]]);
    let missing = refused(|_, t| drop(t.pop()));
    let kind = refused(|_, t| t[2].kind = "F32");
    let landmark = refused(|j, _| j["landmarks68"][5] = far.into());
    let few = refused(|j, _| j["landmarks68"] = vec![1; 67].into());
    let json = refused(|j, _| j["expressions"] = 3.into());
    for (said, what) in [
        (&nan, "face_model.safetensors: vertices: number 1 is NaN"),
        (
            &huge,
            "face_model.safetensors: identity: number 0 is 1000000000000000000000000000000, expected -1000 to 1000",
        ),
        (&index, "face_model.safetensors: polygons: row 0 is ["),
        (&negative, "face_model.safetensors: polygon_uv: row 0 is [-1"),
        (&triangle, "face_model.safetensors: polygon_uv: row 0 has another number of corners"),
        (&material, "face_model.safetensors: polygon_material: polygon 2 has material 12, expected 0 to 11"),
        (&shape, "face_model.safetensors: identity: has the shape [2, 3, "),
        (&missing, "face_model.safetensors: expression: "),
        (&kind, "face_model.safetensors: polygons: is not of type I32"),
        (&landmark, "face_model.json: landmarks68: names vertex "),
        (&few, "face_model.json: landmarks68: holds 67 numbers, expected 68"),
        (&json, "face_model.json:1: the whole file: is no description of a head"),
    ] {
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn files_that_are_missing_cut_or_boast_are_refused() {
    let none = Head::open(Path::new("/no/such/folder")).err().unwrap();
    assert!(matches!(none, Error::Io { .. }) && none.to_string().contains("/no/such/folder"), "{none}");
    let (description, tensors) = drawn_head();
    let (json, model) = (description.to_string(), safetensors(&tensors));
    for length in [0, 7, 8, 100, model.len() / 2, model.len() - 1] {
        let said = opened(json.as_bytes(), &model[..length]).err().unwrap().to_string();
        assert!(said.contains("face_model.safetensors: the whole file: is no safetensors file"), "{said}");
    }
    // A header that would be longer than the memory.
    let mut huge = model.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(opened(json.as_bytes(), &huge).is_err());
    assert!(opened(&json.as_bytes()[..json.len() / 2], &model).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the files hold: an error, or a head that can be rendered.
    #[test]
    fn flipped_bytes_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..40),
        in_header in any::<bool>(),
        in_json in any::<bool>(),
    ) {
        let (description, tensors) = drawn_head();
        let (mut json, mut model) = (description.to_string().into_bytes(), safetensors(&tensors));
        for (at, flip) in flips {
            let bytes = match (in_json, in_header) {
                (true, _) => &mut json[..],
                (false, true) => &mut model[..900],
                (false, false) => &mut model[900..],
            };
            bytes[at.index(bytes.len())] ^= flip;
        }
        if let Ok(head) = opened(&json, &model) {
            let face = Renderer::new(head).face(1, 2, 32);
            prop_assert_eq!(face.points.len(), 68);
        }
    }
}
