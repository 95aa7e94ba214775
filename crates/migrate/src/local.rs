//! Artifacts on this machine: read below allowed roots only, links never followed.

use crate::error::{Error, Result};
use crate::names::check_path;
use crate::side::Problems;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::Url;
use std::path::{Path, PathBuf};
use tokio::io::AsyncReadExt;

/// Bytes that are read at once.
const PIECE: usize = 1 << 18;

/// Where artifacts may be read.
#[derive(Clone, Debug)]
pub(crate) struct LocalRoots {
    roots: Vec<PathBuf>,
    /// What `mlflow-artifacts:` means.
    proxied: Option<PathBuf>,
}

impl LocalRoots {
    /// Own folders of the source, and those that the user named; the first of the latter is what `mlflow-artifacts:`
    /// means.
    pub(crate) fn new(own: &Path, named: &[PathBuf]) -> Result<Self> {
        let mut roots = Vec::new();
        for folder in std::iter::once(own).chain(named.iter().map(PathBuf::as_path)) {
            roots.push(folder.canonicalize().map_err(Error::file("find the folder", folder))?);
        }
        Ok(Self { proxied: roots.get(1).cloned(), roots })
    }

    /// The folder that a location names, if artifacts may be read there; otherwise why not.
    pub(crate) fn folder(&self, location: &str) -> std::result::Result<Option<PathBuf>, String> {
        let path = if let Some(rest) = location.strip_prefix("mlflow-artifacts:") {
            let path = match rest.strip_prefix("//") {
                Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
                None => rest.trim_start_matches('/'),
            };
            let Some(root) = &self.proxied else {
                return Err(format!("`{location}` lies with a server; name its artifact folder with --artifacts"));
            };
            root.join(check_path("location", path).map_err(|error| error.to_string())?)
        } else if location.starts_with("file:") {
            let path = Url::parse(location).ok().and_then(|url| url.to_file_path().ok());
            path.ok_or_else(|| format!("`{location}` is not a path of this machine"))?
        } else if location.contains("://") || location.is_empty() {
            return Err(format!("`{location}` is not on this machine"));
        } else {
            PathBuf::from(location)
        };
        let found = match path.canonicalize() {
            Ok(found) => found,
            // A run that logged no file has no folder.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        if self.roots.iter().any(|root| found.starts_with(root)) {
            return Ok(Some(found));
        }
        Err(format!(
            "{} lies outside the folders that may be read; allow it with --artifacts if it is meant",
            path.display()
        ))
    }
}

/// The files below a folder by their paths, ascending. Links and odd names are problems.
pub(crate) fn list(folder: &Path, problems: &Problems) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(prefix) = folders.pop() {
        let here = folder.join(&prefix);
        for entry in std::fs::read_dir(&here).map_err(Error::file("read", &here))? {
            let entry = entry.map_err(Error::file("read", &here))?;
            let kind = entry.file_type().map_err(Error::file("look at", &entry.path()))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                problems.add(format!("{}: its name is not UTF-8; left out", entry.path().display()));
                continue;
            };
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            if check_path("artifact", &path).is_err() {
                problems.add(format!("{}: its name cannot be that of an artifact; left out", entry.path().display()));
            } else if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files.push(path);
            } else {
                problems.add(format!("{}: links are not followed; left out", entry.path().display()));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The content of a file below a folder.
pub(crate) async fn open(folder: &Path, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
    let path = folder.join(check_path("artifact", path)?);
    // What was listed as a file may have been changed for a link since.
    let meta = tokio::fs::symlink_metadata(&path).await.map_err(Error::file("look at", &path))?;
    if !meta.is_file() {
        return Err(Error::Record(format!("{} is no file any more", path.display())));
    }
    let file = tokio::fs::File::open(&path).await.map_err(Error::file("open", &path))?;
    let pieces = stream::try_unfold((file, path), |(mut file, path)| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await.map_err(Error::file("read", &path))?;
        piece.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(piece), (file, path))))
    });
    Ok(pieces.boxed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_allowed_folders_are_read() {
        let base = tempfile::tempdir().unwrap();
        let (own, other) = (base.path().join("own dir"), base.path().join("other"));
        std::fs::create_dir_all(own.join("a")).unwrap();
        std::fs::create_dir_all(other.join("b")).unwrap();
        symlink(&other, own.join("out")).unwrap();
        let roots = LocalRoots::new(&own, &[]).unwrap();
        let inside = own.join("a").canonicalize().unwrap();
        assert_eq!(roots.folder(&own.join("a").display().to_string()).unwrap(), Some(inside.clone()));
        let uri = Url::from_file_path(own.join("a")).unwrap();
        assert!(uri.as_str().contains("%20"));
        assert_eq!(roots.folder(uri.as_str()).unwrap(), Some(inside));
        assert_eq!(roots.folder(&own.join("nothing").display().to_string()).unwrap(), None);
        for location in [
            other.join("b").display().to_string(),
            own.join("out/b").display().to_string(),
            own.join("a/../../other/b").display().to_string(),
            "file:///etc".to_owned(),
            "s3://bucket/x".to_owned(),
            "mlflow-artifacts:/1/x".to_owned(),
            String::new(),
        ] {
            assert!(roots.folder(&location).is_err(), "{location}");
        }
        let roots = LocalRoots::new(&own, std::slice::from_ref(&other)).unwrap();
        let proxied = other.join("b").canonicalize().unwrap();
        assert_eq!(roots.folder("mlflow-artifacts:/b").unwrap(), Some(proxied.clone()));
        assert_eq!(roots.folder("mlflow-artifacts://host:5000/b").unwrap(), Some(proxied));
        assert!(roots.folder("mlflow-artifacts:/../own dir").is_err());
    }

    #[test]
    fn links_are_reported_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("d/e")).unwrap();
        std::fs::write(folder.path().join("d/e/x"), "1").unwrap();
        std::fs::write(folder.path().join("a"), "2").unwrap();
        symlink("/etc/passwd", folder.path().join("link")).unwrap();
        symlink("/etc", folder.path().join("d/folder")).unwrap();
        let problems = Problems::default();
        assert_eq!(list(folder.path(), &problems).unwrap(), ["a", "d/e/x"]);
        assert_eq!(problems.list().len(), 2);
    }
}
