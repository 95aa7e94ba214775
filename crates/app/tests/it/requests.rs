//! What comes over HTTP: sound requests, and everything that may be wrong with one.

use crate::support::{Home, Server, body, rows, says, text, try_send};
use serde_json::{Value, json};
use std::io::Write;

fn row() -> Value {
    rows(1).remove(0)
}

/// The first row with one field changed.
fn with(field: &str, value: Value) -> String {
    let mut row = row();
    row[field] = value;
    body(&[row])
}

#[test]
fn the_three_routes_as_the_guideline_has_them() {
    let home = Home::with_model();
    let server = home.server();
    let health = server.get("/health").ok();
    assert_eq!((&health["status"], &health["loaded_models"]), (&json!("healthy"), &json!([])));
    assert!(text(&health["timestamp"]).ends_with('Z'));

    let answer = server.post("/predict/german", body(&rows(3)));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let answer = answer.ok();
    assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!("german"), &json!(1)));
    assert!(text(&answer["timestamp"]).ends_with('Z'));
    assert_eq!(answer["classes"], json!([0, 1]));
    for (label, proba) in
        answer["predictions"].as_array().unwrap().iter().zip(answer["probabilities"].as_array().unwrap())
    {
        let [zero, one] = [0, 1].map(|class| proba[class].as_f64().unwrap());
        assert!((zero + one - 1.0).abs() < 1e-12);
        assert_eq!(label, &json!(i64::from(one > zero)));
    }
    assert_eq!(answer.get("warnings"), None);
    assert_eq!(server.get("/health").ok()["loaded_models"], json!(["german"]));
    let reload = server.post("/models/german/reload", "").ok();
    assert_eq!(reload["message"], "Model german reloaded (version 1)");
    for path in ["/healthz/live", "/healthz/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

#[test]
fn rows_that_are_odd_but_no_error() {
    let home = Home::with_model();
    let server = home.server();
    let ok = |body: String| server.post("/predict/german", body).ok();
    ok(with("housing", json!("castle")));
    ok(with("housing", Value::Null));
    ok(with("age", Value::Null));
    ok(with("age", json!(30.5)));
    ok(with("age", json!(1e300)));
    ok(with("age", json!(u64::MAX)));
    let extra = ok(with("shoe_size", json!(43)));
    assert_eq!(extra["warnings"], json!(["the model does not use the fields shoe_size"]));
    assert_eq!(extra["predictions"], ok(body(&[row()]))["predictions"]);
    let named = server.send("POST", "/predict/german", &["x-request-id: abc-7"], body(&[row()]).as_bytes()).ok();
    assert_eq!(named["request_id"], "abc-7");
    for media in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"] {
        let header = format!("content-type: {media}");
        assert_eq!(
            server.send("POST", "/predict/german", &[&header], body(&[row()]).as_bytes()).status,
            200,
            "{media}"
        );
    }
}

