//! A dataset in parts, so that what belongs together never stands in two of them.

use super::{
    Dataset, Sample,
    image_table::ImageTable,
    text::{flaw, read_text, records},
};
use awing::{Error, Result};
use regex::Regex;
use std::{collections::BTreeMap, path::Path};

/// Which faces belong together.
#[derive(Clone, Debug, Default)]
pub enum Grouping {
    /// Those of one image.
    #[default]
    Image,
    /// Those of one folder: a folder a person.
    Folder,
    /// Those whose image's name has the same match of the pattern, or the same first group in it where it has groups.
    Pattern(Regex),
    /// Those that a table gives the same group.
    Table(GroupTable),
}

/// The groups of images, from a file.
#[derive(Clone, Debug)]
pub struct GroupTable(ImageTable<String>);

impl Grouping {
    /// By a pattern such as `^(.*)_\d+\.jpg$`: "Anna_01.jpg" and "Anna_02.jpg" belong together.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no regular expression.
    pub fn pattern(pattern: &str) -> Result<Self> {
        let shown = |e: regex::Error| e.to_string().lines().last().unwrap_or_default().trim().to_string();
        Regex::new(pattern).map(Self::Pattern).map_err(|e| {
            Error::invalid("pattern", format!("`{pattern}` is no regular expression: {}", shown(e)))
        })
    }

    /// By a CSV file with the columns `image` and `group`, in any order and among others. Names of images may give more
    /// or fewer of the folders than the dataset.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Format`], with the line that is wrong.
    pub fn table(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        let mut table: ImageTable<String> = ImageTable::default();
        let mut columns = None;
        for record in records(path, &text) {
            let (line, record) = record?;
            let at = |(field, problem): (String, String)| Error::format(path, line, field, problem);
            let Some((image, group)) = columns else {
                let find = |name: &str| record.iter().position(|cell| cell == name);
                let (Some(image), Some(group)) = (find("image"), find("group")) else {
                    return Err(at(flaw("header", "the first line must name the columns image and group")));
                };
                columns = Some((image, group));
                continue;
            };
            let cell = |i: usize| record.get(i).unwrap_or_default();
            let name = cell(image);
            if cell(group).is_empty() {
                return Err(at(flaw("group", format!("`{name}` has none"))));
            }
            let known = table.entry(name).ok_or_else(|| at(flaw("image", "names no image")))?;
            if !known.is_empty() && known.as_str() != cell(group) {
                let problem = format!("`{name}` is in `{known}` and in `{}`", cell(group));
                return Err(at(flaw("group", problem)));
            }
            *known = cell(group).to_string();
        }
        if table.is_empty() {
            return Err(Error::format(path, None, "groups", "the file names no image"));
        }
        Ok(Self::Table(GroupTable(table)))
    }

    /// What the faces that belong to this one share.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the image when the pattern does not match it or the table does not have it.
    pub fn of(&self, sample: &Sample) -> Result<String> {
        let image = sample.image_name();
        let none = |why: String| Error::invalid("group", format!("`{image}` {why}"));
        match self {
            Self::Image => Ok(image.to_string()),
            Self::Folder => match image.rsplit_once('/') {
                Some((folder, _)) => Ok(folder.to_string()),
                None => Err(none("lies in no folder of its own; group by a pattern or a table".into())),
            },
            Self::Pattern(pattern) => {
                let found = pattern.captures(image).and_then(|c| c.get(1).or_else(|| c.get(0)));
                found
                    .map(|m| m.as_str().to_string())
                    .ok_or_else(|| none(format!("does not match `{pattern}`")))
            }
            Self::Table(GroupTable(table)) => {
                table.get(&sample.name).cloned().ok_or_else(|| match table.rivals(&sample.name) {
                    Some([a, b]) => none(format!(
                        "may be `{a}` or `{b}` in the table of groups; give its name more folders"
                    )),
                    None => none("is not in the table of groups".into()),
                })
            }
        }
    }
}

/// A part of a dataset.
#[derive(Debug)]
pub struct Part {
    /// Its name, as given to [`split`].
    pub name: String,
    /// Its faces.
    pub dataset: Dataset,
    /// Its groups, sorted.
    pub groups: Vec<String>,
}

