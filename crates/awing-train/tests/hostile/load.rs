//! Many predictions: from many threads they are the same, and memory does not grow.
//!
//! ```console
//! $ LOAD_PREDICTIONS=10000 cargo test --release -p awing-train --test hostile -- --ignored --nocapture predictions_from_eight_threads
//! ```

use crate::memory;
use awing::{
    geometry::Rect,
    prediction::{Aligner, Face},
};
use awing_train::dataset::drawn_faces;
use image::RgbImage;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

const THREADS: usize = 8;

fn resident_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) >> 10
}

fn faces_of(aligner: &Aligner, photo: &RgbImage, face: Rect) -> Vec<Face> {
    aligner.align_in_boxes(photo, &[face]).into_iter().map(Result::unwrap).collect()
}

/// So many predictions through one aligner; what was resident after each tenth of them.
fn predict(aligner: &Aligner, count: usize) -> Vec<usize> {
    let samples = drawn_faces(40, 160, 5);
    let work: Vec<(Arc<RgbImage>, Rect)> =
        samples.iter().map(|s| (s.load_image().unwrap(), s.landmark_box().unwrap())).collect();
    let alone: Vec<Vec<Face>> = work.iter().map(|(photo, face)| faces_of(aligner, photo, *face)).collect();
    let next = AtomicUsize::new(0);
    let mut resident = vec![resident_mib()];
    for tenth in 1..=10 {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Relaxed);
                        if number >= count * tenth / 10 {
                            next.fetch_sub(1, Relaxed);
                            return;
                        }
                        let index = number % work.len();
                        let (photo, face) = &work[index];
                        assert_eq!(faces_of(aligner, photo, *face), alone[index], "prediction {number}");
                    }
                });
            }
        });
        resident.push(resident_mib());
    }
    resident
}

#[test]
fn threads_share_an_aligner_and_find_the_same() {
    let ((), _) = memory::measured(|| {
        predict(&Aligner::builtin().unwrap(), 160);
    });
}

#[test]
#[ignore = "minutes: LOAD_PREDICTIONS says how many"]
fn predictions_from_eight_threads() {
    let count = std::env::var("LOAD_PREDICTIONS").map_or(10_000, |text| text.parse().unwrap());
    let aligner = Aligner::builtin().unwrap();
    let begun = Instant::now();
    let resident = predict(&aligner, count);
    println!(
        "{count} predictions from {THREADS} threads in {:.1} s, all equal to those of one; resident MiB after each tenth: {resident:?}",
        begun.elapsed().as_secs_f64()
    );
    // The first tenth makes the buffers that the others use again.
    assert!(resident[10] <= resident[1] + 32, "{resident:?}");
}
