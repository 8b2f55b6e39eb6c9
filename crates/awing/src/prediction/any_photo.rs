//! Tests: a face is found whatever file, size or orientation its photo has.

#![cfg(feature = "builtin-model")]

use super::{Aligner, HeadShape};
use crate::{
    geometry::{Point, Rect},
    photo::{
        decode_image,
        drawn_jpeg::{written, written_gray},
        load_image,
    },
};
use image::{DynamicImage, ImageFormat, RgbImage, imageops, metadata::Orientation};
use std::{io::Cursor, path::Path};

/// NASA's portrait of Eileen Collins, 512 x 512 pixels, and a box around her face.
fn portrait() -> RgbImage {
    load_image(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/astronaut.jpg")).unwrap()
}

const FACE: Rect = Rect::new(175.0, 85.0, 275.0, 185.0);

fn points(aligner: &Aligner, photo: &RgbImage, face_box: Rect) -> Vec<Point> {
    aligner.align_in_boxes(photo, &[face_box]).remove(0).unwrap().landmarks
}

/// The largest distance of two points.
fn apart(a: &[Point], b: &[Point]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.distance(*b)).fold(0.0, f64::max)
}

fn as_png(image: &DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn gray_deep_and_transparent_photos() {
    let aligner = Aligner::builtin().unwrap();
    let plain = DynamicImage::from(portrait());
    let expected = points(&aligner, &portrait(), FACE);
    let kinds = [
        (DynamicImage::from(plain.to_rgba8()), 0.01),
        (DynamicImage::from(plain.to_rgb16()), 0.01),
        (DynamicImage::from(plain.to_rgba16()), 0.01),
        (DynamicImage::from(plain.to_luma8()), 3.0),
        (DynamicImage::from(plain.to_luma_alpha8()), 3.0),
        (DynamicImage::from(plain.to_luma16()), 3.0),
    ];
    for (image, tolerance) in kinds {
        let read = decode_image(&as_png(&image), "a.png".as_ref()).unwrap();
        let distance = apart(&points(&aligner, &read, FACE), &expected);
        assert!(distance < tolerance, "{:?}: {distance}", image.color());
    }
    let gray = written_gray(&plain.to_luma8());
    let gray = decode_image(&gray, "a.jpg".as_ref()).unwrap();
    assert!(apart(&points(&aligner, &gray, FACE), &expected) < 3.0);
}

/// A JPEG whose EXIF says orientation `o`; the image in it lies so that turning it makes it upright.
fn lying(upright: &RgbImage, o: u8) -> Vec<u8> {
    // A quarter turn is undone by the other one, everything else by itself.
    let undone = match o {
        6 => 8,
        8 => 6,
        o => o,
    };
    let mut image = DynamicImage::from(upright.clone());
    image.apply_orientation(Orientation::from_exif(undone).unwrap());
    let jpeg = written(&image.to_rgb8());
    let tiff = [b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, o, 0, 0, 0, 0, 0, 0];
    let length = u8::try_from(2 + 6 + tiff.len()).unwrap();
    [&jpeg[..2], &[0xff, 0xe1, 0, length], b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}

#[test]
fn photos_that_lie_on_their_side_are_turned_upright() {
    let aligner = Aligner::builtin().unwrap();
    // Not square, so that a quarter turn shows.
    let upright = imageops::crop_imm(&portrait(), 60, 20, 300, 360).to_image();
    let face_box = Rect::new(FACE.x0 - 60.0, FACE.y0 - 20.0, FACE.x1 - 60.0, FACE.y1 - 20.0);
    let expected = points(&aligner, &upright, face_box);
    for o in 1..=8 {
        let read = decode_image(&lying(&upright, o), "a.jpg".as_ref()).unwrap();
        assert_eq!(read.dimensions(), (300, 360), "orientation {o}");
        let distance = apart(&points(&aligner, &read, face_box), &expected);
        assert!(distance < 2.5, "orientation {o}: {distance}");
    }
}

#[test]
fn tiny_photos_have_no_face_and_are_no_trouble() {
    let aligner = Aligner::builtin().unwrap();
    for (width, height) in [(1, 1), (1, 9), (3, 2), (8, 8)] {
        let photo = RgbImage::from_pixel(width, height, image::Rgb([120; 3]));
        assert!(aligner.align(&photo).unwrap().is_empty(), "{width} x {height}");
        let whole = aligner.align_in_boxes(&photo, &[Rect::of_image(width, height)]).remove(0);
        assert_eq!(whole.is_ok(), width.max(height) > 1, "{width} x {height}");
    }
}

#[test]
fn a_photo_of_16_384_pixels_is_as_exact_at_its_far_end() {
    let aligner = Aligner::builtin().unwrap();
    let (small, left) = (portrait(), 16_384 - 512);
    let mut wide = RgbImage::new(16_384, 512);
    imageops::replace(&mut wide, &small, i64::from(left), 0);
    let far = Rect::new(FACE.x0 + f64::from(left), FACE.y0, FACE.x1 + f64::from(left), FACE.y1);
    let moved: Vec<Point> =
        points(&aligner, &small, FACE).iter().map(|p| Point::new(p.x + f64::from(left), p.y)).collect();
    assert!(apart(&points(&aligner, &wide, far), &moved) < 0.05);
    assert!(aligner.align(&wide).is_ok());
}

#[test]
fn the_pose_of_a_portrait_and_of_its_mirror_image() {
    let aligner = Aligner::builtin().unwrap();
    let head = HeadShape::of(aligner.scheme()).unwrap();
    let photo = portrait();
    let pose = head.pose(&points(&aligner, &photo, FACE)).unwrap();
    // By eye: she looks a little to her right, the left of the photo, and holds her head nearly straight.
    assert!(pose.yaw.abs() < 25.0 && pose.pitch.abs() < 20.0 && pose.roll.abs() < 10.0, "{pose:?}");
    assert!(pose.misfit < 10.0, "{pose:?}");
    let mirror_box = Rect::new(511.0 - FACE.x1, FACE.y0, 511.0 - FACE.x0, FACE.y1);
    let mirrored = head.pose(&points(&aligner, &imageops::flip_horizontal(&photo), mirror_box)).unwrap();
    assert!((pose.yaw + mirrored.yaw).abs() < 4.0 && (pose.roll + mirrored.roll).abs() < 3.0, "{mirrored:?}");
}
