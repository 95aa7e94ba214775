//! What a work in progress leaves behind.

use crate::rust_source::{Line, lines};
use crate::tree::{Finding, Tree};

/// Code that says something is not done, or that a test does not run.
const UNFINISHED: [(&str, &str); 4] = [
    ("#[ignore", "a test that does not run proves nothing; make it run or take it away"),
    ("todo!", "write the code"),
    ("unimplemented!", "write the code, or return an error that says what is not supported"),
    ("dbg!", "take it out, or log with `tracing`"),
];

pub(crate) fn check_rust(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(".rs") {
        for (index, Line { code, .. }) in lines(text).iter().enumerate() {
            let packed: String = code.split_whitespace().collect();
            for (word, advice) in UNFINISHED.iter().filter(|(word, _)| says(&packed, word)) {
                found.push(Finding::new(path, index + 1, format!("`{word}`: {advice}")));
            }
        }
    }
    found
}

/// Whether the code has the word, not as the end of a longer one.
fn says(code: &str, word: &str) -> bool {
    code.match_indices(word)
        .any(|(at, _)| !code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_'))
}

/// Folders of one machine. A path is written with these as its first part by accident only.
const FOLDERS: [&str; 2] = ["root", "work"];

/// Absolute paths of one machine in any text.
pub(crate) fn check_paths(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts() {
        for (index, line) in text.lines().enumerate() {
            if let Some(folder) = FOLDERS.iter().find(|folder| has_absolute(line, folder)) {
                let what = format!("the absolute path `/{folder}` is of one machine; make it relative or a setting");
                found.push(Finding::new(path, index + 1, what));
            }
        }
    }
    found
}

fn has_absolute(line: &str, folder: &str) -> bool {
    let path = format!("/{folder}");
    line.match_indices(&path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        let begins = !before.is_some_and(|c| c.is_alphanumeric() || "_-.~/}*:".contains(c));
        begins && after == Some('/')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_code_is_found_where_it_is() {
        let source =
            "// todo!()\nfn f() {\n    todo!()\n}\n#[ignore = \"slow\"]\nfn g() { my_dbg!(); std::dbg!(1); }\n";
        let found: Vec<String> =
            check_rust(&Tree::of(&[("crates/a/tests/x.rs", source)])).iter().map(Finding::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("crates/a/tests/x.rs:3: `todo!`"));
        assert!(found[1].starts_with("crates/a/tests/x.rs:5: `#[ignore`"));
        assert!(found[2].starts_with("crates/a/tests/x.rs:6: `dbg!`"));
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        let home = format!("cd /{}/x\n", "root");
        let quoted = format!("a\npath = \"/{}/main\"\n", "work");
        let fine = "see docs/work/x, https://example.org/work/x, $HOME/root/x, /workspace/x, ../work/y, ~/work/z\n";
        let tree = Tree::of(&[("Makefile", &home), ("a.toml", &quoted), ("docs/fine.md", fine)]);
        let places: Vec<(String, usize)> =
            check_paths(&tree).into_iter().map(|finding| (finding.file, finding.line)).collect();
        assert_eq!(places, [("Makefile".to_owned(), 1), ("a.toml".to_owned(), 2)]);
    }
}
