//! `metria predict` and `metria evaluate`, and that every way to an answer gives the same one.

use crate::support::{CREDIT, Home, body, redacted, rows, says, stderr, stdout, text};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use metria_data::{ReadOptions, read_table};
use serde_json::{Value, json};

#[test]
fn the_file_equals_the_servers_answers_to_the_last_digit() {
    let home = Home::with_model();
    let told = home.json(&["predict", "models:/german/Production", CREDIT, "-o", "out.parquet"]);
    assert_eq!((&told["n_rows"], &told["unused_columns"]), (&json!(1000), &json!([])));
    let table = read_table(&home.path("out.parquet"), &ReadOptions::default()).unwrap().batch;
    let column = |name: &str| table.column_by_name(name).unwrap_or_else(|| panic!("{name}: {:?}", table.schema()));
    let labels = column("prediction").as_primitive::<Int64Type>().values();
    let probabilities = ["probability_0", "probability_1"].map(|name| column(name).as_primitive::<Float64Type>());

    let server = home.server();
    let rows = rows(1000);
    let mut served: Vec<Value> = Vec::new();
    // Whole, in pieces, one by one, and as lists: all take their own way through the server.
    for part in [&rows[..500], &rows[500..564]] {
        served.push(server.post("/predict/german", body(part)).ok());
    }
    for row in &rows[564..600] {
        served.push(server.post("/predict/german", body(std::slice::from_ref(row))).ok());
    }
    let lists: Vec<Value> =
        rows[600..].iter().map(|row| row.as_object().unwrap().values().cloned().collect()).collect();
    served.push(server.post("/predict/german", body(&lists)).ok());

    let all = |key: &str| -> Vec<Value> {
        served.iter().flat_map(|answer| answer[key].as_array().expect(key)).cloned().collect()
    };
    let (predicted, proba) = (all("predictions"), all("probabilities"));
    assert_eq!(predicted.len(), 1000);
    for row in 0..1000 {
        assert_eq!(predicted[row], labels[row], "row {row}");
        for class in 0..2 {
            let value = proba[row][class].as_f64().unwrap();
            assert_eq!(value.to_bits(), probabilities[class].value(row).to_bits(), "row {row} class {class}");
        }
    }
}

#[test]
fn every_format_holds_the_same_answers() {
    let home = Home::with_model();
    let read = |name: &str| {
        home.ok(&["predict", "models:/german/1", CREDIT, "-o", name]);
        read_table(&home.path(name), &ReadOptions::default()).unwrap().batch
    };
    let parquet = read("a.parquet");
    assert_eq!(parquet.num_rows(), 1000);
    assert_eq!(parquet, read("b.csv"));
    assert_eq!(parquet, read("c.jsonl"));
}

#[test]
fn the_text() {
    let home = Home::with_model();
    let told = home.ok(&["predict", "models:/german/1", CREDIT, "-o", "out.csv"]);
    assert_eq!(told, "1000 rows predicted by models:/german/1 into out.csv\n");

    let told = home.ok(&["evaluate", "models:/german/1", CREDIT]);
    let lines: Vec<String> = redacted(&told, &home).lines().map(str::to_owned).collect();
    says(&lines[0], &["models:/german/1 on 1000 rows of", "german_credit.csv"]);
    let metrics: Vec<&str> = lines[1..7].iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(metrics, ["metric", "accuracy", "precision", "recall", "f1_score", "roc_auc"]);
    says(&told, &["precision    recall  f1-score   support", "weighted avg"]);
}

#[test]
fn an_evaluation_says_what_the_predictions_give() {
    let home = Home::with_model();
    let told = home.json(&["evaluate", "models:/german/1", CREDIT]);
    home.ok(&["predict", "models:/german/1", CREDIT, "-o", "out.parquet"]);
    let answers = read_table(&home.path("out.parquet"), &ReadOptions::default()).unwrap().batch;
    let truth = read_table(CREDIT.as_ref(), &ReadOptions::default()).unwrap().batch;
    let values = |batch: &arrow_array::RecordBatch, name: &str| {
        batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec()
    };
    let (predicted, truth) = (values(&answers, "prediction"), values(&truth, "risk"));
    let right = predicted.iter().zip(&truth).filter(|(a, b)| a == b).count();
    assert_eq!(told["accuracy"], right as f64 / 1000.0);
    assert_eq!(told["n_rows"], 1000);
    let missed = predicted.iter().zip(&truth).filter(|(a, b)| **a == 1 && **b == 0).count();
    assert_eq!(told["confusion_matrix"][0][1], missed as f64);
}

