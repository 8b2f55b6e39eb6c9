//! What a scheme must hold to be used: every index in range, every name once.

use super::{Scheme, SolidPoint};
use crate::{
    error::{Error, Result},
    geometry::linear::add_square,
};
use std::{collections::HashMap, path::Path};

/// A head is flat whose points lie this near to one plane, as root mean squares: their distances from it as a part of those from their
/// middle. Faces have 0.2 to 0.3.
const FLAT: f64 = 0.01;

impl Scheme {
    /// Checks a scheme, wherever it came from; `source` names it in errors.
    ///
    /// # Errors
    /// [`Error::Format`] naming the field: no points, an empty or repeated name, an index out of range, `mirror` that
    /// is not its own inverse, a line of fewer than two points or standing still, a normalizer of no length, a point
    /// that lies twice or nowhere on the head, a head that is flat, vertices that are too few or too many.
    pub fn check(&self, source: impl AsRef<Path>) -> Result<()> {
        let wrong = |field: String, problem: String| Err(Error::format(&source, None, field, problem));
        let count = self.len();
        let in_range = |field: String, index: usize| match index < count {
            true => Ok(()),
            false => wrong(field, format!("there is no point {index}; the {count} points count from 0")),
        };
        if self.name.trim().is_empty() {
            return wrong("name".into(), "is empty; give the scheme a short name".into());
        }
        if count == 0 {
            return wrong("points".into(), "is empty; list the names of the points".into());
        }
        if let Some((field, problem)) = bad_name("points", self.points.iter())
            .or_else(|| bad_name("lines", self.lines.iter().map(|l| &l.name)))
            .or_else(|| bad_name("normalizers", self.normalizers.iter().map(|(n, _)| n)))
        {
            return wrong(field, problem);
        }
        if self.mirror.len() != count {
            return wrong("mirror".into(), format!("has {} entries for {count} points", self.mirror.len()));
        }
        for (i, &j) in self.mirror.iter().enumerate() {
            in_range("mirror".into(), j)?;
            if self.mirror.get(j) != Some(&i) {
                return wrong("mirror".into(), format!("point {i} becomes {j}, but {j} does not become {i}"));
            }
        }
        for (i, line) in self.lines.iter().enumerate() {
            let field = format!("lines[{i}].points (\"{}\")", line.name);
            if line.points.len() < 2 {
                return wrong(field, format!("has {} point(s); a line needs two or more", line.points.len()));
            }
            line.points.iter().try_for_each(|&p| in_range(field.clone(), p))?;
            if let Some([p, _]) = line.points.array_windows().find(|[p, q]| p == q) {
                return wrong(field, format!("point {p} follows itself"));
            }
        }
        for (i, (name, ends)) in self.normalizers.iter().enumerate() {
            let field = format!("normalizers[{i}].between (\"{name}\")");
            for end in ends {
                if end.is_empty() {
                    return wrong(field, "an end has no points".into());
                }
                end.iter().try_for_each(|&p| in_range(field.clone(), p))?;
            }
            let [mut a, mut b] = ends.clone();
            a.sort_unstable();
            b.sort_unstable();
            if a == b {
                return wrong(field, "both ends are the same points, so the distance is always 0".into());
            }
        }
        for (i, solid) in self.solid.iter().enumerate() {
            let field = format!("solid[{i}]");
            in_range(field.clone(), solid.point)?;
            if self.solid.iter().take(i).any(|other| other.point == solid.point) {
                return wrong(field, format!("point {} has a place already", solid.point));
            }
            if !solid.at.iter().chain([&solid.spread]).all(|v| v.is_finite()) || solid.spread <= 0.0 {
                return wrong(field, "`at` must be three numbers and `spread` a positive one".into());
            }
        }
        if let Some(head) = &self.head {
            if head.vertices.len() != count {
                return wrong(
                    "head.vertices".into(),
                    format!("has {} entries for {count} points", head.vertices.len()),
                );
            }
            for (i, &point) in head.outline.iter().enumerate() {
                in_range(format!("head.outline[{i}]"), point)?;
            }
        }
        if !self.solid.is_empty() && !has_depth(&self.solid) {
            let problem = format!(
                "its {} point(s) lie in one plane, and a flat head looks the same turned to either side; give four or more of which some \
                 stand out, or leave it out",
                self.solid.len()
            );
            return wrong("solid".into(), problem);
        }
        Ok(())
    }
}

/// Whether points do not all lie in one plane, as up to three of them always do. Seen from far away a flat head turned to one side looks
/// like one turned to the other, so it has no pose.
pub(crate) fn has_depth(solid: &[SolidPoint]) -> bool {
    let middle: [f64; 3] =
        std::array::from_fn(|i| solid.iter().map(|p| p.at[i]).sum::<f64>() / solid.len() as f64);
    let mut spread = [[0.0; 3]; 3];
    for p in solid {
        add_square(&mut spread, std::array::from_fn(|i| p.at[i] - middle[i]), 1.0);
    }
    // Of the spread along its three axes, a >= b >= c: a + b + c, ab + bc + ca and abc. The last by the second is c or little less where c
    // is small.
    let [[xx, xy, xz], [_, yy, yz], [_, _, zz]] = spread;
    let sum = xx + yy + zz;
    let pairs = xx * yy - xy * xy + yy * zz - yz * yz + zz * xx - xz * xz;
    let product = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz);
    product > FLAT * FLAT * sum * pairs
}

