use std::collections::BTreeSet;

use proptest::prelude::*;
use protocol::ledger::StreamLedger;
use protocol::receipt::StreamReceipt;

use super::*;

type Set = BTreeSet<u64>;

/// Numbers in the tests go to here.
const LAST: u64 = 40;

fn door() -> CameraName {
    "door".parse().unwrap()
}

fn id(stream: StreamId, sequence: u64) -> FrameId {
    FrameId {
        camera: door(),
        stream,
        sequence,
    }
}

fn ranges(numbers: &Set) -> RangeSet {
    numbers.iter().map(|&number| number..=number).collect()
}

fn said(run: StreamId, counter: u64, streams: Vec<StreamLedger>) -> Ledger {
    Ledger {
        stream: run,
        counter,
        streams,
    }
}

fn stream_of(run: StreamId, last: u64, available: RangeSet, given_up: RangeSet) -> StreamLedger {
    StreamLedger {
        stream: run,
        last,
        available,
        given_up,
    }
}

/// What a receipt settles of `stream`.
fn settled(ledger: &StoreLedger, stream: StreamId) -> RangeSet {
    let receipt = ledger.receipt(&door(), RunId::new(), 1).unwrap();
    let found = receipt.streams.iter().find(|found| found.stream == stream);
    found.map(StreamReceipt::settled).unwrap_or_default()
}

#[derive(Debug, Clone)]
enum Step {
    Store(u64),
    SetAside(u64),
    Sync,
    Checkpoint,
    Doubt(u64),
    /// An index was read.
    Record(Set),
    /// The camera's ledger: last, available, given up.
    Ledger(u64, Set, Set),
    /// The process is killed, and begins with the last checkpoint and the index.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || 1..=LAST;
    let numbers = || prop::collection::btree_set(number(), 0..20);
    let step = prop_oneof![
        6 => number().prop_map(Step::Store),
        1 => number().prop_map(Step::SetAside),
        2 => Just(Step::Sync),
        2 => Just(Step::Checkpoint),
        1 => number().prop_map(Step::Doubt),
        1 => numbers().prop_map(Step::Record),
        2 => (number(), numbers(), numbers()).prop_map(|(l, a, g)| Step::Ledger(l, a, g)),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..60)
}

/// The same with plain sets.
#[derive(Debug, Default, Clone)]
struct Model {
    stored: Set,
    set_aside: Set,
    written_off: Set,
    doubtful: Set,
    unsynced: Set,
    unclaimed: Set,
}

