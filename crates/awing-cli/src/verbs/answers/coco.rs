use super::{Answer, FaceAnswer, PhotoAnswer, TextForm, json};
use crate::{failure::Failure, limited};
use awing::{prediction::HeadPose, scheme::Scheme};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as object};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

/// The category of a table of our own.
const CATEGORY: u64 = 1;

/// COCO's keypoint results: one JSON array, an entry a face, as pycocotools' `loadRes` reads it.
pub(super) struct CocoResults {
    ids: Ids,
    category: Value,
    /// Whether an entry was written already.
    begun: bool,
}

/// Where the ids of images come from.
enum Ids {
    /// An annotation file.
    Given(ImageIds),
    /// Counted from 1, and told in `path` at the end.
    Counted { path: PathBuf, images: Vec<Value>, category: Value },
}

#[derive(Serialize)]
struct Entry<'a> {
    image_id: &'a Value,
    category_id: &'a Value,
    keypoints: Vec<f64>,
    bbox: [f64; 4],
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pose: Option<HeadPose>,
}

impl CocoResults {
    /// Ids of images and category from an annotation file, or counted and told in `images.json` in `folder`.
    pub(super) fn new(scheme: &Scheme, given: Option<&Path>, folder: Option<&Path>) -> Result<Self, Failure> {
        let (ids, category) = match (given, folder) {
            (Some(path), _) => {
                let (ids, category) = ImageIds::load(path, scheme.len())?;
                (Ids::Given(ids), category)
            }
            (None, Some(folder)) => {
                let category = category(scheme);
                (Ids::Counted { path: folder.join("images.json"), images: vec![], category }, CATEGORY.into())
            }
            (None, None) => {
                let problem =
                    "--format coco: give --out DIR for the table of image ids, or --coco-images FILE";
                return Err(Failure::Usage(problem.to_owned()));
            }
        };
        Ok(Self { ids, category, begun: false })
    }
}

impl TextForm for CocoResults {
    fn photo(&mut self, photo: &PhotoAnswer<'_>) -> Result<Answer, Failure> {
        let id = match &mut self.ids {
            Ids::Given(ids) => match ids.of(photo.image) {
                Ok(id) => id.clone(),
                Err(why) => {
                    let problem = format!("{}: image: {why}, so it has no id", photo.image);
                    return Ok(Answer { lines: vec![], problems: vec![problem] });
                }
            },
            Ids::Counted { images, .. } => {
                let id = Value::from(images.len() + 1);
                let (width, height) = (photo.width, photo.height);
                images
                    .push(object!({ "id": id, "file_name": photo.image, "width": width, "height": height }));
                id
            }
        };
        let mut lines = Vec::with_capacity(photo.faces.len());
        for face in &photo.faces {
            let separator = if std::mem::replace(&mut self.begun, true) { ',' } else { '[' };
            lines.push(format!("{separator}{}", json(&entry(face, &id, &self.category))?));
        }
        Ok(Answer { lines, problems: vec![] })
    }

    fn end(&mut self) -> Result<Vec<String>, Failure> {
        if let Ids::Counted { path, images, category } = &self.ids {
            // Loads as an annotation file, so that `COCO("images.json").loadRes("predictions.json")` works.
            let table = object!({ "images": images, "annotations": [], "categories": [category] });
            std::fs::write(path, json(&table)? + "\n").map_err(|e| Failure::file(path, e))?;
        }
        Ok(vec![if self.begun { "]" } else { "[]" }.to_owned()])
    }
}

fn entry<'a>(answer: &FaceAnswer<'_>, image_id: &'a Value, category_id: &'a Value) -> Entry<'a> {
    let face = answer.face;
    let thousandths = |v: f64| (v * 1000.0).round() / 1000.0;
    let keypoint = |(p, score): (&awing::geometry::Point, &f32)| {
        [thousandths(p.x), thousandths(p.y), (f64::from(*score) * 1e4).round() / 1e4]
    };
    let b = face.face_box;
    Entry {
        image_id,
        category_id,
        keypoints: face.landmarks.iter().zip(&face.scores).flat_map(keypoint).collect(),
        bbox: [b.x0, b.y0, b.width(), b.height()].map(thousandths),
        score: face.score,
        pose: answer.pose,
    }
}

fn category(scheme: &Scheme) -> Value {
    // COCO counts points from 1 in its skeleton.
    let pairs = |line: &awing::scheme::Line| -> Vec<[usize; 2]> {
        line.points.windows(2).filter_map(|ends| Some([ends.first()? + 1, ends.last()? + 1])).collect()
    };
    let skeleton: Vec<[usize; 2]> = scheme.lines.iter().flat_map(pairs).collect();
    object!({
        "id": CATEGORY, "name": scheme.name, "supercategory": scheme.name, "keypoints": scheme.points, "skeleton": skeleton,
    })
}

/// The ids of an annotation file's images, by the last part of their names.
struct ImageIds(HashMap<String, Vec<(String, Value)>>);

