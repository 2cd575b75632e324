//! Waiting for a condition, with a deadline: the one place where a test lets time pass.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything that should happen at once may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// How long a whole run of a program may take on a busy machine.
pub(crate) const A_RUN: Duration = Duration::from_mins(1);

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Looks again and again until `look` gives something, and returns it.
///
/// # Panics
/// When `deadline` has passed: the test fails, naming `what` never came.
#[track_caller]
pub(crate) fn eventually<T>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            start.elapsed() < deadline,
            "waited {deadline:?} in vain for: {what}"
        );
        sleep(BETWEEN_LOOKS);
    }
}

/// [`eventually`] for a condition that gives nothing but its truth.
#[track_caller]
pub(crate) fn eventually_true(what: &str, mut holds: impl FnMut() -> bool) {
    eventually(SOON, what, || holds().then_some(()));
}