#[test]
fn bodies_that_are_wrong() {
    let home = Home::with_model();
    let server = home.server_with(&[]);
    let list = |row: &Value| -> Vec<Value> { row.as_object().unwrap().values().cloned().collect() };
    let (row, values) = (row(), list(&row()));
    let short = json!(values[1..]);
    let mut misspelt = row.as_object().unwrap().clone();
    misspelt.remove("housing");
    misspelt.insert("hosuing".to_owned(), json!("own"));
    let twice = body(std::slice::from_ref(&row)).replacen("\"sex\":", "\"sex\":\"female\",\"sex\":", 1);
    let nan = with("age", json!(-7)).replace("-7", "NaN");
    let infinity = with("age", json!(-7)).replace("-7", "-Infinity");
    let huge = with("age", json!(-7)).replace("-7", "1e999");
    for (body, words) in [
        (String::new(), vec!["body is empty", "instances"]),
        ("instances=1".to_owned(), vec!["must be JSON", "line 1 column 1"]),
        ("{\"instances\": [".to_owned(), vec!["must be JSON", "EOF"]),
        ("[1, 2]".to_owned(), vec!["must be an object", "got a list"]),
        ("\"text\"".to_owned(), vec!["must be an object", "got a text"]),
        ("null".to_owned(), vec!["must be an object", "got null"]),
        ("{}".to_owned(), vec!["instances: this field is required", "no fields"]),
        (json!({"instance": [row]}).to_string(), vec!["instances: this field is required", "`instance`"]),
        (json!({"instances": []}).to_string(), vec!["instances: at least one row"]),
        (json!({"instances": 7}).to_string(), vec!["instances: a list of rows", "got a number"]),
        (json!({"instances": "x"}).to_string(), vec!["instances: a list of rows", "got a text"]),
        (json!({"instances": {"0": row}}).to_string(), vec!["instances: a list of rows", "got an object"]),
        (json!({"instances": null}).to_string(), vec!["instances: a list of rows", "got null"]),
        (json!({"instances": [row, 5]}).to_string(), vec!["instances[1]: an object or a list", "got a number"]),
        (json!({"instances": [row, values]}).to_string(), vec!["instances[1]: all rows must have one form", "a list"]),
        (
            json!({"instances": [values, row]}).to_string(),
            vec!["instances[1]: all rows must have one form", "an object"],
        ),
        (
            json!({"instances": [values, short]}).to_string(),
            vec!["instances[1]: a list must have 9 values", "sex", "got 8"],
        ),
        (json!({"instances": [[]]}).to_string(), vec!["instances[0]: a list must have 9 values", "got 0"]),
        (json!({"instances": [row, {}]}).to_string(), vec!["instances[1]: the fields `sex`", "are missing"]),
        (
            json!({"instances": [misspelt]}).to_string(),
            vec!["instances[0]: the fields `housing`", "`hosuing` meant to be `housing`"],
        ),
        (with("age", json!("old")), vec!["instances[0].age: a finite number", "\"old\""]),
        (with("age", json!(true)), vec!["instances[0].age: a finite number", "true"]),
        (with("sex", json!(1)), vec!["instances[0].sex: a text", "number 1"]),
        (with("age", json!([1])), vec!["instances[0].age", "got a list"]),
        (with("age", json!({})), vec!["instances[0].age", "got an object"]),
        (nan, vec!["must be JSON", "NaN and Infinity are not JSON", "null"]),
        (infinity, vec!["must be JSON", "NaN and Infinity are not JSON", "null"]),
        (huge, vec!["must be JSON", "number out of range"]),
        (twice, vec!["instances[0]: the key `sex` occurs twice"]),
        (
            format!("{{\"instances\": [], {}", &body(std::slice::from_ref(&row))[1..]),
            vec!["the key `instances` occurs twice"],
        ),
        (format!("{{\"instances\": {}", "[".repeat(5_000_000)), vec!["must be JSON", "recursion limit"]),
        (format!("{{\"x\": {}", "{\"x\":".repeat(1_000_000)), vec!["must be JSON"]),
    ] {
        let message = server.post("/predict/german", &body).refused(400);
        says(&message, &words);
        assert!(message.len() < 1_000, "{message}");
    }
    says(&server.post("/predict/german", b"{\"instances\": [[\"\xff\"]]}").refused(400), &["must be JSON"]);
    assert_eq!(server.post("/predict/german", body(&[row])).status, 200, "it serves on");
}

#[test]
fn more_than_the_limits() {
    let home = Home::with_model();
    let server = {
        let mut command = home.command(&["server", "--port", "0"]);
        command.env("METRIA_SERVER_MAX_BODY_BYTES", "20000").env("METRIA_SERVING_MAX_INSTANCES", "5");
        Server::start(command, home.path("server.log"))
    };
    assert_eq!(server.post("/predict/german", body(&rows(5))).status, 200);
    says(&server.post("/predict/german", body(&rows(6))).refused(413), &["instances", "at most 5 rows"]);
    says(&server.post("/predict/german", vec![b' '; 20_001]).refused(413), &["larger than 20000 bytes"]);
    assert_eq!(server.post("/predict/german", [b" ".repeat(18_000), body(&rows(1)).into_bytes()].concat()).status, 200);
    // Announced but not sent: the answer need not wait for it.
    let head = format!("POST /predict/german HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", server.address);
    let told = server.raw(format!("{head}content-length: 90000000000\r\n\r\n").as_bytes());
    says(&told.refused(413), &["20000"]);
    // Not announced: chunks until it is too much.
    let chunk = format!("2710\r\n{}\r\n", " ".repeat(10_000));
    let told = server.raw(format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}0\r\n\r\n").as_bytes());
    says(&told.refused(413), &["20000"]);
}

