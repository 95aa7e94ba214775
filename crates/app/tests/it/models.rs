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
