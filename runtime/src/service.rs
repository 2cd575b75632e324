//! What a program tells the service manager that started it (systemd's `Type=notify`). Started by anybody else it says
//! nothing, and on other systems there is nobody to tell.

use std::time::Duration;

/// Says that the program runs, and from now on, while the runtime's thread turns, that it still does. To be called once its
/// options are found good: a camera or broker that is away is waited for, which is no reason not to be ready.
///
/// Needs a tokio runtime with time enabled.
pub fn ready() {
    manager::ready();
    if let Some(patience) = manager::patience() {
        // Twice in the time that the manager waits, so that one late turn costs nothing.
        tokio::spawn(while_turning(patience / 2, manager::still_runs));
    }
}

/// Says in one line how the program is getting on: `systemctl status` shows it. Gives whether there is somebody who heard it.
#[must_use]
pub fn status(line: &str) -> bool {
    manager::status(line)
}

/// Says that the program has been told to stop, and is at it.
pub fn stopping() {
    manager::stopping();
}

/// Calls `say` now and each `interval`, as a task among the program's: a thread that hangs in one of them says nothing, and the
/// manager starts the program anew.
async fn while_turning(interval: Duration, say: impl Fn()) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        say();
    }
}

#[cfg(target_os = "linux")]
mod manager {
    use std::time::Duration;

    use sd_notify::NotifyState;
    use tracing::debug;

    pub(super) fn ready() {
        say(&NotifyState::Ready);
    }

    pub(super) fn still_runs() {
        say(&NotifyState::Watchdog);
    }

    pub(super) fn status(line: &str) -> bool {
        say(&NotifyState::Status(line))
    }

    pub(super) fn stopping() {
        say(&NotifyState::Stopping);
    }

    /// How long the manager waits for a sign of life; `None` if it does not ask for any.
    pub(super) fn patience() -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero())
    }

    /// A manager that does not listen is no reason to stop: it will act by itself.
    fn say(what: &NotifyState) -> bool {
        let is_there = std::env::var_os("NOTIFY_SOCKET").is_some();
        match sd_notify::notify(std::slice::from_ref(what)) {
            Ok(()) => is_there,
            Err(error) => {
                debug!("cannot tell the service manager: {error}");
                false
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod manager {
    use std::time::Duration;

    pub(super) fn ready() {}

    pub(super) fn still_runs() {}

    pub(super) fn status(_line: &str) -> bool {
        false
    }

    pub(super) fn stopping() {}

    pub(super) fn patience() -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn a_thread_that_hangs_gives_no_sign_of_life_and_does_not_make_up_for_it() {
        const INTERVAL: Duration = Duration::from_millis(20);
        let signs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&signs);
        tokio::spawn(while_turning(INTERVAL, move || {
            counted.fetch_add(1, Relaxed);
        }));
        while signs.load(Relaxed) < 2 {
            tokio::time::sleep(INTERVAL).await;
        }
        let before = signs.load(Relaxed);
        // What a task must never do.
        thread::sleep(INTERVAL * 10);
        assert_eq!(signs.load(Relaxed), before);
        tokio::time::sleep(INTERVAL / 2).await;
        assert!(signs.load(Relaxed) <= before + 1);
    }
}
