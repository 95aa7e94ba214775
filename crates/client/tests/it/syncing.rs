//! Spools that are left behind.

use crate::place::{Place, left_in, metric, new_run, options};
use metria_client::{Recorder, RecorderOptions, SpoolOutcome, sync_spools};
use metria_store::RunStatus;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn sync(spool: &Path, place: &Place) -> Vec<SpoolOutcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reports = runtime.block_on(sync_spools(spool, place)).unwrap();
    reports.into_iter().map(|report| report.outcome).collect()
}

const SENT: SpoolOutcome = SpoolOutcome::Sent { marked_failed: false, refused: 0 };

/// A spool as a killed process leaves it: a copy of a living one's folder.
fn killed(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("files")).unwrap();
    for part in ["", "files"] {
        for entry in std::fs::read_dir(from.join(part)).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), to.join(part).join(entry.file_name())).unwrap();
            }
        }
    }
}

#[test]
fn what_was_recorded_without_a_server_is_sent_once() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    place.away.store(true, Ordering::SeqCst);
    let run = new_run();
    let hurried = RecorderOptions { finish_timeout: Duration::from_millis(100), ..options(folder.path()) };
    let recorder = Recorder::start(run.clone(), hurried, place.maker()).unwrap();
    for step in 0..2_500 {
        recorder.log(metric(step)).unwrap();
    }
    recorder.put_bytes(b"weights", "model.bin").unwrap();
    let done = recorder.finish(RunStatus::Finished).unwrap();
    assert!(!done.all && done.trouble.as_deref() == Some("nobody is there"), "{done:?}");
    assert_eq!(done.spool.as_deref(), Some(folder.path().join(&run.run_id).as_path()));

    assert!(matches!(&sync(folder.path(), &place)[..], [SpoolOutcome::Left { reason }] if reason == "nobody is there"));
    place.away.store(false, Ordering::SeqCst);
    place.lose_answers.store(3, Ordering::SeqCst);
    let mut tries = 0;
    while left_in(folder.path()) > 0 {
        sync(folder.path(), &place);
        tries += 1;
        assert!(tries < 20, "it never ends");
    }
    let kept = place.run(&run.run_id);
    assert_eq!(kept.steps("loss"), (0..2_500).collect::<Vec<_>>());
    assert_eq!(
        (kept.artifacts["model.bin"].as_slice(), kept.status.unwrap().0),
        (&b"weights"[..], RunStatus::Finished)
    );
    assert_eq!(sync(folder.path(), &place), []);
}

#[test]
fn a_living_process_is_left_alone_and_a_dead_one_failed() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    place.away.store(true, Ordering::SeqCst);
    let run = new_run();
    let recorder = Recorder::start(run.clone(), options(folder.path()), place.maker()).unwrap();
    for step in 0..10 {
        recorder.log(metric(step)).unwrap();
    }
    recorder.put_bytes(b"x", "a").unwrap();
    place.away.store(false, Ordering::SeqCst);
    assert_eq!(sync(folder.path(), &place), [SpoolOutcome::Running]);
    let dead = tempfile::tempdir().unwrap();
    place.away.store(true, Ordering::SeqCst);
    killed(recorder.spool(), &dead.path().join(&run.run_id));
    place.away.store(false, Ordering::SeqCst);
    drop(recorder);

    let place = Place::new();
    let events = dead.path().join(&run.run_id).join("events");
    // The last event is torn, as if the process had died in the middle of writing it.
    let bytes = std::fs::read(&events).unwrap();
    std::fs::write(&events, &bytes[..bytes.len() - 3]).unwrap();
    assert_eq!(sync(dead.path(), &place), [SpoolOutcome::Sent { marked_failed: true, refused: 0 }]);
    let kept = place.run(&run.run_id);
    assert_eq!(kept.steps("loss"), (0..10).collect::<Vec<_>>());
    let (status, end_time_ms) = kept.status.unwrap();
    assert!(status == RunStatus::Failed && end_time_ms > 1_500_000_000_000, "{end_time_ms}");
    assert!(kept.tags["metria.error"].contains("without finishing"));
    assert_eq!((kept.artifacts.len(), left_in(dead.path())), (0, 0));
}

#[test]
fn a_damaged_spool_is_named_and_what_stands_before_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    place.away.store(true, Ordering::SeqCst);
    let run = new_run();
    let hurried = RecorderOptions { finish_timeout: Duration::from_millis(20), ..options(folder.path()) };
    let recorder = Recorder::start(run.clone(), hurried, place.maker()).unwrap();
    recorder.log(metric(0)).unwrap();
    recorder.log(metric(1)).unwrap();
    recorder.finish(RunStatus::Finished).unwrap();
    let events = folder.path().join(&run.run_id).join("events");
    let mut bytes = std::fs::read(&events).unwrap();
    let at = bytes.windows(8).rposition(|window| window == b"\"step\":1").unwrap();
    bytes[at] = b'X';
    std::fs::write(&events, bytes).unwrap();
    place.away.store(false, Ordering::SeqCst);
    let outcome = sync(folder.path(), &place);
    assert!(
        matches!(&outcome[..], [SpoolOutcome::Left { reason }] if reason.contains("damaged at byte")),
        "{outcome:?}"
    );
    let kept = place.run(&run.run_id);
    assert_eq!((kept.steps("loss").as_slice(), kept.status.unwrap().0), (&[0][..], RunStatus::Failed));
    assert_eq!(sync(folder.path(), &place), [], "it is put aside");
    assert_eq!(left_in(folder.path()), 1);
}

#[test]
fn what_is_no_spool_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new();
    assert_eq!(sync(&folder.path().join("nothing"), &place), []);
    std::fs::write(folder.path().join("file"), "x").unwrap();
    std::fs::create_dir_all(folder.path().join("other")).unwrap();
    let odd = folder.path().join("odd");
    std::fs::create_dir_all(&odd).unwrap();
    std::fs::write(odd.join("events"), "this is something else entirely").unwrap();
    assert!(
        matches!(&sync(folder.path(), &place)[..], [SpoolOutcome::Left { reason }] if reason.contains("does not begin"))
    );
    assert!(odd.join("events").exists());
    std::fs::write(odd.join("events"), "").unwrap();
    assert_eq!(sync(folder.path(), &place), [SENT], "killed before its first event");
}
