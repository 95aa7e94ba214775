//! Rust source without comments and texts, line by line, so that words in them are not taken for code.

/// One line of a source file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// The line with comments gone and the inside of text and character literals emptied.
    pub(crate) code: String,
    /// Whether it belongs to a `#[cfg(test)]` item.
    pub(crate) test: bool,
}

impl Line {
    pub(crate) fn is_code(&self) -> bool {
        !self.code.trim().is_empty()
    }
}

/// The lines of a source file.
pub(crate) fn lines(source: &str) -> Vec<Line> {
    let mut lines: Vec<Line> =
        strip(source).split('\n').map(|code| Line { code: code.to_owned(), test: false }).collect();
    mark_tests(&mut lines);
    lines
}

/// Where the code says `word` outside tests, with nothing before it that would make it part of a longer name; line
/// numbers from 1.
pub(crate) fn places<'a>(lines: &'a [Line], word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let says = move |code: &str| {
        code.match_indices(word).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '.')
        })
    };
    lines.iter().enumerate().filter(move |(_, line)| !line.test && says(&line.code)).map(|(index, _)| index + 1)
}

/// The source with comments as spaces and literals emptied; line ends stay.
fn strip(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &source[at..];
        let literal = literal_length(rest, out.chars().next_back());
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment_length(rest)
        } else if literal > 0 {
            out.push_str("\"\"");
            literal
        } else {
            let c = rest.chars().next().unwrap_or(' ');
            out.push(c);
            at += c.len_utf8();
            continue;
        };
        out.extend(rest[..length].chars().filter(|&c| c == '\n'));
        at += length;
    }
    out
}

fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of the text or character literal that begins here, or 0. `before` is the character in front of it.
fn literal_length(rest: &str, before: Option<char>) -> usize {
    let in_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let prefix = if in_name { 0 } else { rest.bytes().take(2).take_while(|b| matches!(b, b'b' | b'r' | b'c')).count() };
    let body = &rest[prefix..];
    let hashes = body.bytes().take_while(|&b| b == b'#').count();
    if rest[..prefix].contains('r') && body[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = prefix + hashes + 1;
        return rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len());
    }
    match body.bytes().next() {
        Some(b'"') => prefix + quoted_length(body, b'"'),
        // A lifetime has no quote after its first character.
        Some(b'\'') => {
            let mut inside = body[1..].chars();
            let first = inside.next();
            if first == Some('\\') || inside.next() == Some('\'') { prefix + quoted_length(body, b'\'') } else { 0 }
        }
        _ => 0,
    }
}

fn quoted_length(body: &str, quote: u8) -> usize {
    let bytes = body.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// Marks each `#[cfg(test)]` item up to the end of its braces, or to its semicolon.
fn mark_tests(lines: &mut [Line]) {
    let mut at = 0;
    while at < lines.len() {
        if !lines[at].code.trim_start().starts_with("#[cfg(test)]") {
            at += 1;
            continue;
        }
        let mut depth = 0_usize;
        'item: while at < lines.len() {
            lines[at].test = true;
            at += 1;
            for c in lines[at - 1].code.clone().chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth <= 1 => break 'item,
                    '}' => depth -= 1,
                    ';' if depth == 0 => break 'item,
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_code() {
        let source = r##"
let a = "todo!() // no"; // todo!()
/* todo!() /* inner */ still
todo!() */ let b = r#"dbg!("x")"#;
let c = 'x'; let d = '"'; fn e<'a>(x: &'a str) {} let f = b"dbg!()";
real!();
"##;
        let lines = lines(source);
        let code: Vec<&str> = lines.iter().map(|line| line.code.trim()).collect();
        assert_eq!(
            code,
            [
                "",
                "let a = \"\";",
                "",
                "let b = \"\";",
                "let c = \"\"; let d = \"\"; fn e<'a>(x: &'a str) {} let f = \"\";",
                "real!();",
                ""
            ]
        );
        assert!(places(&lines, "todo!").next().is_none());
        assert_eq!(places(&lines, "real!").collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn test_items_end_with_their_braces() {
        let source =
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { x(); }\n}\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}";
        let test: Vec<bool> = lines(source).iter().map(|line| line.test).collect();
        assert_eq!(test, [false, true, true, true, true, false, true, true, false]);
    }

    #[test]
    fn a_longer_name_is_another_name() {
        let lines = lines("eprintln!(); std::println!(); my_println!(); x.tokio; use tokio::y;");
        assert_eq!(places(&lines, "println!").count(), 0);
        assert_eq!(places(&lines, "tokio::").count(), 1);
    }
}
