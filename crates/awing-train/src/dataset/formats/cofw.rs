//! COFW's `COFW_train_color.mat` and `COFW_test_color.mat`: MATLAB v7.3, which is HDF5 behind a block of 512 bytes.
//!
//! The variables are `IsTr`, `phisTr`, `bboxesTr` in the training file and `IsT`, `phisT`, `bboxesT` in the test
//! file: images (a cell array, in HDF5 references to arrays), a row of 87 numbers a face (29 x, 29 y, 29 flags of
//! occlusion), and boxes x, y, width, height. MATLAB stores columns first, so HDF5 shows every array transposed:
//! `phisTr` as 87 by faces, an image as (channel,) x, y. Coordinates are MATLAB's, taken to count from (1, 1); the
//! set does not say.

use super::description::{Boxes, Description, Layout, Names, Read, Writer};
use crate::{
    dataset::choice::Choice,
    dataset::collect::{Collector, Face},
    dataset::text::{Flaw, file_name, flaw, folder_of, main_file},
    dataset::{ImageSource, Sample, mat},
    files::write_atomic,
};
use awing::{
    Error, Result,
    geometry::Rect,
    scheme::{Landmark, Scheme, Visibility},
};
use hdf5_pure::{AttrValue, File, FileBuilder};
use std::path::Path;

/// COFW's MATLAB v7.3 files, images inside.
pub(super) static FORMAT: Description = Description {
    name: "cofw",
    scheme: Some("cofw-29"),
    layout: Layout::Whole { name: "COFW_train_color.mat" },
    read: Read::Faces(read),
    write: Some(Writer {
        hidden: true,
        boxes: Boxes::AllOrNone,
        names: Names::Numbers { folder: "IsTr" },
        ..Writer::plain(write)
    }),
};

/// No array of COFW's annotations has more numbers: 48,000 faces of 29 points.
const MAX_NUMBERS: u64 = 1 << 22;

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    let file = main_file(path, "MATLAB file", |name| name.ends_with(".mat"))?;
    let mat = mat::open(&file)?;
    let part = ["Tr", "T"].into_iter().find(|part| mat.dataset(&format!("phis{part}")).is_ok()).ok_or_else(
        || Error::format(&file, None, "phisTr or phisT", "no such variable; is this a color file of COFW?"),
    )?;
    let mut collector = Collector::new(choice.usual()?, vec![folder_of(&file)]);
    let points = collector.points();

    let (phis, boxes, images) = (format!("phis{part}"), format!("bboxes{part}"), format!("Is{part}"));
    let faces = rows(&mat, &file, &phis, 3 * points)?;
    let boxes = if mat.dataset(&boxes).is_ok() { Some(rows(&mat, &file, &boxes, 4)?) } else { None };
    let cells = mat.dataset(&images).and_then(|d| d.shape()).map_err(|e| broken(&file, &images, &e))?;
    let count = u64::try_from(faces.len()).unwrap_or(u64::MAX);
    let boxes_fit = boxes.as_ref().is_none_or(|b| b.len() == faces.len());
    if cells.iter().product::<u64>() != count || !boxes_fit {
        let problem =
            format!("{cells:?} images and {} boxes for {count} faces", boxes.map_or(0, |b| b.len()));
        return Err(Error::format(&file, None, images, problem));
    }
    for (index, phi) in faces.iter().enumerate() {
        let face = parse(phi, boxes.as_ref().and_then(|b| b.get(index)), points).map(|mut face| {
            face.image = format!("{images}/{:04}.png", index + 1);
            face
        });
        let face =
            face.map_err(|(field, problem)| (format!("{phis} of face {}: {field}", index + 1), problem));
        let source = ImageSource::Mat { file: file.clone(), variable: images.clone(), index };
        collector.take_embedded(&file, source, face);
    }
    Ok(collector)
}

fn broken(file: &Path, variable: &str, error: &hdf5_pure::Error) -> Error {
    Error::format(file, None, variable, format!("cannot be read: {error}"))
}

/// The rows of a MATLAB matrix `width` wide, which HDF5 shows as `width` by rows.
fn rows(mat: &File, file: &Path, variable: &str, width: usize) -> Result<Vec<Vec<f64>>> {
    let wrong = |problem: String| Error::format(file, None, variable, problem);
    let data = mat.dataset(variable).map_err(|e| broken(file, variable, &e))?;
    let shape = data.shape().map_err(|e| broken(file, variable, &e))?;
    let [columns, count] = shape[..] else { return Err(wrong(format!("{shape:?} is no matrix"))) };
    if usize::try_from(columns) != Ok(width) {
        let problem = format!("{columns} numbers a face instead of {width}; give the scheme of these points");
        return Err(wrong(problem));
    }
    if columns.checked_mul(count).is_none_or(|n| n > MAX_NUMBERS) {
        return Err(wrong(format!("{count} faces are too many for COFW")));
    }
    let values = data.read_f64().map_err(|e| broken(file, variable, &e))?;
    let count = usize::try_from(count).unwrap_or(0);
    if values.len() != width * count {
        return Err(wrong(format!("{} numbers instead of {}", values.len(), width * count)));
    }
    Ok((0..count).map(|row| values.iter().skip(row).step_by(count).copied().collect()).collect())
}

