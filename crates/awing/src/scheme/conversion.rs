//! From one scheme's points to another's, where the points of the second are among those of the first.

use super::Scheme;
use crate::error::{Error, Result};

/// Chooses, for each point of one scheme, the point of another that stands for it.
///
/// Points stand for each other when they have the same name. In particular this scores the 98 points of WFLW as the 68
/// of 300-W by the field's usual choice, without averaging (every second point of the jaw, the upper edges of the
/// brows, six of eight points of an eye). It works alike on annotations, predictions and scores. The two mark-ups are
/// not the same in the eyes and brows, so such errors are larger than on a data set's own points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// For each point of the target, the index in the source.
    choice: Vec<usize>,
    /// How many points the source has.
    source: usize,
}

impl Conversion {
    /// From `from` to `to`; `None` when a point of `to` has no namesake in `from`.
    pub fn between(from: &Scheme, to: &Scheme) -> Option<Self> {
        let choice = to.points.iter().map(|name| from.index_of(name)).collect::<Option<_>>()?;
        Some(Self { choice, source: from.len() })
    }

    /// For each point of the target scheme, the index of its point in the source scheme.
    pub fn indices(&self) -> &[usize] {
        &self.choice
    }

    /// The items (landmarks, positions, scores) of the target's points, from one for each point of the source.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the number of items is not that of the source's points.
    pub fn apply<T: Copy>(&self, items: &[T]) -> Result<Vec<T>> {
        if items.len() != self.source {
            let problem = format!("{} of them for a scheme of {} points", items.len(), self.source);
            return Err(Error::invalid("points to convert", problem));
        }
        Ok(self.choice.iter().filter_map(|&i| items.get(i).copied()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(from: &str, to: &str) -> Option<Conversion> {
        Conversion::between(&Scheme::builtin(from).unwrap(), &Scheme::builtin(to).unwrap())
    }

    #[test]
    fn the_98_points_become_68_by_the_usual_choice() {
        let mut usual: Vec<usize> = (0..=32).step_by(2).collect();
        usual.extend((33..=37).chain(42..=46).chain(51..=54).chain(55..=59));
        usual.extend([60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75]);
        usual.extend(76..=95);
        assert_eq!(usual.len(), 68);
        let conversion = between("wflw-98", "300w-68").unwrap();
        assert_eq!(conversion.indices(), usual);
        let points: Vec<usize> = (0..98).collect();
        assert_eq!(conversion.apply(&points).unwrap(), usual);
        assert!(conversion.apply(&points[1..]).is_err());
    }

    #[test]
    fn the_choice_commutes_with_the_mirror() {
        let (wflw, ibug) = (Scheme::builtin("wflw-98").unwrap(), Scheme::builtin("300w-68").unwrap());
        let conversion = Conversion::between(&wflw, &ibug).unwrap();
        for (i, &j) in ibug.mirror.iter().enumerate() {
            assert_eq!(wflw.mirror[conversion.indices()[i]], conversion.indices()[j]);
        }
    }

    #[test]
    fn a_scheme_is_itself_and_strangers_are_not() {
        for name in Scheme::builtin_names() {
            let identity = between(name, name).unwrap();
            assert!(identity.indices().iter().enumerate().all(|(i, &j)| i == j));
        }
        assert_eq!(between("300w-68", "wflw-98"), None);
        assert_eq!(between("300w-68", "body-14"), None);
        // 300-W has no eye centres.
        assert_eq!(between("300w-68", "mtfl-5"), None);
    }
}