/// The dataset in parts of these names and shares, which add up to 1, by number of faces: as near as whole groups allow.
///
/// The same groups, shares and `seed` give the same parts, in whatever order the faces come.
///
/// ```
/// # use awing::scheme::Scheme;
/// # use awing_train::dataset::{Dataset, Grouping, drawn_faces, split};
/// # let faces = Dataset::new("csv:drawn".parse()?, Scheme::builtin("300w-68")?, drawn_faces(10, 32, 1));
/// let parts = split(&faces, &[("train".into(), 0.8), ("test".into(), 0.2)], &Grouping::Image, 1)?;
/// assert_eq!(parts[0].dataset.samples.len(), 8);
/// # Ok::<(), awing::Error>(())
/// ```
///
/// # Errors
/// [`Error::Invalid`] for shares that do not add up to 1, names that come twice, faces without a group, and when a part
/// would be empty.
pub fn split(
    dataset: &Dataset,
    shares: &[(String, f64)],
    grouping: &Grouping,
    seed: u64,
) -> Result<Vec<Part>> {
    check_shares(shares)?;
    let mut groups: BTreeMap<String, Vec<&Sample>> = BTreeMap::new();
    for sample in &dataset.samples {
        groups.entry(grouping.of(sample)?).or_default().push(sample);
    }
    // A group's place in the order does not depend on the others: the parts of a set that grows stay much the same.
    let mut order: Vec<(u64, String, Vec<&Sample>)> =
        groups.into_iter().map(|(group, faces)| (place(&group, seed), group, faces)).collect();
    order.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));

    let total = dataset.samples.len() as f64;
    let mut taken: Vec<(Vec<Sample>, Vec<String>)> = shares.iter().map(|_| Default::default()).collect();
    for (_, group, faces) in order {
        // To the part that lacks the largest share of its own.
        let lacks = |i: usize, part: &(Vec<Sample>, Vec<String>)| {
            shares.get(i).map_or(0.0, |(_, share)| 1.0 - part.0.len() as f64 / (share * total))
        };
        let most = taken.iter().enumerate().map(|(i, part)| lacks(i, part)).fold(f64::NEG_INFINITY, f64::max);
        if let Some((_, part)) = taken.iter_mut().enumerate().find(|(i, part)| lacks(*i, part) >= most) {
            part.0.extend(faces.into_iter().cloned());
            part.1.push(group);
        }
    }
    let part = |name: &String, mut samples: Vec<Sample>, mut groups: Vec<String>| {
        if samples.is_empty() {
            let problem = format!("`{name}` gets no face: there are too few groups for its share");
            return Err(Error::invalid("parts", problem));
        }
        samples.sort_by(|a, b| a.name.cmp(&b.name));
        groups.sort();
        let dataset = Dataset::new(dataset.source.clone(), dataset.scheme.clone(), samples);
        Ok(Part { name: name.clone(), dataset, groups })
    };
    shares.iter().zip(taken).map(|((name, _), (samples, groups))| part(name, samples, groups)).collect()
}

impl Dataset {
    /// Up to `count` faces as good as random, the same for the same `seed`, sorted by name.
    pub fn random_faces(&self, count: usize, seed: u64) -> Vec<&Sample> {
        let mut faces: Vec<&Sample> = self.samples.iter().collect();
        faces.sort_by_key(|sample| place(&sample.name, seed));
        faces.truncate(count);
        faces.sort_by(|a, b| a.name.cmp(&b.name));
        faces
    }
}

/// Whether parts of these names and shares can be: no name comes twice, and the shares add up to 1.
///
/// # Errors
/// [`Error::Invalid`] that says what is wrong.
pub fn check_shares(shares: &[(String, f64)]) -> Result<()> {
    let wrong = |problem: String| Err(Error::invalid("parts", problem));
    for (i, (name, share)) in shares.iter().enumerate() {
        if !(*share > 0.0 && *share <= 1.0) {
            return wrong(format!("the share {share} of `{name}` is not above 0 and at most 1"));
        }
        if shares.iter().take(i).any(|(other, _)| other == name) {
            return wrong(format!("`{name}` comes twice"));
        }
    }
    let sum: f64 = shares.iter().map(|(_, share)| share).sum();
    if (sum - 1.0).abs() > 1e-6 { wrong(format!("the shares add up to {sum}, not to 1")) } else { Ok(()) }
}

