//! Annotations that were made on another copy of their photo: their file says another size than the photo has.

use super::Sample;
use std::collections::BTreeSet;

/// Two shapes are one when a side differs by less than this share: copies have whole pixels.
const ROUNDING: f64 = 0.01;
/// Images whose heads are read when a dataset is opened.
const LOOKED_AT: usize = 100;

/// What is wrong with the size that an annotation states, and what to do; `None` where it is right or there is none.
pub(crate) fn other_size(stated: Option<[f64; 2]>, (width, height): (u32, u32)) -> Option<(String, String)> {
    // What no image can have is a mistake of its own kind, and none of the copy.
    let [stated_width, stated_height] =
        stated.filter(|sides| sides.iter().all(|side| (1.0..1e6).contains(side)))?;
    let (width, height) = (f64::from(width), f64::from(height));
    if [stated_width, stated_height] == [width, height] {
        return None;
    }
    let factor = width / stated_width;
    let (reason, mend) = if [stated_height, stated_width] == [width, height] {
        (
            "the points were probably made before the photo was turned upright by its EXIF orientation"
                .to_owned(),
            "annotate the upright photo, or turn the points as the photo is turned".to_owned(),
        )
    } else if (height / stated_height / factor - 1.0).abs() < ROUNDING {
        (
            "the points were probably made on a resized copy".to_owned(),
            format!("multiply the coordinates by {factor:.4}, or use the copy"),
        )
    } else {
        (
            "the points were probably made on another copy, a part of the photo, or another photo".to_owned(),
            "use the photo that was annotated".to_owned(),
        )
    };
    let problem = format!(
        "the annotation says {stated_width} x {stated_height} pixels, and the photo has {width} x {height}: {reason}"
    );
    Some((problem, mend))
}

/// A line where images have other sizes than their annotations say: of some of them, for every file must be opened for it.
pub(super) fn note(samples: &[Sample]) -> Option<String> {
    let mut names = BTreeSet::new();
    let stated = samples.iter().filter(|s| s.stated_size.is_some() && names.insert(s.image_name()));
    let stated: Vec<&Sample> = stated.collect();
    let some: Vec<&Sample> =
        stated.iter().step_by(stated.len().div_ceil(LOOKED_AT).max(1)).copied().collect();
    let wrong =
        some.iter().filter_map(|s| Some((s.image_name(), other_size(s.stated_size, s.image_size().ok()?)?)));
    let wrong: Vec<_> = wrong.collect();
    let (name, (problem, mend)) = wrong.first()?;
    let count = format!("{} of {} images looked at", wrong.len(), some.len());
    Some(format!("{name}: {problem}; {mend} ({count} have another size than is said)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_told_by_the_two_sizes() {
        let told = |stated, photo| {
            other_size(Some(stated), photo).map(|(problem, mend)| format!("{problem}; {mend}"))
        };
        assert_eq!(told([640.0, 480.0], (640, 480)), None);
        assert_eq!(
            [other_size(None, (640, 480)), other_size(Some([5e-324, 1e308]), (640, 480))],
            [None, None]
        );
        assert!(told([480.0, 640.0], (640, 480)).unwrap().contains("before the photo was turned upright"));
        let resized = told([320.0, 240.0], (641, 480)).unwrap();
        assert!(resized.contains("says 320 x 240 pixels, and the photo has 641 x 480"), "{resized}");
        assert!(resized.contains("resized copy; multiply the coordinates by 2.0031"), "{resized}");
        assert!(told([300.0, 9000.0], (512, 512)).unwrap().contains("another copy"));
    }
}
