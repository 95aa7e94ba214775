//! `metria models`: the registry from the command line.

use crate::support::{CREDIT, Home, redacted, says, stdout, text};
use serde_json::{Value, json};

#[test]
fn from_registration_to_rollback() {
    let home = Home::new();
    says(&home.ok(&["models", "list"]), &["no models; make one with `metria train"]);
    assert_eq!(home.json(&["models", "list"]), json!([]));
    let weak = home.run_id(&["--set", "max_depth=1", "--set", "n_estimators=1"]);
    let good = home.run_id(&["--set", "n_estimators=40"]);
    let uri = |run: &str| format!("runs:/{run}/model");

    let made = home.json(&["models", "register", &uri(&weak), "credit", "--description", "weak"]);
    assert_eq!((&made["version"], &made["stage"], &made["description"]), (&json!(1), &json!("None"), &json!("weak")));
    assert_eq!((&made["run_id"], &made["user_id"]), (&json!(weak), &json!("tester")));
    assert_eq!(home.ok(&["models", "register", &uri(&good), "credit"]), "credit has version 2 now\n");

    let message = home.refused(3, &["models", "promote", "credit", "1"]);
    says(&message, &["version 1 of credit may not go to Production", "metria models gate"]);
    assert_eq!(home.ok(&["models", "promote", "credit", "1", "Staging"]), "version 1 of credit is in Staging now\n");
    let told = home.ok(&["models", "gate", "credit", "1"]);
    says(&told, &["version   1 of credit, now in Staging", "gate      passed"]);
    assert_eq!(home.json(&["models", "promote", "credit", "1"])["stage"], "Production");

    let refusal = home.run(&["models", "gate", "credit", "2", "--minimum", "accuracy=0.999", "--json"]);
    assert_eq!(refusal.status.code(), Some(3));
    let decision: Value = serde_json::from_str(&stdout(&refusal)).expect("the decision is JSON");
    assert_eq!((&decision["passed"], &decision["compared_with"]), (&json!(false), &json!(1)));
    says(&home.refused(3, &["models", "promote", "credit", "2"]), &["accuracy", "0.9990"]);
    says(&home.refused(1, &["models", "promote", "credit", "2", "--override-gate", " "]), &["needs a reason"]);
    home.ok(&["models", "promote", "credit", "2", "--override-gate", "the regulator asked"]);

    let listed = redacted(&home.ok(&["models", "list"]), &home);
    let cells: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[0], ["model", "versions", "in", "production", "changed"]);
    assert_eq!(cells[1], ["credit", "2", "2", "TIME"]);
    assert_eq!(home.json(&["models", "list"])[0]["name"], "credit");

    let shown = redacted(&home.ok(&["models", "show", "credit"]), &home);
    says(
        &shown,
        &[
            "TIME  version 2: None -> Production by tester  gate overridden: the regulator asked",
            "TIME  version 1: None -> Staging by tester",
            "TIME  version 1: Staging -> Production by tester",
            "TIME  version 1: Production -> Archived by tester",
            "TIME  gate refused version 2: not met: accuracy",
            "TIME  gate passed version 1: the first version for Production",
        ],
    );
    let rolled = home.json(&["models", "rollback", "credit"]);
    assert_eq!((&rolled["version"], &rolled["stage"]), (&json!(1), &json!("Production")));
    let details = home.json(&["models", "show", "credit"]);
    assert_eq!(details["versions"][0]["stage"], "Archived", "version 2 made room");
    assert_eq!(home.ok(&["models", "rollback", "credit"]), "version 2 of credit is in Production again\n");
}

#[test]
fn aliases_and_comparison() {
    let home = Home::with_model();
    home.run(
        &[
            &["train", CREDIT, "--target", "risk", "--register", "german"],
            &["--set", "n_estimators=11", "--cv", "none"][..],
        ]
        .concat(),
    );
    assert_eq!(home.ok(&["models", "alias", "german", "champion", "1"]), "models:/german@champion is version 1 now\n");
    assert_eq!(home.json(&["models", "alias", "german", "champion", "2"])["version"], 2);
    says(&home.ok(&["models", "show", "german"]), &["champion"]);
    assert_eq!(home.json(&["models", "show", "german"])["model"]["aliases"], json!([["champion", 2]]));
    assert_eq!(home.ok(&["models", "alias", "german", "champion"]), "models:/german@champion is no more\n");
    says(&home.refused(1, &["models", "alias", "german", "champion"]), &["champion"]);
    says(&home.refused(1, &["models", "alias", "german", "x", "9"]), &["9"]);

    let compared = home.json(&["models", "compare", "german", "1", "2"]);
    assert_eq!((&compared["version1"]["version"], &compared["version2"]["version"]), (&json!(1), &json!(2)));
    assert_eq!(compared["version1"]["params"]["n_estimators"], "10");
    assert_eq!(compared["version2"]["params"]["n_estimators"], "11");
    assert!(compared["version2"]["metrics"]["roc_auc"].is_f64());
    let told = home.ok(&["models", "compare", "german", "1", "2"]);
    says(told.lines().next().unwrap(), &["version 1", "version 2"]);
    let row = told.lines().find(|line| line.starts_with("params.n_estimators")).expect("a row");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["params.n_estimators", "10", "11"]);
}