proptest! {
    #[test]
    fn it_agrees_with_plain_sets_and_claims_only_what_a_checkpoint_has(steps in steps()) {
        let (stream, mut counter) = (StreamId::new(), 0);
        let mut ledger = StoreLedger::new();
        ledger.begin_session();
        let mut model = Model::default();
        let (mut disk, mut disk_model) = (ledger.clone(), model.clone());
        for step in steps {
            match step {
                Step::Store(n) => {
                    ledger.enter_stored(&id(stream, n), false);
                    model.stored.insert(n);
                    for set in [&mut model.set_aside, &mut model.written_off, &mut model.doubtful] {
                        set.remove(&n);
                    }
                    model.unsynced.insert(n);
                    model.unclaimed.insert(n);
                }
                Step::SetAside(n) => {
                    ledger.enter_set_aside(&id(stream, n), false);
                    if !model.stored.contains(&n) && model.set_aside.insert(n) {
                        model.written_off.remove(&n);
                        model.doubtful.remove(&n);
                        model.unsynced.insert(n);
                        model.unclaimed.insert(n);
                    }
                }
                Step::Sync => {
                    for n in std::mem::take(&mut model.unsynced) {
                        ledger.enter_synced(&id(stream, n));
                    }
                }
                Step::Checkpoint => {
                    let claims = ledger.unclaimed();
                    let json = serde_json::to_vec(&ledger.kept()).unwrap();
                    disk = serde_json::from_slice(&json).unwrap();
                    ledger.claim(&claims);
                    model.unclaimed = model.unsynced.clone();
                    disk_model = model.clone();
                    for set in [&mut disk_model.stored, &mut disk_model.set_aside] {
                        set.retain(|n| !model.unsynced.contains(n));
                    }
                    disk_model.unsynced.clear();
                    disk_model.unclaimed.clear();
                }
                Step::Doubt(n) => {
                    ledger.doubt(&id(stream, n));
                    for set in [
                        &mut model.stored,
                        &mut model.set_aside,
                        &mut model.unsynced,
                        &mut model.unclaimed,
                    ] {
                        set.remove(&n);
                    }
                    model.doubtful.insert(n);
                }
                Step::Record(numbers) => {
                    ledger.enter(&Numbers { camera: door(), stream, numbers: ranges(&numbers) });
                    for n in &numbers - &model.doubtful {
                        if model.stored.insert(n) {
                            model.unclaimed.insert(n);
                        }
                        model.set_aside.remove(&n);
                        model.written_off.remove(&n);
                    }
                }
                Step::Ledger(last, available, given_up) => {
                    counter += 1;
                    let of = stream_of(stream, last, ranges(&available), ranges(&given_up));
                    prop_assert_eq!(ledger.take(&door(), &said(stream, counter, vec![of]), false), Taken::Newest);
                    for n in (1..=last).filter(|n| !available.contains(n)) {
                        if !model.stored.contains(&n) && !model.set_aside.contains(&n) {
                            model.written_off.insert(n);
                        }
                    }
                }
                Step::Restart => {
                    ledger = disk.clone();
                    model = disk_model.clone();
                }
            }
            let known = &(&model.stored | &model.set_aside) | &model.written_off;
            let expected = ranges(&(&known - &model.unclaimed));
            if ledger.camera(&door()).is_some() {
                prop_assert_eq!(settled(&ledger, stream), expected);
            }
            for n in 1..=LAST {
                let standing = match () {
                    () if model.doubtful.contains(&n) => Standing::Doubtful,
                    () if model.stored.contains(&n) => Standing::Stored,
                    () => Standing::Unknown,
                };
                prop_assert_eq!(ledger.standing(&id(stream, n)), standing, "{}", n);
            }
            if let Some(book) = ledger.stream(&door(), stream) {
                let written_off = ranges(&model.written_off).count();
                prop_assert!(book.given_up().count() + book.lost().count() <= written_off);
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn it_is_bounded_and_settles_nothing_that_may_still_come(gaps in prop::collection::vec(1_u64..4, 1000..3000)) {
        let (mut ledger, stream, mut number) = (StoreLedger::new(), StreamId::new(), 100);
        ledger.begin_session();
        // 1 to 100 are a backlog that is still to come.
        let available: RangeSet = [1..=100].into_iter().collect();
        for (gaps, nth) in gaps.chunks(400).zip(1..) {
            let mut given_up = RangeSet::default();
            for gap in gaps {
                given_up.insert_range(number + 1..=number + gap);
                number += gap + 1;
                ledger.enter_stored(&id(stream, number), true);
            }
            let of = stream_of(stream, number, available.clone(), given_up);
            ledger.take(&door(), &said(stream, nth, vec![of]), false);
        }
        let claims = ledger.unclaimed();
        ledger.claim(&claims);
        prop_assert_eq!(settled(&ledger, stream), [101..=number].into_iter().collect());
        prop_assert!(serde_json::to_vec(&ledger).unwrap().len() < 256 * 1024);
        for waiting in 1..=100 {
            prop_assert_eq!(ledger.standing(&id(stream, waiting)), Standing::Unknown);
        }
        prop_assert_eq!(ledger.standing(&id(stream, number)), Standing::Stored);
        prop_assert_eq!(ledger.standing(&id(stream, number - 1)), Standing::Unknown);
    }
}

#[test]
fn a_given_up_frame_of_a_closed_gap_is_stored_if_it_comes() {
    let (mut ledger, stream) = (StoreLedger::new(), StreamId::new());
    for nth in 1..=1100 {
        ledger.enter_stored(&id(stream, 2 * nth), true);
    }
    let of = stream_of(stream, 2200, RangeSet::default(), RangeSet::default());
    ledger.take(&door(), &said(stream, 1, vec![of]), false);
    assert_eq!(ledger.standing(&id(stream, 2)), Standing::Stored);
    assert_eq!(ledger.standing(&id(stream, 3)), Standing::Unknown);
    ledger.enter_stored(&id(stream, 3), true);
    assert_eq!(ledger.standing(&id(stream, 3)), Standing::Stored);
}

#[test]
fn what_is_written_off_counts_from_the_first_frame_that_was_stored() {
    let (mut ledger, run) = (StoreLedger::new(), StreamId::new());
    let available: RangeSet = [100..=100].into_iter().collect();
    let given_up: RangeSet = [3..=3, 95..=96].into_iter().collect();
    let of = stream_of(run, 100, available, given_up);
    ledger.take(&door(), &said(run, 1, vec![of]), false);
    let counts = |ledger: &StoreLedger| {
        let book = ledger.stream(&door(), run).unwrap();
        (book.given_up().count(), book.lost().count())
    };
    assert_eq!(counts(&ledger), (0, 0), "it was never there");
    ledger.enter_stored(&id(run, 90), true);
    assert_eq!(counts(&ledger), (2, 7));
    ledger.enter_stored(&id(run, 96), true);
    assert_eq!(counts(&ledger), (1, 7), "it came after all");
}

#[test]
fn a_lost_frame_that_turns_out_to_be_given_up_is_no_longer_lost() {
    let (mut ledger, run) = (StoreLedger::new(), StreamId::new());
    ledger.enter_stored(&id(run, 1), true);
    for (counter, given_up) in [(1, vec![]), (2, vec![2..=2]), (3, vec![])] {
        let of = stream_of(run, 3, RangeSet::default(), given_up.into_iter().collect());
        ledger.take(&door(), &said(run, counter, vec![of]), false);
    }
    let book = ledger.stream(&door(), run).unwrap();
    assert_eq!((book.given_up().count(), book.lost().count()), (1, 1));
}

#[test]
fn an_older_ledger_says_nothing() {
    let (mut ledger, first, second) = (StoreLedger::new(), StreamId::new(), StreamId::new());
    let mut take = |run, counter| ledger.take(&door(), &said(run, counter, vec![]), false);
    assert_eq!(take(first, 7), Taken::Newest);
    assert_eq!(take(first, 7), Taken::Again);
    assert_eq!(take(first, 6), Taken::Older);
    assert_eq!(take(second, 1), Taken::Newest);
    assert_eq!(take(first, 8), Taken::Older);
    for _ in 0..63 {
        assert_eq!(take(StreamId::new(), 1), Taken::Newest);
    }
    assert_eq!(take(first, 9), Taken::Older);
    assert_eq!(take(StreamId::new(), 1), Taken::Newest);
    assert_eq!(
        take(first, 9),
        Taken::Newest,
        "64 runs later it is forgotten"
    );
}

#[test]
fn a_live_ledger_is_the_present_runs_whatever_a_restored_broker_said_before() {
    let (mut ledger, former, present) = (StoreLedger::new(), StreamId::new(), StreamId::new());
    let mut take =
        |run, counter, is_live| ledger.take(&door(), &said(run, counter, vec![]), is_live);
    assert_eq!(take(present, 3, true), Taken::Newest);
    // The broker is back from an older state, and has kept this one.
    assert_eq!(take(former, 9, false), Taken::Newest);
    assert_eq!(take(present, 2, false), Taken::Older);
    assert_eq!(take(present, 4, true), Taken::Newest);
    assert_eq!(take(former, 9, false), Taken::Older);
}

#[test]
fn a_receipt_lists_what_the_cameras_ledger_lists() {
    let (mut ledger, old, new) = (StoreLedger::new(), StreamId::new(), StreamId::new());
    assert!(ledger.receipt(&door(), RunId::new(), 1).is_none());
    ledger.begin_session();
    for stream in [old, new] {
        ledger.enter_stored(&id(stream, 1), true);
    }
    let claims = ledger.unclaimed();
    ledger.claim(&claims);
    let one = || [1..=1].into_iter().collect::<RangeSet>();
    assert_eq!(
        (settled(&ledger, old), settled(&ledger, new)),
        (one(), one())
    );
    let of = stream_of(new, 1, one(), RangeSet::default());
    ledger.take(&door(), &said(new, 1, vec![of]), false);
    assert_eq!(
        (settled(&ledger, old), settled(&ledger, new)),
        (RangeSet::default(), one())
    );
    assert_eq!(ledger.standing(&id(old, 1)), Standing::Stored);
}

#[test]
fn streams_and_cameras_that_are_silent_are_forgotten_one_day() {
    let (mut ledger, listed) = (StoreLedger::new(), StreamId::new());
    let of = stream_of(listed, 0, RangeSet::default(), RangeSet::default());
    ledger.take(&door(), &said(listed, 1, vec![of]), false);
    ledger.enter_stored(&id(listed, 1), true);
    for _ in 0..1000 {
        ledger.enter_stored(&id(StreamId::new(), 1), true);
    }
    assert_eq!(ledger.camera(&door()).unwrap().heard_streams().count(), 1);
    assert_eq!(ledger.standing(&id(listed, 1)), Standing::Stored);
    assert!(serde_json::to_vec(&ledger).unwrap().len() < 64 * 1024);
    for nth in 0..2000 {
        let camera = format!("camera-{nth}").parse().unwrap();
        ledger.take(&camera, &said(listed, 1, vec![]), false);
    }
    assert_eq!(ledger.cameras().len(), MAX_CAMERAS);
}

#[test]
fn the_largest_numbers_are_numbers_too() {
    let (mut ledger, run) = (StoreLedger::new(), StreamId::new());
    ledger.begin_session();
    ledger.enter_stored(&id(run, u64::MAX), true);
    ledger.enter_stored(&id(run, 0), true);
    let given_up: RangeSet = [1..=u64::MAX].into_iter().collect();
    let of = stream_of(run, u64::MAX, RangeSet::default(), given_up);
    ledger.take(&door(), &said(run, 1, vec![of]), false);
    let claims = ledger.unclaimed();
    ledger.claim(&claims);
    assert_eq!(settled(&ledger, run), [1..=u64::MAX].into_iter().collect());
}
