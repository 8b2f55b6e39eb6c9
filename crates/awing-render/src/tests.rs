//! What the whole promises.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::renderer::Asked;
use super::{Head, HeadPose, RenderError, RenderedFace, Renderer, Seen};

/// The mirror image of each of the 68 points.
#[rustfmt::skip]
const MIRROR: [usize; 68] = [
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
];

/// Of the folder that `AWING_HEAD` names.
fn real() -> &'static Renderer {
    static REAL: OnceLock<Renderer> = OnceLock::new();
    REAL.get_or_init(|| {
        let folder = std::env::var_os("AWING_HEAD").expect("AWING_HEAD names the folder of the head");
        Renderer::new(Head::open(folder.as_ref()).expect("a good head"))
    })
}

/// The mean head, bare, far from the camera.
fn plain(renderer: &Renderer, yaw: f32, pitch: f32) -> RenderedFace {
    let pose = Some(HeadPose { yaw, pitch, roll: 0.0 });
    renderer.asked(1, 0, 128, &Asked { pose, plain: true, eyes_closed: false })
}

fn apart(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[test]
#[ignore = "needs the head of ICT-FaceKit: AWING_HEAD=folder"]
fn from_the_front_the_points_are_where_the_vertices_are_and_the_chin_a_little_below() {
    let renderer = real();
    let face = plain(renderer, 0.0, 0.0);
    for (i, p) in face.points.iter().enumerate() {
        // 128 pixels hold about 34 cm: the edge of the jaw is at most 1.5 cm from the vertices, mostly far less.
        let most = if i > 16 {
            0.0
        } else if (4..=12).contains(&i) {
            4.5
        } else {
            1.0
        };
        assert!(apart(p.marked, p.vertex) <= most, "{i}: {p:?}");
        assert!(!(4..=12).contains(&i) || p.marked[1] > p.vertex[1], "{i}: {p:?}");
        assert_eq!(p.seen, Seen::Seen, "{i}: {p:?}");
    }
    // 0.55 of 128 pixels.
    let [left, top, right, bottom] = face.face_box;
    assert!(((right - left).max(bottom - top) - 70.4).abs() < 1.5, "{:?}", face.face_box);
}

#[test]
#[ignore = "needs the head of ICT-FaceKit: AWING_HEAD=folder"]
fn mirrored_poses_give_mirrored_points() {
    let renderer = real();
    let (a, b) = (plain(renderer, 35.0, 10.0), plain(renderer, -35.0, 10.0));
    for (i, p) in a.points.iter().enumerate() {
        let q = b.points[MIRROR[i]].marked;
        assert!(apart(p.marked, [127.0 - q[0], q[1]]) < 0.6, "{i}: {:?} {q:?}", p.marked);
    }
}

#[test]
#[ignore = "needs the head of ICT-FaceKit: AWING_HEAD=folder"]
fn on_a_turned_head_the_far_jaw_is_marked_on_the_contour() {
    let renderer = real();
    let face = plain(renderer, 60.0, 0.0);
    // The nose points to the right of the image: the face's left, points 9 to 16, is the far side.
    for (i, p) in face.points.iter().enumerate().take(16).skip(13) {
        assert!(p.marked[0] - p.vertex[0] > 3.0, "{i}: {p:?}");
    }
    // The near side lies on the jawbone's edge, farther out than the vertices.
    assert!(face.points[2].marked[0] < face.points[2].vertex[0] - 1.0);
    assert!(apart(face.points[30].marked, face.points[30].vertex) == 0.0);
}

#[test]
#[ignore = "needs the head of ICT-FaceKit: AWING_HEAD=folder"]
fn in_profile_the_far_eye_is_hidden_and_the_near_one_seen() {
    let renderer = real();
    // The outer half of the near eye; the ball itself hides the inner one.
    for (yaw, near, far) in [(90.0, [36, 37, 41], 42..48), (-90.0, [45, 44, 46], 36..42)] {
        let face = plain(renderer, yaw, 0.0);
        let seen = near.map(|i| face.points[i].seen);
        assert_eq!(seen, [Seen::Seen; 3], "{yaw}");
        assert!(far.clone().all(|i| face.points[i].seen == Seen::Hidden), "{yaw}: {:?}", &face.points[far]);
    }
}

#[test]
#[ignore = "needs the head of ICT-FaceKit: AWING_HEAD=folder"]
fn closed_eyes_bring_the_lids_together() {
    let renderer = real();
    let ask = |eyes_closed| {
        renderer.asked(1, 0, 128, &Asked { pose: Some(HeadPose::default()), plain: true, eyes_closed })
    };
    let (open, shut) = (ask(false), ask(true));
    assert!(
        open.eyes_closed.iter().all(|c| *c < 0.05) && shut.eyes_closed.iter().all(|c| *c > 0.8),
        "{:?}",
        shut.eyes_closed
    );
    for (upper, lower) in [(37, 41), (38, 40), (43, 47), (44, 46)] {
        let gap = |f: &RenderedFace| apart(f.points[upper].marked, f.points[lower].marked);
        assert!(gap(&shut) < 0.4 * gap(&open), "{upper}: {} {}", gap(&shut), gap(&open));
    }
}

#[test]
#[ignore = "needs the head of ICT-FaceKit: AWING_HEAD=folder"]
fn a_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let renderer = real();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| renderer.faces(9, 3, 4, 64))
    };
    let (one, three) = (on(1), on(3));
    for (a, b) in one.iter().zip(&three) {
        assert!(a.image.as_raw() == b.image.as_raw() && a.points == b.points);
    }
    assert!(one[0].image != one[1].image);
    assert_eq!(renderer.face(9, 5, 64).image, one[2].image);
}

