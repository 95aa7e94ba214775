//! Names that people choose and paths that come from outside, checked once, here.

use crate::error::{ErrorKind, Kinded};

/// A name or path that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is empty or too long.
    #[error("the {what} must have 1 to {max} characters; got {got}")]
    Length {
        /// What is named.
        what: &'static str,
        /// Most characters allowed.
        max: usize,
        /// Characters that came.
        got: usize,
    },
    /// The name has a character that would break a URL or a path.
    #[error("the {what} must not contain `{found}`; got `{name}`")]
    Character {
        /// What is named.
        what: &'static str,
        /// The offending part.
        found: String,
        /// The name that came.
        name: String,
    },
    /// The name means something else.
    #[error("the {what} `{name}` is reserved")]
    Reserved {
        /// What is named.
        what: &'static str,
        /// The name that came.
        name: String,
    },
    /// The path would leave its root.
    #[error(
        "the path must be relative and stay inside its folder (no `..`, no leading `/`, no empty part, no backslash); got `{0}`"
    )]
    Path(String),
}

impl Kinded for NameError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// Checks a registered model's name: 1 to 256 characters, no `/`, `:`, `\`, `@` or control character, not `.` or `..`.
///
/// # Errors
/// [`NameError`] naming what is wrong.
pub fn check_model_name(name: &str) -> Result<(), NameError> {
    check_name("model name", name, 256, &['/', ':', '\\', '@', '#', '?', '%'])
}

/// Checks an experiment's or run's name: 1 to 500 characters, no control character.
///
/// # Errors
/// [`NameError`] naming what is wrong.
pub fn check_display_name(what: &'static str, name: &str) -> Result<(), NameError> {
    check_name(what, name, 500, &[])
}

/// Checks a param's, metric's or tag's key: 1 to 250 characters, and none that would leave a folder.
///
/// # Errors
/// [`NameError`] naming what is wrong.
pub fn check_key(what: &'static str, key: &str) -> Result<(), NameError> {
    check_name(what, key, 250, &[])?;
    if key.starts_with('/') || key.split('/').any(|part| part == "..") {
        return Err(NameError::Path(key.to_owned()));
    }
    Ok(())
}

/// Checks an alias of a model's version: 1 to 255 letters, digits, `_` and `-`; not `latest`, and no version such as
/// `v3`, since both mean something else.
///
/// # Errors
/// [`NameError`] naming what is wrong.
pub fn check_alias(alias: &str) -> Result<(), NameError> {
    check_name("alias", alias, 255, &[])?;
    let refused = |found: String| NameError::Character { what: "alias", found, name: alias.to_owned() };
    if let Some(found) = alias.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '_' | '-'))) {
        return Err(refused(found.escape_default().to_string()));
    }
    let number = alias.strip_prefix(['v', 'V']).unwrap_or_default();
    if alias.eq_ignore_ascii_case("latest") || (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())) {
        return Err(NameError::Reserved { what: "alias", name: alias.to_owned() });
    }
    Ok(())
}

fn check_name(what: &'static str, name: &str, max: usize, forbidden: &[char]) -> Result<(), NameError> {
    let got = name.chars().count();
    if got == 0 || got > max || name.trim().is_empty() {
        return Err(NameError::Length { what, max, got });
    }
    let refused = |found: String| NameError::Character { what, found, name: name.to_owned() };
    if name == "." || name == ".." {
        return Err(refused(name.to_owned()));
    }
    match name.chars().find(|c| c.is_control() || forbidden.contains(c)) {
        Some(c) => Err(refused(c.escape_default().to_string())),
        None => Ok(()),
    }
}

/// Normalises an artifact path that is already percent-decoded: relative, `/`-separated, inside its root.
/// The empty path is the root itself. What a further decoding would turn into a way out is refused too, since somebody
/// behind us might do it.
///
/// # Errors
/// [`NameError::Path`] for anything that could name a place outside the root.
pub fn check_artifact_path(path: &str) -> Result<&str, NameError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(path);
    }
    let refused = || NameError::Path(path.to_owned());
    if path.chars().any(char::is_control) {
        return Err(refused());
    }
    let mut read = path.to_owned();
    loop {
        if !stays_inside(&read) {
            return Err(refused());
        }
        match percent_decoded(&read) {
            Some(decoded) => read = decoded,
            None => return Ok(path),
        }
    }
}

fn stays_inside(path: &str) -> bool {
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(':');
    // A client of MLflow names pictures `loss%step%0%timestamp%17…`: other control signs lead nowhere.
    !path.contains(['\\', '\0']) && path.split('/').all(good)
}

/// The text with its percent escapes read; nothing where there is none.
fn percent_decoded(text: &str) -> Option<String> {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        match (first, behind) {
            (b'%', [high, low, behind @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                decoded.push(hex(*high)? << 4 | hex(*low)?);
                rest = behind;
            }
            _ => {
                decoded.push(*first);
                rest = behind;
            }
        }
    }
    (decoded.len() < text.len()).then(|| String::from_utf8_lossy(&decoded).into_owned())
}

/// The candidate nearest to `name` by edit distance, for "did you mean". Ties go to the first.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates.into_iter().min_by_key(|candidate| edit_distance(name, candidate))
}

/// Levenshtein's distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_names() {
        for good in ["german-credit", "Crédito 2", "a.b_c"] {
            check_model_name(good).expect(good);
        }
        for bad in ["", "a/b", "..", ".", "a:b", "a@b", "a\nb", "  ", "a\\b", &"x".repeat(257)] {
            assert!(check_model_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn aliases() {
        for good in ["champion", "a-b_C", "123", "v", "größe", "Production", &"a".repeat(255)] {
            check_alias(good).expect(good);
        }
        for bad in ["", "latest", "Latest", "v3", "V12", "a.b", "a b", "a/b", "../x", &"a".repeat(256)] {
            assert!(check_alias(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nearest_names() {
        assert_eq!(nearest("server.prot", ["home", "server.port"]), Some("server.port"));
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn artifact_paths() {
        for good in [
            "",
            "model",
            "model/MLmodel",
            "a/b/c.txt",
            "plots/",
            "100%",
            "a%20b",
            "%zz",
            "50%25",
            "loss%step%0%timestamp%1795",
            "..a",
            "a..b",
        ] {
            check_artifact_path(good).expect(good);
        }
        for bad in [
            "/etc",
            "..",
            "a/../b",
            "a//b",
            "./a",
            "C:/x",
            "a\\b",
            "a\0b",
            "a/.",
            "%2e%2e/a",
            "a/%252E%252e/b",
            "%2Fetc",
            "a%5cb",
            "a%2500",
            "C%3A/x",
        ] {
            assert!(check_artifact_path(bad).is_err(), "{bad:?}");
        }
    }
}
