//! Clients that are slow, silent or gone.

use crate::support::{Answer, Home, Server, body, rows, says};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn impatient(home: &Home) -> Server {
    let mut command = home.command(&["server", "--port", "0"]);
    command.env("METRIA_SERVER_REQUEST_TIMEOUT_SECONDS", "1");
    Server::start(command, home.path("server.log"))
}

#[test]
fn they_do_not_block_others() {
    let home = Home::with_model();
    let server = home.server();
    let half = b"POST /predict/german HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    let waiting: Vec<TcpStream> = (0..150)
        .map(|number| {
            let mut stream = server.connect();
            let part: &[u8] = match number % 3 {
                0 => b"",
                1 => b"POST /predict/german HT",
                _ => half,
            };
            stream.write_all(part).unwrap();
            stream
        })
        .collect();
    let started = Instant::now();
    for _ in 0..20 {
        server.post("/predict/german", body(&rows(2))).ok();
    }
    assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
    drop(waiting);
    // Gone before the answer: the next client is served all the same.
    for _ in 0..20 {
        let mut stream = server.connect();
        stream
            .write_all(&crate::support::request(
                &server.address,
                "POST",
                "/predict/german",
                &[],
                body(&rows(500)).as_bytes(),
            ))
            .unwrap();
        drop(stream);
    }
    server.post("/predict/german", body(&rows(2))).ok();
}

#[test]
fn their_time_is_limited() {
    let home = Home::with_model();
    let server = impatient(&home);
    let mut body_late = server.connect();
    body_late
        .write_all(
            b"POST /predict/german HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{",
        )
        .unwrap();
    let mut silent = server.connect();
    let mut head_late = server.connect();
    head_late.write_all(b"POST /predict/german HT").unwrap();
    says(&Answer::read(body_late).expect("an answer").refused(408), &["did not come within 1 seconds"]);
    for stream in [&mut silent, &mut head_late] {
        let mut rest = Vec::new();
        // Closed by the server, with or without an answer; without a limit this would time out.
        assert!(stream.read_to_end(&mut rest).is_ok(), "the connection is closed");
        assert!(!String::from_utf8_lossy(&rest).contains(" 200 "));
    }
    server.post("/predict/german", body(&rows(2))).ok();
}

#[test]
fn their_uploads_are_given_up() {
    let home = Home::new();
    let server = impatient(&home);
    let proxy = "/api/2.0/mlflow-artifacts";
    let begun = server.post(&format!("{proxy}/mpu/create/late"), r#"{"path": "x", "num_parts": 1}"#).ok();
    let part = format!("{proxy}/mpu/parts/{}/1", begun["upload_id"].as_str().unwrap());
    for path in [format!("{proxy}/artifacts/late/x"), part] {
        let mut stream = server.connect();
        let head = format!("PUT {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 90\r\n\r\n");
        stream.write_all(format!("{head}the beginning").as_bytes()).unwrap();
        let answer = Answer::read(stream).expect("an answer");
        assert_eq!(answer.status, 400, "{answer:?}");
        says(&answer.body, &["broke off", "nothing came for 1 seconds"]);
    }
    // One that sends slowly, but sends, takes its time.
    let mut stream = server.connect();
    let head = "HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 4\r\n\r\n";
    stream.write_all(format!("PUT {proxy}/artifacts/slow/x {head}").as_bytes()).unwrap();
    for byte in [b"s", b"l", b"o", b"w"] {
        std::thread::sleep(Duration::from_millis(500));
        stream.write_all(byte).unwrap();
    }
    assert_eq!(Answer::read(stream).expect("an answer").status, 200);
    assert_eq!(server.get(&format!("{proxy}/artifacts/slow/x")).body, "slow");
    let found = server.get(&format!("{proxy}/artifacts?path=")).ok();
    assert_eq!(found["files"].as_array().map(Vec::len), Some(1), "{found}");
}
