//! The lists in `deny.toml`, as far as they are read here.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::path::Path;

/// Name of the file.
pub(super) const POLICY: &str = "deny.toml";

/// What dependencies must be like.
#[derive(Debug)]
pub(super) struct Policy {
    /// Targets whose dependencies are looked at.
    pub(super) targets: Vec<String>,
    /// Allowed licences, SPDX names.
    pub(super) licences: Vec<String>,
    exceptions: Vec<Exception>,
    pub(super) bans: Vec<Ban>,
    /// Allowed sources, as in Cargo.lock.
    pub(super) registries: Vec<String>,
}

/// A crate that may not be there, or not twice.
#[derive(Debug)]
pub(super) struct Ban {
    pub(super) package: String,
    /// Whether one copy is fine.
    pub(super) second_copies_only: bool,
    pub(super) reason: String,
}

#[derive(Deserialize)]
struct File {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<RawBan>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawBan {
    #[serde(rename = "crate")]
    package: String,
    #[serde(default)]
    deny_multiple_versions: bool,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

impl Policy {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not there or a list is missing; the message names it.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text)?;
        ensure!(!file.graph.targets.is_empty(), "[graph] must name a target");
        let bans = file.bans.deny.into_iter().map(|ban| Ban {
            package: ban.package,
            second_copies_only: ban.deny_multiple_versions,
            reason: ban.reason,
        });
        Ok(Self {
            targets: file.graph.targets,
            licences: file.licenses.allow,
            exceptions: file.licenses.exceptions,
            bans: bans.collect(),
            registries: file.sources.allow_registry.iter().map(|url| format!("registry+{url}")).collect(),
        })
    }

    /// Whether this crate may have this licence though others may not.
    pub(super) fn is_exception(&self, package: &str, licence: &str) -> bool {
        self.exceptions.iter().any(|e| e.package == package && e.allow.iter().any(|allowed| allowed == licence))
    }
}