#[test]
fn every_uri_names_the_model() {
    let home = Home::new();
    let trained = home.train("german", &[]);
    let run_id = text(&trained["run_id"]);
    home.ok(&["models", "alias", "german", "champion", "1"]);
    let folder = home.artifacts(&run_id).join("model").display().to_string();
    let first = home.json(&["evaluate", "models:/german/1", CREDIT]);
    for uri in [
        "models:/german/Production",
        "models:/german/latest",
        "models:/german@champion",
        &format!("runs:/{run_id}/model"),
        &folder,
        &format!("file://{folder}"),
    ] {
        assert_eq!(home.json(&["evaluate", uri, CREDIT]), first, "{uri}");
    }
    for (code, uri, words) in [
        (2, "models:/german", vec!["models:/NAME/VERSION", "got `models:/german`"]),
        (2, "models:/../german/1", vec!["must not contain `/`"]),
        (2, "runs:/x/../../etc", vec!["stay inside its folder"]),
        (1, "models:/german/7", vec!["no model version", "german", "7"]),
        (1, "models:/german/Staging", vec!["No model found for german in Staging"]),
        (1, "models:/german@challenger", vec!["german", "no alias `challenger`"]),
        (1, "models:/other/1", vec!["no ", "other"]),
        (1, "runs:/0123456789abcdef0123456789abcdef/model", vec!["no run `0123456789abcdef0123456789abcdef`"]),
        (1, &format!("runs:/{run_id}/other"), vec!["no model in", "other"]),
        (1, "/no/such/folder", vec!["no model in `/no/such/folder`"]),
    ] {
        says(&home.refused(code, &["evaluate", uri, CREDIT]), &words);
        says(&home.refused(code, &["predict", uri, CREDIT, "-o", "out.csv"]), &words);
        assert!(!home.path("out.csv").exists(), "{uri}");
    }
}

#[test]
fn tables_that_do_not_fit() {
    let home = Home::with_model();
    let table = std::fs::read_to_string(CREDIT).unwrap();
    let head: Vec<&str> = table.lines().take(4).collect();
    let refused = |name: &str, words: &[&str]| says(&home.refused(1, &predict(name)), words);
    // More columns than at training: those it knows are found by name, and the others are told.
    let extra = ["extra", "1", "2", "3"];
    home.file("wide.csv", extra.iter().zip(&head).map(|(first, line)| format!("{first},{line}\n")).collect::<String>());
    let output = home.run(&predict("wide.csv"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    says(&stderr(&output), &["note", "does not use the columns extra"]);
    says(&stdout(&output), &["3 rows predicted"]);
    assert_eq!(home.json(&predict("wide.csv"))["unused_columns"], json!(["extra"]));

    // A column is gone.
    home.file("narrow.csv", head.join("\n").replace("housing", "house"));
    refused("narrow.csv", &["needs the columns `housing`", "`house`"]);
    // Unseen categories and missing values have a place.
    home.file("odd.csv", format!("{}\n1,male,2,castle,NA,little,,6,radio/TV,67\n", head[0]));
    assert!(home.ok(&predict("odd.csv")).contains("1 rows predicted"));
    // A text where a number belongs, and a number beyond all.
    home.file("word.csv", format!("{}\n1,male,2,own,rich,little,many,6,radio/TV,67\n", head[0]));
    refused("word.csv", &["credit_amount", "number", "many"]);
    home.file("inf.csv", format!("{}\n1,male,2,own,rich,little,inf,6,radio/TV,67\n", head[0]));
    refused("inf.csv", &["credit_amount", "finite", "inf"]);
    home.file("nan.csv", format!("{}\n1,male,2,own,rich,little,NaN,6,radio/TV,67\n", head[0]));
    assert!(home.ok(&predict("nan.csv")).contains("1 rows predicted"), "NaN is a missing value");
    // No answers to compare with.
    home.file("blind.csv", head.join("\n").replace("risk", "danger"));
    says(
        &home.refused(1, &["evaluate", "models:/german/1", "blind.csv"]),
        &["--target", "no column \"risk\"", "danger"],
    );
    says(&home.refused(2, &["predict", "models:/german/1", CREDIT, "-o", "out.xlsx"]), &[".parquet", "out.xlsx"]);
    says(&home.refused(1, &["predict", "models:/german/1", CREDIT, "-o", "no/such/out.csv"]), &["no/such/out.csv"]);
    says(
        &home.refused(1, &["predict", "models:/german/1", "nowhere.csv", "-o", "out.csv"]),
        &["nowhere.csv: there is no such file"],
    );
}

fn predict(name: &str) -> [&str; 5] {
    ["predict", "models:/german/1", name, "-o", "out.csv"]
}
