//! The thread that syncs: once a second what was stored goes to the disk for good, and the ledger after it.
//!
//! What it has written down may be claimed in receipts. It does not hold up the store, nor does reception wait for it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tracing::{debug, info, warn};

use crate::store::{SharedLedger, SyncMode};

/// How often frames are synced, and the ledger is written down where receipts are made from it.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often the ledger is written down where nobody waits for it.
const SELDOM: Duration = Duration::from_secs(10);

/// Reception's ends: it hears of what may be claimed now, and may ask for more.
#[derive(Clone)]
pub(crate) struct SyncingEnds {
    advanced: Arc<Notify>,
    wishes: mpsc::Sender<oneshot::Sender<()>>,
}

impl SyncingEnds {
    /// Resolves when more may be claimed than before. Cancel-safe.
    pub(crate) async fn advanced(&self) {
        self.advanced.notified().await;
    }

    /// Asks for everything to be synced and written down at once. The answer comes when that was done, or has failed.
    pub(crate) fn sync_now(&self) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        // Without the thread the answer comes at once, as a failure.
        let _ = self.wishes.send(done);
        answer
    }
}

/// The running thread.
pub(crate) struct Syncing {
    thread: JoinHandle<()>,
}

impl Syncing {
    /// Starts it. It ends when the ends are gone, having synced all.
    pub(crate) fn start(
        ledger: Arc<SharedLedger>,
        makes_receipts: bool,
    ) -> io::Result<(Self, SyncingEnds)> {
        let (wishes, to_fulfil) = mpsc::channel();
        let advanced = Arc::new(Notify::new());
        let mut work = Work {
            ledger,
            makes_receipts,
            advanced: Arc::clone(&advanced),
            written_at: Instant::now(),
            refused: false,
        };
        let thread = thread::Builder::new()
            .name("sync".into())
            .spawn(move || work.until_nobody_wishes(&to_fulfil))?;
        Ok((Self { thread }, SyncingEnds { advanced, wishes }))
    }

    /// Waits for the last sync. `false` if the thread has died.
    pub(crate) fn finish(self) -> bool {
        self.thread.join().is_ok()
    }
}

struct Work {
    ledger: Arc<SharedLedger>,
    makes_receipts: bool,
    advanced: Arc<Notify>,
    written_at: Instant,
    /// Whether the disk refused the last time: it is said once.
    refused: bool,
}

impl Work {
    fn until_nobody_wishes(&mut self, wished: &mpsc::Receiver<oneshot::Sender<()>>) {
        loop {
            match wished.recv_timeout(INTERVAL) {
                Ok(wish) => {
                    self.sync(true);
                    // Who wished may have gone.
                    let _ = wish.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.sync(false),
                Err(RecvTimeoutError::Disconnected) => return self.sync(true),
            }
        }
    }

    fn sync(&mut self, at_once: bool) {
        let synced = match self.ledger.sync_mode() {
            SyncMode::Interval => self.ledger.sync(),
            // The store syncs before it answers.
            SyncMode::None | SyncMode::Always => Ok(()),
        };
        let is_due = at_once || self.makes_receipts || self.written_at.elapsed() >= SELDOM;
        let written = if is_due && self.ledger.is_ahead() {
            self.written_at = Instant::now();
            let written = self.ledger.write_checkpoint();
            if written.is_ok() {
                self.advanced.notify_one();
            }
            written
        } else {
            Ok(())
        };
        self.say(&synced.and(written));
    }

    fn say(&mut self, done: &io::Result<()>) {
        match done {
            // The store says so: frames do not fit either.
            Err(error) if runtime::folder::is_full(error) => {}
            Err(error) if !self.refused => {
                self.refused = true;
                if self.makes_receipts {
                    warn!("receipts claim nothing more: {error}; trying again until it works");
                } else if self.ledger.sync_mode() != SyncMode::None {
                    warn!("a power cut may take frames: {error}; trying again until it works");
                } else {
                    // Without receipts a ledger that lags behind does no harm: the next start brings it up to date.
                    debug!("the ledger is not written down: {error}");
                }
            }
            Ok(()) if self.refused => {
                self.refused = false;
                info!("all that is stored is written down again");
            }
            _ => {}
        }
    }
}
