//! Faces are followed through videos.

use crate::shared::*;
use awing::photo::load_image;
use awing_train::video::{VideoReader, VideoWriter};
use image::imageops::crop_imm;
use serde_json::json;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

const FRAMES: u32 = 12;

/// Whether ffmpeg is there; where it is not, the test that asks is passed over.
fn installed() -> bool {
    let found = ["ffmpeg", "ffprobe"].iter().all(|program| {
        let status = Command::new(program).arg("-version").stdout(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    });
    if !found {
        eprintln!("passed over: ffmpeg is not installed");
    }
    found
}

/// NASA's portrait of Eileen Collins; the camera goes to the right by 2 pixels a frame.
fn clip(path: &Path) {
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/astronaut.jpg");
    let photo = load_image(&photo).unwrap();
    let mut writer = VideoWriter::create(path, 220, 200, 25.0, None).unwrap();
    for i in 0..FRAMES {
        let frame = crop_imm(&photo, 100 + 2 * i, 40, 220, 200).to_image();
        writer.write(&frame, f64::from(i) / 25.0).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn a_face_keeps_its_number_through_a_video() {
    let folder = tempfile::tempdir().unwrap();
    if !installed() {
        return;
    }
    clip(&folder.path().join("clip.mp4"));
    let done = awing(folder.path(), &args("predict clip.mp4 --draw --out drawn", &[])).with_code(0);
    let lines = done.json();
    assert_eq!(lines.len(), FRAMES as usize);
    let nose = |line: &serde_json::Value| line["faces"][0]["landmarks"][30][0].as_f64().unwrap();
    for (i, line) in lines.iter().enumerate() {
        assert_eq!((&line["image"], &line["frame"]), (&json!("clip.mp4"), &json!(i)));
        assert!((line["time"].as_f64().unwrap() - i as f64 / 25.0).abs() < 1e-3, "{line}");
        assert_eq!((&line["width"], &line["height"]), (&json!(220), &json!(200)));
        assert_eq!((line["faces"].as_array().unwrap().len(), &line["faces"][0]["id"]), (1, &json!(1)));
        // The nose is at 225 in the photo.
        let expected = 125.0 - 2.0 * i as f64;
        assert!((nose(line) - expected).abs() < 5.0, "frame {i}: {} instead of {expected}", nose(line));
    }
    assert!(
        done.err.contains("clip.mp4: 12 frames, ")
            && done.err.contains("faces: 1; frames with the detector: 1\n"),
        "{}",
        done.err
    );
    assert_eq!(fs::read_to_string(folder.path().join("drawn/predictions.jsonl")).unwrap(), done.out);
    let drawn: Vec<_> =
        VideoReader::open(&folder.path().join("drawn/clip.mp4")).unwrap().map(Result::unwrap).collect();
    assert_eq!((drawn.len(), drawn[0].image.dimensions()), (12, (220, 200)));

    let table =
        awing(folder.path(), &args("predict clip.mp4 --format csv --no-smooth --detect-every 1", &[]))
            .with_code(0);
    let rows: Vec<&str> = table.out.lines().collect();
    assert!(
        rows[0].starts_with("image,frame,time,id,box_x0,box_y0,box_x1,box_y1,score,x0,y0,s0,x1"),
        "{}",
        rows[0]
    );
    assert!(rows.len() == 13 && rows[12].starts_with("clip.mp4,11,0.440000,1,"), "{}", rows[12]);
    assert!(table.err.contains("frames with the detector: 12\n"), "{}", table.err);
}

#[test]
fn a_stream_that_changes_its_size_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    if !installed() {
        return;
    }
    clip(&folder.path().join("clip.mp4"));
    let mut stream = Vec::new();
    for size in ["220:200", "160:140"] {
        let words = format!("-v error -y -i clip.mp4 -vf scale={size} -c:v mpeg2video part.ts");
        let status = Command::new("ffmpeg").args(words.split(' ')).current_dir(folder.path()).status();
        assert!(status.unwrap().success());
        stream.extend(fs::read(folder.path().join("part.ts")).unwrap());
    }
    fs::create_dir(folder.path().join("clips")).unwrap();
    fs::write(folder.path().join("clips/both.ts"), stream).unwrap();
    let done = awing(folder.path(), &args("predict clips --pose --draw --out drawn", &[])).with_code(0);
    let lines = done.json();
    // Where the parts meet ffmpeg may leave one out.
    assert!(lines.len() >= 2 * FRAMES as usize - 2, "{}", lines.len());
    for line in lines {
        assert_eq!((&line["width"], &line["height"]), (&json!(220), &json!(200)), "{line}");
        assert!(line["faces"][0]["pose"]["yaw"].is_number(), "{line}");
    }
    assert!(folder.path().join("drawn/both.mp4").is_file());
    // Boxes are for photos.
    awing(folder.path(), &args("detect clips", &[])).one_line(2, &["both.ts is a video; `awing predict`"]);
}

#[test]
fn a_broken_video_gives_what_it_has_and_the_next_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    if !installed() {
        return;
    }
    clip(&folder.path().join("good.mp4"));
    fs::write(folder.path().join("text.mp4"), "hello").unwrap();
    fs::write(folder.path().join("empty.mkv"), "").unwrap();
    let done = awing(folder.path(), &args("predict text.mp4 empty.mkv good.mp4", &[])).with_code(1);
    done.tells(&["text.mp4: video: cannot be read; ffprobe: "]);
    done.tells(&["empty.mkv: video: the file is empty"]);
    let lines = done.json();
    assert_eq!(lines.len(), 2 + FRAMES as usize);
    assert!(lines[0]["image"] == "text.mp4" && lines[0]["error"].is_string(), "{}", lines[0]);
}

#[test]
fn what_does_not_go_with_a_video_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.mp4", "a.jpg"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    awing(folder.path(), &args("predict a.mp4 a.jpg", &[]))
        .one_line(2, &["SOURCE: give photos and videos in two calls"]);
    for option in ["--box 1,2,30,40", "--whole-image", "--heatmaps maps"] {
        let words = format!("predict a.mp4 {option}");
        awing(folder.path(), &args(&words, &[])).one_line(2, &["--", "is for photos"]);
    }
    // Where there is no ffmpeg.
    let output = command(folder.path(), &["predict", "a.mp4"]).env("PATH", "").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("install ffmpeg, or give photos"), "{told}");
}

#[test]
fn following_is_measured_on_clips_of_annotated_faces() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (faces("test"), model());
    let words = format!("eval-video --data {data} --model {model} --faces 1 --motion pan --json");
    let done = awing(folder.path(), &args(&words, &[])).with_code(0);
    let rows = done.json().remove(0);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["frames"] == 60), "{}", done.out);
    assert_eq!((&rows[1]["motion"], &rows[1]["way"]), (&json!("pan"), &json!("followed")));
    let words = format!("eval-video --data {data} --min-cutoff 0");
    awing(folder.path(), &args(&words, &[])).one_line(2, &["min_cutoff: 0 is not a positive number"]);
}
