//! A home whose artifacts are on an S3 server: everything works as on a folder.

use crate::support::{CREDIT, Home, QUICK, body, rows, says, text};
use serde_json::json;

#[test]
fn models_are_trained_registered_and_served() {
    let home = Home::on_s3();
    let trained = home.train("german", &[]);
    let run_id = text(&trained["run_id"]);
    let shown = home.json(&["runs", "show", &run_id]);
    let uri = text(&shown["artifact_uri"]);
    assert!(uri.starts_with("s3://"), "{uri}");
    home.ok(&["evaluate", "models:/german/1", CREDIT]);
    home.ok(&["evaluate", &format!("runs:/{run_id}/model"), CREDIT]);

    let server = home.server();
    let answer = server.post("/predict/german", body(&rows(3))).ok();
    assert_eq!(answer["predictions"].as_array().map(Vec::len), Some(3), "{answer}");

    let files = server.get(&format!("/api/v1/runs/{run_id}/artifacts")).ok();
    let names: Vec<String> = files.as_array().expect("a list").iter().map(|file| text(&file["path"])).collect();
    assert!(names.contains(&"model".to_owned()) && names.contains(&"evaluation".to_owned()), "{names:?}");
    let part =
        server.send("GET", &format!("/api/v1/runs/{run_id}/artifacts/model/MLmodel"), &["range: bytes=0-12"], b"");
    assert_eq!((part.status, &*part.body), (206, "artifact_path"));
    let page = server.get(&format!("/runs/{run_id}"));
    assert_eq!(page.status, 200);
    says(&page.body, &["MLmodel", "roc_curve.json"]);

    // A version by the bucket's own address, as other tools may give it.
    let made = server.post("/api/2.0/mlflow/registered-models/create", r#"{"name": "other"}"#);
    assert_eq!(made.status, 200, "{made:?}");
    for (source, run) in [(format!("{uri}/model"), json!(null)), (format!("{uri}/model"), json!(run_id))] {
        let new = json!({"name": "other", "source": source, "run_id": run}).to_string();
        let version = server.post("/api/2.0/mlflow/model-versions/create", new).ok();
        let number = text(&version["model_version"]["version"]);
        home.ok(&["evaluate", &format!("models:/other/{number}"), CREDIT]);
    }
    let outside = json!({"name": "other", "source": format!("{uri}/../../../elsewhere")}).to_string();
    assert_eq!(server.post("/api/2.0/mlflow/model-versions/create", outside).status, 400);
    assert!(!server.log().contains(&home.secret()), "the key is not logged");
}

#[test]
fn a_bucket_that_does_not_answer_is_named() {
    let home = Home::on_s3();
    let fixed = ["train", CREDIT, "--target", "risk"];
    let args = [&fixed[..], &QUICK[..]].concat();
    let told = |name: &str, value: &str| {
        let output = home.command(&args).env(name, value).output().expect("it starts");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let message = crate::support::stderr(&output);
        assert!(!message.contains(&home.secret()), "{message}");
        message
    };
    says(&told("AWS_SECRET_ACCESS_KEY", "wrong"), &["cannot reach the artifact root `s3://", "SignatureDoesNotMatch"]);
    let nobody = told("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    says(&nobody, &["cannot reach the artifact root `s3://", "127.0.0.1:9"]);
    let nowhere =
        home.command(&args).env("METRIA_ARTIFACTS_ROOT", "s3://no-such-bucket/x").output().expect("it starts");
    says(&crate::support::stderr(&nowhere), &["cannot reach the artifact root `s3://no-such-bucket/x`"]);
    let message = home.refused(1, &["runs", "list", "--artifacts", "gs://bucket/x"]);
    says(&message, &["s3://BUCKET/PREFIX", "gs://bucket/x"]);
}
