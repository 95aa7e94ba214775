//! A training loop of one's own under `ExperimentTracker`: `experiment_tracker [TRACKING_URI]`.
//!
//! Without an address it keeps the run in the home `tracker-home`; with `http://127.0.0.1:5000` it sends it to a server,
//! and keeps what it could not send in `metria-spool` for `metria runs sync`.

use metria::{Error, ExperimentConfig, ExperimentTracker, TrackerOptions};
use metria_core::Labels;
use serde_json::json;
use std::io::Write;

/// How wrong a line through the origin is, and how that changes with its slope.
fn loss(slope: f64, points: &[(f64, f64)]) -> (f64, f64) {
    let n_points = points.len() as f64;
    let errors = points.iter().map(|(x, y)| (slope * x - y, x));
    errors.fold((0.0, 0.0), |(loss, gradient), (error, x)| {
        (loss + error * error / n_points, gradient + 2.0 * error * x / n_points)
    })
}

fn train(tracker: &ExperimentTracker) -> Result<f64, Error> {
    let points: Vec<(f64, f64)> = (1..=20).map(|x| (f64::from(x) / 10.0, f64::from(x) / 5.0 + 0.01)).collect();
    let mut out = tracker.console()?.tee(std::io::stdout());
    let mut slope = 0.0;
    for epoch in 0..50 {
        let (error, gradient) = loss(slope, &points);
        slope -= 0.1 * gradient;
        tracker.log_metrics([("loss", error), ("slope", slope)], None)?;
        if epoch % 10 == 0 {
            // What is printed is also in the artifact `console.log`.
            let _ = writeln!(out, "epoch {epoch}: loss {error:.6}");
        }
    }
    let truth: Vec<bool> = points.iter().map(|(_, y)| *y > 2.0).collect();
    let scores: Vec<f64> = points.iter().map(|(x, _)| slope * x).collect();
    let predicted = scores.iter().map(|score| *score > 2.0).collect();
    tracker.log_model_performance(&Labels::Boolean(truth), &Labels::Boolean(predicted), Some(&scores), "line")?;
    tracker.log_bytes(json!({"slope": slope}).to_string().as_bytes(), "model/line.json")?;
    Ok(slope)
}

fn main() -> Result<(), Error> {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "tracker-home".to_owned());
    let tracker = ExperimentTracker::with("lines", None, TrackerOptions::at(&uri))?;
    let mut config = ExperimentConfig {
        model_type: "line".to_owned(),
        dataset: "twenty points".to_owned(),
        features: vec!["x".to_owned()],
        ..ExperimentConfig::default()
    };
    config.hyperparameters.insert("learning_rate".to_owned(), json!(0.1));
    let (slope, done) = tracker.experiment(&config, Some("first line"), train)?;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "slope {slope:.4}");
    if let Some(spool) = done.spool {
        let _ = writeln!(out, "not everything has arrived; the rest is in {}", spool.display());
    }
    Ok(())
}
