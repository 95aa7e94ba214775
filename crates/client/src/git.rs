//! The source code that a run was started from.

use crate::program;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long git may take to tell what has changed.
const PATIENCE: Duration = Duration::from_secs(20);

/// The commit that `HEAD` names in the repository around `folder`, if there is one.
/// Files are read as git lays them out; no program is started.
#[must_use]
pub fn source_commit(folder: &Path) -> Option<String> {
    let git = folder.ancestors().find_map(git_folder)?;
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(reference) = head.trim().strip_prefix("ref: ") else {
        return commit(head.trim());
    };
    if reference.split('/').any(|part| part == "..") {
        return None;
    }
    let common = common_folder(&git);
    if let Ok(text) = std::fs::read_to_string(common.join(reference)) {
        return commit(text.trim());
    }
    let packed = std::fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| {
        let (id, name) = line.split_once(' ')?;
        (name == reference).then(|| commit(id)).flatten()
    })
}

/// The branch that is checked out in the repository around `folder`, if there is one.
#[must_use]
pub fn source_branch(folder: &Path) -> Option<String> {
    let git = folder.ancestors().find_map(git_folder)?;
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    head.trim().strip_prefix("ref: refs/heads/").map(str::to_owned)
}

/// What differs from the commit in the repository around `folder`, as a patch of at most `most` bytes; empty when
/// nothing does, none without a repository or without git. New files that git does not know are not in it.
#[must_use]
pub fn uncommitted_changes(folder: &Path, most: usize) -> Option<Vec<u8>> {
    folder.ancestors().find_map(git_folder)?;
    let mut git = Command::new("git");
    // What a repository configures to be run is not.
    git.args(["-c", "core.fsmonitor=false", "diff", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD"]);
    program::output(git.current_dir(folder), PATIENCE, most)
}

/// `.git` itself, or the folder that a worktree's `.git` file points to.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = std::fs::read_to_string(&git).ok()?;
    let target = text.trim().strip_prefix("gitdir: ")?;
    Some(folder.join(target))
}

/// Where branches are: a worktree keeps them in the main repository.
fn common_folder(git: &Path) -> PathBuf {
    std::fs::read_to_string(git.join("commondir")).map_or_else(|_| git.to_path_buf(), |text| git.join(text.trim()))
}

fn commit(text: &str) -> Option<String> {
    let hexadecimal = text.bytes().all(|b| b.is_ascii_hexdigit());
    (hexadecimal && (40..=64).contains(&text.len())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_loose_and_packed_references() {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path().join(".git");
        std::fs::create_dir_all(git.join("refs/heads")).unwrap();
        let id = "0123456789abcdef0123456789abcdef01234567";
        std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(source_commit(folder.path()), None);
        std::fs::write(git.join("packed-refs"), format!("# pack\n{id} refs/heads/main\n")).unwrap();
        assert_eq!(source_commit(folder.path()).as_deref(), Some(id));
        let other = id.replace('0', "f");
        std::fs::write(git.join("refs/heads/main"), &other).unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        assert_eq!(source_commit(&inner), Some(other));
        assert_eq!(source_branch(&inner).as_deref(), Some("main"));
    }
}