#[test]
#[ignore = "needs the head of ICT-FaceKit: AWING_HEAD=folder"]
fn points_of_all_kinds_are_seen_among_many_faces() {
    let renderer = real();
    let faces = renderer.faces(2, 0, 40, 64);
    let all = || faces.iter().flat_map(|f| &f.points);
    let share = |seen| all().filter(|p| p.seen == seen).count() as f32 / all().count() as f32;
    assert!(share(Seen::Seen) > 0.6 && share(Seen::Hidden) > 0.02 && share(Seen::Covered) > 0.01);
    assert!(all().all(|p| p.marked.iter().chain(&p.place).all(|v| v.is_finite())));
}

#[test]
fn points_must_be_vertices() {
    let head = Head::open(&small_head("points", |_, _| ())).expect("a small head");
    let n = head.vertices() as u32;
    assert_eq!(Renderer::new(head).with_points(&[3, 1]).expect("vertices").face(1, 1, 32).points.len(), 2);
    let head = Head::open(&small_head("points2", |_, _| ())).expect("a small head");
    let refused = Renderer::new(head).with_points(&[n]).err().expect("no such vertex").to_string();
    assert_eq!(refused, "points: names vertex 80, but the head has 80");
}

#[test]
fn damaged_heads_are_refused_by_name() {
    let refused = |name: &str, damage: fn(&mut serde_json::Value, &mut Vec<Tensor>)| {
        let folder = small_head(name, damage);
        let error = Head::open(&folder).err().expect("refused");
        assert!(matches!(error, RenderError::Field { .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains("face_model"), "{said}");
        said
    };
    assert!(
        refused("nan", |_, t| t[0].bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes()))
            .contains("vertices: number 1 is NaN")
    );
    assert!(
        refused("index", |_, t| t[2].bytes[0..4].copy_from_slice(&80_i32.to_le_bytes()))
            .contains("polygons: row 0 is [80")
    );
    assert!(
        refused("material", |_, t| t[4].bytes[2] = 12)
            .contains("polygon_material: polygon 2 has material 12")
    );
    assert!(
        refused("shape", |_, t| t[5].shape = vec![2, 40, 6]).contains("identity: has the shape [2, 40, 6]")
    );
    assert!(refused("missing", |_, t| drop(t.pop())).contains("expression"));
    assert!(refused("type", |_, t| t[2].kind = "F32").contains("polygons: is not of type I32"));
    assert!(
        refused("points", |j, _| j["landmarks68"][5] = 80.into()).contains("landmarks68: names vertex 80")
    );

    assert!(refused("json", |j, _| j["expressions"] = 3.into()).contains("is no description of a head"));
    let none = Head::open(Path::new("/no/such/folder")).err().expect("nothing there");
    assert!(matches!(none, RenderError::Read { .. }) && none.to_string().contains("/no/such/folder"));
}

struct Tensor {
    name: &'static str,
    kind: &'static str,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Writes a head of 80 vertices, after `damage` had its way with it, and returns its folder.
fn small_head(name: &str, damage: fn(&mut serde_json::Value, &mut Vec<Tensor>)) -> PathBuf {
    const N: usize = 80;
    let floats = |v: &[f32]| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let ints = |v: &[i32]| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    // A ball of eight rings of ten.
    let place = |i: usize| {
        let (ring, turn) = ((i / 10) as f32 * 0.4 - 1.4, (i % 10) as f32 * 0.628);
        [8.0 * turn.sin() * ring.cos(), 10.0 * ring.sin(), 8.0 * turn.cos() * ring.cos()]
    };
    let vertices: Vec<f32> = (0..N).flat_map(place).collect();
    let uv: Vec<f32> = (0..N).flat_map(|i| [(i % 10) as f32 / 9.0, (i / 10) as f32 / 7.0]).collect();
    let quad = |i: i32| [i, i + 1, i + 11, if i % 9 == 0 { -1 } else { i + 10 }];
    let polygons: Vec<i32> = (0..60).flat_map(quad).collect();
    let mut tensors = vec![
        Tensor { name: "vertices", kind: "F32", shape: vec![N, 3], bytes: floats(&vertices) },
        Tensor { name: "uv", kind: "F32", shape: vec![N, 2], bytes: floats(&uv) },
        Tensor { name: "polygons", kind: "I32", shape: vec![60, 4], bytes: ints(&polygons) },
        Tensor { name: "polygon_uv", kind: "I32", shape: vec![60, 4], bytes: ints(&polygons) },
        Tensor {
            name: "polygon_material",
            kind: "U8",
            shape: vec![60],
            bytes: (0..60).map(|i| i % 12).collect(),
        },
        Tensor { name: "identity", kind: "F16", shape: vec![2, N, 3], bytes: vec![0; 2 * N * 6] },
        Tensor { name: "expression", kind: "F16", shape: vec![1, N, 3], bytes: vec![0; N * 6] },
    ];
    let names = |n: usize| (0..n).map(|i| format!("m{i}")).collect::<Vec<_>>();
    let mut description = serde_json::json!({
        "identities": names(2), "expressions": ["jawOpen"], "materials": names(12),
        "landmarks68": (0..68).collect::<Vec<u32>>(),
        "right_jaw": (0..8).collect::<Vec<u32>>(), "left_jaw": (0..8).collect::<Vec<u32>>(),
    });
    damage(&mut description, &mut tensors);

    let (mut header, mut at) = (serde_json::Map::new(), 0);
    for t in &tensors {
        let offsets = [at, at + t.bytes.len()];
        header.insert(
            t.name.into(),
            serde_json::json!({ "dtype": t.kind, "shape": t.shape, "data_offsets": offsets }),
        );
        at += t.bytes.len();
    }
    let header = serde_json::Value::Object(header).to_string().into_bytes();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(tensors.iter().flat_map(|t| &t.bytes));
    let folder = std::env::temp_dir().join(format!("awing-head-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("face_model.safetensors"), bytes).expect("written");
    std::fs::write(folder.join("face_model.json"), description.to_string()).expect("written");
    folder
}
