//! A source file past 500 lines of code hides a noun; those that stay long say why.

use crate::rust_source::lines;
use crate::tree::{Finding, Tree};

/// Most lines of code, tests and comments not counted.
const MOST: usize = 500;

/// Files that may be longer, with the reason.
const LONG: [(&str, &str); 0] = [];

/// Where the exceptions are.
const TABLE: &str = "LONG in xtask/src/tidy/sizes.rs";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    check_against(tree, &LONG)
}

fn check_against(tree: &Tree, long: &[(&str, &str)]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(".rs").filter(|(path, _)| !is_test(path)) {
        let count = lines(text).iter().filter(|line| line.is_code() && !line.test).count();
        match (count > MOST, long.iter().find(|(file, _)| *file == path)) {
            (true, None) => found.push(Finding::new(
                path,
                1,
                format!("{count} lines of code outside tests, at most {MOST} are allowed; split it by noun, or say in {TABLE} why not"),
            )),
            (false, Some(_)) => found.push(Finding::new(
                path,
                1,
                format!("{count} lines of code outside tests: it needs no exception any more; take it out of {TABLE}"),
            )),
            _ => {}
        }
    }
    for (file, _) in long.iter().filter(|(file, _)| tree.text(file).is_none()) {
        found.push(Finding::new(file, 1, format!("this file is gone; take it out of {TABLE}")));
    }
    found
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.contains("/benches/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_counts() {
        let code = "fn f() {}\n".repeat(MOST);
        let comments = "// about f\n\n".repeat(MOST);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let fine = format!("{code}{comments}{tests}");
        let long = format!("{code}fn g() {{}}\n");
        let tree = Tree::of(&[
            ("crates/a/src/fine.rs", &fine),
            ("crates/a/src/long.rs", &long),
            ("crates/a/tests/x.rs", &long),
        ]);
        let found = check_against(&tree, &[]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].file.as_str(), found[0].line), ("crates/a/src/long.rs", 1));
        assert!(found[0].what.starts_with("501 lines"));
    }

    #[test]
    fn exceptions_are_real() {
        let long = "fn f() {}\n".repeat(MOST + 1);
        let tree = Tree::of(&[("a.rs", &long), ("b.rs", "fn f() {}\n")]);
        let found = check_against(&tree, &[("a.rs", "a wire schema"), ("b.rs", "was long"), ("c.rs", "was there")]);
        let files: Vec<&str> = found.iter().map(|finding| finding.file.as_str()).collect();
        assert_eq!(files, ["b.rs", "c.rs"]);
    }
}
