use proptest::prelude::*;

use super::*;

const PERIOD: Duration = Duration::from_millis(100);

/// What is said of frames of one stream, ten a second, that take `transits` (in milliseconds) and bear `sequences`.
fn said(frames: impl IntoIterator<Item = (u64, i64)>) -> (Vec<Disagreement>, u64) {
    let (mut clocks, stream, start) = (Clocks::default(), StreamId::new(), Instant::now());
    let mut said = Vec::new();
    for (at, (sequence, millis)) in (0..).zip(frames) {
        let frame = FrameId {
            camera: "door".parse().unwrap(),
            stream,
            sequence,
        };
        let transit = SignedDuration::from_millis(millis);
        said.extend(clocks.observe(&frame, transit, start + at * PERIOD));
    }
    (said, clocks.frames_from_future())
}

fn numbered(transits: impl IntoIterator<Item = i64>) -> impl Iterator<Item = (u64, i64)> {
    (1..).zip(transits)
}

#[test]
fn a_frame_from_the_future_is_said_once_and_counted_each_time() {
    let (said, from_future) = said(numbered([-3000, -3020, -2990, -3900]));
    assert_eq!(said, [Disagreement::Future(SignedDuration::from_secs(3))]);
    assert_eq!(from_future, 4);
}

#[test]
fn clocks_that_time_services_keep_are_not_spoken_of() {
    assert_eq!(said(numbered([-90, 0, 40, -20, 900])), (Vec::new(), 0));
}

#[test]
fn a_difference_that_changes_much_is_said_again() {
    let (said, _) = said(numbered([-3000, -3000, -60_000, -61_000, -200]));
    let seconds: Vec<_> = said.iter().map(ToString::to_string).collect();
    assert_eq!(seconds.len(), 3, "{seconds:#?}");
    assert!(seconds[1].contains("60.0 s before"), "{}", seconds[1]);
}

#[test]
fn frames_that_are_all_as_late_point_to_a_clock() {
    let jitter = [3_600_000, 3_600_030, 3_600_120];
    let (said, from_future) = said(numbered(jitter.into_iter().cycle().take(900)));
    assert_eq!(said, [Disagreement::Late(SignedDuration::from_hours(1))]);
    assert_eq!(from_future, 0);
}

#[test]
fn lateness_must_last_to_be_said() {
    assert!(said(numbered([3_600_000; 600])).0.is_empty());
}

#[test]
fn what_loses_frames_or_is_overtaken_is_a_backlog_and_no_clock() {
    // A full queue that drops: every second one is missing.
    let with_gaps = (1..2000).map(|n| (2 * n, 60_000));
    assert!(said(with_gaps).0.is_empty());
    // A spool: an old frame and a new one in turn.
    let in_turn = (1..2000).map(|n| {
        if n % 2 == 0 {
            (n, 60_000)
        } else {
            (9000 + n, 20)
        }
    });
    assert!(said(in_turn).0.is_empty());
}

#[test]
fn invented_names_are_bounded_and_push_out_who_was_silent_longest() {
    let (mut clocks, start) = (Clocks::default(), Instant::now());
    let mut observe = |number: usize, at: u64| {
        let frame = FrameId {
            camera: format!("camera{number}").parse().unwrap(),
            stream: StreamId::new(),
            sequence: 1,
        };
        let transit = SignedDuration::from_secs(-3);
        clocks.observe(&frame, transit, start + Duration::from_millis(at))
    };
    for number in 0..MAX_CAMERAS {
        assert!(observe(number, 0).is_some());
    }
    assert!(observe(0, 1).is_none(), "it is still known");
    for number in MAX_CAMERAS..2 * MAX_CAMERAS - 1 {
        observe(number, 2);
    }
    assert!(observe(0, 3).is_none(), "it spoke after the others");
    assert_eq!(clocks.cameras.len(), MAX_CAMERAS);
}

proptest! {
    /// The queue empties, or fills, by some part of what comes.
    #[test]
    fn a_backlog_that_shrinks_or_grows_is_no_clock(
        start in 2_000_i64..600_000, change_permille in prop_oneof![-900_i64..-20, 20_i64..900],
    ) {
        let transits = (0..3000).map(|n| (start + n * 100 * change_permille / 1000).max(20));
        prop_assert!(said(numbered(transits)).0.is_empty());
    }
}
