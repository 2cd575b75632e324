use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;

use super::*;
use crate::ledger::StoreLedger;
use crate::store::SyncMode;
use crate::store::checkpoint::LEDGER_FILE;

/// How long anything that should happen at once may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

fn payload(text: &'static str) -> Job {
    Job {
        arrival: Arrival {
            camera: "door".parse().unwrap(),
            received_at: Timestamp::UNIX_EPOCH,
            content: Content::Undecodable {
                payload: Bytes::from_static(text.as_bytes()),
                reason: "a test".to_owned(),
                id: None,
            },
        },
        ack: None,
    }
}

fn outputs(folder: &Path, sync: SyncMode) -> SharedOutputs {
    Arc::new(Mutex::new(Outputs {
        store: FrameStore::open_synced(folder, crate::layout::Layout::default(), sync).unwrap(),
        latest: None,
        latest_failed: false,
        stdout: None,
        page: None,
        frames_limit: None,
        stored: 0,
        refused: Arc::default(),
        latest_only: false,
    }))
}

fn eventually(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < SOON, "waited in vain");
        thread::yield_now();
    }
}

#[test]
fn with_sync_always_nothing_is_answered_before_it_is_on_disk_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = outputs(folder.path(), SyncMode::Always);
    let ledger = std::sync::Arc::clone(lock(&outputs).store.ledger());
    let (jobs, to_do) = mpsc::channel(16);
    let (done, mut answers) = mpsc::unbounded_channel();
    let give_up = CancellationToken::new();
    let thread = spawn(outputs, to_do, done, give_up.clone()).unwrap();
    jobs.blocking_send(payload("zero")).unwrap();
    answers.blocking_recv().unwrap();

    ledger.disk_fails.store(true, Ordering::Relaxed);
    for text in ["one", "two", "three"] {
        jobs.blocking_send(payload(text)).unwrap();
    }
    let quarantine = folder.path().join("quarantine/door");
    eventually(|| fs::read_dir(&quarantine).unwrap().count() > 2);
    assert!(answers.try_recv().is_err(), "written, but not synced");
    ledger.disk_fails.store(false, Ordering::Relaxed);
    for _ in 0..3 {
        answers.blocking_recv().unwrap();
    }
    drop(jobs);
    thread.join().unwrap();
}

#[test]
fn a_store_whose_disk_never_syncs_can_be_ended() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = outputs(folder.path(), SyncMode::Always);
    let ledger = std::sync::Arc::clone(lock(&outputs).store.ledger());
    let (jobs, to_do) = mpsc::channel(16);
    let (done, mut answers) = mpsc::unbounded_channel();
    let give_up = CancellationToken::new();
    ledger.disk_fails.store(true, Ordering::Relaxed);
    jobs.blocking_send(payload("one")).unwrap();
    let thread = spawn(outputs, to_do, done, give_up.clone()).unwrap();
    give_up.cancel();
    thread.join().unwrap();
    assert!(answers.blocking_recv().is_none());
}

#[test]
fn what_is_wished_to_be_synced_is_synced_at_once_and_all_is_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = Arc::into_inner(outputs(folder.path(), SyncMode::Interval)).unwrap();
    let store = outputs.into_inner().unwrap().store;
    let ledger = std::sync::Arc::clone(store.ledger());
    let (syncing, ends) = Syncing::start(std::sync::Arc::clone(&ledger), true).unwrap();
    ledger.change(StoreLedger::begin_session);
    ends.sync_now().blocking_recv().unwrap();
    assert!(!ledger.is_ahead());
    let written = || fs::read_to_string(folder.path().join(LEDGER_FILE)).unwrap();
    let session = |ledger: &StoreLedger| ledger.session().unwrap().to_string();
    assert!(written().contains(&ledger.read(session)));
    ledger.change(StoreLedger::begin_session);
    drop(ends);
    assert!(syncing.finish());
    assert!(written().contains(&ledger.read(session)));
}

#[test]
fn what_comes_on_a_topic_without_a_camera_s_name_is_counted_for_no_camera() {
    let job = |content| Job {
        arrival: Arrival {
            camera: "a-b".parse().unwrap(),
            received_at: Timestamp::UNIX_EPOCH,
            content,
        },
        ack: None,
    };
    let outcome = Outcome::Quarantined {
        path: "x".into(),
        reason: String::new(),
    };
    let (payload, reason) = (Bytes::new(), String::new());
    let nameless = job(Content::Nameless {
        payload: payload.clone(),
        reason: reason.clone(),
    });
    assert_eq!(answer(&nameless, outcome.clone()).camera(), None);
    let named = job(Content::Undecodable {
        payload,
        reason,
        id: None,
    });
    let named = answer(&named, outcome);
    assert_eq!(named.camera().map(CameraName::as_str), Some("a-b"));
}
