//! Random draws and splits, index for index.

use crate::common::{assert_all_close, codes, floats, golden, integers, known_keys};
use metria_core::Labels;
use metria_learn::model_selection::{
    Fold, GroupKFold, KFold, LeaveOneGroupOut, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit, train_test_split,
};
use metria_learn::random::RandomState;
use serde_json::Value;

fn assert_assignment(folds: &[Fold], expected: &Value, what: &str) {
    let expected = integers(expected);
    for (number, fold) in folds.iter().enumerate() {
        let test: Vec<usize> = (0..expected.len()).filter(|&row| expected[row] == number as i64).collect();
        let train: Vec<usize> = (0..expected.len()).filter(|&row| expected[row] != number as i64).collect();
        assert_eq!(fold.test, test, "{what}, fold {number}");
        assert_eq!(fold.train, train, "{what}, fold {number}");
    }
    assert_eq!(folds.len() as i64, expected.iter().max().expect("rows") + 1, "{what}: number of folds");
}

#[test]
fn draws_equal_numpys() {
    for (seed, expected) in golden("splits.json")["numpy_legacy_rng"].as_object().expect("seeds") {
        known_keys(
            expected,
            &[
                "randint_0_2pow31m1",
                "random_sample",
                "raw_u32",
                "shuffle_arange20",
                "permutation_15",
                "bootstrap_randint_0_30",
                "standard_normal_6",
                "choice_10_4_noreplace",
            ],
        );
        let state = || RandomState::new(seed.parse().expect("a seed"));
        let list = |key: &str| integers(&expected[key]);
        let n = |key: &str| expected[key].as_array().expect("a list").len();

        let mut draws = state();
        let got: Vec<i64> = (0..n("randint_0_2pow31m1")).map(|_| draws.randint(0, (1 << 31) - 1)).collect();
        assert_eq!(got, list("randint_0_2pow31m1"), "randint, seed {seed}");
        let mut draws = state();
        let got: Vec<i64> = (0..n("raw_u32")).map(|_| i64::from(draws.next_u32())).collect();
        assert_eq!(got, list("raw_u32"), "raw, seed {seed}");
        let mut draws = state();
        let got: Vec<f64> = (0..n("random_sample")).map(|_| draws.random_sample()).collect();
        assert_eq!(got, floats(&expected["random_sample"]), "random_sample, seed {seed}");
        let mut values: Vec<i64> = (0..20).collect();
        state().shuffle(&mut values);
        assert_eq!(values, list("shuffle_arange20"), "shuffle, seed {seed}");
        let got: Vec<i64> = state().permutation(15).into_iter().map(|v| v as i64).collect();
        assert_eq!(got, list("permutation_15"), "permutation, seed {seed}");
        let mut draws = state();
        let got: Vec<i64> = (0..n("bootstrap_randint_0_30")).map(|_| draws.randint(0, 30)).collect();
        assert_eq!(got, list("bootstrap_randint_0_30"), "bootstrap, seed {seed}");
        let mut draws = state();
        let got: Vec<f64> = (0..6).map(|_| draws.standard_normal()).collect();
        assert_all_close(&got, &floats(&expected["standard_normal_6"]), 1e-15, "normal");
        let got: Vec<i64> = state().choice_without_replacement(10, 4).into_iter().map(|v| v as i64).collect();
        assert_eq!(got, list("choice_10_4_noreplace"), "choice, seed {seed}");
    }
}

#[test]
fn every_case_is_read() {
    let golden = golden("splits.json");
    let known = ["_about", "numpy_legacy_rng", "time_series_split", "stratified_kfold", "group_kfold", "others"];
    known_keys(&golden, &known);
    known_keys(&golden["time_series_split"], &["format", "cases", "errors"]);
    known_keys(&golden["group_kfold"], &["rule", "cases"]);
}

fn time_series(case: &Value) -> TimeSeriesSplit {
    let size = |key: &str| case.get(key).and_then(Value::as_u64).map(|n| n as usize);
    TimeSeriesSplit {
        n_splits: size("n_splits").expect("n_splits"),
        max_train_size: size("max_train_size"),
        test_size: size("test_size"),
        gap: size("gap").unwrap_or(0),
    }
}

/// Row numbers from half-open runs.
fn runs(value: &Value) -> Vec<usize> {
    let runs = value.as_array().expect("runs").iter().map(integers);
    runs.flat_map(|run| (run[0] as usize)..(run[1] as usize)).collect()
}

