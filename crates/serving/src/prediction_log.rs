//! The log of every prediction: JSON lines in append-only files, one file a model, day and process.
//!
//! A line is written before its answer is given, so an answer that somebody saw is in the log even after `kill -9`.
//! A last line that was cut off is skipped by the reader.

use metria_core::time::iso8601;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// One request with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedPrediction {
    /// What joins later labels to this prediction.
    pub request_id: String,
    /// The model.
    pub model: String,
    /// Its version.
    pub version: u32,
    /// When the answer was ready.
    pub time_ms: i64,
    /// From the parsed request to the answer.
    pub latency_us: u64,
    /// The rows as they came.
    pub inputs: Vec<Value>,
    /// The predicted labels.
    pub predictions: Vec<Value>,
    /// The probability of each class.
    pub probabilities: Vec<Vec<f64>>,
}

/// The log's folder, open for writing.
pub struct PredictionLog {
    root: PathBuf,
    process: String,
    open: Mutex<HashMap<PathBuf, File>>,
}

impl PredictionLog {
    /// Opens the log in a folder, making it when it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(root: &Path) -> crate::Result<Self> {
        std::fs::create_dir_all(root)
            .map_err(|source| crate::Error::Log { path: root.display().to_string(), source })?;
        Ok(Self { root: root.to_path_buf(), process: metria_core::ids::new_id(), open: Mutex::default() })
    }

    /// Writes one line; it is in the file when this returns.
    pub(crate) fn write(&self, prediction: &LoggedPrediction) -> crate::Result<()> {
        let day = iso8601(prediction.time_ms);
        let day = day.get(..10).unwrap_or("undated");
        let of_model = self.root.join(folder_name(&prediction.model));
        let folder = of_model.join(day);
        let path = folder.join(format!("{}.jsonl", self.process));
        let failed = |source| crate::Error::Log { path: path.display().to_string(), source };
        let mut line = serde_json::to_vec(prediction).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let mut open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !open.contains_key(&path) {
            // Yesterday's file of this model is done with.
            open.retain(|known, _| !known.starts_with(&of_model));
            std::fs::create_dir_all(&folder).map_err(failed)?;
            let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
            open.insert(path.clone(), file);
        }
        let file = open.get_mut(&path).expect("it was opened above");
        let length = file.metadata().map_err(failed)?.len();
        if let Err(error) = file.write_all(&line) {
            // A line that did not fit must not run into the next one.
            file.set_len(length).map_err(failed)?;
            return Err(failed(error));
        }
        Ok(())
    }

    /// Every prediction of a model since a time, in no particular order between processes.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(&self, model: &str, since_ms: i64) -> std::io::Result<Vec<LoggedPrediction>> {
        let mut found = Vec::new();
        let folder = self.root.join(folder_name(model));
        if !folder.exists() {
            return Ok(found);
        }
        for day in std::fs::read_dir(folder)? {
            let day = day?.path();
            if !day.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(day)? {
                read_file(&file?.path(), &mut found)?;
            }
        }
        // Where letters of both cases are one in file names, two models may share a folder.
        found.retain(|prediction| prediction.model == model && prediction.time_ms >= since_ms);
        Ok(found)
    }
}

/// Appends the lines of a file. A line that was cut off by a crash is neither JSON nor, perhaps, text.
fn read_file(path: &Path, found: &mut Vec<LoggedPrediction>) -> std::io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if let Ok(prediction) = serde_json::from_slice(&line) {
            found.push(prediction);
        }
        line.clear();
    }
    Ok(())
}

/// The folder of a model: its name, or its beginning with a digest where a file system could not hold it all.
fn folder_name(model: &str) -> String {
    const LONGEST: usize = 200;
    const KEPT: usize = 40;
    if model.len() <= LONGEST {
        return model.to_owned();
    }
    let digest: String = Sha256::digest(model).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{digest}", model.chars().take(KEPT).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(request_id: &str) -> LoggedPrediction {
        LoggedPrediction {
            request_id: request_id.to_owned(),
            model: "credit".to_owned(),
            version: 3,
            time_ms: 1_764_000_123_456,
            latency_us: 12,
            inputs: vec![serde_json::json!({"age": 30})],
            predictions: vec![serde_json::json!(1)],
            probabilities: vec![vec![0.25, 0.75]],
        }
    }

    #[test]
    fn what_was_written_is_read_and_a_torn_line_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let log = PredictionLog::open(folder.path()).unwrap();
        log.write(&prediction("a")).unwrap();
        log.write(&prediction("b")).unwrap();
        let other = PredictionLog::open(folder.path()).unwrap();
        other.write(&prediction("c")).unwrap();
        let path = folder.path().join("credit/2025-11-24").join(format!("{}.jsonl", log.process));
        // Cut off within a character.
        OpenOptions::new().append(true).open(path).unwrap().write_all(b"{\"request_id\": \"d\xc3").unwrap();
        let mut ids: Vec<String> = other.read("credit", 0).unwrap().into_iter().map(|p| p.request_id).collect();
        ids.sort();
        assert_eq!(ids, ["a", "b", "c"]);
        assert!(other.read("credit", 1_764_000_123_457).unwrap().is_empty());
        assert!(other.read("unknown", 0).unwrap().is_empty());
    }

    #[test]
    fn the_longest_names_have_folders_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let log = PredictionLog::open(folder.path()).unwrap();
        let names = ["é".repeat(256), "é".repeat(255) + "x"];
        for name in &names {
            log.write(&LoggedPrediction { model: name.clone(), ..prediction(name) }).unwrap();
        }
        for name in &names {
            let found = log.read(name, 0).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(&found[0].model, name);
        }
    }
}
