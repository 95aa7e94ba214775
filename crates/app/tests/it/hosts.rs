//! Who may ask, and where the server listens.

use crate::support::{Home, body, rows, says, try_send};

#[test]
fn foreign_hosts_and_origins_are_refused() {
    let home = Home::with_model();
    let server = home.server_with(&["--allowed-host", "models.example.org"]);
    let port = server.address.rsplit_once(':').unwrap().1.to_owned();
    let status = |headers: &[&str]| server.send("GET", "/health", headers, b"").status;
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.8.9.1", "models.example.org"] {
        assert_eq!(status(&[&format!("host: {host}")]), 200, "{host}");
        assert_eq!(status(&[&format!("host: {host}:{port}")]), 200, "{host}");
        assert_eq!(status(&[&format!("origin: http://{host}:{port}")]), 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:5000",
        "192.168.1.7",
        "models.example.org.evil.example",
        "localhost:80:evil.example",
        "user@localhost",
        "",
    ] {
        let answer = server.send("GET", "/health", &[&format!("host: {host}")], b"");
        says(&answer.refused(403), &["Host", host, "--allowed-host"]);
    }
    for origin in ["http://evil.example", "https://localhost.evil.example", "null", "http://10.0.0.1", "localhost", ""]
    {
        for path in ["/predict/german", "/models/german/reload"] {
            let headers = [&*format!("origin: {origin}"), "content-type: application/json"];
            let answer = server.send("POST", path, &headers, body(&rows(1)).as_bytes());
            says(&answer.refused(403), &["Origin", origin]);
        }
    }
    let without = server.raw(b"GET /health HTTP/1.0\r\n\r\n");
    says(&without.refused(403), &["Host"]);
}

#[test]
fn every_answer_forbids_sniffing_and_framing() {
    let home = Home::new();
    let server = home.server();
    for answer in [
        server.get("/health"),
        server.get("/nothing"),
        server.send("PUT", "/health", &[], b""),
        server.send("GET", "/health", &["host: evil.example"], b""),
    ] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        assert_eq!(answer.header("x-frame-options"), Some("deny"), "{answer:?}");
        assert!(answer.header("content-security-policy").is_some_and(|policy| policy.contains("'none'")), "{answer:?}");
    }
}

#[test]
fn beyond_loopback_only_when_it_is_said() {
    let home = Home::new();
    for host in ["0.0.0.0", "::", "192.0.2.1"] {
        let message = home.refused(2, &["server", "--host", host, "--port", "0"]);
        says(&message, &[host, "without authentication", "--insecure-no-auth"]);
    }
    let server = home.server_with(&["--host", "0.0.0.0", "--insecure-no-auth"]);
    let port = server.address.rsplit_once(':').unwrap().1;
    let local = format!("127.0.0.1:{port}");
    let status = |headers: &[&str]| try_send(&local, "GET", "/health", headers, b"").expect("an answer").status;
    assert_eq!(status(&[]), 200);
    let mine = format!("192.168.1.7:{port}");
    assert_eq!(status(&[&format!("host: {mine}")]), 200, "an address of this machine as others see it");
    assert_eq!(status(&[&format!("host: {mine}"), &format!("origin: http://{mine}")]), 200, "its own page");
    assert_eq!(status(&["host: evil.example"]), 403, "a name can be pointed here");
    assert_eq!(status(&["origin: http://192.168.1.9"]), 403, "another machine's page");
}

#[test]
fn a_port_in_use() {
    let home = Home::new();
    let server = home.server();
    let port = server.address.rsplit_once(':').unwrap().1;
    let message = home.refused(1, &["server", "--port", port]);
    says(&message, &["cannot listen on", &server.address, "in use"]);
}