/// The first empty or repeated name, as a field and what is wrong with it.
fn bad_name<'a>(list: &str, names: impl Iterator<Item = &'a String>) -> Option<(String, String)> {
    let mut seen = HashMap::new();
    for (i, name) in names.enumerate() {
        if name.trim().is_empty() {
            return Some((format!("{list}[{i}]"), "the name is empty".into()));
        }
        if let Some(first) = seen.insert(name, i) {
            return Some((format!("{list}[{i}]"), format!("\"{name}\" is the name of number {first} too")));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{HeadPoints, Line, SolidPoint};
    use super::*;

    fn scheme() -> Scheme {
        Scheme {
            name: "cat-3".into(),
            points: ["left eye", "right eye", "nose"].map(String::from).to_vec(),
            mirror: vec![1, 0, 2],
            lines: vec![Line { name: "face".into(), points: vec![0, 2, 1], color: [1, 2, 3] }],
            normalizers: vec![("inter-ocular".into(), [vec![0], vec![1]])],
            solid: vec![],
            head: None,
        }
    }

    /// Points of a head, numbered from 0.
    fn solid(places: &[[f64; 3]]) -> Vec<SolidPoint> {
        (0..).zip(places).map(|(point, &at)| SolidPoint { point, at, spread: 0.1 }).collect()
    }

    #[test]
    fn each_fault_is_named_with_its_field() {
        assert!(scheme().check("cat.toml").is_ok());
        type Fault = (fn(&mut Scheme), &'static str);
        let faults: [Fault; 20] = [
            (|s| s.name = " ".into(), "name: is empty"),
            (|s| s.points.clear(), "points: is empty"),
            (|s| s.points[2] = "left eye".into(), "points[2]: \"left eye\" is the name of number 0"),
            (|s| s.points[1] = String::new(), "points[1]: the name is empty"),
            (|s| s.mirror = vec![1, 0], "mirror: has 2 entries"),
            (|s| s.mirror[2] = 3, "mirror: there is no point 3"),
            (|s| s.mirror[2] = 0, "mirror: point 2 becomes 0"),
            (|s| s.lines[0].points = vec![1], "lines[0].points (\"face\"): has 1 point"),
            (|s| s.lines[0].points[1] = 9, "lines[0].points (\"face\"): there is no point 9"),
            (|s| s.lines[0].points[1] = 0, "lines[0].points (\"face\"): point 0 follows itself"),
            (|s| s.lines.push(s.lines[0].clone()), "lines[1]: \"face\""),
            (|s| s.normalizers[0].1[0].clear(), "normalizers[0].between (\"inter-ocular\"): an end"),
            (
                |s| s.normalizers[0].1[0][0] = 7,
                "normalizers[0].between (\"inter-ocular\"): there is no point 7",
            ),
            (|s| s.normalizers[0].1[0][0] = 1, "normalizers[0].between (\"inter-ocular\"): both ends"),
            (
                |s| s.solid = vec![SolidPoint { point: 3, at: [0.0; 3], spread: 0.1 }],
                "solid[0]: there is no point 3",
            ),
            (|s| s.solid = vec![solid(&[[0.0; 3]])[0]; 2], "solid[1]: point 0 has a place already"),
            (|s| s.solid = solid(&[[0.0, f64::NAN, 0.0]]), "solid[0]: `at` must be three numbers"),
            (
                |s| s.solid = solid(&[[0.0; 3], [1.0, 0.0, 0.0], [0.5, 1.0, 2.0]]),
                "solid: its 3 point(s) lie in one plane",
            ),
            (
                |s| s.head = Some(HeadPoints { vertices: vec![7, 8], outline: vec![] }),
                "head.vertices: has 2 entries for 3 points",
            ),
            (
                |s| s.head = Some(HeadPoints { vertices: vec![7, 8, 9], outline: vec![2, 3] }),
                "head.outline[1]: there is no point 3",
            ),
        ];
        for (spoil, message) in faults {
            let mut scheme = scheme();
            spoil(&mut scheme);
            let error = scheme.check("cat.toml").unwrap_err().to_string();
            assert!(error.starts_with(&format!("cat.toml: {message}")), "{error} is not {message}");
        }
    }

    #[test]
    fn a_flat_head_has_no_depth() {
        // A square in a slanted plane, z = x + 2 y, and the same with its middle raised; a line; one place; none.
        let square = [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, 1.0, 3.0]];
        let with = |z: f64| solid(&[&square[..], &[[0.5, 0.5, z]]].concat());
        assert!(!has_depth(&solid(&square)) && !has_depth(&with(1.5)) && !has_depth(&with(1.51)));
        assert!(has_depth(&with(1.7)) && has_depth(&with(1.3)));
        assert!(has_depth(&solid(&[square[0], square[1], square[2], [1.0, 1.0, 3.5]])));
        assert!(!has_depth(&solid(&[[0.0; 3], [1.0; 3], [2.0; 3], [3.0; 3], [4.0; 3]])));
        assert!(!has_depth(&solid(&[[2.0; 3]; 6])) && !has_depth(&[]));
        assert!(
            !has_depth(&solid(&[[0.0; 3], [1e200, 0.0, 0.0], [0.0, 1e200, 0.0], [0.0, 0.0, 1e200]])),
            "no number is left"
        );
        for name in Scheme::builtin_names() {
            let scheme = Scheme::builtin(name).unwrap();
            assert!(scheme.solid.is_empty() || has_depth(&scheme.solid), "{name}");
        }
    }
}
