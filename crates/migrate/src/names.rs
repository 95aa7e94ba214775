//! Names from outside that become parts of paths.

use crate::error::{Error, Result};
use metria_core::names::check_artifact_path;

/// Whether an id of an experiment, run or logged model is nothing but an id.
pub(crate) fn is_plain_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Refuses an id that could lead elsewhere.
pub(crate) fn check_id(what: &str, id: &str) -> Result<()> {
    if is_plain_id(id) {
        return Ok(());
    }
    Err(Error::Record(format!("the {what} `{id}` is not an id (1 to 64 letters, digits, `-` and `_`)")))
}

/// Refuses a path that could lead elsewhere; the empty one too.
pub(crate) fn check_path<'a>(what: &str, path: &'a str) -> Result<&'a str> {
    match check_artifact_path(path) {
        Ok(checked) if !checked.is_empty() && checked == path => Ok(checked),
        _ => Err(Error::Record(format!("the {what} `{path}` would lead out of its folder"))),
    }
}

/// The key of a metric, param or tag as the path of its file. A key that would lead elsewhere is refused; one with a
/// colon is fine, as MLflow has it.
pub(crate) fn check_key_path(what: &str, key: &str) -> Result<()> {
    let bad = |part: &str| part.is_empty() || part == "." || part == "..";
    if key.split('/').any(bad) || key.contains('\0') || key.contains('\\') {
        return Err(Error::Record(format!("the {what} key `{key}` cannot be the name of a file")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for id in ["", "..", "a/b", "a\\b", "a:b", "é", &"x".repeat(65)] {
            assert!(check_id("run", id).is_err(), "{id}");
        }
        assert!(check_id("run", "m-0_a").is_ok());
        for path in ["", "..", "/a", "a/../b", "a/", "a//b", "c:/x", "a\\b"] {
            assert!(check_path("artifact", path).is_err(), "{path}");
        }
        assert_eq!(check_path("artifact", "a/b.txt").unwrap(), "a/b.txt");
        for key in ["", "/a", "a/", "../x", "a/./b", "a\\b", "x\0"] {
            assert!(check_key_path("metric", key).is_err(), "{key}");
        }
        assert!(check_key_path("metric", "system/gpu 0: load").is_ok());
    }
}
