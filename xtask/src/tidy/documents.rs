//! Links between documents lead somewhere, and somewhere leads to every document.

use crate::tree::{Finding, Tree};
use std::collections::BTreeSet;

/// A link to a place in the repository.
struct Link {
    line: usize,
    target: String,
}

/// The lines of a document outside code blocks, with code spans emptied.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => {
                let outside = line.split('`').enumerate().map(|(part, text)| if part % 2 == 0 { text } else { "" });
                lines.push((index + 1, outside.collect()));
            }
        }
    }
    lines
}

/// Links `[text](target)` and `[name]: target` that are not addresses.
fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (line, prose) in prose(text) {
        let mut targets: Vec<&str> =
            prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()).collect();
        if prose.starts_with('[')
            && let Some((_, target)) = prose.split_once("]: ")
        {
            targets.push(target.trim());
        }
        let here = targets
            .into_iter()
            .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"));
        links.extend(here.map(|target| Link { line, target: target.trim_matches(['<', '>']).to_owned() }));
    }
    links
}

/// The path that a link in `from` leads to, from the root of the repository; `None` when it leads out of it.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The anchors that a document's headings make, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let name: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|n| format!("{name}-{n}"));
        let free = std::iter::once(name.clone()).chain(again).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

/// Relative links lead to files, and their anchors to headings.
pub(crate) fn check_links(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(".md") {
        for Link { line, target } in links(text) {
            let (file, anchor) = target.split_once('#').map_or((target.as_str(), None), |(f, a)| (f, Some(a)));
            let to = if file.is_empty() { Some(path.to_owned()) } else { resolve(path, file) };
            let Some(to) = to.filter(|to| tree.holds(to)) else {
                found.push(Finding::new(path, line, format!("the link `{target}` leads nowhere; correct its path")));
                continue;
            };
            let heading = |anchor: &str| tree.text(&to).is_none_or(|text| anchors(text).contains(anchor));
            if to.ends_with(".md") && anchor.is_some_and(|anchor| !heading(anchor)) {
                found.push(Finding::new(
                    path,
                    line,
                    format!("{to} has no heading for the link `{target}`; correct it"),
                ));
            }
        }
    }
    found
}

/// README.md leads, over any number of links, to every document in docs/.
pub(crate) fn check_reachable(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::from(["README.md".to_owned()]);
    let mut waiting = vec!["README.md".to_owned()];
    while let Some(path) = waiting.pop() {
        for link in tree.text(&path).map(links).unwrap_or_default() {
            let file = link.target.split('#').next().unwrap_or_default();
            let Some(mut to) = resolve(&path, file).filter(|_| !file.is_empty()) else {
                continue;
            };
            if tree.text(&to).is_none() {
                to = format!("{to}/README.md");
            }
            if to.ends_with(".md") && reached.insert(to.clone()) {
                waiting.push(to);
            }
        }
    }
    tree.ending(".md")
        .filter(|(path, _)| path.starts_with("docs/") && !reached.contains(*path))
        .map(|(path, _)| Finding::new(path, 1, "no document leads here; link it from README.md or from one in docs/"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(found: &[Finding]) -> Vec<String> {
        found.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn links_lead_somewhere() {
        let readme = "[a](docs/a.md#what-is-it) [b](docs/b.md)\n`[c](no.md)` [d](https://x.org/y)\n```\n[e](no.md)\n```\n[f](docs/)\n";
        let a = "# What is it?\n[up](../README.md) [no](../../x) [gone](#nowhere)\n";
        let found = texts(&check_links(&Tree::of(&[("README.md", readme), ("docs/a.md", a)])));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("README.md:1: the link `docs/b.md`"));
        assert!(found[1].starts_with("docs/a.md:2: the link `../../x`"));
        assert!(found[2].starts_with("docs/a.md:2: docs/a.md has no heading"));
    }

    #[test]
    fn equal_headings_are_numbered() {
        let both = anchors("# Über uns\n## `run_cpu`, twice\n## `run_cpu`, twice\n");
        assert_eq!(both.into_iter().collect::<Vec<_>>(), ["run_cpu-twice", "run_cpu-twice-1", "über-uns"]);
    }

    #[test]
    fn documents_are_reached_from_the_readme() {
        let files = [
            ("README.md", "[a](docs/a.md)"),
            ("docs/a.md", "[b](b.md#x)"),
            ("docs/b.md", ""),
            ("docs/lost.md", "[self](lost.md)"),
        ];
        let found = texts(&check_reachable(&Tree::of(&files)));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("docs/lost.md:1: "));
    }
}
