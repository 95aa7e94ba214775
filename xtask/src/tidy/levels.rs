//! A crate depends on lower levels only, never on its own; tests, examples and benches included.

use super::manifests;
use crate::tree::{Finding, Tree};

/// The level of each crate, by package name.
const LEVELS: [(&str, u8); 22] = [
    ("metria-core", 0),
    ("metria-data", 1),
    ("metria-learn", 1),
    ("metria-store", 1),
    ("metria-runtime", 1),
    ("metria-store-sql", 2),
    ("metria-artifacts", 2),
    ("metria-tracking", 2),
    ("metria-client", 2),
    ("metria-features", 2),
    ("metria-tune", 2),
    ("metria-explain", 2),
    ("metria-fairness", 2),
    ("metria-monitor", 2),
    ("metria-serving", 2),
    ("metria-llm", 2),
    ("metria-nn", 2),
    ("metria-pipelines", 3),
    ("metria-migrate", 3),
    ("metria", 3),
    ("metria-python", 4),
    ("metria-app", 4),
];

/// Where to write a new crate down.
const TABLE: &str = "LEVELS in xtask/src/tidy/levels.rs";

fn level(package: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == package).map(|(_, level)| *level)
}

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let (manifests, mut found) = manifests::read(tree);
    for manifest in &manifests {
        let package = manifest.package.as_str();
        let Some(own) = level(package) else {
            found.push(Finding::new(
                manifest.path,
                1,
                format!("the crate `{package}` has no level; add it to {TABLE} and to docs/ARCHITECTURE.md"),
            ));
            continue;
        };
        let folder = manifest.path.trim_start_matches("crates/").trim_end_matches("/Cargo.toml");
        if package != folder && package.strip_prefix("metria-") != Some(folder) {
            let what = format!("the crate `{package}` is in the folder `{folder}`; name one after the other");
            found.push(Finding::new(manifest.path, 1, what));
        }
        for dependency in &manifest.dependencies {
            let used = dependency.package.as_str();
            let what = match level(used) {
                Some(level) if level >= own => format!(
                    "`{package}` (level {own}) depends on `{used}` (level {level}); only lower levels are allowed, so \
                     let the two meet in a trait of `metria-core` or `metria-store`"
                ),
                None if used == "metria" || used.starts_with("metria-") => {
                    format!("`{package}` depends on `{used}`, which has no level; add it to {TABLE}")
                }
                _ => continue,
            };
            found.push(Finding::new(manifest.path, dependency.line, what));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn lower_levels_are_fine() {
        let app = "[package]\nname = \"metria-app\"\n[dependencies]\nmetria-core.workspace = true\nserde = \"1\"\n";
        assert!(found(&[("crates/app/Cargo.toml", app)]).is_empty());
    }

    #[test]
    fn own_level_is_refused_even_for_tests() {
        let learn = "[package]\nname = \"metria-learn\"\n\n[dev-dependencies]\nmetria-data.workspace = true\n";
        let found = found(&[("crates/learn/Cargo.toml", learn)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/learn/Cargo.toml:5: `metria-learn` (level 1) depends on `metria-data`"));
    }

    #[test]
    fn renamed_and_target_dependencies_count() {
        let core = "[package]\nname = \"metria-core\"\n[target.'cfg(unix)'.dependencies]\nx = { package = \"metria\", path = \"y\" }\n";
        let found = found(&[("crates/core/Cargo.toml", core)]);
        assert!(found[0].starts_with("crates/core/Cargo.toml:4: "), "{found:?}");
    }

    #[test]
    fn an_unknown_crate_is_named() {
        let found = found(&[("crates/shiny/Cargo.toml", "[package]\nname = \"metria-shiny\"\n")]);
        assert!(found[0].contains("`metria-shiny` has no level"), "{found:?}");
    }

    #[test]
    fn folder_and_name_agree() {
        let found = found(&[("crates/stuff/Cargo.toml", "[package]\nname = \"metria-core\"\n")]);
        assert!(found[0].contains("folder `stuff`"), "{found:?}");
    }
}
