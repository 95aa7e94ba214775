//! SPDX licence expressions: `OR`, `AND`, `WITH`, parentheses, and the old slash for `OR`.
//!
//! # References
//! SPDX Specification 2.3, Annex D.

/// Whether the allowed licences meet the expression. `allowed` is asked for `NAME` and for `NAME WITH EXCEPTION`.
///
/// # Errors
/// When the expression is not complete; the message says what is missing.
pub(super) fn is_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, allowed)?;
    words.next().map_or(Ok(met), |word| Err(format!("`{word}` was not expected")))
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let mut met = all(words, allowed)?;
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed)?;
    }
    Ok(met)
}

fn all(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let mut met = one(words, allowed)?;
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed)?;
    }
    Ok(met)
}

fn one(words: &mut Words<'_>, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    match words.next() {
        Some("(") => {
            let met = any(words, allowed)?;
            words.next_if_eq(&")").map_or_else(|| Err("a `)` is missing".to_owned()), |_| Ok(met))
        }
        Some(word @ (")" | "OR" | "AND" | "WITH")) => Err(format!("`{word}` was not expected")),
        Some(name) => {
            if words.next_if_eq(&"WITH").is_some() {
                let exception = words.next().ok_or("an exception is missing after WITH")?;
                return Ok(allowed(&format!("{name} WITH {exception}")));
            }
            Ok(allowed(name))
        }
        None => Err("a licence is missing at its end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(expression: &str) -> Result<bool, String> {
        is_met(expression, &|name| matches!(name, "MIT" | "BSD-3-Clause" | "Apache-2.0 WITH LLVM-exception"))
    }

    #[test]
    fn and_binds_before_or() {
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-2.0-only", false),
            ("GPL-2.0-only OR MIT", true),
            ("Apache-2.0/MIT", true),
            ("MIT AND Unicode-3.0", false),
            ("MIT AND BSD-3-Clause OR GPL-2.0-only", true),
            ("GPL-2.0-only AND (MIT OR BSD-3-Clause)", false),
            ("(GPL-2.0-only OR MIT) AND BSD-3-Clause", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0", false),
        ] {
            assert_eq!(met(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn broken_expressions_are_refused() {
        for expression in ["", "MIT OR", "(MIT", "MIT)", "MIT BSD-3-Clause", "AND MIT", "MIT WITH"] {
            assert!(met(expression).is_err(), "{expression}");
        }
    }
}
