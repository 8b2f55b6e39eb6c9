//! How well a head's pose is found: faces are rendered, a model finds their landmarks, a head is fitted to these, and its yaw, pitch and roll are
//! held against the ones it was rendered with. Medians in degrees by how far the face is turned, and the same for the true landmarks.
//!
//! ```console
//! $ awing export --model builtin-open --out open
//! $ cargo run --release -p awing-render --example pose -- HEAD open 1000
//! ```

#![expect(clippy::print_stdout, reason = "it is what the example answers")]

use awing::{Result, prediction::Aligner, scheme::Landmark};
use awing_render::{FittedHead, Head, HeadFitter, RenderedFace, Renderer};
use std::error::Error;

/// Faces that nothing else here is made of.
const SEED: u64 = 3;
/// Pixels a side.
const SIZE: usize = 256;
/// Degrees of yaw, to either side.
const TURNS: [f32; 5] = [0.0, 30.0, 60.0, 75.0, 96.0];

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [head, model, count] = &words[..] else {
        return Err("name the folder of the head, that of a model of 68 points, and how many faces".into());
    };
    let (aligner, head, count) = (Aligner::load(model)?, Head::open(head.as_ref())?, count.parse()?);
    let fitter = HeadFitter::new(&head, &head.points68())?;
    let renderer = Renderer::new(head);
    let (mut found, mut true_ones) = (Vec::new(), Vec::new());
    for index in 0..count {
        let face = renderer.face(SEED, index, SIZE);
        let predicted = aligner.align_in_boxes(&face.image, &[face.face_box]).pop();
        let predicted = predicted.ok_or("no answer")??.landmarks;
        let predicted: Vec<Landmark> = predicted.iter().map(|p| Landmark::visible(p.x, p.y)).collect();
        found.push(apart(&face, fitter.fit(&predicted)));
        true_ones.push(apart(&face, fitter.fit(&face.landmarks())));
    }
    println!(
        "yaw to either side  faces   of found points: yaw  pitch  roll   of true points: yaw  pitch  roll"
    );
    for turns in TURNS.windows(2).chain([&[0.0, 75.0][..]]) {
        let within = |errors: &[Errors]| -> [Vec<f32>; 3] {
            let those = errors.iter().filter(|(yaw, _)| (turns[0]..turns[1]).contains(yaw));
            let angles = those.map(|(_, angles)| *angles);
            let all: Vec<[f32; 3]> = angles.collect();
            [0, 1, 2].map(|i| all.iter().map(|angles| angles[i]).collect())
        };
        let (of_found, of_true) = (within(&found), within(&true_ones));
        let faces = of_found[0].len();
        let [a, b, c] = of_found.map(median);
        let [d, e, f] = of_true.map(median);
        println!(
            "{:4.0} to {:2.0}          {faces:6}              {a:9.2} {b:6.2} {c:5.2}            {d:9.2} {e:6.2} {f:5.2}",
            turns[0], turns[1]
        );
    }
    Ok(())
}

/// How far a face is turned, and how far off yaw, pitch and roll are, in degrees; half a turn where no head was found.
type Errors = (f32, [f32; 3]);

fn apart(face: &RenderedFace, fitted: Result<FittedHead>) -> Errors {
    let apart = |a: f32, b: f32| ((a - b + 540.0).rem_euclid(360.0) - 180.0).abs();
    let errors = fitted.map_or([180.0; 3], |FittedHead { turn, .. }| {
        [apart(turn.yaw, face.pose.yaw), apart(turn.pitch, face.pose.pitch), apart(turn.roll, face.pose.roll)]
    });
    (face.pose.yaw.abs(), errors)
}

fn median(mut all: Vec<f32>) -> f32 {
    all.sort_by(f32::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f32::NAN)
}
