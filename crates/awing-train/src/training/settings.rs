//! Settings in layers: a preset, then a file, then `key=value` from the command line.

use awing::{Error, Result};
use toml::{Table, Value};

/// Lays `over` upon `base`, key by key. A table whose `kind` changes starts afresh: its other keys belonged to the
/// old kind.
pub(super) fn lay_over(base: &mut Table, over: Table) {
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
pub(super) fn setting(text: &str) -> Result<Table> {
    let invalid = || Error::invalid("--set", format!("`{text}` is not key=value, such as training.batch=8"));
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
    fn layers_merge_and_a_new_kind_starts_afresh() {
        let mut base = table("x = 1\n[loss]\nkind = 'wing'\nomega = 10.0\n[n]\na = 1\nb = 2");
        lay_over(&mut base, table("[loss]\nkind = 'mse'\n[n]\nb = 3"));
        assert_eq!(base, table("x = 1\n[loss]\nkind = 'mse'\n[n]\na = 1\nb = 3"));
        lay_over(&mut base, table("[loss]\nkind = 'mse'\nbeta = 1.0"));
        assert_eq!(base["loss"], Value::Table(table("kind = 'mse'\nbeta = 1.0")));
    }
}