/// One row of `phis` (x of all points, y of all, occlusion of all) and its box.
fn parse(phi: &[f64], bounds: Option<&Vec<f64>>, points: usize) -> Result<Face, Flaw> {
    let (xs, rest) = phi.split_at_checked(points).ok_or_else(|| flaw("points", "too few numbers"))?;
    let (ys, flags) = rest.split_at_checked(points).ok_or_else(|| flaw("points", "too few numbers"))?;
    let mut landmarks = Vec::with_capacity(points);
    for (i, ((x, y), flag)) in xs.iter().zip(ys).zip(flags).enumerate() {
        let visibility = match flag {
            0.0 => Visibility::Visible,
            1.0 => Visibility::Occluded,
            other => {
                return Err(flaw(format!("occlusion of point {i}"), format!("{other} is neither 0 nor 1")));
            }
        };
        landmarks.push(Landmark { visibility, ..Landmark::visible(x - 1.0, y - 1.0) });
    }
    let detector_box = match bounds.map(Vec::as_slice) {
        Some([x, y, w, h]) => Some(Rect::new(x - 1.0, y - 1.0, x - 1.0 + w, y - 1.0 + h)),
        _ => None,
    };
    Ok(Face { image: String::new(), landmarks, detector_box, ..Face::default() })
}

/// The most bytes of pixels that are written: they are gathered in memory.
const MAX_PIXELS: usize = 3 << 30;

