//! Fits a random forest on arrays in `.npy` files and prints, as a line of JSON, how long it took; `bench/` compares it
//! with others.
//!
//! Usage: `bench_forest X.npy Y.npy EVALUATION.npy SETTINGS PROBA.npy`, where `SETTINGS` is a JSON object of
//! scikit-learn's parameters. The probabilities of the rows of `EVALUATION.npy` are written to `PROBA.npy`.

mod npy;

use metria_learn::ensemble::RandomForestClassifier;
use serde_json::{Map, Value, json};
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

const USAGE: &str = "usage: bench_forest X.npy Y.npy EVALUATION.npy SETTINGS PROBA.npy";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [x_path, y_path, evaluation_path, settings, proba_path] = arguments.as_slice() else {
        return Err(USAGE.into());
    };
    let mut forest = RandomForestClassifier::default();
    for (name, value) in &serde_json::from_str::<Map<String, Value>>(settings)? {
        forest.set_param(name, value)?;
    }
    let start = Instant::now();
    let x = npy::read_matrix(&PathBuf::from(x_path))?;
    let y = npy::read_classes(&PathBuf::from(y_path))?;
    let evaluation = npy::read_matrix(&PathBuf::from(evaluation_path))?;
    let n_classes = y.iter().max().map_or(0, |&class| class as usize + 1);
    let load_s = start.elapsed().as_secs_f64();

    let (cpu, start) = (cpu_seconds(), Instant::now());
    let fitted = forest.fit(&x, &y, n_classes)?;
    let (fit_s, fit_cpu_s) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);

    let (cpu, start) = (cpu_seconds(), Instant::now());
    let proba = fitted.predict_proba(&evaluation)?;
    let (predict_s, predict_cpu_s) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    npy::write_rows(&PathBuf::from(proba_path), &proba, n_classes)?;
    let result = json!({
        "load_s": load_s,
        "fit_s": fit_s,
        "fit_cpu_s": fit_cpu_s,
        "predict_s": predict_s,
        "predict_cpu_s": predict_cpu_s,
        "nodes": fitted.trees().iter().map(metria_learn::tree::Tree::node_count).sum::<usize>(),
    });
    writeln!(std::io::stdout(), "{result}")?;
    Ok(())
}

/// Processor time of all threads so far, from the kernel's accounts; zero where there are none.
fn cpu_seconds() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    let nanoseconds = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    threads.flatten().filter_map(nanoseconds).sum::<u64>() as f64 / 1e9
}
