//! When a person, the service manager or the system says stop.

use std::sync::LazyLock;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Exit code of a program that was told twice.
const FORCED_EXIT: i32 = 1;

/// Cancelled by [`ask`].
static ASKED: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);

/// Has the program stop as if it were told by a signal: for a manager that has other ways to tell.
pub fn ask() {
    ASKED.cancel();
}

/// A token that is cancelled by Ctrl-C, SIGTERM, [`ask`], or Windows' close, log-off and shutdown. A second signal ends the
/// process at once. Called within a tokio runtime with I/O enabled.
#[must_use]
pub fn on_signal() -> CancellationToken {
    let token = CancellationToken::new();
    let told = token.clone();
    // Here and not in the task: a signal that comes before the task's turn would end the program as it stands.
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            warn!("cannot listen for signals: {error}");
            return token;
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = signals.next() => {}
            () = ASKED.cancelled() => {}
        }
        info!("stopping; once more ends at once");
        crate::service::stopping();
        told.cancel();
        signals.end_at_the_next().await;
    });
    token
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// `None` under `nohup`: whoever asked that a closing terminal be ignored means it.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind: SignalKind| {
            second::register(kind.as_raw_value())?;
            signal(kind)
        };
        let hang_up = if is_ignored(libc::SIGHUP) {
            None
        } else {
            Some(listen(SignalKind::hangup())?)
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = async {
                match &mut self.hang_up {
                    Some(hang_up) => { hang_up.recv().await; }
                    None => std::future::pending().await,
                }
            } => {}
        }
    }

    /// The handler does.
    async fn end_at_the_next(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// The second signal is heard by its handler itself: this program's threads may all hang in a disk or a file that is none.
#[cfg(unix)]
mod second {
    use std::io;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::FORCED_EXIT;

    /// `timeout` and some service managers send a signal to a process and to its group: that is one.
    const ONE_AND_THE_SAME_MILLISECONDS: i64 = 500;

    /// When the first came, on the system's monotonic clock, in milliseconds; 0: not yet.
    static FIRST: AtomicI64 = AtomicI64::new(0);

    #[expect(unsafe_code, reason = "a signal handler must be made by hand")]
    pub(super) fn register(signal: libc::c_int) -> io::Result<()> {
        // SAFETY: what is called is async-signal-safe: an atomic, clock_gettime and _exit.
        let registered = unsafe { signal_hook_registry::register(signal, handle) };
        registered.map(|_| ())
    }

    #[expect(
        unsafe_code,
        reason = "std::process::exit may not be called by a handler"
    )]
    fn handle() {
        let now = milliseconds();
        let first = FIRST.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        if first.is_err_and(|first| now - first > ONE_AND_THE_SAME_MILLISECONDS) {
            // SAFETY: it does nothing but end the process.
            unsafe { libc::_exit(FORCED_EXIT) }
        }
    }

    #[expect(unsafe_code, reason = "Instant promises nothing about handlers")]
    #[allow(
        clippy::useless_conversion,
        reason = "some systems have narrower numbers"
    )]
    fn milliseconds() -> i64 {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: it fills `time`.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
        i64::from(time.tv_sec) * 1000 + i64::from(time.tv_nsec) / 1_000_000
    }
}

/// Whether whoever started us had us ignore `signal`.
#[cfg(unix)]
#[expect(unsafe_code, reason = "there is no safe way to ask")]
fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action sigaction changes nothing; it fills `action` when it gives 0, and only then is it read.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_told_from_others() {
        // Rust's runtime ignores SIGPIPE in every program that it starts.
        assert!(is_ignored(libc::SIGPIPE));
        assert!(!is_ignored(libc::SIGUSR1));
    }
}

#[cfg(windows)]
struct Signals {
    ctrl_c: tokio::signal::windows::CtrlC,
    ctrl_break: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    logoff: tokio::signal::windows::CtrlLogoff,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        Ok(Self {
            ctrl_c: ctrl_c()?,
            ctrl_break: ctrl_break()?,
            close: ctrl_close()?,
            logoff: ctrl_logoff()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.ctrl_break.recv() => {}
            _ = self.close.recv() => {}
            _ = self.logoff.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }

    async fn end_at_the_next(&mut self) {
        self.next().await;
        std::process::exit(FORCED_EXIT);
    }
}
