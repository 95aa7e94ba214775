//! SQL's `LIKE`.

/// Whether a text fits a pattern: `%` is any text, `_` any one character, everything else itself.
/// With `fold`, ASCII letters fit in either case.
pub(crate) fn like(text: &str, pattern: &str, fold: bool) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let same = |a: char, b: char| a == b || (fold && a.eq_ignore_ascii_case(&b));
    let (mut at, mut next) = (0, 0);
    // Where the last `%` stands, and where the text goes on after what that stood for so far.
    let mut last: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(next) {
            Some('%') => {
                last = Some((next, at));
                next += 1;
            }
            Some(c) if *c == '_' || same(*c, text[at]) => {
                at += 1;
                next += 1;
            }
            _ => {
                let Some((percent, after)) = last else { return false };
                last = Some((percent, after + 1));
                next = percent + 1;
                at = after + 1;
            }
        }
    }
    pattern[next..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns() {
        for (text, pattern, fits) in [
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "a_c", true),
            ("abc", "a_", false),
            ("aab", "%ab", true),
            ("abab", "%ab_", false),
            ("mississippi", "m%iss%pi", true),
            ("mississippi", "m%iss%pa", false),
            ("a%c", "a%%c", true),
            ("ABC", "abc", false),
            ("Ünder", "_nder", true),
        ] {
            assert_eq!(like(text, pattern, false), fits, "`{text}` LIKE `{pattern}`");
        }
        assert!(like("ABC", "a_c", true));
        assert!(!like("Ü", "ü", true), "only ASCII letters fold");
    }
}
