//! `kill -9` of the server, again and again, under sixteen writers: what was acknowledged is there exactly once, nothing
//! is there in part, and what is sent again is not there twice.

use crate::support::{Home, Server, text, try_send};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const ROUNDS: u64 = 50;
const WRITERS: usize = 16;
/// Metrics of a batch.
const KEYS: u64 = 10;

const MLFLOW: &str = "/api/2.0/mlflow";

/// What a writer writes.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Runs,
    Metrics,
    Batches,
    Files,
}

/// A writer and what it knows: everything below `next` was sent, `acknowledged` was answered.
struct Writer {
    kind: Kind,
    name: String,
    run_id: String,
    /// Where the run's files go.
    files: String,
    next: u64,
    acknowledged: BTreeSet<u64>,
}

impl Writer {
    /// Whether what was not answered is sent again: runs have no name of the client's by which they could be known.
    fn retries(&self) -> bool {
        self.kind != Kind::Runs
    }

    fn send(&self, address: &str, number: u64) -> bool {
        let run_id = &self.run_id;
        let (method, path, body) = match self.kind {
            Kind::Runs => (
                "POST",
                format!("{MLFLOW}/runs/create"),
                json!({"experiment_id": "0", "run_name": format!("{}-{number}", self.name)}).to_string().into_bytes(),
            ),
            Kind::Metrics => {
                let body = json!({"run_id": run_id, "key": "m", "value": number, "timestamp": number, "step": number});
                ("POST", format!("{MLFLOW}/runs/log-metric"), body.to_string().into_bytes())
            }
            Kind::Batches => {
                let metric = |key: u64| json!({"key": format!("b{key}"), "value": number * KEYS + key, "timestamp": number, "step": number});
                let metrics: Vec<Value> = (0..KEYS).map(metric).collect();
                let body = json!({
                    "run_id": run_id,
                    "metrics": metrics,
                    "params": [{"key": format!("p{number}"), "value": number.to_string()}],
                    "tags": [{"key": format!("t{number}"), "value": number.to_string()}],
                });
                ("POST", format!("{MLFLOW}/runs/log-batch"), body.to_string().into_bytes())
            }
            Kind::Files => ("PUT", format!("{}/f{number}", self.files), content(number)),
        };
        match try_send(address, method, &path, &["content-type: application/json"], &body) {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
                true
            }
            Err(_) => false,
        }
    }

    /// Writes until the server is gone.
    fn write(&mut self, address: &str, gone: &AtomicBool) {
        if self.retries() {
            let unanswered: Vec<u64> = (0..self.next).filter(|number| !self.acknowledged.contains(number)).collect();
            for number in unanswered {
                if !self.send(address, number) {
                    return;
                }
                self.acknowledged.insert(number);
            }
        }
        while !gone.load(Ordering::Relaxed) {
            let number = self.next;
            self.next += 1;
            if !self.send(address, number) {
                return;
            }
            self.acknowledged.insert(number);
        }
    }
}

/// The content of a file: another length and other bytes for each number, now and then more than one piece.
fn content(number: u64) -> Vec<u8> {
    let len = if number % 16 == 7 { 1_500_000 } else { 1_000 + (number * 7_919) % 60_000 };
    let bytes = number.to_le_bytes();
    bytes.iter().copied().cycle().take(usize::try_from(len).unwrap()).collect()
}

fn writers(server: &Server) -> Vec<Writer> {
    let kinds = [Kind::Runs, Kind::Metrics, Kind::Batches, Kind::Files];
    (0..WRITERS)
        .map(|index| {
            let made =
                server.post(&format!("{MLFLOW}/runs/create"), r#"{"experiment_id": "0", "run_name": "base"}"#).ok();
            let info = &made["run"]["info"];
            let uri = text(&info["artifact_uri"]);
            Writer {
                kind: kinds[index % kinds.len()],
                name: format!("w{index}"),
                run_id: text(&info["run_id"]),
                files: uri.replace("mlflow-artifacts:", "/api/2.0/mlflow-artifacts/artifacts"),
                next: 0,
                acknowledged: BTreeSet::new(),
            }
        })
        .collect()
}

#[test]
fn a_killed_server_loses_and_doubles_nothing() {
    let home = Home::new();
    let mut server = home.server();
    let mut writers = writers(&server);
    let mut killed_at_work = 0;
    for round in 0..ROUNDS {
        let gone = AtomicBool::new(false);
        let address = server.address.clone();
        std::thread::scope(|scope| {
            for writer in &mut writers {
                scope.spawn(|| writer.write(&address, &gone));
            }
            std::thread::sleep(Duration::from_millis(40 + (round * 37) % 160));
            server.child.kill().expect("it is alive");
            server.child.wait().expect("it ends");
            gone.store(true, Ordering::Relaxed);
        });
        killed_at_work +=
            usize::from(writers.iter().any(|writer| writer.acknowledged.len() < usize::try_from(writer.next).unwrap()));
        server = home.server();
    }
    assert!(killed_at_work > 40, "only {killed_at_work} of {ROUNDS} kills met a request");
    // What was sent last may be sent once more, as a client would.
    let address = server.address.clone();
    for writer in writers.iter_mut().filter(|writer| writer.retries()) {
        writer.write(&address, &AtomicBool::new(true));
        assert_eq!(writer.acknowledged.len() as u64, writer.next);
    }
    let names = run_names(&server);
    let mut written = BTreeMap::new();
    for writer in &writers {
        let (kind, count) = match writer.kind {
            Kind::Runs => ("runs", check_runs(writer, &names)),
            Kind::Metrics => ("metrics", check_metrics(&server, writer)),
            Kind::Batches => ("batches", check_batches(&server, writer)),
            Kind::Files => ("files", check_files(&server, writer)),
        };
        *written.entry(kind).or_insert(0) += count;
    }
    assert!(written.len() == 4 && written.values().all(|count| *count > 100), "too little was written: {written:?}");
}

/// How often each name of a run is there.
fn run_names(server: &Server) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    let mut token = Value::Null;
    loop {
        let body = json!({"experiment_ids": ["0"], "max_results": 1_000, "page_token": token});
        let page = server.post(&format!("{MLFLOW}/runs/search"), body.to_string()).ok();
        for run in page["runs"].as_array().map_or(&[][..], Vec::as_slice) {
            *names.entry(text(&run["info"]["run_name"])).or_insert(0) += 1;
        }
        match &page["next_page_token"] {
            Value::String(next) if !next.is_empty() => token = json!(next),
            _ => return names,
        }
    }
}