/// A number as good as random that depends on the group and the seed alone: FNV-1a, its bits mixed once more.
fn place(group: &str, seed: u64) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(group.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{ImageSource, Landmark, collect::tests::scheme},
        *,
    };
    use proptest::prelude::*;
    use std::{collections::BTreeSet, sync::Arc};

    fn dataset(names: &[String]) -> Dataset {
        let image = ImageSource::Memory(Arc::new(image::RgbImage::new(1, 1)));
        let sample = |name: &String| Sample::new(name, image.clone(), vec![Landmark::visible(0.0, 0.0)]);
        let source = "csv:memory".parse().unwrap();
        Dataset::new(source, scheme(1), names.iter().map(sample).collect())
    }

    fn three() -> Vec<(String, f64)> {
        [("train", 0.8), ("val", 0.1), ("test", 0.1)].map(|(name, share)| (name.to_string(), share)).to_vec()
    }

    fn names(part: &Part) -> Vec<&str> {
        part.dataset.samples.iter().map(|s| s.name.as_str()).collect()
    }

    #[test]
    fn groups_are_told_in_four_ways() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("groups.csv");
        std::fs::write(
            &table,
            "set,group,image\n1,Anna,train/x/a_1.jpg\n1,Anna,train/x/a_2.jpg\n1,Ben,y/a_1.jpg\n",
        )
        .unwrap();
        let faces = dataset(&["x/a_1.jpg", "x/a_1.jpg#2", "x/a_2.jpg", "y/a_1.jpg"].map(String::from));
        for (grouping, want) in [
            (Grouping::Image, ["x/a_1.jpg", "x/a_1.jpg", "x/a_2.jpg", "y/a_1.jpg"]),
            (Grouping::Folder, ["x", "x", "x", "y"]),
            (Grouping::pattern(r"([a-z])_\d").unwrap(), ["a", "a", "a", "a"]),
            (Grouping::pattern(r"^.*_").unwrap(), ["x/a_", "x/a_", "x/a_", "y/a_"]),
            (Grouping::table(&table).unwrap(), ["Anna", "Anna", "Anna", "Ben"]),
        ] {
            let got: Vec<String> = faces.samples.iter().map(|s| grouping.of(s).unwrap()).collect();
            assert_eq!(got, want, "{grouping:?}");
        }
    }

    #[test]
    fn what_cannot_be_split_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let table = |text: &str| {
            let path = folder.path().join("groups.csv");
            std::fs::write(&path, text).unwrap();
            Grouping::table(&path)
        };
        for (text, what) in [
            ("image,person\n", "groups.csv:1: header"),
            ("image,group\n", "names no image"),
            ("image,group\na.jpg,\n", ":2: group: `a.jpg` has none"),
            ("image,group\na.jpg,1\na.jpg,2\n", ":3: group: `a.jpg` is in `1` and in `2`"),
            ("image,group\n./,1\n", ":2: image: names no image"),
        ] {
            let error = table(text).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let faces = dataset(&["a.jpg", "b.jpg"].map(String::from));
        let shares =
            |list: &[(&str, f64)]| list.iter().map(|(n, s)| ((*n).to_string(), *s)).collect::<Vec<_>>();
        let halves = shares(&[("a", 0.5), ("b", 0.5)]);
        let other = table("image,group\na.jpg,1\n").unwrap();
        for (shares, grouping, what) in [
            (shares(&[("a", 0.5), ("b", 0.4)]), Grouping::Image, "parts: the shares add up to 0.9, not to 1"),
            (shares(&[("a", 0.5), ("a", 0.5)]), Grouping::Image, "`a` comes twice"),
            (shares(&[("a", 0.0), ("b", 1.0)]), Grouping::Image, "the share 0 of `a`"),
            (shares(&[("a", f64::NAN)]), Grouping::Image, "the share NaN of `a`"),
            (three(), Grouping::Image, "gets no face"),
            (halves.clone(), Grouping::Folder, "`a.jpg` lies in no folder"),
            (halves.clone(), Grouping::pattern("x").unwrap(), "`a.jpg` does not match `x`"),
            (halves, other, "`b.jpg` is not in the table"),
        ] {
            let error = split(&faces, &shares, &grouping, 1).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert!(Grouping::pattern("(").unwrap_err().to_string().contains("`(` is no regular expression"));
    }

    #[test]
    fn a_seed_gives_other_parts_and_shares_are_kept() {
        let faces = dataset(&(0..100).map(|i| format!("{i:03}.jpg")).collect::<Vec<_>>());
        let parts = split(&faces, &three(), &Grouping::Image, 1).unwrap();
        let sizes: Vec<usize> = parts.iter().map(|part| part.dataset.samples.len()).collect();
        assert_eq!(sizes, [80, 10, 10]);
        let other = split(&faces, &three(), &Grouping::Image, 2).unwrap();
        assert_ne!(names(&parts[2]), names(&other[2]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn no_group_stands_on_two_sides_and_order_does_not_matter(
            sizes in prop::collection::vec(1_usize..12, 30..60), seed in any::<u64>(), turn in any::<prop::sample::Index>(),
        ) {
            let mut all: Vec<String> = sizes
                .iter()
                .enumerate()
                .flat_map(|(person, count)| (0..*count).map(move |i| format!("p{person}/{i}.jpg")))
                .collect();
            let parts = split(&dataset(&all), &three(), &Grouping::Folder, seed).unwrap();
            let turn = turn.index(all.len());
            all.rotate_left(turn);
            all.reverse();
            let again = split(&dataset(&all), &three(), &Grouping::Folder, seed).unwrap();
            let mut seen = BTreeSet::new();
            for ((part, again), (_, share)) in parts.iter().zip(&again).zip(three()) {
                prop_assert_eq!(names(part), names(again));
                for group in &part.groups {
                    prop_assert!(seen.insert(group.clone()));
                }
                // One group of up to 11 faces too many, which two other parts may lack.
                let off = part.dataset.samples.len() as f64 - share * all.len() as f64;
                prop_assert!((-22.0..=11.0).contains(&off), "{off}");
            }
            prop_assert_eq!(seen.len(), sizes.len());
        }
    }
}