#[test]
fn any_number_of_versions_and_where_they_come_from() {
    let home = Home::with_model();
    home.run(&[
        "train",
        CREDIT,
        "--target",
        "risk",
        "--register",
        "german",
        "--set",
        "n_estimators=11",
        "--cv",
        "none",
    ]);
    let wide = home.file("narrow.csv", "age,risk\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,a\n8,b\n9,a\n10,b\n");
    let other =
        home.json(&["train", wide.to_str().unwrap(), "--target", "risk", "--set", "n_estimators=10", "--cv", "none"]);
    home.ok(&["models", "register", &text(&other["model_uri"]), "german"]);
    home.ok(&["models", "register", "models:/german/1", "german"]);

    let compared = home.json(&["models", "compare", "german", "1", "2", "3"]);
    assert!(compared.get("version1").is_none());
    let numbers: Vec<_> = compared["versions"].as_array().unwrap().iter().map(|version| &version["version"]).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let row = |kind: &str, key: &str| {
        let rows = compared[kind].as_array().unwrap();
        rows.iter().find(|row| row["key"] == key).unwrap_or_else(|| panic!("{key}: {rows:?}")).clone()
    };
    let estimators = row("params", "n_estimators");
    assert_eq!((&estimators["values"], &estimators["differs"]), (&json!(["10", "11", "10"]), &json!(true)));
    assert_eq!(row("signature", "inputs.age")["values"][0], "long");
    assert_eq!(row("signature", "inputs.duration")["values"][2], Value::Null);
    for kind in ["metrics", "params", "signature"] {
        let differs: Vec<bool> =
            compared[kind].as_array().unwrap().iter().map(|row| row["differs"].as_bool().unwrap()).collect();
        assert!(differs.is_sorted_by(|a, b| a >= b), "what differs comes first: {differs:?}");
    }
    let told = home.ok(&["models", "compare", "german", "1", "2", "3"]);
    let cells: Vec<&str> = told.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(cells, ["version", "1", "version", "2", "version", "3"]);

    let lineage = home.json(&["models", "lineage", "german", "4"]);
    let kinds: Vec<_> = lineage["nodes"].as_array().unwrap().iter().map(|node| text(&node["kind"])).collect();
    assert_eq!(kinds, ["model_version", "run", "dataset", "model_version", "model"]);
    let run = text(&home.json(&["models", "show", "german"])["versions"][0]["run_id"]);
    let relation = |from: &str, to: &str| {
        let edges = lineage["edges"].as_array().unwrap();
        let edge = edges.iter().find(|edge| text(&edge["from"]).starts_with(from) && edge["to"] == to);
        text(&edge.unwrap_or_else(|| panic!("{from} -> {to}: {edges:?}"))["relation"])
    };
    assert_eq!(relation("models:/german/1", "models:/german/4"), "copied to");
    assert_eq!(relation(&format!("runs:/{run}"), "models:/german/4"), "registered as");
    assert_eq!(relation("dataset:", &format!("runs:/{run}")), "read as training");
    assert_eq!(relation("models:/german/4", "models:/german"), "version of");
    let tree = home.ok(&["models", "lineage", "german", "4"]);
    says(tree.lines().next().unwrap(), &["models:/german/4", "stage None"]);
    says(
        &tree,
        &[
            "├── registered as: runs:/",
            "│   └── read as training: dataset german_credit",
            "└── copied to: models:/german/1",
        ],
    );
    says(&home.refused(1, &["models", "lineage", "german", "9"]), &["no model version"]);

    for version in ["2", "3"] {
        home.ok(&["models", "promote", "german", version, "Staging"]);
    }
    home.ok(&["models", "promote", "german", "3", "Archived"]);
    home.ok(&["models", "promote", "german", "2", "Archived"]);
    assert_eq!(
        home.ok(&["models", "rollback", "german", "--stage", "Staging"]),
        "version 3 of german is in Staging again\n"
    );
    let details = home.json(&["models", "show", "german"]);
    let newest = &details["transitions"][0];
    assert_eq!((&newest["to_stage"], &newest["version"]), (&json!("Staging"), &json!(3)));
    says(&text(&newest["description"]), &["rolled back"]);
    says(&home.refused(1, &["models", "rollback", "german", "--stage", "Archived"]), &["only Staging and Production"]);

    let server = home.server();
    assert_eq!(server.get("/api/v1/models/german/compare?versions=1,2,3").ok()["params"], compared["params"]);
    assert_eq!(server.get("/api/v1/models/german/compare?version1=1&version2=2").ok()["version2"]["version"], 2);
    for query in ["versions=1", "versions=1,x", "versions=1,2&version1=1", "version1=1", ""] {
        says(&server.get(&format!("/api/v1/models/german/compare?{query}")).refused(400), &["2 to 100 versions"]);
    }
    assert_eq!(server.get("/api/v1/models/german/versions/4/lineage").ok(), lineage);
    server.get("/api/v1/models/german/versions/9/lineage").refused(404);
}

#[test]
fn what_is_refused() {
    let home = Home::with_model();
    let source = text(&home.json(&["models", "show", "german"])["versions"][0]["source"]);
    for name in ["a/b", "..", ".", "a:b", "a\\b", "a@b", "%2e%2e", "a\nb", " "] {
        says(&home.refused(2, &["models", "register", &source, name]), &["model name"]);
    }
    says(&home.refused(1, &["models", "register", "/tmp", "x"]), &["runs:/RUN_ID/PATH", "file:///tmp"]);
    says(&home.refused(1, &["models", "show", "nobody"]), &["no registered model `nobody`"]);
    says(&home.refused(1, &["models", "promote", "german", "7"]), &["no model version", "7"]);
    says(&home.refused(1, &["models", "compare", "german", "1", "7"]), &["no model version", "7"]);
    says(&home.refused(1, &["models", "rollback", "german"]), &["nothing to go back to"]);
    assert_eq!(home.run(&["models", "promote", "german", "1", "Sideways"]).status.code(), Some(2));
    assert_eq!(home.json(&["models", "list"]).as_array().unwrap().len(), 1, "nothing was registered");
}
