//! Licences, banned crates, second copies and sources of the dependencies, by the lists in `deny.toml`.
//!
//! The same file steers `cargo deny`, which also knows the advisories but takes minutes to install.

mod expression;
mod packages;
mod policy;

use crate::tree::{Finding, root};
use anyhow::Result;
use packages::Package;
use policy::{POLICY, Policy};
use std::collections::BTreeMap;

const LOCK: &str = "Cargo.lock";

pub(crate) fn run() -> Result<Vec<Finding>> {
    let policy = Policy::read(&root().join(POLICY))?;
    let mut packages = BTreeMap::new();
    for target in &policy.targets {
        for package in packages::resolved(&root(), target)? {
            packages.insert((package.name.clone(), package.version.clone()), package);
        }
    }
    let packages: Vec<Package> = packages.into_values().collect();
    let mut found = check(&policy, &packages);
    found.sort();
    Ok(found)
}

fn check(policy: &Policy, packages: &[Package]) -> Vec<Finding> {
    let outside: Vec<&Package> = packages.iter().filter(|package| !package.own).collect();
    let mut found = Vec::new();
    for package in packages {
        if let Some(what) = licence_problem(policy, package) {
            found.push(finding(package, what));
        }
    }
    for package in &outside {
        if let Some(ban) = policy.bans.iter().find(|ban| ban.package == package.name && !ban.second_copies_only) {
            let what = format!("is banned: {}; find who brings it with `cargo tree -i {}`", ban.reason, package.name);
            found.push(finding(package, what));
        }
        if !package.source.as_ref().is_some_and(|source| policy.registries.contains(source)) {
            let from = package.source.as_deref().unwrap_or("a path outside the workspace");
            found
                .push(finding(package, format!("comes from {from}; only {} is allowed", policy.registries.join(", "))));
        }
    }
    for ban in policy.bans.iter().filter(|ban| ban.second_copies_only) {
        let copies: Vec<&str> =
            outside.iter().filter(|p| p.name == ban.package).map(|package| package.version.as_str()).collect();
        if copies.len() > 1 {
            let what = format!(
                "`{}` is there {} times ({}): {}; find who brings the second with `cargo tree -d`",
                ban.package,
                copies.len(),
                copies.join(", "),
                ban.reason
            );
            found.push(Finding::new(LOCK, 1, what));
        }
    }
    found
}

fn finding(package: &Package, what: impl std::fmt::Display) -> Finding {
    Finding::new(LOCK, 1, format!("`{} {}` {what}", package.name, package.version))
}

fn licence_problem(policy: &Policy, package: &Package) -> Option<String> {
    let Some(licence) = &package.licence else {
        return Some("states no licence; replace it, or have its author state one".to_owned());
    };
    let allowed = |name: &str| policy.licences.iter().any(|l| l == name) || policy.is_exception(&package.name, name);
    match expression::is_met(licence, &allowed) {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "has the licence {licence}, which [licenses] in {POLICY} does not allow; replace it or allow it there"
        )),
        Err(error) => Some(format!("has the licence `{licence}`, which cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "registry+https://example.org/index";

    fn policy() -> Policy {
        Policy::parse(
            r#"
            [graph]
            targets = ["x86_64-unknown-linux-gnu"]
            [licenses]
            allow = ["MIT", "Apache-2.0"]
            exceptions = [{ crate = "roots", allow = ["CDLA-Permissive-2.0"] }]
            [bans]
            multiple-versions = "allow"
            deny = [
                { crate = "openssl", reason = "rustls is used" },
                { crate = "arrow", deny-multiple-versions = true, reason = "types differ" },
            ]
            [sources]
            allow-registry = ["https://example.org/index"]
            "#,
        )
        .unwrap()
    }

    fn package(name: &str, version: &str, licence: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: licence.map(str::to_owned),
            source: Some(REGISTRY.to_owned()),
            own: false,
        }
    }

    fn found(packages: &[Package]) -> Vec<String> {
        check(&policy(), packages).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn allowed_packages_pass() {
        let packages = [
            package("a", "1.0.0", Some("MIT OR GPL-3.0-only")),
            package("a", "2.0.0", Some("MIT/Apache-2.0")),
            package("arrow", "1.0.0", Some("Apache-2.0")),
            package("roots", "1.0.0", Some("CDLA-Permissive-2.0")),
        ];
        assert!(found(&packages).is_empty());
    }

    #[test]
    fn licences_are_checked() {
        let packages = [
            package("a", "1.0.0", Some("GPL-3.0-only")),
            package("b", "1.0.0", None),
            package("c", "1.0.0", Some("CDLA-Permissive-2.0")),
        ];
        let found = found(&packages);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("`a 1.0.0` has the licence GPL-3.0-only"));
    }

    #[test]
    fn bans_second_copies_and_sources_are_checked() {
        let mut stray = package("stray", "1.0.0", Some("MIT"));
        stray.source = Some("git+https://example.org/stray".to_owned());
        let packages = [
            package("openssl", "0.10.0", Some("MIT")),
            package("arrow", "59.0.0", Some("MIT")),
            package("arrow", "60.0.0", Some("MIT")),
            stray,
        ];
        let found = found(&packages);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("`openssl 0.10.0` is banned: rustls is used"));
        assert!(found[1].contains("`stray 1.0.0` comes from git+"));
        assert!(found[2].contains("`arrow` is there 2 times (59.0.0, 60.0.0): types differ"));
    }
}
