//! What the text readers share: reading a file whole, finding it in a folder, numbers and records with good errors.

use super::folder::is_leaving;
use awing::{
    Error, Result,
    geometry::Rect,
    scheme::{Landmark, Visibility},
};
use std::path::{Path, PathBuf};

/// No annotation file of a data set comes near this; a device or a runaway log does.
const MAX_BYTES: u64 = 1 << 31;

/// The whole file.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    awing::files::read_bytes(path, MAX_BYTES)
}

/// The whole file as UTF-8 text, without a byte order mark.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let text = awing::files::read_text(path, MAX_BYTES)?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_string(),
        None => text,
    })
}

/// `path` itself when it is a file, else the one file in the folder whose name `accept`s; `what` describes it.
pub(super) fn main_file(path: &Path, what: &str, accept: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let meta = std::fs::metadata(path).map_err(Error::io(path, "read"))?;
    if !meta.is_dir() {
        return Ok(path.to_path_buf());
    }
    let annotations = path.join("annotations");
    match files_in(path, &accept)?.as_slice() {
        [one] => Ok(one.clone()),
        // As annotation tools lay it out, beside `images`.
        [] if annotations.is_dir() => main_file(&annotations, what, accept),
        [] => Err(Error::format(path, None, "folder", format!("holds no {what}"))),
        [first, second, ..] => Err(Error::format(
            path,
            None,
            "folder",
            format!(
                "holds more than one {what} ({}, {}, …): name the one to read",
                file_name(first),
                file_name(second)
            ),
        )),
    }
}

/// The files of a folder, not of those below it, whose names `accept` takes; by name.
fn files_in(path: &Path, accept: &impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::io(path, "list the folder"))? {
        let entry = entry.map_err(Error::io(path, "list the folder"))?;
        let name = entry.file_name();
        let wanted = |name: &str| !is_leaving(name) && accept(&name.to_ascii_lowercase());
        if name.to_str().is_some_and(wanted) && entry.path().is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The folder a file lies in.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// The folder of this name beside a file where there is one, else the file's own.
pub(super) fn folder_or_beside(file: &Path, name: &str) -> PathBuf {
    let beside = folder_of(file);
    let folder = beside.join(name);
    if !name.is_empty() && folder.is_dir() { folder } else { beside }
}

/// The last part of a path, for messages.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Why a field was refused: which one and what is wrong, without the file and line, which the reader knows.
pub(super) type Flaw = (String, String);

/// A flaw.
pub(super) fn flaw(field: impl Into<String>, problem: impl Into<String>) -> Flaw {
    (field.into(), problem.into())
}

/// A number, finite.
pub(super) fn number(text: &str, field: impl Fn() -> String) -> Result<f64, Flaw> {
    let shown = || text.chars().take(40).collect::<String>();
    match text.trim().parse::<f64>() {
        Ok(v) if v.is_finite() => Ok(v),
        Ok(_) => {
            Err(flaw(field(), format!("`{}` is not finite; remove this annotation or mend it", shown())))
        }
        Err(_) => Err(flaw(field(), format!("`{}` is not a number", shown()))),
    }
}

/// A visible point, the one of this index.
pub(super) fn point(index: usize, x: &str, y: &str) -> Result<Landmark, Flaw> {
    let x = number(x, || format!("x of point {index}"))?;
    Ok(Landmark::visible(x, number(y, || format!("y of point {index}"))?))
}

/// Four numbers as a box from corner to corner, each moved by `shift`.
pub(super) fn corners(texts: [&str; 4], shift: f64) -> Result<Rect, Flaw> {
    let mut v = [0.0; 4];
    for (value, (text, name)) in v.iter_mut().zip(texts.iter().zip(["x0", "y0", "x1", "y1"])) {
        *value = number(text, || format!("box {name}"))? + shift;
    }
    Ok(Rect::new(v[0], v[1], v[2], v[3]))
}

/// The records of comma-separated text with the line each starts on; cells are trimmed.
pub(super) fn records<'a>(
    path: &'a Path,
    text: &'a str,
) -> impl Iterator<Item = Result<(usize, ::csv::StringRecord)>> + 'a {
    ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(::csv::Trim::All)
        .from_reader(text.as_bytes())
        .into_records()
        .map(move |record| {
            let record = record.map_err(|e| {
                let line = e.position().and_then(|p| usize::try_from(p.line()).ok());
                Error::format(path, line, "record", e.to_string())
            })?;
            let (byte, line) = record.position().map_or((0, 1), |p| (p.byte(), p.line()));
            // The position is that of the end of the record before: blank lines lie between.
            let from = usize::try_from(byte).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
            let blank =
                from.bytes().take_while(|b| matches!(b, b'\r' | b'\n')).filter(|b| *b == b'\n').count();
            let line = usize::try_from(line).unwrap_or(1) + blank;
            Ok((line, record))
        })
}

