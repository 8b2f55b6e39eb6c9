//! A folder of many photos, every tenth broken: all broken ones are told, none of the others is missing, the order is kept, and memory does
//! not grow.
//!
//! ```console
//! $ LOAD_PHOTOS=100000 cargo test --release -p awing-cli --test command -- --ignored --nocapture a_hundred_thousand_photos
//! ```

use crate::shared::*;
use awing_train::report::save_picture;
use image::{ImageFormat, Rgb, RgbImage};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::Stdio,
    time::Instant,
};

/// Photo `i`: small, and in every tenth something is wrong. Gives its name and whether it is broken.
fn photo(folder: &Path, i: usize) -> (String, bool) {
    let format = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP][i % 4];
    let name = format!("photo_{i:06}.{}", format.extensions_str()[0]);
    let shade = u8::try_from(i % 251).unwrap();
    save_picture(&folder.join(&name), &RgbImage::from_pixel(24, 20, Rgb([shade, 90, 200]))).unwrap();
    let mut bytes = fs::read(folder.join(&name)).unwrap();
    let broken = i % 10 == i / 10 % 10;
    if broken {
        match i / 10 % 6 {
            0 => bytes.clear(),
            1 => bytes.truncate(bytes.len() / 2),
            2 => bytes = b"this is no image".to_vec(),
            3 => bytes[..4].fill(0),
            4 => bytes[8..].fill(0xff),
            _ => bytes = vec![0; 1000],
        }
    }
    fs::write(folder.join(&name), bytes).unwrap();
    (name, broken)
}

fn resident_mib(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) >> 10
}

/// Predicts them all; gives what was resident, in MiB, after each twentieth of them.
fn predicted(count: usize) -> Vec<usize> {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    let expected: Vec<(String, bool)> = (0..count).map(|i| photo(&photos, i)).collect();
    let begun = Instant::now();
    let words = format!("predict photos --whole-image --quiet --model {}", model());
    let mut child = command(folder.path(), &args(&words, &[]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let troubles = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let mut resident = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for (i, (name, broken)) in expected.iter().enumerate() {
        let line = lines.next().unwrap_or_else(|| panic!("{name} is missing")).unwrap();
        if i == 0 {
            println!("the first of {count} photos after {:.2} s", begun.elapsed().as_secs_f64());
        }
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["image"], format!("photos/{name}"), "the order is that of the names");
        assert_eq!(line["error"].is_string(), *broken, "{line}");
        assert_eq!(line["faces"].as_array().map_or(0, Vec::len), usize::from(!broken), "{line}");
        if (i + 1) % (count / 20) == 0 {
            resident.push(resident_mib(child.id()));
        }
    }
    assert!(lines.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let troubles = troubles.join().unwrap();
    let broken: Vec<_> = expected.iter().filter(|(_, broken)| *broken).collect();
    let told: Vec<&str> = troubles.lines().filter(|line| line.contains(": image: ")).collect();
    assert_eq!(
        told.len(),
        broken.len(),
        "one line each: {:?}",
        troubles.lines().take(20).collect::<Vec<_>>()
    );
    assert!(told.iter().zip(&broken).all(|(line, (name, _))| line.contains(name.as_str())), "in their order");
    println!(
        "{count} photos, {} of them broken, in {:.1} s; resident MiB after each twentieth: {resident:?}",
        broken.len(),
        begun.elapsed().as_secs_f64()
    );
    resident
}

#[test]
fn broken_photos_among_many_are_told_and_the_others_kept_in_order() {
    predicted(400);
}

#[test]
#[ignore = "minutes: LOAD_PHOTOS says how many"]
fn a_hundred_thousand_photos() {
    let count = std::env::var("LOAD_PHOTOS").map_or(100_000, |text| text.parse().unwrap());
    let resident = predicted(count);
    let (early, late) = (resident[1], *resident[2..].iter().max().unwrap());
    assert!(late <= early + 16, "{resident:?}");
}
