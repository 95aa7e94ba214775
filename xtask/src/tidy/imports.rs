//! What a crate may not import, beyond the levels.

use super::manifests;
use crate::rust_source::{lines, places};
use crate::tree::{Finding, Tree};

/// Packages that only some crates may use.
struct Rule {
    packages: &'static [&'static str],
    allowed: fn(&str) -> bool,
    /// Whether tests may use them all the same.
    dev_allowed: bool,
    instead: &'static str,
}

const RULES: [Rule; 3] = [
    Rule {
        packages: &["axum", "axum-core", "http", "hyper", "hyper-util", "tower", "tower-http", "tonic"],
        allowed: |folder| matches!(folder, "app" | "python"),
        dev_allowed: false,
        instead: "no crate below `app` knows HTTP; give it a type of its own and convert in crates/app/src/http",
    },
    Rule {
        packages: &["sqlx", "libsqlite3-sys", "rusqlite"],
        // `migrate` reads other people's databases, never ours.
        allowed: |folder| matches!(folder, "store-sql" | "migrate"),
        dev_allowed: false,
        instead: "only `store-sql` speaks SQL to our records; add a method to a trait of `store`",
    },
    Rule {
        packages: &["tokio", "async-trait", "futures-util"],
        allowed: |folder| !matches!(folder, "core" | "data" | "learn" | "explain" | "fairness"),
        dev_allowed: true,
        instead: "this crate is synchronous; callers reach it through `runtime::run_cpu`",
    },
];

/// Macros that write to the terminal: the command line's alone.
const PRINTS: [&str; 4] = ["println!", "print!", "eprintln!", "eprint!"];

/// The folder of the crate that a path is in.
fn crate_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split('/').next()
}

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for manifest in manifests::read(tree).0 {
        let folder = crate_of(manifest.path).unwrap_or_default();
        for rule in RULES.iter().filter(|rule| !(rule.allowed)(folder)) {
            let used = manifest.dependencies.iter().filter(|used| !(used.dev && rule.dev_allowed));
            for used in used.filter(|used| rule.packages.contains(&used.package.as_str())) {
                let what = format!("`{}` may not depend on `{}`: {}", manifest.package, used.package, rule.instead);
                found.push(Finding::new(manifest.path, used.line, what));
            }
        }
    }
    for (path, text) in tree.ending(".rs") {
        let Some(folder) = crate_of(path).filter(|folder| path.starts_with(&format!("crates/{folder}/src/"))) else {
            continue;
        };
        let lines = lines(text);
        for rule in RULES.iter().filter(|rule| !(rule.allowed)(folder)) {
            for package in rule.packages {
                let word = format!("{}::", package.replace('-', "_"));
                found.extend(
                    places(&lines, &word).map(|line| {
                        Finding::new(path, line, format!("`{word}` may not be used here: {}", rule.instead))
                    }),
                );
            }
        }
        if !path.starts_with("crates/app/src/cli/") {
            for print in PRINTS {
                let what =
                    format!("`{print}` may not be used here: log with `tracing`, or write in crates/app/src/cli");
                found.extend(places(&lines, print).map(|line| Finding::new(path, line, what.clone())));
            }
        }
    }
    found
}

const COMPAT: &str = "crates/app/src/http/compat/";

/// The wire types of a foreign protocol are used in its folder only.
pub(crate) fn check_wire_types(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(".rs").filter(|(path, _)| path.starts_with("crates/app/src/")) {
        let own = path.strip_prefix(COMPAT).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        for (index, line) in lines(text).iter().enumerate() {
            for (at, _) in line.code.match_indices("::types") {
                let protocol = line.code[..at].rsplit("::").next().unwrap_or_default();
                if protocol != own && tree.holds(&format!("{COMPAT}{protocol}/types.rs")) {
                    let what = format!(
                        "wire types of `{protocol}` stay in {COMPAT}{protocol}; convert them there and pass our own"
                    );
                    found.push(Finding::new(path, index + 1, what));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::of(files);
        check(&tree).iter().chain(&check_wire_types(&tree)).map(Finding::to_string).collect()
    }

    #[test]
    fn http_stays_in_the_app() {
        let serving = "[package]\nname = \"metria-serving\"\n[dependencies]\naxum.workspace = true\n";
        let source = "use http::StatusCode; // axum::\nuse crate::http::error;\n";
        let found = found(&[
            ("crates/serving/Cargo.toml", serving),
            ("crates/serving/src/lib.rs", source),
            ("crates/app/src/http/mod.rs", "use axum::Router;\n"),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("crates/serving/Cargo.toml:4: `metria-serving` may not depend on `axum`"));
        assert!(found[1].starts_with("crates/serving/src/lib.rs:1: `http::`"));
    }

    #[test]
    fn sql_stays_in_its_crate_and_numbers_stay_synchronous() {
        let found = found(&[
            ("crates/store-sql/src/lib.rs", "use sqlx::Row;\n"),
            ("crates/tracking/src/lib.rs", "use sqlx::Row;\n"),
            ("crates/learn/src/lib.rs", "async fn f() { tokio::spawn(g()) }\n"),
            ("crates/learn/Cargo.toml", "[package]\nname = \"metria-learn\"\n[dev-dependencies]\ntokio = \"1\"\n"),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn printing_is_for_the_command_line_and_tests() {
        let source = "fn f() { println!(\"x\"); }\n#[cfg(test)]\nmod tests { fn g() { println!(); } }\n";
        let found = found(&[
            ("crates/app/src/cli/mod.rs", source),
            ("crates/data/src/lib.rs", source),
            ("crates/data/tests/it/main.rs", source),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("crates/data/src/lib.rs:1: "));
    }

    #[test]
    fn wire_types_stay_home() {
        let types = ("crates/app/src/http/compat/mlflow/types.rs", "pub struct Run;\n");
        let user = "use crate::http::compat::mlflow::types::Run;\n";
        let found =
            found(&[types, ("crates/app/src/http/compat/mlflow/runs.rs", user), ("crates/app/src/ui/runs.rs", user)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("crates/app/src/ui/runs.rs:1: "));
    }
}
