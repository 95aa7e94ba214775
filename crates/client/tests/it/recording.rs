//! What is recorded arrives, in order, once.

use crate::place::{Place, left_in, metric, new_run, options};
use metria_client::{Delivered, Recorder, RecorderOptions};
use metria_core::{ErrorKind, Kinded};
use metria_store::{LogBatch, Param, RunStatus, Tag};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const ALL: Delivered = Delivered { all: true, refused: 0, spool: None, trouble: None };

fn param(key: &str, value: &str) -> LogBatch {
    let param = Param { key: key.to_owned(), value: value.to_owned() };
    LogBatch { params: vec![param], ..LogBatch::default() }
}

#[test]
fn everything_arrives_in_few_requests() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    let run = new_run();
    let recorder = Recorder::start(run.clone(), options(folder.path()), place.maker()).unwrap();
    for step in 0..5_000 {
        recorder.log(metric(step)).unwrap();
    }
    recorder.put_bytes(b"hello", "notes/a.txt").unwrap();
    recorder.log(param("depth", "3")).unwrap();
    assert_eq!(recorder.finish(RunStatus::Finished).unwrap(), ALL);
    let kept = place.run(&run.run_id);
    assert_eq!(kept.steps("loss"), (0..5_000).collect::<Vec<_>>());
    assert_eq!(kept.artifacts["notes/a.txt"], b"hello");
    assert_eq!((kept.experiment.as_str(), kept.params["depth"].as_str()), ("tests", "3"));
    assert_eq!(kept.status.unwrap().0, RunStatus::Finished);
    assert!(place.calls.load(Ordering::SeqCst) < 200, "{} requests", place.calls.load(Ordering::SeqCst));
    assert!(place.largest_batch.load(Ordering::SeqCst) <= 1_000);
    assert_eq!(left_in(folder.path()), 0, "nothing stays on disk");
}

#[test]
fn lost_answers_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    place.lose_answers.store(2, Ordering::SeqCst);
    let run = new_run();
    let recorder = Recorder::start(run.clone(), options(folder.path()), place.maker()).unwrap();
    for step in 0..50 {
        recorder.log(metric(step)).unwrap();
        if step % 10 == 0 {
            assert!(recorder.flush(Duration::from_secs(30)));
        }
    }
    recorder.put_bytes(b"1", "a").unwrap();
    assert_eq!(recorder.finish(RunStatus::Finished).unwrap(), ALL);
    assert_eq!((place.run(&run.run_id).steps("loss").len(), place.n_runs()), (50, 1));
}

#[test]
fn a_place_that_comes_back_gets_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    let run = new_run();
    let recorder = Recorder::start(run.clone(), options(folder.path()), place.maker()).unwrap();
    recorder.log(metric(0)).unwrap();
    assert!(recorder.flush(Duration::from_secs(30)));
    place.away.store(true, Ordering::SeqCst);
    let started = Instant::now();
    for step in 1..1_000 {
        recorder.log(metric(step)).unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(10), "logging does not wait for the network");
    assert!(!recorder.flush(Duration::from_millis(20)));
    assert_eq!(place.run(&run.run_id).steps("loss"), [0]);
    place.away.store(false, Ordering::SeqCst);
    assert_eq!(recorder.finish(RunStatus::Finished).unwrap(), ALL);
    assert_eq!(place.run(&run.run_id).steps("loss"), (0..1_000).collect::<Vec<_>>());
}

#[test]
fn a_refused_event_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    let run = new_run();
    let slow = RecorderOptions { batch_interval: Duration::from_millis(300), ..options(folder.path()) };
    let recorder = Recorder::start(run.clone(), slow, place.maker()).unwrap();
    recorder.log(param("depth", "3")).unwrap();
    recorder.log(param("depth", "4")).unwrap();
    recorder.log(metric(1)).unwrap();
    let done = recorder.finish(RunStatus::Finished).unwrap();
    assert_eq!((done.all, done.refused), (true, 1));
    let kept = place.run(&run.run_id);
    assert_eq!((kept.params["depth"].as_str(), kept.steps("loss").as_slice()), ("3", &[1][..]));
    assert_eq!(kept.status.unwrap().0, RunStatus::Finished);
    let told = std::fs::read_to_string(folder.path().join(format!("{}.refused/refused", run.run_id))).unwrap();
    assert!(told.contains("depth is 3") && told.contains("\"4\""), "{told}");
}

