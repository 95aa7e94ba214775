//! Nothing outside the artifact root is read, written, listed or removed, whatever a path says; and nothing that was
//! uploaded runs as a page of ours.

use crate::support::{Answer, Home, Server, text};
use serde_json::{Value, json};
use std::path::Path;

/// What lies beside the artifact root and must never be seen.
const SECRET: &str = "the-secret-of-this-machine";
/// Statuses that say no.
const REFUSALS: [u16; 4] = [400, 403, 404, 405];

/// Paths that are no way out of the root, as they stand in a URL. `ROOT` stands for the folder that holds the root.
const PATHS: &[&str] = &[
    "..",
    "../secret",
    "../../secret",
    "a/../../secret",
    "a/../../../../../../../../etc/passwd",
    "%2e%2e/secret",
    "%2E%2E/secret",
    "..%2fsecret",
    "%2e%2e%2fsecret",
    "a/%2e%2e/%2e%2e/secret",
    "%252e%252e/secret",
    "%252e%252e%252fsecret",
    "%25252e%25252e%25252fsecret",
    "..%252fsecret",
    "..%5csecret",
    "..\\secret",
    "a%5c..%5c..%5csecret",
    "%255c..%255csecret",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "%252fetc%252fpasswd",
    "/ROOT/secret",
    "%2FROOT%2Fsecret",
    "file:///etc/passwd",
    "file:%2f%2f%2fetc%2fpasswd",
    "C:/Windows/win.ini",
    "C:%5cWindows%5cwin.ini",
    "c%3a%2fsecret",
    "%5c%5cserver%5cshare",
    "a%00b",
    "secret%00.txt",
    "%2500",
    "a%0ab",
    "./secret",
    "a/./b",
    "a//b",
    "link/secret",
    "link/folder",
    "link",
    "linked.txt",
    "inside/linked.txt",
    "dangling",
    "dangling/x",
    ".metria-uploads",
    ".metria-uploads/x",
    "%2emetria-uploads/x",
    "x%231",
    "....//secret",
    "..;/secret",
    "..%c0%afsecret",
    "%uff0e%uff0e/secret",
    "~/.ssh/id_rsa",
    "$HOME/secret",
];

struct Place {
    home: Home,
    server: Server,
    run_id: String,
    /// The path of the run's artifacts below the root.
    run: String,
}

