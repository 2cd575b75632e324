//! A clock that is set while a camera works, as a small computer's is when it has found a time server.

use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

use super::desk::Desk;
use super::plugged::Webcam;
use crate::harness::folder::Entry;

const SOME: usize = 30;

const NS_PER_SEC: i128 = 1_000_000_000;

/// Forward by an hour, then back by two: first as if it had been wrong, then as if it had been set wrong.
const STEPS_SECS: [i64; 2] = [3600, -7200];

/// A picture's time may be off by so much: far less than the time between two.
const TOLERANCE_NS: i128 = NS_PER_SEC / 50;

pub(crate) fn times_follow_the_clock_that_somebody_sets() {
    let (desk, webcam) = (Desk::new(), Webcam::plug_in());
    let publisher = desk.publisher().start();
    webcam.await_pictures(SOME);
    // From when on the wall clock is ahead of the monotonic one by how much.
    let mut eras = vec![(0, ahead_ns())];
    for step in STEPS_SECS {
        set_clock(step);
        eras.push((now_ns(ClockId::Monotonic), ahead_ns()));
        webcam.await_pictures(SOME);
    }
    let arrived = desk.reckon(&publisher);
    set_clock(-STEPS_SECS.iter().sum::<i64>());
    let record = webcam.record();
    arrived.are_all_but(&[], &record);

    let mut of_each_era = vec![0; eras.len()];
    let mut era = 0;
    for (number, entry) in &arrived.pictures {
        let sent = record
            .iter()
            .find(|sent| sent.number == *number)
            .expect("it was sent");
        let began_ns = i128::from(sent.began_ns);
        let late_in = |era: usize| time_ns(entry) - began_ns - eras[era].1;
        // One that was on its way when the clock was set may have either time; none goes back to the time before.
        if late_in(era).abs() > TOLERANCE_NS && era + 1 < eras.len() {
            era += 1;
        }
        assert!(
            late_in(era).abs() <= TOLERANCE_NS,
            "picture {number} bears {} and is off by {} ns",
            entry.time,
            late_in(era)
        );
        let has_to_be = eras.iter().rposition(|(since, _)| *since <= began_ns);
        assert!(
            has_to_be <= Some(era),
            "picture {number} bears a time from before the step"
        );
        of_each_era[era] += 1;
    }
    println!(
        "FIGURE pictures before, between and after two steps of the clock: {of_each_era:?}, none missing"
    );
    assert!(
        of_each_era.iter().all(|count| *count >= SOME / 2),
        "{of_each_era:?}"
    );
}

/// A picture's time, since 1970.
pub(crate) fn time_ns(entry: &Entry) -> i128 {
    let time: jiff::Timestamp = entry.time.parse().expect("a time");
    time.as_nanosecond()
}

/// By how much the wall clock is ahead of the monotonic one.
pub(crate) fn ahead_ns() -> i128 {
    now_ns(ClockId::Realtime) - now_ns(ClockId::Monotonic)
}

fn now_ns(clock: ClockId) -> i128 {
    let now = clock_gettime(clock);
    i128::from(now.tv_sec) * NS_PER_SEC + i128::from(now.tv_nsec)
}

fn set_clock(by_secs: i64) {
    let now = clock_gettime(ClockId::Realtime);
    let then = Timespec {
        tv_sec: now.tv_sec + by_secs,
        ..now
    };
    clock_settime(ClockId::Realtime, then).expect("setting the clock");
}
