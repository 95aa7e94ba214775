//! Versioned artifacts of a run, addressed by their content.

use crate::error::{Error, Result};
use metria_core::names::check_artifact_path;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Characters of the digest that name a version's folder.
const SHORT_DIGEST: usize = 16;

/// A version of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedArtifact {
    /// `{type}_{run_id}`.
    pub name: String,
    /// Such as `model` or `dataset`.
    pub artifact_type: String,
    /// 1 for the first content that was logged under the name, 2 for the next other one, …
    pub version: usize,
    /// SHA-256 over paths and contents, in hexadecimal: the same content has the same digest wherever it lies.
    pub digest: String,
    /// The folder of this version below the run's artifacts: `{name}/{first digits of the digest}`.
    pub path: String,
    /// `runs:/RUN_ID/PATH`.
    pub uri: String,
    /// What is in it.
    pub files: Vec<LoggedFile>,
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedFile {
    /// Below the version's folder.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its digest in hexadecimal.
    pub sha256: String,
}

impl LoggedArtifact {
    /// What is at a path on this machine, as an artifact of a run. The version is set by who logs it. With it come the
    /// files' own paths, in the same order.
    pub(crate) fn of(run_id: &str, artifact_type: &str, path: &Path) -> Result<(Self, Vec<PathBuf>)> {
        check_type(artifact_type)?;
        let found = list(path)?;
        if found.is_empty() {
            return Err(Error::Invalid(format!("there is no file in {} to log", path.display())));
        }
        let mut whole = Sha256::new();
        let mut files = Vec::with_capacity(found.len());
        let mut sources = Vec::with_capacity(found.len());
        for (name, source) in found {
            let (sha256, size_bytes) = digest(&source)?;
            whole.update(format!("{sha256} {name}\n"));
            files.push(LoggedFile { path: name, size_bytes, sha256 });
            sources.push(source);
        }
        let digest = hex(&whole.finalize());
        let name = format!("{artifact_type}_{run_id}");
        let path = format!("{name}/{}", &digest[..SHORT_DIGEST]);
        let uri = format!("runs:/{run_id}/{path}");
        let artifact = Self { name, artifact_type: artifact_type.to_owned(), version: 1, digest, path, uri, files };
        Ok((artifact, sources))
    }

    /// Where the description of the version is.
    pub(crate) fn manifest_path(&self) -> String {
        format!("{}.json", self.path)
    }
}

fn check_type(artifact_type: &str) -> Result<()> {
    let sound = !artifact_type.is_empty() && !artifact_type.contains('/') && check_artifact_path(artifact_type).is_ok();
    if sound && artifact_type.len() <= 100 {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "an artifact type is a word such as `model` or `dataset`, without `/`, `\\` or `:`; got `{artifact_type}`"
    )))
}

/// The files at a path, by name below it; a single file by its own name.
fn list(path: &Path) -> Result<Vec<(String, PathBuf)>> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| Error::File { action: "read", path, source }
    };
    let meta = std::fs::metadata(path).map_err(failed(path))?;
    if meta.is_file() {
        let name = path.file_name().map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned());
        check_artifact_path(&name).map_err(|error| Error::Invalid(error.to_string()))?;
        return Ok(vec![(name, path.to_path_buf())]);
    }
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), path.to_path_buf())];
    while let Some((prefix, folder)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(failed(&folder))? {
            let entry = entry.map_err(failed(&folder))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            check_artifact_path(&name).map_err(|error| Error::Invalid(error.to_string()))?;
            let kind = entry.file_type().map_err(failed(&entry.path()))?;
            if kind.is_dir() {
                folders.push((format!("{name}/"), entry.path()));
            } else if kind.is_file() {
                files.push((name, entry.path()));
            } else {
                return Err(Error::Invalid(format!(
                    "{} is neither a file nor a folder; links are not followed, log what they point to",
                    entry.path().display()
                )));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn digest(path: &Path) -> Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let hashed = File::open(path).and_then(|mut file| std::io::copy(&mut file, &mut hasher));
    let size_bytes =
        hashed.map_err(|source| Error::File { action: "read", path: path.display().to_string(), source })?;
    Ok((hex(&hasher.finalize()), size_bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_is_the_address() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for copy in ["one", "two"] {
            write(&format!("{copy}/weights.bin"), "12");
            write(&format!("{copy}/deep/er/x.txt"), "hello");
        }
        let of = |copy: &str| LoggedArtifact::of("r", "model", &folder.path().join(copy)).unwrap().0;
        let (one, two) = (of("one"), of("two"));
        assert_eq!(one, two);
        assert_eq!(
            one.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
            ["deep/er/x.txt", "weights.bin"]
        );
        assert_eq!(one.path, format!("model_r/{}", &one.digest[..16]));
        write("two/weights.bin", "13");
        assert_ne!(of("two").digest, one.digest);
        let single = LoggedArtifact::of("r", "data", &folder.path().join("one/weights.bin")).unwrap().0;
        assert_eq!(single.files[0].path, "weights.bin");
    }

    #[test]
    fn what_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let message = |kind: &str, path: &Path| LoggedArtifact::of("r", kind, path).unwrap_err().to_string();
        assert!(message("model", folder.path()).contains("no file in"));
        assert!(message("model", &folder.path().join("nothing")).contains("nothing"));
        for kind in ["", "a/b", "..", "a\\b"] {
            assert!(message(kind, folder.path()).contains("artifact type"), "{kind}");
        }
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        assert!(message("model", folder.path()).contains("links are not followed"));
    }
}
