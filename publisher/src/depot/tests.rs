use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use protocol::receipt::{RunId, SessionId, StoreId, StreamReceipt};
use protocol::topic::CameraName;
use tokio::time::timeout;

use super::*;
use crate::source::fixture;
use crate::spool::SpoolSync;

const LIMITS: DepotLimits = DepotLimits {
    max_bytes: u64::MAX,
    lane_bytes: u64::MAX,
    on_full: OnFull::DropOldest,
    source_can_wait: false,
};

fn camera() -> CameraName {
    "door".parse().unwrap()
}

fn depot(dir: &Path, confirmers: &[&str], limits: DepotLimits) -> (Depot, Arc<Counters>) {
    let (stream, counters) = (StreamId::new(), Arc::<Counters>::default());
    let spool = Spool::open(dir, &camera(), stream, SpoolSync::None).unwrap();
    let confirmers = confirmers
        .iter()
        .map(|name| name.parse().unwrap())
        .collect();
    let depot = Depot::new(
        camera(),
        stream,
        confirmers,
        limits,
        counters.clone(),
        spool,
    );
    (depot, counters)
}

fn frame(depot: &Depot, sequence: u64) -> Frame {
    let picture = fixture::picture(u8::try_from(sequence % 200).unwrap());
    Frame {
        id: FrameId {
            camera: camera(),
            stream: depot.present,
            sequence,
        },
        captured_at: Timestamp::from_microsecond(1_795_000_000_000_000).unwrap(),
        width: 16,
        height: 16,
        crc32c: protocol::frame::checksum(&picture),
        dropped: 0,
        jpeg: picture,
    }
}

async fn fill(depot: &Depot, frames: u64) {
    for sequence in 1..=frames {
        depot.push(frame(depot, sequence)).await;
    }
}

async fn take_all(depot: &Depot) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    while let Ok(Some(parcel)) = timeout(Duration::from_millis(50), depot.pop(true)).await {
        parcels.push(parcel);
    }
    parcels
}

fn sequences(parcels: &[Parcel]) -> Vec<u64> {
    parcels
        .iter()
        .map(|parcel| parcel.frame.id.sequence)
        .collect()
}

fn files(dir: &Path) -> usize {
    let is_picture = |path: &Path| path.extension().is_some_and(|extension| extension == "jpg");
    let streams = std::fs::read_dir(dir.join("door")).unwrap();
    let folders = streams.filter_map(|item| std::fs::read_dir(item.unwrap().path()).ok());
    folders
        .flatten()
        .filter(|item| is_picture(&item.as_ref().unwrap().path()))
        .count()
}

#[tokio::test]
async fn a_frame_is_on_disk_until_the_broker_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let (depot, counters) = depot(dir.path(), &[], LIMITS);
    fill(&depot, 3).await;
    assert_eq!(files(dir.path()), 3);
    let parcels = take_all(&depot).await;
    assert_eq!(sequences(&parcels), [1, 2, 3]);
    assert_eq!(files(dir.path()), 3);
    for parcel in &parcels {
        depot.accepted(parcel, Instant::now());
    }
    assert_eq!(
        counters
            .delivered
            .load(std::sync::atomic::Ordering::Relaxed),
        3
    );
    assert_eq!(depot.left(), (0, 0));
    drop(depot);
    assert_eq!(files(dir.path()), 0);
}

#[tokio::test]
async fn a_frame_is_on_disk_until_its_consumer_confirms_it() {
    let dir = tempfile::tempdir().unwrap();
    let (depot, counters) = depot(dir.path(), &["archive"], LIMITS);
    fill(&depot, 3).await;
    for parcel in take_all(&depot).await {
        depot.accepted(&parcel, Instant::now());
    }
    assert_eq!(depot.left(), (3, 0));
    let settled = [1..=1, 3..=3].into_iter().collect();
    let receipt = Receipt {
        store: StoreId::new(),
        session: SessionId::new(),
        run: RunId::new(),
        counter: 1,
        complete: true,
        streams: vec![StreamReceipt::new(depot.present, &settled)],
    };
    assert_eq!(depot.receipt(0, &receipt).lacking, 1);
    assert_eq!(
        counters
            .delivered
            .load(std::sync::atomic::Ordering::Relaxed),
        2
    );
    let again = take_all(&depot).await;
    assert_eq!(sequences(&again), [2]);
    assert_eq!(again[0].to, Route::Confirmer(0));
    assert_eq!(again[0].frame, frame(&depot, 2), "read from disk as it was");
}

#[tokio::test]
async fn what_an_earlier_run_left_is_delivered_beside_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = depot(dir.path(), &[], LIMITS);
    fill(&first, 4).await;
    let earlier = first.present;
    drop(first);
    let (depot, counters) = depot(dir.path(), &[], LIMITS);
    assert_eq!(depot.left(), (0, 4));
    fill(&depot, 2).await;
    let parcels = take_all(&depot).await;
    let from_earlier = |parcel: &Parcel| parcel.frame.id.stream == earlier;
    let order: Vec<bool> = parcels.iter().map(from_earlier).collect();
    assert_eq!(
        order,
        [false, true, false, true, true, true],
        "each in turn"
    );
    for parcel in &parcels {
        depot.accepted(parcel, Instant::now());
    }
    assert_eq!(
        counters
            .earlier_delivered
            .load(std::sync::atomic::Ordering::Relaxed),
        4
    );
    drop(depot);
    let left = std::fs::read_dir(dir.path().join("door")).unwrap();
    let folders = left.filter(|item| item.as_ref().unwrap().path().is_dir());
    assert_eq!(folders.count(), 1, "the earlier stream's folder is gone");
}

