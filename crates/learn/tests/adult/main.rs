//! The golden case on UCI Adult, a dataset that this repository may not hold. `make test-adult` makes its file and runs
//! this; without the file it fails.

#![expect(clippy::panic, reason = "a helper that cannot go on must end its test")]
#![expect(clippy::float_cmp, reason = "golden values are compared exactly before any tolerance")]

#[path = "../it/common.rs"]
#[expect(dead_code, reason = "the helpers of all tests, of which this one needs a few")]
mod common;
#[path = "../it/cross_validation.rs"]
#[expect(dead_code, reason = "the helpers of all tests, of which this one needs a few")]
mod cross_validation;

use common::{assert_all_close, floats, golden, known_keys};
use cross_validation::{classes, cross_validate, described};
use metria_learn::model_selection::{GroupKFold, StratifiedKFold, TimeSeriesSplit};

/// Place of the occupation among the features.
const OCCUPATION: usize = 6;

#[test]
fn cross_validation_on_adult() {
    let golden = golden("forests.json");
    let cases = golden["cv_end_to_end"].as_array().expect("cases");
    let is_adult = |name: &&str| name.starts_with("adult");
    let cases: Vec<_> = cases.iter().filter(|case| case["dataset"].as_str().as_ref().is_some_and(is_adult)).collect();
    assert!(!cases.is_empty(), "the golden file has no case on Adult");
    for case in cases {
        let splits = ["TimeSeriesSplit5", "GroupKFold5_by_occupation", "StratifiedKFold5_shuffle42"];
        known_keys(case, &[&["dataset", "model"], &splits[..]].concat());
        let name = case["dataset"].as_str().expect("a dataset");
        let (file, n_rows) = name.split_once(".csv rows 0:").expect("a file and its first rows");
        let n_rows: usize = n_rows.parse().expect("a number of rows");
        let (x, y) = classes(file);
        let (x, y) = (x.take_rows(&(0..n_rows).collect::<Vec<_>>()), &y[..n_rows]);
        let occupation: Vec<i64> = x.column(OCCUPATION).iter().map(|&code| code as i64).collect();
        let forest = described(case["model"].as_str().expect("a model"));
        for (split, folds) in splits.into_iter().zip([
            TimeSeriesSplit::new(5).split(n_rows),
            GroupKFold::new(5).split(&occupation),
            StratifiedKFold::new(5).shuffled(42).split(y),
        ]) {
            let result = cross_validate(&forest, &x, y, &folds.expect("folds"));
            assert_all_close(&result.accuracy, &floats(&case[split]), 1e-12, split);
        }
    }
}
