//! Reading golden files and datasets.

use metria_learn::Matrix;
use serde_json::Value;
use std::path::PathBuf;

/// A folder named by an environment variable, or its place in the repository.
#[expect(clippy::disallowed_methods, reason = "tests may be pointed at another set of golden files")]
fn folder(variable: &str, default: &str) -> PathBuf {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/");
    std::env::var_os(variable).map_or_else(|| PathBuf::from(here).join(default), PathBuf::from)
}

/// A golden file.
pub(crate) fn golden(name: &str) -> Value {
    let path = folder("METRIA_GOLDEN", "golden").join("ml").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("golden files are JSON")
}

/// A dataset: features and the last column as target.
pub(crate) fn dataset(name: &str) -> (Matrix<f64>, Vec<f64>) {
    let path = folder("METRIA_TEST_DATA", "data").join(format!("{name}.csv"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; tests/golden/README.md tells how to make it", path.display()));
    let row = |line: &str| line.split(',').map(|field| field.parse().expect("numbers")).collect::<Vec<f64>>();
    let mut rows: Vec<Vec<f64>> = text.lines().skip(1).map(row).collect();
    let y = rows.iter_mut().map(|row| row.pop().expect("a target")).collect();
    (Matrix::from_rows(&rows), y)
}

/// A JSON number, or the name of one that JSON lacks.
pub(crate) fn float(value: &Value) -> f64 {
    match value {
        Value::String(name) if name == "NaN" => f64::NAN,
        Value::String(name) if name == "Infinity" => f64::INFINITY,
        Value::String(name) if name == "-Infinity" => f64::NEG_INFINITY,
        other => other.as_f64().unwrap_or_else(|| panic!("a number was expected; got {other}")),
    }
}

pub(crate) fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(float).collect()
}

pub(crate) fn integers(value: &Value) -> Vec<i64> {
    value.as_array().expect("a list").iter().map(|v| v.as_i64().expect("whole numbers")).collect()
}

pub(crate) fn codes(value: &Value) -> Vec<u32> {
    integers(value).into_iter().map(|v| u32::try_from(v).expect("codes")).collect()
}

/// Fails unless the two agree absolutely or relatively; NaN equals NaN.
pub(crate) fn assert_close(got: f64, expected: f64, tolerance: f64, what: &str) {
    let same = got == expected || (got.is_nan() && expected.is_nan());
    let near = (got - expected).abs() <= tolerance * expected.abs().max(1.0);
    assert!(same || near, "{what}: got {got}, expected {expected}");
}

pub(crate) fn assert_all_close(got: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}: number of values");
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_close(*got, *expected, tolerance, &format!("{what}[{place}]"));
    }
}

/// Fails when a golden case holds something that its test does not read.
pub(crate) fn known_keys(case: &Value, known: &[&str]) {
    for key in case.as_object().expect("a case").keys() {
        assert!(known.contains(&key.as_str()), "no test reads the key {key}");
    }
}

/// Fails unless the work gives the same with one thread and with several.
pub(crate) fn assert_same_for_any_threads<T: PartialEq + Send>(work: impl Fn() -> T + Sync) {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(&work)
    };
    let one = with(1);
    for threads in [2, 3, 7] {
        assert!(with(threads) == one, "{threads} threads");
    }
}