#[test]
fn a_run_that_is_refused_is_an_error_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    let run = metria_client::NewRun { experiment: "deleted".to_owned(), ..new_run() };
    let recorder = Recorder::start(run, options(folder.path()), place.maker()).unwrap();
    recorder.log(metric(1)).unwrap();
    let error = recorder.finish(RunStatus::Finished).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Conflict, "the experiment is deleted"));
    assert_eq!((left_in(folder.path()), place.n_runs()), (1, 0));
}

#[test]
fn a_dropped_recorder_fails_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    let run = new_run();
    let (maker, options, id) = (place.maker(), options(folder.path()), run.run_id.clone());
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let recorder = Recorder::start(run, options, maker).unwrap();
        recorder.log(metric(1)).unwrap();
        panic!("a training breaks");
    }));
    assert!(broken.is_err());
    let kept = place.run(&id);
    assert_eq!((kept.status.unwrap().0, kept.steps("loss").len()), (RunStatus::Failed, 1));
}

#[test]
fn an_attached_recorder_neither_makes_nor_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    let run = new_run();
    let owner = Recorder::start(run.clone(), options(folder.path()), place.maker()).unwrap();
    assert!(owner.flush(Duration::from_secs(30)));
    let guest = Recorder::attach(&run.run_id, options(folder.path()), place.maker()).unwrap();
    guest.log(metric(1)).unwrap();
    assert_eq!(guest.finish(RunStatus::Failed).unwrap(), ALL);
    let kept = place.run(&run.run_id);
    assert_eq!((kept.status, kept.steps("loss").len()), (None, 1));
    owner.finish(RunStatus::Finished).unwrap();
    assert_eq!(place.run(&run.run_id).status.unwrap().0, RunStatus::Finished);
}

#[test]
fn a_full_spool_pushes_back_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    place.away.store(true, Ordering::SeqCst);
    let run = new_run();
    let tight =
        RecorderOptions { max_unsent_bytes: 2_000, wait_for_room: Duration::from_millis(50), ..options(folder.path()) };
    let recorder = Recorder::start(run.clone(), tight, place.maker()).unwrap();
    let mut kept = 0;
    let error = loop {
        match recorder.log(metric(kept)) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1_000, "the limit is never reached");
    };
    let message = error.to_string();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert!(message.contains("at most 2000") && message.contains("nobody is there"), "{message}");
    place.away.store(false, Ordering::SeqCst);
    assert!(recorder.flush(Duration::from_secs(30)));
    recorder.log(metric(kept)).unwrap();
    assert_eq!(recorder.finish(RunStatus::Finished).unwrap(), ALL);
    assert_eq!(place.run(&run.run_id).steps("loss"), (0..=kept).collect::<Vec<_>>());
}

#[test]
fn what_a_server_would_refuse_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    let recorder = Recorder::start(new_run(), options(folder.path()), place.maker()).unwrap();
    let tag = |key: &str, value: &str| LogBatch {
        tags: vec![Tag { key: key.to_owned(), value: value.to_owned() }],
        ..LogBatch::default()
    };
    for batch in
        [tag("", "x"), tag("../x", "y"), tag("x", &"y".repeat(8_001)), param("x", &"y".repeat(6_001)), tag("x", "a\0b")]
    {
        assert_eq!(recorder.log(batch).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    for path in ["", "/etc/passwd", "../x", "a//b", "a\\b"] {
        assert_eq!(recorder.put_bytes(b"x", path).unwrap_err().kind(), ErrorKind::InvalidInput, "{path}");
    }
    let other = metria_client::NewRun { run_id: "../../x".to_owned(), ..new_run() };
    assert!(Recorder::start(other, options(folder.path()), place.maker()).is_err());
    assert_eq!(recorder.finish(RunStatus::Finished).unwrap(), ALL);
}