#[tokio::test]
async fn what_an_outage_piles_up_does_not_stand_before_new_frames() {
    let dir = tempfile::tempdir().unwrap();
    let (depot, _) = depot(dir.path(), &[], LIMITS);
    fill(&depot, 200).await;
    let first = depot.pop(true).await.unwrap();
    assert!(first.is_fresh);
    assert!(
        first.frame.id.sequence > 100,
        "frame {} is what an outage left",
        first.frame.id.sequence
    );
    let second = depot.pop(true).await.unwrap();
    assert_eq!((second.is_fresh, second.frame.id.sequence), (false, 1));
}

#[tokio::test]
async fn a_full_spool_gives_up_the_oldest_and_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let size = fixture::picture(1).len() as u64;
    let limits = DepotLimits {
        max_bytes: 3 * size + size / 2,
        ..LIMITS
    };
    let (depot, counters) = depot(dir.path(), &["archive"], limits);
    fill(&depot, 5).await;
    assert_eq!(files(dir.path()), 3);
    assert_eq!(counters.dropped_for(DropReason::SpoolFull), 2);
    let ledger = depot.ledger(1);
    assert_eq!(ledger.streams[0].given_up, [1..=2].into_iter().collect());
    assert_eq!(ledger.streams[0].available, [3..=5].into_iter().collect());
    assert_eq!(sequences(&take_all(&depot).await), [3, 4, 5]);
    // All are flying: the new one must go.
    depot.push(frame(&depot, 6)).await;
    assert_eq!(depot.ledger(2).streams[0].given_up.last(), Some(6));

    let earlier = depot.present;
    drop(depot);
    let (depot, _) = self::depot(dir.path(), &["archive"], limits);
    let ledger = depot.ledger(1);
    let earlier = ledger.streams.iter().find(|s| s.stream == earlier).unwrap();
    assert_eq!(earlier.given_up, [1..=2, 6..=6].into_iter().collect());
}

#[tokio::test]
async fn a_full_spool_makes_a_file_wait() {
    let dir = tempfile::tempdir().unwrap();
    let limits = DepotLimits {
        max_bytes: 2 * fixture::picture(1).len() as u64 + 10,
        on_full: OnFull::Block,
        source_can_wait: true,
        ..LIMITS
    };
    let (depot, counters) = depot(dir.path(), &[], limits);
    fill(&depot, 2).await;
    let third = frame(&depot, 3);
    let early = timeout(Duration::from_millis(50), depot.push(third.clone())).await;
    assert!(early.is_err(), "pushed into a full spool");
    let parcel = depot.pop(true).await.unwrap();
    depot.accepted(&parcel, Instant::now());
    timeout(fixture::PATIENCE, depot.push(third)).await.unwrap();
    assert_eq!(counters.dropped(), 0);
}

#[tokio::test]
async fn a_damaged_file_is_given_up_by_name_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = depot(dir.path(), &[], LIMITS);
    fill(&first, 3).await;
    let stream = first.present;
    drop(first);
    let folder = dir.path().join("door").join(stream.to_string());
    let second = std::fs::read_dir(&folder)
        .unwrap()
        .map(|item| item.unwrap().path())
        .find(|path| path.to_string_lossy().contains("00000000002_"))
        .unwrap();
    std::fs::write(second, b"power cut").unwrap();
    let (depot, counters) = depot(dir.path(), &[], LIMITS);
    assert_eq!(sequences(&take_all(&depot).await), [1, 3]);
    assert_eq!(
        counters
            .earlier_dropped
            .load(std::sync::atomic::Ordering::Relaxed),
        1
    );
    assert_eq!(
        depot.ledger(1).streams[0].given_up,
        [2..=2].into_iter().collect()
    );
    assert_eq!(
        std::fs::read_dir(dir.path().join("door/torn"))
            .unwrap()
            .count(),
        1
    );
}

#[tokio::test]
async fn a_resend_that_a_receipt_makes_needless_flies_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let (depot, _) = depot(dir.path(), &["archive", "second"], LIMITS);
    fill(&depot, 2).await;
    for parcel in take_all(&depot).await {
        depot.accepted(&parcel, Instant::now());
    }
    let mut receipt = Receipt {
        store: StoreId::new(),
        session: SessionId::new(),
        run: RunId::new(),
        counter: 0,
        complete: true,
        streams: Vec::new(),
    };
    let mut settles = |numbers: std::ops::RangeInclusive<u64>| {
        receipt.counter += 1;
        let settled = [numbers].into_iter().collect();
        receipt.streams = vec![StreamReceipt::new(depot.present, &settled)];
        depot.receipt(0, &receipt);
    };
    settles(2..=2);
    let again = take_all(&depot).await;
    assert_eq!(sequences(&again), [1]);
    settles(1..=2);
    assert!(!depot.is_wanted(&again[0]));
    depot.reached_nobody(&again[0]);
    let (oldest, _) = depot.lock().custody.give_up_oldest().unwrap();
    assert_eq!(oldest.sequence, 1, "it may go: nothing of it flies");
}
