//! The rules of the repository, one file each.

mod documents;
mod imports;
mod leftovers;
mod levels;
mod manifests;
mod sizes;

use crate::tree::{Finding, Tree};

/// Everything there is to put right, in the order of the files.
pub(crate) fn run(tree: &Tree) -> Vec<Finding> {
    let checks = [
        levels::check,
        imports::check,
        imports::check_wire_types,
        sizes::check,
        documents::check_links,
        documents::check_reachable,
        leftovers::check_rust,
        leftovers::check_paths,
    ];
    let mut found: Vec<Finding> = checks.iter().flat_map(|check| check(tree)).collect();
    found.sort();
    found
}