/// Writes the file with the images of all faces, in color, and boxes where there are any. The variables are those of the test file where
/// the file is called so.
fn write(samples: &[Sample], _scheme: &Scheme, file: &Path) -> Result<()> {
    let test = file_name(file).to_ascii_lowercase().contains("test");
    let failed = |e: hdf5_pure::Error| Error::format(file, None, "HDF5", format!("cannot be made: {e}"));
    let class = |name: &str| AttrValue::AsciiString(name.to_string());
    let (part, count) = (if test { "T" } else { "Tr" }, samples.len());
    let mut mat = FileBuilder::new();
    mat.with_userblock(512).with_userblock_content(&userblock());

    let mut cells = mat.create_group("#refs#");
    let mut total = 0;
    for (i, sample) in samples.iter().enumerate() {
        let image = sample.load_image()?;
        let (width, height) = (image.width() as usize, image.height() as usize);
        total += 3 * width * height;
        if total > MAX_PIXELS {
            let problem = format!(
                "the first {i} of {count} images alone take 3 GiB; write another format, or fewer faces"
            );
            return Err(Error::format(file, None, "images", problem));
        }
        // Columns first, color by color.
        let mut planes = vec![0; 3 * width * height];
        for (x, y, pixel) in image.enumerate_pixels() {
            for (c, value) in pixel.0.into_iter().enumerate() {
                let at = (c * width + x as usize) * height + y as usize;
                if let Some(place) = planes.get_mut(at) {
                    *place = value;
                }
            }
        }
        let cell = cells.create_dataset(&format!("i{i}"));
        cell.with_u8_data(&planes).with_shape(&[3, width as u64, height as u64]);
        cell.set_attr("MATLAB_class", class("uint8"));
    }
    mat.add_group(cells.finish());
    let paths: Vec<String> = (0..count).map(|i| format!("#refs#/i{i}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let images = mat.create_dataset(&format!("Is{part}"));
    images.with_path_references(&paths).with_shape(&[1, count as u64]);
    images.set_attr("MATLAB_class", class("cell"));

    let mut matrix = |name: &str, rows: &[Vec<f64>]| {
        let width = rows.first().map_or(0, Vec::len);
        let column = |c: usize| rows.iter().filter_map(move |row| row.get(c).copied());
        let values: Vec<f64> = (0..width).flat_map(column).collect();
        let data = mat.create_dataset(&format!("{name}{part}"));
        data.with_f64_data(&values).with_shape(&[width as u64, rows.len() as u64]);
        data.set_attr("MATLAB_class", class("double"));
    };
    let phis: Vec<Vec<f64>> = samples.iter().map(phi).collect();
    matrix("phis", &phis);
    let boxes: Option<Vec<Vec<f64>>> = samples
        .iter()
        .map(|s| s.detector_box.map(|b| vec![b.x0 + 1.0, b.y0 + 1.0, b.width(), b.height()]))
        .collect();
    if let Some(boxes) = boxes {
        matrix("bboxes", &boxes);
    }
    write_atomic(file, &mat.finish().map_err(failed)?)
}

/// x of all points, y of all, occlusion of all; counted from 1.
fn phi(sample: &Sample) -> Vec<f64> {
    let points = || sample.landmarks.iter();
    let hidden = |l: &Landmark| f64::from(u8::from(l.visibility == Visibility::Occluded));
    let (xs, ys) = (points().map(|l| l.point.x + 1.0), points().map(|l| l.point.y + 1.0));
    xs.chain(ys).chain(points().map(hidden)).collect()
}

/// What MATLAB looks for before the HDF5: a text of 116 bytes, no subsystem, version 2, the order of bytes.
fn userblock() -> Vec<u8> {
    let mut block = format!("{:<116}", "MATLAB 7.3 MAT-file, written by awing").into_bytes();
    block.extend([0; 8]);
    block.extend([0, 2, b'I', b'M']);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::scheme;
    use proptest::prelude::*;

    /// Two faces of two points; the first image gray, the second color, both 3 wide and 2 high.
    fn mat(part: &str) -> Vec<u8> {
        let mut file = FileBuilder::new();
        file.with_userblock(512).with_userblock_content(b"MATLAB 7.3 MAT-file");
        let mut refs = file.create_group("#refs#");
        refs.create_dataset("a").with_u8_data(&[10, 40, 20, 50, 30, 60]).with_shape(&[3, 2]);
        let color: Vec<u8> = (0..18).collect();
        refs.create_dataset("b").with_u8_data(&color).with_shape(&[3, 3, 2]);
        file.add_group(refs.finish());
        file.create_dataset(&format!("Is{part}"))
            .with_path_references(&["#refs#/a", "#refs#/b"])
            .with_shape(&[1, 2]);
        // x0 x1, y0 y1, o0 o1 of face 1 | face 2, interleaved.
        let phis = [11.0, 101.0, 12.0, 102.0, 21.0, 201.0, 22.0, 202.0, 0.0, 1.0, 1.0, 0.0];
        file.create_dataset(&format!("phis{part}")).with_f64_data(&phis).with_shape(&[6, 2]);
        let boxes = [1.0, 6.0, 2.0, 7.0, 30.0, 40.0, 50.0, 60.0];
        file.create_dataset(&format!("bboxes{part}")).with_f64_data(&boxes).with_shape(&[4, 2]);
        file.finish().unwrap()
    }

    fn read_as(bytes: &[u8], points: usize) -> (tempfile::TempDir, Result<Collector>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("COFW_test_color.mat"), bytes).unwrap();
        let read = read(folder.path(), &Choice::own(scheme(points)));
        (folder, read)
    }

    #[test]
    fn transposed_arrays_are_turned_and_counted_from_zero() {
        for part in ["Tr", "T"] {
            let (_folder, read) = read_as(&mat(part), 2);
            let (samples, problems) = read.unwrap().finish();
            assert!(problems.is_empty(), "{problems:?}");
            assert_eq!(samples.len(), 2);
            assert_eq!(samples[1].name, format!("Is{part}/0002.png"));
            let hidden = |x, y| Landmark { visibility: Visibility::Occluded, ..Landmark::visible(x, y) };
            assert_eq!(samples[0].landmarks, [Landmark::visible(10.0, 20.0), hidden(11.0, 21.0)]);
            assert_eq!(samples[1].landmarks, [hidden(100.0, 200.0), Landmark::visible(101.0, 201.0)]);
            assert_eq!(samples[0].detector_box, Some(Rect::new(0.0, 1.0, 30.0, 51.0)));

            let gray = samples[0].load_image().unwrap();
            assert_eq!(gray.dimensions(), (3, 2));
            assert_eq!((gray.get_pixel(1, 0).0, gray.get_pixel(0, 1).0), ([20; 3], [40; 3]));
            // Byte c·6 + x·2 + y.
            assert_eq!(samples[1].load_image().unwrap().get_pixel(2, 1).0, [5, 11, 17]);
        }
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let (_folder, read) = read_as(&mat("Tr"), 3);
        assert!(read.err().unwrap().to_string().contains("phisTr: 6 numbers a face instead of 9"));
        let (_folder, read) = read_as(b"MATLAB 5.0 MAT-file", 2);
        assert!(read.err().unwrap().to_string().contains("v7.3"));
        let (_folder, read) = read_as(&mat("X"), 2);
        assert!(read.err().unwrap().to_string().contains("no such variable"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn damage_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
            let mut bytes = mat("Tr");
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            let (_folder, read) = read_as(&bytes, 2);
            if let Ok(read) = read {
                for sample in read.finish().0 {
                    let _ = sample.load_image();
                }
            }
        }
    }
}
