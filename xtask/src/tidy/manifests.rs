//! The `Cargo.toml` of each crate: its name and what it depends on.

use crate::tree::{Finding, Tree, line_of};
use toml::{Table, Value};

/// A crate of the workspace.
pub(crate) struct Manifest<'a> {
    /// Path of its `Cargo.toml`.
    pub(crate) path: &'a str,
    /// Name of the package.
    pub(crate) package: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One entry of a table of dependencies.
pub(crate) struct Dependency {
    /// Name of the package, whatever it is renamed to.
    pub(crate) package: String,
    pub(crate) line: usize,
    /// Whether only tests, examples and benches see it.
    pub(crate) dev: bool,
}

const TABLES: [(&str, bool); 3] = [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)];

/// Every crate below `crates/`, and what could not be read.
pub(crate) fn read(tree: &Tree) -> (Vec<Manifest<'_>>, Vec<Finding>) {
    let (mut manifests, mut found) = (Vec::new(), Vec::new());
    let paths = tree.ending("/Cargo.toml").filter(|(path, _)| path.starts_with("crates/"));
    for (path, text) in paths {
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                found.push(Finding::new(path, 1, format!("this is not TOML: {}", error.message())));
                continue;
            }
        };
        match table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str) {
            Some(name) => {
                let dependencies = dependencies(&table, text);
                manifests.push(Manifest { path, package: name.to_owned(), dependencies });
            }
            None => found.push(Finding::new(path, 1, "the package has no name; give it one")),
        }
    }
    (manifests, found)
}

fn dependencies(table: &Table, text: &str) -> Vec<Dependency> {
    let targets = table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let owners = std::iter::once(table).chain(targets.filter_map(Value::as_table));
    let tables = owners.flat_map(|owner| {
        TABLES.iter().filter_map(|&(name, dev)| Some((owner.get(name).and_then(Value::as_table)?, dev)))
    });
    let mut all = Vec::new();
    for (entries, dev) in tables {
        for (key, value) in entries {
            let package = value.get("package").and_then(Value::as_str).unwrap_or(key);
            let line = line_of(text, |line| {
                let rest = line.trim_start().strip_prefix(key.as_str());
                rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
            });
            all.push(Dependency { package: package.to_owned(), line, dev });
        }
    }
    all
}
