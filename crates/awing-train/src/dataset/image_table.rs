use super::spelling::composed;
use std::{collections::BTreeMap, ops::Bound};

/// What a file says of images, found by their names however much of the path it gives. The names are compared and never opened: they may
/// lie anywhere.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ImageTable<T> {
    /// By the parts of the image's path from its end, so that paths with the same end stand together.
    by_end: BTreeMap<Vec<String>, T>,
}

impl<T> Default for ImageTable<T> {
    fn default() -> Self {
        Self { by_end: BTreeMap::new() }
    }
}

impl<T: Default> ImageTable<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.by_end.is_empty()
    }

    /// What is said of the image of exactly this name; `None` when the name is none.
    pub(super) fn entry(&mut self, name: &str) -> Option<&mut T> {
        let end = from_the_end(name);
        (!end.is_empty()).then(|| self.by_end.entry(end).or_default())
    }

    /// What is said of the image of a sample called `name`, or of a photo at this path. The file's names count from a
    /// folder that the path may lead into or begin below: `a/1.jpg` in the file is `photos/a/1.jpg`, and `photos/a/1.jpg`
    /// in the file is `a/1.jpg`, but `b/1.jpg` is neither. The longest fit counts. `None` when nothing fits, or two
    /// images fit equally well. The "#2" of a second face is left out.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        [name, without_number(name)].into_iter().find_map(|wanted| self.fit(&from_the_end(wanted)))
    }

    /// Two images that fit a name equally well, so that [`ImageTable::get`] has no answer.
    pub(super) fn rivals(&self, name: &str) -> Option<[String; 2]> {
        if self.get(name).is_some() {
            return None;
        }
        [name, without_number(name)].into_iter().find_map(|wanted| {
            let wanted = from_the_end(wanted);
            let mut longer = self.longer(&wanted).map(|(own, _)| path(own));
            if wanted.is_empty() { None } else { Some([longer.next()?, longer.next()?]) }
        })
    }

    /// The images whose paths end so.
    fn longer<'a>(&'a self, wanted: &[String]) -> impl Iterator<Item = (&'a Vec<String>, &'a T)> {
        let from = (Bound::Included(wanted), Bound::Unbounded);
        self.by_end.range::<[String], _>(from).take_while(|(own, _)| own.starts_with(wanted))
    }

    fn fit(&self, wanted: &[String]) -> Option<&T> {
        if wanted.is_empty() {
            return None;
        }
        let mut longer = self.longer(wanted);
        match (longer.next(), longer.next()) {
            (Some((own, value)), _) if own == wanted => Some(value),
            (Some((_, value)), None) => Some(value),
            (Some(_), Some(_)) => None,
            (None, _) => (1..wanted.len()).rev().find_map(|shared| self.by_end.get(&wanted[..shared])),
        }
    }
}

/// The file and the folders of a path, from its end, without `.`, in one spelling.
fn from_the_end(path: &str) -> Vec<String> {
    let parts = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    let mut parts: Vec<String> = parts.map(composed).collect();
    parts.reverse();
    parts
}

/// And back.
fn path(from_the_end: &[String]) -> String {
    from_the_end.iter().rev().map(String::as_str).collect::<Vec<_>>().join("/")
}

/// "a.jpg" for "a.jpg#2".
pub(super) fn without_number(name: &str) -> &str {
    match name.rsplit_once('#') {
        Some((image, number)) if !image.is_empty() && number.parse::<usize>().is_ok() => image,
        _ => name,
    }
}
