//! Stored models that are damaged or gone: refused whole, in words, and without telling a client where they lie.

use crate::support::{CREDIT, Home, body, rows, says, text};
use std::path::Path;

/// Changes one bit of a file.
pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("the file is there");
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 0x10;
    std::fs::write(path, bytes).expect("the file can be written");
}

/// What is done to a model folder, how, and the words of the command line's refusal.
type Harm = (&'static str, fn(&Path), Vec<&'static str>);

fn harms() -> Vec<Harm> {
    vec![
        (
            "a flipped bit in the payload",
            |model| flip(&model.join("pipeline.metria"), 5_000),
            vec!["damaged", "checksum"],
        ),
        ("a flipped bit in the head", |model| flip(&model.join("pipeline.metria"), 3), vec!["damaged", "checksum"]),
        (
            "a flipped bit at the end",
            |model| flip(&model.join("pipeline.metria"), usize::MAX),
            vec!["damaged", "checksum"],
        ),
        ("a cut", |model| cut(&model.join("pipeline.metria"), 1_000), vec!["damaged", "checksum"]),
        ("nothing left", |model| cut(&model.join("pipeline.metria"), 0), vec!["damaged", "checksum"]),
        (
            "no pipeline",
            |model| std::fs::remove_file(model.join("pipeline.metria")).unwrap(),
            vec!["damaged", "pipeline.metria is missing"],
        ),
        (
            "no description",
            |model| std::fs::remove_file(model.join("MLmodel")).unwrap(),
            vec!["no model in", "no MLmodel file"],
        ),
        ("a cut description", |model| cut(&model.join("MLmodel"), 40), vec!["damaged", "MLmodel"]),
        (
            "a description that is none",
            |model| std::fs::write(model.join("MLmodel"), "{{{").unwrap(),
            vec!["damaged", "MLmodel"],
        ),
        ("nothing at all", |model| std::fs::remove_dir_all(model).unwrap(), vec!["no model in"]),
        (
            "a file of another kind",
            |model| forge(model, b"GIF89a, and more than enough bytes to be a file of another kind"),
            vec!["does not begin as a pipeline does"],
        ),
        ("a newer format", |model| forge(model, &newer()), vec!["format version 9", "upgrade"]),
        ("another tool's", |model| replace(model, "  metria:", "  sklearn:"), vec!["no `metria` flavor", "sklearn"]),
        (
            "a way out",
            |model| replace(model, "data: pipeline.metria", "data: ../../../../etc/passwd"),
            vec!["stay inside its folder"],
        ),
    ]
}

fn cut(path: &Path, length: usize) {
    let bytes = std::fs::read(path).expect("the file is there");
    std::fs::write(path, &bytes[..length]).expect("the file can be written");
}

fn replace(model: &Path, from: &str, to: &str) {
    let path = model.join("MLmodel");
    let text = std::fs::read_to_string(&path).expect("the file is there");
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).expect("the file can be written");
}

/// Another pipeline file with a checksum that fits it.
fn forge(model: &Path, bytes: &[u8]) {
    std::fs::write(model.join("pipeline.metria"), bytes).expect("the file can be written");
    let path = model.join("MLmodel");
    let text = std::fs::read_to_string(&path).expect("the file is there");
    let old = text.split("sha256: ").nth(1).and_then(|rest| rest.split('\n').next()).expect("a checksum").to_owned();
    std::fs::write(path, text.replace(&old, &sha256(bytes))).expect("the file can be written");
}

fn newer() -> Vec<u8> {
    [b"METRIAPL".as_slice(), &9_u32.to_le_bytes(), &[0; 64]].concat()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_damaged_model_is_never_half_used() {
    let home = Home::new();
    let run_id = home.run_id(&["--set", "n_estimators=5"]);
    let uri = format!("runs:/{run_id}/model");
    let model = home.artifacts(&run_id).join("model");
    let kept: Vec<(String, Vec<u8>)> = ["MLmodel", "pipeline.metria", "input_example.json"]
        .map(|name| (name.to_owned(), std::fs::read(model.join(name)).expect("it was written")))
        .to_vec();
    home.ok(&["models", "register", &uri, "german"]);
    home.ok(&["models", "promote", "german", "1", "--override-gate", "a test"]);
    let folder = model.display().to_string();
    for (what, harm, words) in harms() {
        harm(&model);
        for uri in [&*uri, "models:/german/1", "models:/german/Production", &folder] {
            says(&home.refused(1, &["predict", uri, CREDIT, "-o", "out.csv"]), &words);
            assert!(!home.path("out.csv").exists(), "{what}");
        }
        says(&home.refused(1, &["models", "register", &uri, "other"]), &words);
        let server = home.server();
        let answer = server.post("/predict/german", body(&rows(1)));
        assert!([500, 501].contains(&answer.status), "{what}: {answer:?}");
        let message = answer.refused(answer.status);
        for inside in ["pipeline.metria", "/home/", &run_id, "etc/passwd", "sha256"] {
            let told = message.contains(inside) && answer.status == 500;
            assert!(!told, "{what}: `{inside}` is told to the client: {message}");
        }
        says(&server.log(), &["a request failed"]);
        std::fs::create_dir_all(&model).unwrap();
        for (name, bytes) in &kept {
            std::fs::write(model.join(name), bytes).unwrap();
        }
        // The same server serves it once it is sound: nothing bad is remembered.
        assert_eq!(server.post("/predict/german", body(&rows(1))).status, 200, "{what}");
    }
    assert_eq!(home.json(&["models", "list"]).as_array().unwrap().len(), 1, "no damaged model was registered");
}

#[test]
fn a_training_is_not_disturbed_by_a_damaged_version_in_production() {
    let home = Home::new();
    let first = home.train("german", &[]);
    flip(&home.artifacts(&text(&first["run_id"])).join("model/pipeline.metria"), 5_000);
    let args =
        ["train", CREDIT, "--target", "risk", "--cv", "none", "--set", "n_estimators=11", "--register", "german"];
    let message = home.refused(1, &args);
    says(&message, &["damaged", "checksum"]);
    let runs = home.json(&["runs", "list"]);
    assert_eq!(runs[0]["status"], "FINISHED", "the run itself is sound and can be registered by hand");
    let uri = format!("runs:/{}/model", text(&runs[0]["run_id"]));
    home.ok(&["models", "register", &uri, "german"]);
}
