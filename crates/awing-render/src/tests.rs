//! What the whole promises, on the drawn head; the tests that only a real head can answer are in `real_head.rs`.

use std::path::Path;
use std::sync::OnceLock;

use awing::{
    Error,
    geometry::Point,
    scheme::{HeadPoints, Landmark, Visibility},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::drawn_head::{Tensor, drawn_head, mirrored, safetensors};
use crate::renderer::Asked;
use crate::{FittedHead, Head, HeadFitter, HeadTurn, RenderedFace, Renderer, Seen, Turner};

fn head() -> Head {
    let (description, tensors) = drawn_head();
    opened(description.to_string().as_bytes(), &safetensors(&tensors)).unwrap()
}

fn drawn() -> &'static Renderer {
    static DRAWN: OnceLock<Renderer> = OnceLock::new();
    DRAWN.get_or_init(|| Renderer::new(head()))
}

/// The mean head, bare, far from the camera.
pub(crate) fn plain(renderer: &Renderer, yaw: f32, pitch: f32, eyes_closed: bool) -> RenderedFace {
    let pose = Some(HeadTurn { yaw, pitch, roll: 0.0 });
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
fn backgrounds_are_cut_from_the_photos_that_are_given() {
    let green = image::Rgb([20, 220, 30]);
    let photos = vec![image::RgbImage::new(0, 9), image::RgbImage::from_pixel(50, 40, green)];
    let renderer = Renderer::new(head()).with_backgrounds(photos);
    let share = |renderer: &Renderer| {
        let faces = renderer.faces(3, 0, 20, 48);
        let is_green = |p: &&image::Rgb<u8>| p[1] > 90 && u16::from(p[1]) > 2 * u16::from(p[0].max(p[2]));
        faces.iter().map(|f| f.image.pixels().filter(is_green).count()).sum::<usize>()
    };
    let (given, drawn) = (share(&renderer), share(drawn()));
    assert!(given > 3 * drawn + 20 * 48 * 48 / 10, "{given} {drawn}");
}

#[test]
fn scenery_follows_from_its_seed_and_is_no_face() {
    let photo = |seed, index, size| drawn().scenery(seed, index, size);
    let mut different = std::collections::BTreeSet::new();
    for index in 0..12 {
        let picture = photo(4, index, 48);
        assert_eq!(picture, photo(4, index, 48));
        assert_ne!(picture, drawn().face(4, index, 48).image);
        different.insert(picture.into_raw());
    }
    assert_eq!(different.len(), 12);
    assert_ne!(photo(4, 0, 48), photo(5, 0, 48));
    // The least and the largest size.
    assert_eq!([photo(4, 1, 0).dimensions(), photo(4, 1, 1 << 20).dimensions()], [(16, 16), (2048, 2048)]);
}

#[test]
fn points_must_be_vertices() {
    let n = head().vertices() as u32;
    let with = |vertices: &[u32], outline: &[usize]| {
        let points = HeadPoints { vertices: vertices.to_vec(), outline: outline.to_vec() };
        Renderer::new(head()).with_points(points).map_err(|e| e.to_string())
    };
    assert_eq!(with(&[3, 1], &[]).unwrap().face(1, 1, 32).points.len(), 2);
    assert_eq!(
        with(&[n], &[]).err().unwrap(),
        format!("head.vertices: names vertex {n}, but the head has {n}")
    );
    let beyond = "head.outline: names point 2, but there are 2, counted from 0";
    assert_eq!(with(&[3, 1], &[2]).err().unwrap(), beyond);
}

#[test]
fn points_of_ones_own_are_marked_as_the_68_are() {
    let jaw = head().landmarks68()[9..13].to_vec();
    let points = HeadPoints { vertices: [&jaw[..], &jaw[..]].concat(), outline: (0..4).collect() };
    let own = plain(&Renderer::new(head()).with_points(points).unwrap(), 60.0, 0.0, false);
    let all = plain(drawn(), 60.0, 0.0, false);
    for i in 0..4 {
        // The same vertex on the outline, and as a place of the skin.
        assert_eq!(own.points[i], all.points[9 + i]);
        assert_eq!(
            (own.points[4 + i].marked, own.points[4 + i].vertex),
            (own.points[i].vertex, own.points[i].vertex)
        );
    }
    assert_eq!(own.face_box, all.face_box);

    // A vertex between two of the jaw is marked between them, on the edge as they are.
    let head = head();
    let (a, b) = (head.mean[jaw[1] as usize], head.mean[jaw[2] as usize]);
    let apart = |v: &u32| (head.mean[*v as usize] - (a + b) * 0.5).length();
    let between =
        (0..49 * 41).filter(|v| !jaw.contains(v)).min_by(|v, w| apart(v).total_cmp(&apart(w))).unwrap();
    let points = HeadPoints { vertices: vec![between], outline: vec![0] };
    let half = plain(&Renderer::new(head).with_points(points).unwrap(), 60.0, 0.0, false).points[0];
    assert!(half.marked.x - half.vertex.x > 3.0, "{half:?}");
    let [above, below] = [10, 11].map(|i| all.points[i].marked.y);
    assert!((below.min(above)..above.max(below)).contains(&half.marked.y), "{half:?} {above} {below}");
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

/// Errors of yaw, pitch and roll in degrees, and misfits in per cent, of heads fitted to the points of faces whose yaw is at most `most`; sorted.
pub(crate) fn fit_errors(renderer: &Renderer, head: &Head, faces: u64, most: f32) -> [Vec<f64>; 4] {
    let points = head.points68();
    let fitter = HeadFitter::new(head, &points).unwrap();
    let mut errors: [Vec<f64>; 4] = Default::default();
    for face in
        (0..faces).map(|index| renderer.face(12, index, 128)).filter(|face| face.pose.yaw.abs() <= most)
    {
        let fitted = fitter.fit(&face.landmarks()).unwrap();
        let apart = |a: f32, b: f32| f64::from((a - b + 540.0).rem_euclid(360.0) - 180.0).abs();
        let (a, b) = (fitted.turn, face.pose);
        let found = [apart(a.yaw, b.yaw), apart(a.pitch, b.pitch), apart(a.roll, b.roll), fitted.misfit];
        errors.iter_mut().zip(found).for_each(|(all, one)| all.push(one));
    }
    errors.iter_mut().for_each(|all| all.sort_by(f64::total_cmp));
    errors
}

#[test]
fn a_head_is_found_again_from_its_points() {
    let [yaw, pitch, roll, misfit] = fit_errors(drawn(), &head(), 40, 75.0);
    let median = |all: &[f64]| all[all.len() / 2];
    assert!(yaw.len() > 25);
    for (what, all, most) in
        [("yaw", &yaw, 3.0), ("pitch", &pitch, 4.0), ("roll", &roll, 2.0), ("misfit", &misfit, 1.0)]
    {
        assert!(median(all) < most, "{what}: {all:?}");
    }
}

#[test]
fn what_shows_no_head_is_refused() {
    let points = head().points68();
    let fitter = HeadFitter::new(&head(), &points).unwrap();
    let refused = |landmarks: &[Landmark]| fitter.fit(landmarks).unwrap_err().to_string();
    assert_eq!(refused(&[Landmark::visible(1.0, 2.0); 3]), "landmarks: are 3 for 68 points");
    assert!(
        refused(&[Landmark::visible(1.0, 2.0); 68]).starts_with("landmarks: 68 are given, in 0.000 pixels")
    );
    assert!(refused(&[Landmark::missing(); 68]).starts_with("landmarks: 0 are given"));
    let mut face = plain(drawn(), 20.0, 0.0, false).landmarks();
    face[3].point.x = f64::NAN;
    assert!(refused(&face).starts_with("landmarks: 68 are given"));
    // Six of them are enough, however wrong they are, and the answer has all points.
    let mut few = [Landmark::missing(); 68];
    for (i, at) in [(8, 70.0), (30, 3.0), (36, 88.0), (45, 14.0), (48, 51.0), (54, 32.0)] {
        few[i] = Landmark::visible(at, 100.0 - at * at / 90.0);
    }
    let fitted = fitter.fit(&few).unwrap();
    assert!(fitted.points.len() == 68 && fitted.points.iter().all(|p| p.is_finite()), "{fitted:?}");
    assert!(fitted.expression.iter().all(|w| (0.0..=1.0).contains(w)));
}

fn turner() -> Turner {
    let points = head().points68();
    Turner::new(head(), points).unwrap()
}

#[test]
fn a_photo_that_is_turned_back_and_forth_shows_the_same_face() {
    let (turner, face) = (turner(), plain(drawn(), 20.0, 0.0, false));
    let fitted = turner.fit(&face.landmarks()).unwrap();
    let landmarks = face.landmarks();
    let same = turner.photo(&face.image, &landmarks, &fitted).unwrap().turned(fitted.turn);
    // The face comes to the middle, as large as it was.
    let shift = |a: Point, b: Point| [a.x - b.x, a.y - b.y];
    let [dx, dy] = shift(same.points[30].marked, face.points[30].marked);
    for (i, (a, b)) in same.points.iter().zip(&face.points).enumerate() {
        let [x, y] = shift(a.marked, b.marked);
        assert!((x - dx).hypot(y - dy) < if i < 17 { 4.0 } else { 0.5 }, "{i}: {a:?} {b:?} {dx} {dy}");
    }
    let (mut sum, mut count) = (0.0, 0.0);
    for (x, y, pixel) in same.image.enumerate_pixels() {
        let (u, v) = (f64::from(x) - dx, f64::from(y) - dy);
        let near =
            face.face_box.x0 < u && u < face.face_box.x1 && face.face_box.y0 < v && v < face.face_box.y1;
        if near && let Some(before) = face.image.get_pixel_checked(u.round() as u32, v.round() as u32) {
            sum += (0..3).map(|i| f64::from(pixel[i].abs_diff(before[i]))).sum::<f64>() / 3.0;
            count += 1.0;
        }
    }
    assert!(count > 1000.0 && sum / count < 12.0, "{} of {count}", sum / count);
}

#[test]
fn a_turned_photo_has_its_points_where_the_turned_head_has_them() {
    let turner = turner();
    let (before, after) = (plain(drawn(), 15.0, 0.0, false), plain(drawn(), 55.0, 0.0, false));
    let fitted = turner.fit(&before.landmarks()).unwrap();
    let turn = HeadTurn { yaw: 55.0, ..fitted.turn };
    let landmarks = before.landmarks();
    let turned = turner.photo(&before.image, &landmarks, &fitted).unwrap().turned(turn);
    let [dx, dy] = [0, 1].map(|i| {
        let mean = |face: &RenderedFace| {
            face.points[17..].iter().map(|p| [p.marked.x, p.marked.y][i]).sum::<f64>() / 51.0
        };
        mean(&turned) - mean(&after)
    });
    for (i, (a, b)) in turned.points.iter().zip(&after.points).enumerate() {
        let apart = (a.marked.x - b.marked.x - dx).hypot(a.marked.y - b.marked.y - dy);
        assert!(apart < if i < 17 { 6.0 } else { 3.0 }, "{i}: {apart} {a:?} {b:?}");
        assert!(a.marked.x > 0.0 && a.marked.x < f64::from(turned.image.width()), "{a:?}");
    }
    // The far eye is hidden, the near one and the tip of the nose are not.
    let seen = |face: &RenderedFace, i: usize| face.points[i].seen;
    assert_eq!([45, 36, 30].map(|i| seen(&turned, i)), [45, 36, 30].map(|i| seen(&after, i)));
}

#[test]
fn heads_turn_farther_to_their_own_side() {
    let turner = turner();
    for (yaw, sides) in [(-30.0, [true, false]), (40.0, [false, true]), (2.0, [true, true])] {
        let face = plain(drawn(), yaw, 0.0, false);
        let fitted = turner.fit(&face.landmarks()).unwrap();
        let turns: Vec<f32> = (0..60).map(|index| turner.farther(&fitted, 5, index).yaw).collect();
        assert_eq!([turns.iter().any(|yaw| *yaw < 0.0), turns.iter().any(|yaw| *yaw > 0.0)], sides, "{yaw}");
        assert!(turns.iter().all(|turn| turn.abs() > yaw.abs() - 3.0 && turn.abs() <= 90.0), "{turns:?}");
        assert_eq!(turner.farther(&fitted, 5, 7), turner.farther(&fitted, 5, 7));
    }
    let face = plain(drawn(), 0.0, 0.0, false);
    let mut fitted = turner.fit(&face.landmarks()).unwrap();
    let refused = |fitted: &FittedHead, photo: &image::RgbImage| {
        turner.photo(photo, &face.landmarks(), fitted).err().unwrap().to_string()
    };
    assert_eq!(refused(&fitted, &image::RgbImage::new(1, 1)), "fitted: lies outside of the photo");
    fitted.identity.pop();
    assert_eq!(refused(&fitted, &face.image), "fitted: is of another head, or of other landmarks");
}