fn check_runs(writer: &Writer, names: &BTreeMap<String, usize>) -> usize {
    for number in 0..writer.next {
        let name = format!("{}-{number}", writer.name);
        let found = names.get(&name).copied().unwrap_or(0);
        let expected = if writer.acknowledged.contains(&number) { 1..=1 } else { 0..=1 };
        assert!(expected.contains(&found), "the run {name} is there {found} times");
    }
    writer.acknowledged.len()
}

/// The steps at which a metric was measured, each with its value; never one twice.
fn history(server: &Server, run_id: &str, key: &str) -> BTreeMap<u64, f64> {
    let found = server.get(&format!("{MLFLOW}/metrics/get-history?run_id={run_id}&metric_key={key}")).ok();
    let mut steps = BTreeMap::new();
    for metric in found["metrics"].as_array().map_or(&[][..], Vec::as_slice) {
        let number = |name: &str| metric[name].as_u64().or_else(|| metric[name].as_str()?.parse().ok());
        let step = number("step").unwrap_or(0);
        let value = metric["value"].as_f64().expect("a value");
        assert!(steps.insert(step, value).is_none(), "{key} of {run_id} has the step {step} twice");
    }
    steps
}

fn check_metrics(server: &Server, writer: &Writer) -> usize {
    let found = history(server, &writer.run_id, "m");
    let expected: BTreeMap<u64, f64> = (0..writer.next).map(|number| (number, number as f64)).collect();
    assert!(found == expected, "{} of {} metrics", found.len(), expected.len());
    found.len()
}

fn check_batches(server: &Server, writer: &Writer) -> usize {
    for key in 0..KEYS {
        let found = history(server, &writer.run_id, &format!("b{key}"));
        let expected: BTreeMap<u64, f64> =
            (0..writer.next).map(|number| (number, (number * KEYS + key) as f64)).collect();
        assert!(found == expected, "b{key}: {} of {} batches", found.len(), expected.len());
    }
    let data = &server.get(&format!("{MLFLOW}/runs/get?run_id={}", writer.run_id)).ok()["run"]["data"];
    for (name, letter) in [("params", 'p'), ("tags", 't')] {
        let pairs = data[name].as_array().expect("a list").iter();
        let mut found: Vec<u64> =
            pairs.filter_map(|pair| text(&pair["key"]).strip_prefix(letter)?.parse().ok()).collect();
        found.sort_unstable();
        assert!(found.iter().copied().eq(0..writer.next), "{name}: {} of {}", found.len(), writer.next);
    }
    usize::try_from(writer.next).unwrap()
}

fn check_files(server: &Server, writer: &Writer) -> usize {
    let folder = writer.files.split_once("/artifacts/").expect("a path").1;
    let listed = server.get(&format!("/api/2.0/mlflow-artifacts/artifacts?path={folder}")).ok();
    let listed: BTreeMap<String, u64> = listed["files"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|file| {
            let size = file["file_size"].as_u64().or_else(|| file["file_size"].as_str()?.parse().ok());
            (text(&file["path"]), size.expect("a size"))
        })
        .collect();
    let expected = (0..writer.next).map(|number| (format!("f{number}"), content(number).len() as u64)).collect();
    assert_eq!(listed, expected, "the files, and nothing half written");
    for number in 0..writer.next {
        let answer = server.get(&format!("{}/f{number}", writer.files));
        assert!(answer.status == 200 && answer.bytes == content(number), "f{number} is not whole");
    }
    usize::try_from(writer.next).unwrap()
}