#[test]
fn paths_methods_and_types_that_are_wrong() {
    let home = Home::with_model();
    let server = home.server();
    let sound = body(&[row()]);
    for path in ["/predict", "/predict/", "/predict/german/extra", "/nothing", "/models/german/reload/x", "/health/x"] {
        says(&server.post(path, &sound).refused(404), &["no such path", path]);
    }
    for (method, path, allowed) in [
        ("GET", "/predict/german", "POST"),
        ("PUT", "/predict/german", "POST"),
        ("DELETE", "/models/german/reload", "POST"),
        ("POST", "/health", "GET,HEAD"),
    ] {
        let answer = server.send(method, path, &[], b"");
        says(&answer.refused(405), &[method, path]);
        assert_eq!(answer.header("allow").map(str::to_ascii_uppercase).as_deref(), Some(allowed), "{answer:?}");
    }
    for media in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", ""]
    {
        let answer = server.send("POST", "/predict/german", &[&format!("content-type: {media}")], sound.as_bytes());
        says(&answer.refused(415), &["application/json", media]);
    }
    for (name, status, words) in [
        ("nobody", 404, vec!["No model found for nobody in Production"]),
        ("..%2f..%2fetc%2fpasswd", 400, vec!["model name", "`/`"]),
        ("%2e%2e", 400, vec!["model name", "`..`"]),
        ("a%2Fb", 400, vec!["model name", "`/`"]),
        ("a%5Cb", 400, vec!["model name"]),
        ("a%00b", 400, vec!["model name"]),
        ("a%0Ab", 400, vec!["model name"]),
        ("%ff", 400, vec!["the path cannot be used", "UTF-8"]),
        ("%252e%252e", 400, vec!["model name", "%"]),
        (&"x".repeat(257), 400, vec!["1 to 256 characters", "257"]),
        (&"x".repeat(256), 404, vec!["No model found"]),
        ("gr%C3%BCn", 404, vec!["No model found for grün"]),
    ] {
        says(&server.post(&format!("/predict/{name}"), &sound).refused(status), &words);
        says(&server.post(&format!("/models/{name}/reload"), "").refused(status), &words);
    }
    assert_eq!(server.get("/health").ok()["loaded_models"], json!([]), "names that nobody registered take no place");
    // A path that climbs without being decoded never reaches a model either.
    assert_eq!(server.post("/predict/../../etc/passwd", &sound).status, 404);
}

#[test]
fn what_is_no_http() {
    let home = Home::with_model();
    let server = home.server();
    let mut stream = server.connect();
    stream.write_all(b"\x16\x03\x01 this is no request\r\n\r\n").unwrap();
    drop(stream);
    let answer = server.raw(b"GET /health HTTP/1.1\r\nbad header\r\n\r\n");
    assert_eq!(answer.status, 400);
    let long = format!("GET /health HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let mut stream = server.connect();
    // It may close before all of it is written.
    let _ = stream.write_all(long.as_bytes());
    drop(stream);
    assert!(try_send(&server.address, "GET", "/health", &[], b"").is_ok(), "it serves on");
}

#[test]
fn the_longest_name_can_be_served() {
    let home = Home::new();
    let name = "é".repeat(256);
    home.train(&name, &[]);
    let server = home.server();
    let answer = server.post(&format!("/predict/{}", "%C3%A9".repeat(256)), body(&[row()])).ok();
    assert_eq!(answer["model_name"], name);
}