impl Place {
    /// A server, a run with a file, a version of it, and links that lead out of the root and of the run.
    fn new() -> Self {
        let home = Home::new();
        let server = home.server();
        let mlflow = "/api/2.0/mlflow";
        let made = server.post(&format!("{mlflow}/runs/create"), r#"{"experiment_id": "0"}"#).ok();
        let run_id = text(&made["run"]["info"]["run_id"]);
        let uri = text(&made["run"]["info"]["artifact_uri"]);
        let run = uri.strip_prefix("mlflow-artifacts:/").expect("it goes through the server").to_owned();
        let place = Self { home, server, run_id, run };
        assert_eq!(place.put(&place.proxied("model/MLmodel"), b"flavors: {}").status, 200);
        place.server.post(&format!("{mlflow}/registered-models/create"), r#"{"name": "m"}"#).ok();
        let source = json!({"name": "m", "source": format!("{uri}/model"), "run_id": place.run_id});
        place.server.post(&format!("{mlflow}/model-versions/create"), source.to_string()).ok();
        place.plant();
        place
    }

    fn root(&self) -> std::path::PathBuf {
        self.home.path("home/artifacts")
    }

    /// Secrets beside the root, and links to them in it, in the run's folder and in the model's.
    fn plant(&self) {
        let outside = self.home.path("home/outside");
        for folder in ["", "folder"] {
            std::fs::create_dir_all(outside.join(folder)).unwrap();
            std::fs::write(outside.join(folder).join("secret"), SECRET).unwrap();
        }
        std::fs::write(self.home.path("home/secret"), SECRET).unwrap();
        std::fs::write(self.home.path("secret"), SECRET).unwrap();
        for at in [self.root(), self.root().join(&self.run), self.root().join(&self.run).join("model")] {
            link(&outside, &at.join("link"));
            link(&outside.join("secret"), &at.join("linked.txt"));
            link(&outside.join("nothing"), &at.join("dangling"));
            std::fs::create_dir_all(at.join("inside")).unwrap();
            link(&outside.join("secret"), &at.join("inside/linked.txt"));
        }
    }

    fn proxied(&self, path: &str) -> String {
        format!("/api/2.0/mlflow-artifacts/artifacts/{}/{path}", self.run)
    }

    fn put(&self, url: &str, bytes: &[u8]) -> Answer {
        self.server.send("PUT", url, &[], bytes)
    }

    /// Every way to give a path to this server: what is asked, and with what body.
    fn ways(&self, path: &str) -> Vec<(&'static str, String, String)> {
        let (run, id) = (&self.run, &self.run_id);
        // As the value of a field, where nothing more is decoded.
        let plain = decoded(path);
        let proxy = "/api/2.0/mlflow-artifacts";
        let part = json!({"path": "x", "num_parts": 1, "upload_id": id, "parts": [{"part_number": 1, "etag": id}]})
            .to_string();
        let named = json!({"path": plain, "num_parts": 1, "upload_id": id, "parts": [{"part_number": 1, "etag": id}]});
        let signed = json!({"run_id": id, "path": plain}).to_string();
        let query = |name: &str| format!("{name}={}", encoded(&plain));
        vec![
            ("GET", format!("{proxy}/artifacts/{path}"), String::new()),
            ("GET", format!("{proxy}/artifacts/{run}/{path}"), String::new()),
            ("GET", format!("/ajax-api/2.0/mlflow-artifacts/artifacts/{path}"), String::new()),
            ("PUT", format!("{proxy}/artifacts/{path}"), "planted".to_owned()),
            ("PUT", format!("{proxy}/artifacts/{run}/{path}"), "planted".to_owned()),
            ("DELETE", format!("{proxy}/artifacts/{path}"), String::new()),
            ("DELETE", format!("{proxy}/artifacts/{run}/{path}/secret"), String::new()),
            ("GET", format!("{proxy}/artifacts?{}", query("path")), String::new()),
            ("POST", format!("{proxy}/mpu/create/{path}"), part.clone()),
            ("POST", format!("{proxy}/mpu/complete/{path}"), part.clone()),
            ("POST", format!("{proxy}/mpu/abort/{path}"), part),
            ("POST", format!("{proxy}/mpu/create/{path}"), named.to_string()),
            ("PUT", format!("{proxy}/mpu/parts/{path}/1"), "planted".to_owned()),
            ("PUT", format!("{proxy}/mpu/parts/{}/1", encoded(&plain)), "planted".to_owned()),
            ("GET", format!("{proxy}/presigned/{path}"), String::new()),
            ("GET", format!("/get-artifact?run_id={id}&{}", query("path")), String::new()),
            ("GET", format!("/get-artifact?run_uuid={id}&path={path}"), String::new()),
            ("GET", format!("/ajax-api/2.0/mlflow/get-artifact?run_id={id}&{}", query("path")), String::new()),
            ("GET", format!("/model-versions/get-artifact?name=m&version=1&{}", query("path")), String::new()),
            ("GET", format!("/api/2.0/mlflow/artifacts/list?run_id={id}&{}", query("path")), String::new()),
            (
                "POST",
                format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={id}&{}", query("path")),
                "planted".to_owned(),
            ),
            ("POST", "/api/2.0/mlflow/artifacts/presigned-download-url".to_owned(), signed.clone()),
            ("POST", "/api/2.0/mlflow/artifacts/presigned-upload-url".to_owned(), signed),
            ("GET", format!("/api/v1/runs/{id}/artifacts?{}", query("path")), String::new()),
            ("GET", format!("/api/v1/runs/{id}/artifacts/{path}"), String::new()),
        ]
    }

    /// Everything outside the root, as it was.
    fn assert_untouched(&self, after: &str) {
        for place in ["secret", "home/secret", "home/outside/secret", "home/outside/folder/secret"] {
            let found = std::fs::read_to_string(self.home.path(place));
            assert_eq!(found.ok().as_deref(), Some(SECRET), "{place} after {after}");
        }
        let names = |folder: &str| {
            let entries = std::fs::read_dir(self.home.path(folder)).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names("home/outside"), ["folder", "secret"], "after {after}");
        assert_eq!(names(""), ["home", "secret", "server.log"], "after {after}");
        let home = names("home");
        let known =
            ["artifacts", "metria.db", "metria.db-shm", "metria.db-wal", "outside", "predictions", "secret", ".lock"];
        assert!(home.iter().all(|name| known.contains(&&**name)), "{home:?} after {after}");
    }
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) {
    std::os::unix::fs::symlink(to, at).unwrap();
}

/// What a server reads of a path in a URL.
fn decoded(path: &str) -> String {
    let bytes = path.replace('+', "%2B");
    form_urlencoded::parse(format!("x={}", bytes.replace('&', "%26")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, text)| text.into_owned())
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[test]
fn no_path_leads_out() {
    let place = Place::new();
    let folder = place.home.path("home").display().to_string();
    let mut asked = 0;
    for path in PATHS {
        let path = path.replace("/ROOT", &folder).replace("%2FROOT", &encoded(&folder));
        for (method, url, body) in place.ways(&path) {
            let what = format!("{method} {url} {body}");
            // What no HTTP client could send is no request.
            let url = url.replace('\\', "%5C");
            let headers: &[&str] = if method == "POST" { &["content-type: application/json"] } else { &[] };
            let answer = place.server.send(method, &url, headers, body.as_bytes());
            assert!(!answer.body.contains(SECRET) && !answer.body.contains("root:x:"), "{what}: {answer:?}");
            assert!(answer.status < 500 || answer.status == 501, "{what}: {answer:?}");
            let told = answer.body.contains(&folder) && !path.contains("home");
            assert!(!told, "{what} tells where the server keeps its files: {answer:?}");
            asked += 1;
        }
        place.assert_untouched(&path);
    }
    assert!(asked >= 1_000, "{asked}");
}

#[test]
fn links_out_of_the_root_are_not_there() {
    let place = Place::new();
    let listed = |url: &str| {
        let found = place.server.get(url).ok();
        let files = if found.is_array() { found } else { found["files"].clone() };
        let path = |file: &Value| text(&file["path"]);
        files.as_array().expect("a list").iter().map(path).collect::<Vec<String>>()
    };
    let run = &place.run_id;
    assert_eq!(listed(&format!("/api/2.0/mlflow-artifacts/artifacts?path={}", place.run)), ["inside", "model"]);
    assert_eq!(listed(&format!("/api/2.0/mlflow/artifacts/list?run_id={run}")), ["inside", "model"]);
    assert_eq!(listed(&format!("/api/v1/runs/{run}/artifacts")), ["inside", "model"]);
    assert!(listed(&format!("/api/2.0/mlflow/artifacts/list?run_id={run}&path=inside")).is_empty());
    for path in ["link", "link/secret", "link/folder/secret", "linked.txt", "inside/linked.txt", "dangling"] {
        for (method, url) in [
            ("GET", place.proxied(path)),
            ("PUT", place.proxied(path)),
            ("GET", format!("/get-artifact?run_id={run}&path={path}")),
            ("GET", format!("/model-versions/get-artifact?name=m&version=1&path={path}")),
            ("GET", format!("/api/v1/runs/{run}/artifacts/{path}")),
        ] {
            let answer = place.server.send(method, &url, &[], b"planted");
            assert!(REFUSALS.contains(&answer.status), "{method} {url}: {answer:?}");
        }
    }
    place.assert_untouched("writing through links");
    // A folder goes with the links in it, and without what they lead to.
    assert_eq!(place.server.send("DELETE", &place.proxied("model"), &[], b"").status, 200);
    assert_eq!(place.server.send("DELETE", &place.proxied("link"), &[], b"").status, 200);
    assert_eq!(place.server.send("DELETE", &place.proxied("link/folder"), &[], b"").status, 200);
    place.assert_untouched("deleting links");
    assert!(!place.root().join(&place.run).join("link").is_symlink());
    // A link that stays inside is a way like any other.
    assert_eq!(place.put(&place.proxied("data/x.txt"), b"inside").status, 200);
    link(&place.root().join(&place.run).join("data"), &place.root().join(&place.run).join("alias"));
    assert_eq!(place.server.get(&place.proxied("alias/x.txt")).body, "inside");
}

#[test]
fn locations_and_sources_are_no_files_of_this_machine() {
    let place = Place::new();
    let (server, run) = (&place.server, &place.run_id);
    let root = place.root().display().to_string();
    let locations = [
        "/etc".to_owned(),
        "file:///etc".to_owned(),
        "FILE:///etc".to_owned(),
        "file:/etc".to_owned(),
        "file:etc".to_owned(),
        "etc".to_owned(),
        "..".to_owned(),
        "../x".to_owned(),
        "C:\\Windows".to_owned(),
        "\\\\server\\share".to_owned(),
        root.clone(),
        format!("file://{root}"),
        format!("file://{root}/0/other"),
        format!("file://{root}/../secret"),
        "mlflow-artifacts:/../secret".to_owned(),
        "mlflow-artifacts:/a/../../secret".to_owned(),
        "mlflow-artifacts:/%2e%2e/secret".to_owned(),
        "mlflow-artifacts:/%252e%252e/secret".to_owned(),
        "mlflow-artifacts://host:1/../secret".to_owned(),
        "mlflow-artifacts:/a\\..\\..\\secret".to_owned(),
        "mlflow-artifacts:/.metria-uploads/x".to_owned(),
        "mlflow-artifacts:/a\u{0}b".to_owned(),
        "s3://bucket/a/../../secret".to_owned(),
        "://".to_owned(),
    ];
    for (index, location) in locations.iter().enumerate() {
        let body = json!({"name": format!("e{index}"), "artifact_location": location}).to_string();
        let answer = server.post("/api/2.0/mlflow/experiments/create", body);
        assert_eq!(
            (answer.status, &answer.json()["error_code"]),
            (400, &json!("INVALID_PARAMETER_VALUE")),
            "{location:?}"
        );
    }
    let mut sources: Vec<(String, Option<&str>)> = locations.iter().map(|location| (location.clone(), None)).collect();
    sources.extend(locations.iter().map(|location| (location.clone(), Some(&**run))));
    for source in ["../../../secret", "model/../../../../secret", "link/../..", "%2e%2e/%2e%2e/secret"] {
        sources.push((format!("file://{root}/{}/{source}", place.run), Some(run)));
        sources.push((format!("mlflow-artifacts:/{}/{source}", place.run), Some(run)));
        sources.push((format!("runs:/{run}/{source}"), Some(run)));
    }
    for (source, run_id) in sources {
        let body = json!({"name": "m", "source": source, "run_id": run_id}).to_string();
        let answer = server.post("/api/2.0/mlflow/model-versions/create", body);
        let refused = answer.status == 400 && answer.json()["error_code"] == "INVALID_PARAMETER_VALUE";
        assert!(refused, "{source:?} of {run_id:?}: {answer:?}");
    }
    for uri in ["file:///etc", "/etc", "runs:/../x", &format!("runs:/{run}/../../x"), "mlflow-artifacts:/x"] {
        let answer = server.post("/api/v1/models", json!({"name": "x", "model_uri": uri}).to_string());
        assert!(REFUSALS.contains(&answer.status), "{uri}: {answer:?}");
    }
    place.assert_untouched("locations and sources");
}

/// The name of an upload and how it must come back.
const UPLOADS: &[(&str, &str)] = &[
    ("page.html", "text/plain; charset=utf-8"),
    ("page.HTML", "text/plain; charset=utf-8"),
    ("page.htm", "application/octet-stream"),
    ("page.xhtml", "application/octet-stream"),
    ("page.shtml", "application/octet-stream"),
    ("page.mhtml", "application/octet-stream"),
    ("drawing.svg", "image/svg+xml"),
    ("drawing.svgz", "application/octet-stream"),
    ("feed.xml", "application/octet-stream"),
    ("style.xsl", "application/octet-stream"),
    ("code.js", "application/octet-stream"),
    ("code.mjs", "application/octet-stream"),
    ("code.wasm", "application/octet-stream"),
    ("style.css", "application/octet-stream"),
    ("data.json", "application/json"),
    ("file.pdf", "application/octet-stream"),
    ("app.swf", "application/octet-stream"),
    ("page.html.", "application/octet-stream"),
    ("page.html%20", "application/octet-stream"),
    ("noending", "application/octet-stream"),
    ("MLmodel", "text/plain; charset=utf-8"),
];

#[test]
fn no_upload_runs_in_our_origin() {
    let place = Place::new();
    let script = b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(document.domain)</script></html>";
    let run = &place.run_id;
    for (name, content_type) in UPLOADS {
        assert_eq!(
            place
                .server
                .send("PUT", &place.proxied(&format!("model/{name}")), &["content-type: text/html"], script)
                .status,
            200
        );
        for url in [
            place.proxied(&format!("model/{name}")),
            format!("/get-artifact?run_id={run}&path=model/{name}"),
            format!("/ajax-api/2.0/mlflow/get-artifact?run_uuid={run}&path=model/{name}"),
            format!("/model-versions/get-artifact?name=m&version=1&path={name}"),
            format!("/api/v1/runs/{run}/artifacts/model/{name}"),
        ] {
            for headers in [&[][..], &["range: bytes=0-20"], &["accept: text/html"]] {
                let answer = place.server.send("GET", &url, headers, b"");
                assert!([200, 206].contains(&answer.status), "{url}: {answer:?}");
                assert_eq!(answer.header("content-type"), Some(*content_type), "{url}");
                assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{url}");
                assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{url}");
                let policy = answer.header("content-security-policy").expect("a policy");
                assert!(
                    policy.starts_with("sandbox; default-src 'none'") && !policy.contains("allow-scripts"),
                    "{policy}"
                );
                let disposition = answer.header("content-disposition").expect("a disposition");
                let inline = *content_type != "application/octet-stream";
                assert!(disposition.starts_with(if inline { "inline" } else { "attachment" }), "{url}: {disposition}");
            }
        }
    }
}

#[test]
fn foreign_pages_and_names_reach_no_artifact() {
    let place = Place::new();
    let file = place.proxied("model/MLmodel");
    let body = json!({"path": "x", "num_parts": 1}).to_string();
    let routes = [
        ("GET", file.clone()),
        ("PUT", file.clone()),
        ("DELETE", file.clone()),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts?path=".to_owned()),
        ("POST", "/api/2.0/mlflow-artifacts/mpu/create/a".to_owned()),
        ("PUT", format!("/api/2.0/mlflow-artifacts/mpu/parts/{}/1", place.run_id)),
        ("POST", "/api/2.0/mlflow-artifacts/mpu/complete/a".to_owned()),
        ("POST", "/api/2.0/mlflow-artifacts/mpu/abort/a".to_owned()),
        ("GET", "/api/2.0/mlflow-artifacts/presigned/a".to_owned()),
        ("POST", "/api/2.0/mlflow/artifacts/presigned-upload-url".to_owned()),
        ("POST", "/api/2.0/mlflow/artifacts/presigned-download-url".to_owned()),
        ("POST", format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={}&path=x", place.run_id)),
        ("GET", format!("/get-artifact?run_id={}&path=model/MLmodel", place.run_id)),
        ("GET", "/model-versions/get-artifact?name=m&version=1&path=MLmodel".to_owned()),
        ("GET", format!("/api/2.0/mlflow/artifacts/list?run_id={}", place.run_id)),
        ("GET", format!("/api/v1/runs/{}/artifacts", place.run_id)),
        ("GET", format!("/api/v1/runs/{}/artifacts/model/MLmodel", place.run_id)),
    ];
    for (method, url) in &routes {
        for header in [
            "origin: http://evil.example",
            "origin: null",
            "origin: http://127.0.0.1.evil.example",
            "origin: file://",
            "host: evil.example",
            "host: 127.0.0.1.evil.example:5000",
        ] {
            let answer = place.server.send(method, url, &[header], body.as_bytes());
            assert_eq!(answer.status, 403, "{method} {url} {header}: {answer:?}");
        }
        let own = format!("origin: http://{}", place.server.address);
        assert_ne!(place.server.send(method, url, &[&own], body.as_bytes()).status, 403, "{method} {url}");
        // What the row itself removed or overwrote.
        assert_eq!(place.put(&file, b"flavors: {}").status, 200);
    }
}