#[test]
fn time_series_splits() {
    let golden = &golden("splits.json")["time_series_split"];
    for case in golden["cases"].as_array().expect("cases") {
        known_keys(case, &["n", "n_splits", "max_train_size", "test_size", "gap", "folds"]);
        let folds = time_series(case).split(case["n"].as_u64().expect("n") as usize).expect("a valid split");
        let expected = case["folds"].as_array().expect("folds");
        assert_eq!(folds.len(), expected.len());
        for (fold, expected) in folds.iter().zip(expected) {
            assert_eq!(fold.train, runs(&expected["train"]), "{case}");
            assert_eq!(fold.test, runs(&expected["test"]), "{case}");
        }
    }
    for case in golden["errors"].as_array().expect("errors") {
        known_keys(case, &["n", "n_splits", "max_train_size", "test_size", "gap", "error"]);
        let error = time_series(case).split(case["n"].as_u64().expect("n") as usize).expect_err("too few rows");
        assert_eq!(error.to_string(), case["error"].as_str().expect("a message"));
    }
}

/// Class codes of numbers or texts.
fn classes(value: &Value) -> Vec<u32> {
    let labels = value.as_array().expect("a list").iter().map(Value::to_string).collect();
    Labels::String(labels).encode().1
}

#[test]
fn stratified_and_group_folds() {
    let golden = golden("splits.json");
    for case in golden["stratified_kfold"].as_array().expect("cases") {
        let y = classes(&case["y"]);
        let k = StratifiedKFold::new(case["n_splits"].as_u64().expect("n_splits") as usize);
        assert_assignment(&k.split(&y).expect("folds"), &case["fold_of_sample_noshuffle"], "stratified");
        for (key, expected) in case.as_object().expect("a case") {
            match key.strip_prefix("fold_of_sample_shuffle_seed") {
                Some(seed) => {
                    let folds = k.clone().shuffled(seed.parse().expect("a seed")).split(&y).expect("folds");
                    assert_assignment(&folds, expected, key);
                }
                None => {
                    assert!(
                        ["dataset", "note", "y", "n_splits", "fold_of_sample_noshuffle"].contains(&key.as_str()),
                        "{key}"
                    );
                }
            }
        }
    }
    for case in golden["group_kfold"]["cases"].as_array().expect("cases") {
        known_keys(case, &["groups", "n_splits", "fold_of_sample"]);
        let k = GroupKFold::new(case["n_splits"].as_u64().expect("n_splits") as usize);
        let groups = case["groups"].as_array().expect("groups");
        let folds = match groups[0].as_str() {
            Some(_) => k.split(&groups.iter().map(Value::as_str).collect::<Vec<_>>()),
            None => k.split(&integers(&case["groups"])),
        };
        let folds = folds.expect("folds");
        assert_assignment(&folds, &case["fold_of_sample"], "group");
    }
}

#[test]
fn other_splits() {
    let others = &golden("splits.json")["others"];
    known_keys(
        others,
        &[
            "y",
            "groups",
            "kfold5",
            "kfold5_shuffle42",
            "stratified_group_kfold4",
            "leave_one_group_out",
            "train_test_split_025_seed42",
            "train_test_split_025_seed42_stratified",
        ],
    );
    let (y, groups) = (codes(&others["y"]), integers(&others["groups"]));
    assert_assignment(&KFold::new(5).split(y.len()).expect("folds"), &others["kfold5"], "kfold");
    let shuffled = KFold::new(5).shuffled(42).split(y.len()).expect("folds");
    assert_assignment(&shuffled, &others["kfold5_shuffle42"], "kfold, shuffled");
    let stratified = StratifiedGroupKFold::new(4).split(&y, &groups).expect("folds");
    assert_assignment(&stratified, &others["stratified_group_kfold4"], "stratified group");
    let each = LeaveOneGroupOut.split(&groups).expect("folds");
    assert_assignment(&each, &others["leave_one_group_out"], "leave one group out");
    for (key, stratify) in
        [("train_test_split_025_seed42", None), ("train_test_split_025_seed42_stratified", Some(y.as_slice()))]
    {
        let (train, test) = train_test_split(y.len(), 0.25, 42, stratify).expect("a split");
        let index = |rows: &[usize]| rows.iter().map(|&row| row as i64).collect::<Vec<_>>();
        assert_eq!(index(&train), integers(&others[key]["train"]), "{key}");
        assert_eq!(index(&test), integers(&others[key]["test"]), "{key}");
    }
}

#[test]
fn what_is_refused() {
    let message = |error: metria_learn::Error| error.to_string();
    assert!(message(KFold::new(1).split(9).unwrap_err()).contains("n_splits=2 or more"));
    assert!(message(KFold::new(5).split(4).unwrap_err()).contains("n_samples=4"));
    assert!(message(StratifiedKFold::new(3).split(&[0, 0, 1, 1]).unwrap_err()).contains("each class"));
    assert!(message(GroupKFold::new(3).split(&["a", "b"]).unwrap_err()).contains("number of groups: 2"));
    assert!(message(train_test_split(10, 1.5, 0, None).unwrap_err()).contains("test_size"));
    assert!(message(train_test_split(1, 0.5, 0, None).unwrap_err()).contains("empty"));
    let lonely = [0, 0, 0, 1];
    assert!(message(train_test_split(4, 0.5, 0, Some(&lonely)).unwrap_err()).contains("only 1 member"));
}