#[derive(Deserialize)]
struct AnnotationFile {
    images: Vec<ImageEntry>,
    #[serde(default)]
    categories: Vec<CategoryEntry>,
}

#[derive(Deserialize)]
struct ImageEntry {
    id: Value,
    file_name: String,
}

#[derive(Deserialize)]
struct CategoryEntry {
    id: Value,
    #[serde(default)]
    keypoints: Vec<Value>,
}

impl ImageIds {
    /// The ids, and the category that has as many keypoints.
    fn load(path: &Path, points: usize) -> Result<(Self, Value), Failure> {
        let wrong = |problem: String| Failure::Usage(format!("--coco-images: {}: {problem}", path.display()));
        let text = limited::text(path).map_err(wrong)?;
        let file: AnnotationFile = serde_json::from_str(&text)
            .map_err(|e| wrong(format!("{e}; give a COCO file with images [{{id, file_name}}]")))?;
        let fits = |category: &&CategoryEntry| category.keypoints.len() == points;
        let category = match file.categories.iter().find(fits) {
            Some(category) => category.id.clone(),
            None if file.categories.iter().all(|category| category.keypoints.is_empty()) => CATEGORY.into(),
            None => return Err(wrong(format!("no category has the model's {points} keypoints"))),
        };
        let mut by_last: HashMap<String, Vec<(String, Value)>> = HashMap::new();
        for ImageEntry { id, file_name } in file.images {
            let last = parts(&file_name).next_back().unwrap_or_default().to_owned();
            by_last.entry(last).or_default().push((file_name, id));
        }
        Ok((Self(by_last), category))
    }

    /// The id of the image that shares the longest end with the photo's path: `a/1.jpg` of the file is `photos/a/1.jpg`. Or why there is
    /// none: two share as much, or the names part before the shorter ends.
    fn of(&self, photo: &str) -> Result<&Value, String> {
        let wanted: Vec<&str> = parts(photo).collect();
        let mut best: Option<(usize, &str, &Value)> = None;
        let mut rival = None;
        let alike = wanted.last().and_then(|last| self.0.get(*last));
        for (name, id) in alike.into_iter().flatten() {
            let own: Vec<&str> = parts(name).collect();
            let shared = own.iter().rev().zip(wanted.iter().rev()).take_while(|(a, b)| a == b).count();
            if shared < own.len().min(wanted.len()) {
                continue;
            }
            match best {
                Some((most, ..)) if most > shared => {}
                Some((most, ..)) if most == shared => rival = Some(name),
                _ => (best, rival) = (Some((shared, name.as_str(), id)), None),
            }
        }
        match (best, rival) {
            (Some((_, _, id)), None) => Ok(id),
            (Some((_, one, _)), Some(other)) => {
                Err(format!("may be `{one}` or `{other}` of --coco-images; name it with its folders"))
            }
            (None, _) => Err("is none of --coco-images".to_owned()),
        }
    }
}

fn parts(name: &str) -> impl DoubleEndedIterator<Item = &str> {
    name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<(ImageIds, Value), Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, text).unwrap();
        ImageIds::load(&path, 5)
    }

    #[test]
    fn a_photo_is_the_image_that_shares_the_end_of_its_path() {
        let images = r#""images": [{"id": 7, "file_name": "a/1.jpg"}, {"id": "x", "file_name": "b/1.jpg"},
            {"id": 9, "file_name": "2.jpg"}, {"id": 10, "file_name": "c/3.jpg"}, {"id": 11, "file_name": "d/c/3.jpg"}]"#;
        let (ids, category) = load(&format!("{{{images}}}")).unwrap();
        assert_eq!(category, 1);
        assert_eq!(ids.of("photos/a/1.jpg"), Ok(&7.into()));
        assert_eq!(ids.of("./b/1.jpg"), Ok(&"x".into()));
        let why = |photo| ids.of(photo).unwrap_err();
        assert!(
            why("1.jpg").starts_with("may be `a/1.jpg` or `b/1.jpg` of --coco-images"),
            "{}",
            why("1.jpg")
        );
        assert_eq!(why("c/1.jpg"), "is none of --coco-images");
        assert_eq!(ids.of("any/where/2.jpg"), Ok(&9.into()));
        assert_eq!(ids.of("x/d/c/3.jpg"), Ok(&11.into()));
        let (_, category) = load(&format!(
            "{{{images}, \"categories\": [{{\"id\": 2, \"keypoints\": [1]}}, {{\"id\": 4, \"keypoints\": [1, 2, 3, 4, 5]}}]}}"
        ))
        .unwrap();
        assert_eq!(category, 4);
        let other = format!("{{{images}, \"categories\": [{{\"id\": 2, \"keypoints\": [1]}}]}}");
        assert!(
            matches!(load(&other), Err(Failure::Usage(m)) if m.ends_with("no category has the model's 5 keypoints"))
        );
        assert!(matches!(load("[]"), Err(Failure::Usage(m)) if m.contains("file_name")));
    }
}
