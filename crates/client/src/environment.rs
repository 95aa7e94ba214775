//! What a run needs to be repeated: the system, the versions of what it uses, and where the training process is told
//! its run and server.

use crate::program;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The variables by which a wrapper tells a training process where it is tracked.
pub const TRACKING_URI: &str = "METRIA_TRACKING_URI";
/// The run that the process adds to.
pub const RUN_ID: &str = "METRIA_RUN_ID";
/// The folder of its spools.
pub const SPOOL: &str = "METRIA_SPOOL";

/// Files that pin the versions of what a program uses.
const LOCK_FILES: [&str; 9] = [
    "Cargo.lock",
    "requirements.txt",
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "environment.yml",
    "environment.yaml",
    "conda-lock.yml",
    "package-lock.json",
];
/// A longer one is left out.
const LONGEST_LOCK_FILE: u64 = 8 << 20;
/// How long Python may take to list its packages.
const PATIENCE: Duration = Duration::from_secs(60);

/// A variable of the environment, when it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "a training process is told by these variables which run it belongs to")]
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// System, processor, memory and program, as JSON.
#[must_use]
pub fn describe() -> Value {
    let kinds =
        RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kinds);
    json!({
        "os": std::env::consts::OS,
        "os_version": System::long_os_version(),
        "kernel": System::kernel_version(),
        "architecture": std::env::consts::ARCH,
        "host": System::host_name(),
        "cpu": system.cpus().first().map(|cpu| cpu.brand().trim()),
        "cpu_count": system.cpus().len(),
        "memory_bytes": system.total_memory(),
        "program": std::env::current_exe().ok().map(|path| path.display().to_string()),
        "metria_version": env!("CARGO_PKG_VERSION"),
    })
}

/// The files that pin versions, of `folder` and, where it has none of that name, of the folders around it, up to the
/// root of the repository.
#[must_use]
pub fn lock_files(folder: &Path) -> Vec<PathBuf> {
    let mut around: Vec<&Path> = Vec::new();
    for candidate in folder.ancestors() {
        around.push(candidate);
        if candidate.join(".git").exists() {
            break;
        }
    }
    if around.last().is_none_or(|last| !last.join(".git").exists()) {
        // Without a repository, what lies around is somebody else's.
        around.truncate(1);
    }
    let usable = |path: &PathBuf| path.metadata().is_ok_and(|file| file.is_file() && file.len() <= LONGEST_LOCK_FILE);
    LOCK_FILES.iter().filter_map(|name| around.iter().map(|folder| folder.join(name)).find(usable)).collect()
}

/// The packages of a Python, as `pip freeze` lists them; none when it cannot be asked.
#[must_use]
pub fn python_packages(python: &Path) -> Option<Vec<u8>> {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "freeze", "--disable-pip-version-check"]);
    program::output(&mut command, PATIENCE, 1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_lock_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        for path in ["Cargo.lock", "requirements.txt", "a/b/requirements.txt"] {
            std::fs::write(folder.path().join(path), path).unwrap();
        }
        assert_eq!(lock_files(&inner), [inner.join("requirements.txt")], "what lies around no repository is not ours");
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        assert_eq!(lock_files(&inner), [folder.path().join("Cargo.lock"), inner.join("requirements.txt")]);
    }

    #[test]
    fn the_machine_is_described() {
        let told = describe();
        assert_eq!(told["os"], std::env::consts::OS);
        assert!(told["memory_bytes"].as_u64().unwrap() > 0 && told["cpu_count"].as_u64().unwrap() > 0);
    }
}
