//! The end of a server: asked for, and by force.

use crate::support::{Answer, Home, body, request, rows, says, signal, text, wait_for, wait_until};
use metria_serving::{LoggedPrediction, PredictionLog};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

#[test]
fn a_request_under_way_gets_its_answer() {
    for name in ["TERM", "INT"] {
        let home = Home::with_model();
        let mut server = home.server();
        let bytes = request(
            &server.address,
            "POST",
            "/predict/german",
            &["content-type: application/json"],
            body(&rows(50)).as_bytes(),
        );
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        let mut slow = server.connect();
        slow.write_all(first).unwrap();
        // An idle connection must not hold the server up.
        let _idle = server.connect();
        assert_eq!(server.get("/health").status, 200, "the slow request has arrived");
        signal(&server.child, name);
        wait_until("the end of listening", || TcpStream::connect(&server.address).is_err());
        assert!(server.child.try_wait().unwrap().is_none(), "it waits for the request under way");
        slow.write_all(rest).unwrap();
        let answer = Answer::read(slow).expect("an answer").ok();
        assert_eq!(answer["predictions"].as_array().unwrap().len(), 50);
        assert_eq!(wait_for(&mut server.child), Some(0), "{}", server.log());
        let log = PredictionLog::open(&home.path("home/predictions")).unwrap();
        let logged = log.read("german", 0).unwrap();
        assert_eq!(logged[0].request_id, text(&answer["request_id"]));
    }
}

#[test]
fn an_idle_server_ends_at_once_and_a_second_signal_ends_a_patient_one() {
    let home = Home::with_model();
    let mut server = home.server();
    let _idle = server.connect();
    let started = Instant::now();
    signal(&server.child, "TERM");
    assert_eq!(wait_for(&mut server.child), Some(0));
    assert!(started.elapsed() < Duration::from_secs(15), "took {:?}", started.elapsed());

    let mut server = home.server();
    let mut slow = server.connect();
    slow.write_all(b"POST /predict/german HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{").unwrap();
    assert_eq!(server.get("/health").status, 200);
    signal(&server.child, "TERM");
    wait_until("the end of listening", || TcpStream::connect(&server.address).is_err());
    assert!(server.child.try_wait().unwrap().is_none());
    signal(&server.child, "TERM");
    assert_eq!(wait_for(&mut server.child), Some(0));
}

#[test]
fn an_answered_prediction_is_in_the_log_after_kill_9() {
    let home = Home::with_model();
    let rows = rows(3);
    let answered = Mutex::new(BTreeSet::new());
    for round in 0..3 {
        let mut server = home.server();
        std::thread::scope(|scope| {
            for client in 0..4 {
                let (server, rows, answered) = (&server, &rows, &answered);
                scope.spawn(move || {
                    for number in 0.. {
                        let id = format!("{round}-{client}-{number}");
                        let header = format!("x-request-id: {id}");
                        let sent = crate::support::try_send(
                            &server.address,
                            "POST",
                            "/predict/german",
                            &[&header],
                            body(rows).as_bytes(),
                        );
                        match sent {
                            Ok(answer) if answer.status == 200 => {
                                let answer = answer.json();
                                answered.lock().unwrap().insert((id, answer["predictions"].to_string()));
                            }
                            _ => return,
                        }
                    }
                });
            }
            wait_until("some answers", || answered.lock().unwrap().len() > 30 * (round + 1));
            signal(&server.child, "KILL");
        });
        wait_for(&mut server.child);
    }
    let log = PredictionLog::open(&home.path("home/predictions")).unwrap();
    let logged = log.read("german", 0).unwrap();
    let known: BTreeSet<(String, String)> = logged
        .iter()
        .map(|prediction| (prediction.request_id.clone(), serde_json::json!(prediction.predictions).to_string()))
        .collect();
    let answered = answered.into_inner().unwrap();
    assert!(answered.len() > 90);
    let lost: Vec<_> = answered.difference(&known).collect();
    assert!(lost.is_empty(), "answered but not in the log: {lost:?}");
    for prediction in &logged {
        let LoggedPrediction { model, version, inputs, probabilities, latency_us, .. } = prediction;
        assert_eq!((model.as_str(), *version, inputs), ("german", 1, &rows));
        assert!(probabilities.len() == 3 && *latency_us < 60_000_000);
    }
}

#[test]
fn a_prediction_that_cannot_be_logged_is_not_given_out() {
    let home = Home::with_model();
    let server = home.server();
    std::fs::remove_dir_all(home.path("home/predictions")).unwrap();
    home.file("home/predictions", "a file where the log's folder was");
    let answer = server.post("/predict/german", body(&rows(1)));
    let message = answer.refused(500);
    assert!(!message.contains("predictions"), "{message}");
    says(&server.log(), &["could not be logged", "home/predictions"]);
}