/// Comma-separated text: a header and records.
pub(super) fn csv_text(head: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Result<String> {
    let failed = |problem: String| Error::invalid("CSV", problem);
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(head).chain(rows) {
        writer.write_record(&row).map_err(|e| failed(e.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| failed(e.to_string()))
}

/// A path relative to the data's folder with `/` between its parts, from either system's spelling. Absolute paths
/// and `..` beyond the folder are refused: an annotation file of a stranger must not reach other files. Links in the folder are followed:
/// many keep their photos elsewhere, and an annotation file cannot make any.
pub(super) fn inside(path: &str) -> Result<String, Flaw> {
    let shown = path.chars().take(80).collect::<String>();
    let refuse = |problem: &str| Err(("image".to_string(), format!("`{shown}` {problem}")));
    if path.trim().is_empty() {
        return refuse("names no image");
    }
    let drive = matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if path.starts_with(['/', '\\']) || drive {
        return refuse(
            "is an absolute path; write it relative to the data's folder, or name the folder of the images",
        );
    }
    if path.chars().any(char::is_control) {
        return refuse("holds control characters; rename the image");
    }
    let mut parts = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => {
                return refuse("leads out of the data's folder; move the image into it");
            }
            ".." => {}
            _ => parts.push(part),
        }
    }
    if parts.is_empty() { refuse("names no image") } else { Ok(parts.join("/")) }
}

/// 2 visible, 1 hidden, 0 not annotated, as COCO and this project's CSV have it.
pub(super) const fn visibility_code(landmark: &Landmark) -> u8 {
    match landmark.visibility {
        Visibility::Visible => 2,
        Visibility::Occluded => 1,
        Visibility::Missing => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_finite_or_refused_by_name() {
        assert_eq!(number(" 1.5 ", || "x3".into()), Ok(1.5));
        for text in ["NaN", "inf", "", "1,5", "0x1"] {
            assert_eq!(number(text, || "x3".into()).unwrap_err().0, "x3");
        }
    }

    #[test]
    fn text_loses_its_byte_order_mark_and_must_be_utf8() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "\u{feff}a\nb").unwrap();
        assert_eq!(read_text(&path).unwrap(), "a\nb");
        std::fs::write(&path, b"a\nb\n\xff").unwrap();
        assert!(read_text(&path).unwrap_err().to_string().contains("a.csv:3: text: not UTF-8"));
    }

    #[test]
    fn the_main_file_of_a_folder_must_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let find = || main_file(folder.path(), "CSV file", |n| n.ends_with(".csv"));
        assert!(find().unwrap_err().to_string().contains("holds no CSV file"));
        std::fs::write(folder.path().join("b.CSV"), "").unwrap();
        assert_eq!(find().unwrap(), folder.path().join("b.CSV"));
        // What macOS leaves beside a file on a disc that is not its own.
        std::fs::write(folder.path().join("._b.CSV"), "").unwrap();
        assert_eq!(find().unwrap(), folder.path().join("b.CSV"));
        std::fs::write(folder.path().join("a.csv"), "").unwrap();
        assert!(find().unwrap_err().to_string().contains("(a.csv, b.CSV, …)"));
        // As annotation tools lay it out.
        let project = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(project.path().join("annotations")).unwrap();
        std::fs::write(project.path().join("annotations/all.csv"), "").unwrap();
        let found = main_file(project.path(), "CSV file", |n| n.ends_with(".csv")).unwrap();
        assert_eq!(found, project.path().join("annotations/all.csv"));
    }

    #[test]
    fn records_know_their_line() {
        let lines: Vec<_> = records(Path::new("a"), "h,i\n\n\"a\nb\", 2\nlast")
            .map(|r| r.map(|(line, r)| (line, r.len())).unwrap())
            .collect();
        assert_eq!(lines, [(1, 2), (3, 2), (5, 1)]);
    }
}
