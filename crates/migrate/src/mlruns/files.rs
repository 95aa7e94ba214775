//! Folders of small files, one a key; slashes of the keys are folders.

use crate::error::{Error, Result};
use crate::names::check_key_path;
use crate::records;
use crate::side::Problems;
use metria_core::ids;
use metria_store::Metric;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// A longer value is none of MLflow's.
const LONGEST: u64 = 1 << 20;

/// The keys below a folder, ascending; none without the folder. Links and odd names are problems.
pub(super) fn keys(folder: &Path, problems: &Problems) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(prefix) = folders.pop() {
        let here = folder.join(&prefix);
        let entries = match std::fs::read_dir(&here) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::file("read", &here)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Error::file("read", &here))?;
            let kind = entry.file_type().map_err(Error::file("look at", &entry.path()))?;
            let name = entry.file_name();
            let key =
                name.to_str().map(|name| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") });
            match key.filter(|key| check_key_path("", key).is_ok()) {
                Some(key) if kind.is_dir() => folders.push(key),
                Some(key) if kind.is_file() => keys.push(key),
                _ => problems.add(format!("{}: not a plain file or folder; left out", entry.path().display())),
            }
        }
    }
    keys.sort();
    Ok(keys)
}

/// Keys and values below a folder.
pub(super) fn pairs(folder: &Path, problems: &Problems) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for key in keys(folder, problems)? {
        let path = folder.join(&key);
        let read = std::fs::metadata(&path).and_then(|meta| {
            if meta.len() > LONGEST {
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is too long for a value"));
            }
            std::fs::read_to_string(&path)
        });
        match read {
            Ok(value) => pairs.push((key, value)),
            Err(error) => problems.add(format!("{}: {error}; left out", path.display())),
        }
    }
    Ok(pairs)
}

/// The measurements in a file. A line that is none is a problem.
pub(super) fn history(path: &Path, key: &str, problems: &Problems) -> Result<Vec<Metric>> {
    let file = std::fs::File::open(path).map_err(Error::file("open", path))?;
    let mut history = Vec::new();
    for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.map_err(Error::file("read", path))?;
        let text = String::from_utf8_lossy(&line);
        match measurement(key, text.trim()) {
            Some(metric) => history.push(metric),
            None if text.trim().is_empty() => {}
            None => {
                let place = format!("{}:{}", path.display(), index + 1);
                problems.add(format!("{place}: `{}` is no measurement; left out", text.trim()));
            }
        }
    }
    Ok(history)
}

/// Time and value, and since MLflow 1 the step, and since MLflow 3 name and digest of a dataset.
fn measurement(key: &str, line: &str) -> Option<Metric> {
    let fields: Vec<&str> = line.split(' ').collect();
    let (time, value, step) = match fields[..] {
        [time, value] => (time, value, "0"),
        [time, value, step] | [time, value, step, _, _] => (time, value, step),
        _ => return None,
    };
    Some(records::metric(key, value.parse().ok()?, time.parse().ok()?, step.parse().ok()?))
}

/// One line a measurement, as MLflow writes it.
pub(super) fn lines(history: &[Metric]) -> String {
    let mut text = String::new();
    for metric in history {
        let value = if metric.value.is_nan() {
            "nan".to_owned()
        } else if metric.value.is_infinite() {
            (if metric.value > 0.0 { "inf" } else { "-inf" }).to_owned()
        } else {
            format!("{:?}", metric.value)
        };
        text += &format!("{} {value} {}\n", metric.timestamp_ms, metric.step);
    }
    text
}

/// Writes a file whole, with the folders above it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let making = begin(path)?;
    let written = std::fs::File::create(&making).and_then(|mut file| file.write_all(bytes));
    written.map_err(Error::file("write", &making))?;
    std::fs::rename(&making, path).map_err(Error::file("write", path))
}

/// A place beside a file, on which it can be made before it is renamed.
pub(super) fn begin(path: &Path) -> Result<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
    Ok(folder.join(format!(".{}.part", ids::new_id())))
}

/// Writes one file a pair. A key that cannot be the name of a file is a problem.
pub(super) fn write_pairs<'a>(
    folder: &Path,
    what: &str,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    problems: &Problems,
) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
    for (key, value) in pairs {
        let written = check_key_path(what, key).and_then(|()| write(&folder.join(key), value.as_bytes()));
        match written {
            // A key that is another's folder, such as `a` beside `a/b`, cannot be a file.
            Err(Error::File { source, path, .. }) if is_in_the_way(&source) => {
                problems.add(format!("{what} `{key}`: {path} is in the way: {source}"));
            }
            Err(error) if error.is_of_one_record() => problems.add(format!("{what} `{key}`: {error}")),
            done => done?,
        }
    }
    Ok(())
}

pub(super) fn is_in_the_way(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory};
    matches!(error.kind(), AlreadyExists | IsADirectory | NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_read_and_written_alike() {
        for (line, expected) in [
            ("7 0.5 3", Some((7, 0.5, 3))),
            ("7 1e-05", Some((7, 1e-5, 0))),
            ("7 -inf 1", Some((7, f64::NEG_INFINITY, 1))),
            ("7 0.5 3 data abc", Some((7, 0.5, 3))),
            ("7", None),
            ("7 x 3", None),
            ("7 0.5 3 data", None),
            ("", None),
        ] {
            let found = measurement("m", line).map(|metric| (metric.timestamp_ms, metric.value, metric.step));
            assert_eq!(found, expected, "{line}");
        }
        assert!(measurement("m", "7 nan 0").unwrap().value.is_nan());
        let values = [0.1, 1e300, 5e-324, f64::NAN, f64::INFINITY, 3.0, -0.5];
        let history: Vec<Metric> = values.iter().map(|value| records::metric("m", *value, 1, 2)).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/m");
        write(&path, lines(&history).as_bytes()).unwrap();
        let problems = Problems::default();
        let again = super::history(&path, "m", &problems).unwrap();
        assert!(
            crate::copy::same_points(&history, &again) && again.len() == values.len() && problems.list().is_empty()
        );
        assert_eq!(keys(folder.path(), &problems).unwrap(), ["a/b/m"]);
    }

    #[test]
    fn bad_lines_and_links_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        std::fs::write(&path, b"1 0.5 0\nbroken\n2 \xff 1\n3 0.25 2").unwrap();
        let problems = Problems::default();
        assert_eq!(history(&path, "m", &problems).unwrap().len(), 2);
        assert!(problems.list()[0].ends_with("m:2: `broken` is no measurement; left out"), "{:?}", problems.list());
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        assert_eq!(pairs(folder.path(), &problems).unwrap().len(), 0, "a value must be text");
        assert_eq!(problems.list().len(), 4);
    }
}
