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
