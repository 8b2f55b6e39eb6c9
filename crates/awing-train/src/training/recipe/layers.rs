//! Settings in layers: a base, then a file of the same form with any part left out, then `key=value` pairs.

use awing::{
    Error, Result,
    files::{LONGEST_SETTINGS, read_text},
};
use serde::{Serialize, de::DeserializeOwned};
use std::path::Path;
use toml::{Table, Value};

/// The recipe that comes of the layers; `base` makes the lowest, given the `preset` that the file names.
///
/// # Errors
/// [`Error::Io`] or [`Error::Format`] for the file, [`Error::Invalid`] for a pair that is none or a key that does not exist.
pub(crate) fn layered<R: Serialize + DeserializeOwned>(
    base: impl FnOnce(Option<&str>) -> Result<R>,
    file: Option<&Path>,
    settings: &[String],
) -> Result<R> {
    let over = match file {
        None => Table::new(),
        Some(path) => {
            let text = read_text(path, LONGEST_SETTINGS)?;
            toml::from_str(&text).map_err(|e| {
                let line = e.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
                Error::format(path, line, "toml", e.message().to_owned())
            })?
        }
    };
    let mut over = renamed(over);
    let preset = over.remove(PRESET);
    let base = base(preset.as_ref().and_then(Value::as_str))?;
    let mut table = Table::try_from(&base).map_err(|e| Error::invalid("recipe", e.to_string()))?;
    lay_over(&mut table, over);
    for text in settings {
        lay_over(&mut table, renamed(setting(text)?));
    }
    table.try_into().map_err(|e: toml::de::Error| Error::invalid("settings", one_line(&e.to_string())))
}

/// Keys as release 0.1 spelled them, and as they are spelled now.
const RENAMED: [(&str, &str); 3] = [("optimiser", "optimizer"), ("colour", "color"), ("grey", "gray")];

/// The table with its keys as they are spelled now: two spellings of one key would not lie over one another.
fn renamed(table: Table) -> Table {
    let key = |key: String| match RENAMED.iter().find(|(old, _)| *old == key) {
        Some((_, new)) => (*new).to_owned(),
        None => key,
    };
    let value = |value: Value| match value {
        Value::Table(table) => Value::Table(renamed(table)),
        value => value,
    };
    table.into_iter().map(|(old, inner)| (key(old), value(inner))).collect()
}

/// The key by which a file names what it builds on.
const PRESET: &str = "preset";

/// Reads a whole recipe.
///
/// # Errors
/// [`Error::Io`] or [`Error::Format`].
pub(crate) fn load<R: DeserializeOwned>(path: &Path) -> Result<R> {
    let text = read_text(path, LONGEST_SETTINGS)?;
    toml::from_str(&text).map_err(|e| Error::format(path, None, "recipe", one_line(&e.to_string())))
}

/// The recipe as TOML.
///
/// # Errors
/// [`Error::Invalid`] when a number does not fit TOML.
pub(crate) fn to_toml<R: Serialize>(recipe: &R) -> Result<String> {
    toml::to_string(recipe).map_err(|e| Error::invalid("recipe", e.to_string()))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lays `over` upon `base`, key by key. A table whose `kind` changes starts afresh: its other keys belonged to the
/// old kind.
fn lay_over(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => {
                if new.get("kind").is_some_and(|kind| old.get("kind") != Some(kind)) {
                    *old = Table::new();
                }
                lay_over(old, new);
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// One `key.key=value` as a table; the value is TOML, or else a bare string.
///
/// # Errors
/// [`Error::Invalid`] when there is no `=` or no key.
fn setting(text: &str) -> Result<Table> {
    let invalid =
        || Error::invalid("setting", format!("`{text}` is not key=value, such as training.batch=8"));
    let (path, value) = text.split_once('=').ok_or_else(invalid)?;
    let keys: Vec<&str> = path.trim().split('.').collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err(invalid());
    }
    let value = value.trim();
    let parsed =
        toml::from_str::<Table>(&format!("v = {value}")).ok().and_then(|mut table| table.remove("v"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    let wrap = |inner: Value, key: &&str| Value::Table(Table::from_iter([((*key).to_owned(), inner)]));
    match keys.iter().rev().fold(value, wrap) {
        Value::Table(table) => Ok(table),
        _ => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn values_are_toml_or_bare_words() {
        assert_eq!(setting("training.batch=8").unwrap(), table("training.batch = 8"));
        assert_eq!(setting("a = [1, 2.5]").unwrap(), table("a = [1, 2.5]"));
        assert_eq!(setting("loss.kind=mse").unwrap(), table("loss.kind = 'mse'"));
        for bad in ["", "=3", "a..b=1", "novalue"] {
            assert!(setting(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_of_the_first_release_are_still_read() {
        let old = table(
            "[optimiser]\nkind = 'adamw'\n[augment.colour]\nprobability = 0.5\n[augment.grey]\nprobability = 0.0",
        );
        let new = table(
            "[optimizer]\nkind = 'adamw'\n[augment.color]\nprobability = 0.5\n[augment.gray]\nprobability = 0.0",
        );
        assert_eq!(renamed(old), new);
        assert_eq!(
            renamed(setting("augment.grey.probability=0.25").unwrap()),
            setting("augment.gray.probability=0.25").unwrap()
        );
    }

    #[test]
    fn layers_merge_and_a_new_kind_starts_afresh() {
        let mut base = table("x = 1\n[loss]\nkind = 'wing'\nomega = 10.0\n[n]\na = 1\nb = 2");
        lay_over(&mut base, table("[loss]\nkind = 'mse'\n[n]\nb = 3"));
        assert_eq!(base, table("x = 1\n[loss]\nkind = 'mse'\n[n]\na = 1\nb = 3"));
        lay_over(&mut base, table("[loss]\nkind = 'mse'\nbeta = 1.0"));
        assert_eq!(base["loss"], Value::Table(table("kind = 'mse'\nbeta = 1.0")));
    }
}
