//! What `cargo metadata` resolves for a target.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// A package that is built.
#[derive(Clone, Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// Its licence expression.
    pub(super) licence: Option<String>,
    /// Where it comes from, as in Cargo.lock.
    pub(super) source: Option<String>,
    /// Whether it is of this workspace.
    pub(super) own: bool,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<RawPackage>,
    resolve: Resolve,
    workspace_members: BTreeSet<String>,
}

#[derive(Deserialize)]
struct RawPackage {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
}

/// Every package that Cargo.lock gives for a target, with all features of the workspace.
///
/// # Errors
/// When Cargo.lock is out of date or a package cannot be had.
pub(super) fn resolved(root: &Path, target: &str) -> Result<Vec<Package>> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked", "--all-features", "--filter-platform", target])
        .current_dir(root)
        .output()
        .context("cargo cannot be started")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata gave odd JSON")?;
    let used: BTreeSet<String> = metadata.resolve.nodes.into_iter().map(|node| node.id).collect();
    let packages = metadata.packages.into_iter().filter(|package| used.contains(&package.id));
    Ok(packages
        .map(|package| Package {
            own: metadata.workspace_members.contains(&package.id),
            name: package.name,
            version: package.version,
            licence: package.license,
            source: package.source,
        })
        .collect())
}
