//! An MJPEG stream: one picture after the other, nothing between them.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Forward, Shot};

/// Pictures that wait for the reader. When it is slower than the camera, the oldest of them is skipped.
const MAILBOX: usize = 4;

/// Writes the newest pictures on a thread of its own, so that a slow reader holds up nothing.
#[derive(Debug)]
pub struct MjpegOut {
    forward: Forward,
    mailbox: Arc<Mailbox>,
}

/// What became of the pictures that were offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MjpegTotals {
    /// Written whole.
    pub written: u64,
    /// Not written, for the reader was slow or gone.
    pub skipped: u64,
    /// Whether the reader has gone; that has been said.
    pub reader_is_gone: bool,
}

#[derive(Debug, Default)]
struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Bytes>,
    totals: MjpegTotals,
    /// No more pictures will come.
    finished: bool,
    /// No more pictures will be written.
    ended: bool,
}

impl MjpegOut {
    /// Starts writing to `out`, standard output as a rule.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let taken = Arc::clone(&mailbox);
        thread::Builder::new()
            .name("mjpeg-out".to_owned())
            .spawn(move || taken.deliver(out))?;
        Ok(Self {
            forward: Forward::default(),
            mailbox,
        })
    }

    /// Has `shot` written, if it is newer than what its camera showed before. Never waits.
    pub fn offer(&mut self, shot: &Shot) {
        if !self.forward.is_newer(shot, Instant::now()) {
            return;
        }
        self.forward.advance(shot, Instant::now());
        let mut state = self.mailbox.state();
        if state.ended {
            state.totals.skipped += 1;
            return;
        }
        if state.waiting.len() == MAILBOX {
            state.waiting.pop_front();
            state.totals.skipped += 1;
        }
        state.waiting.push_back(shot.jpeg.clone());
        drop(state);
        self.mailbox.changed.notify_all();
    }

    /// What became of the pictures so far.
    #[must_use]
    pub fn totals(&self) -> MjpegTotals {
        self.mailbox.state().totals
    }

    /// Waits until what was offered is written, at most for `patience`: a reader may have stopped reading.
    #[must_use]
    pub fn finish(self, patience: Duration) -> MjpegTotals {
        let mut state = self.mailbox.state();
        state.finished = true;
        self.mailbox.changed.notify_all();
        let (state, _) = self
            .mailbox
            .changed
            .wait_timeout_while(state, patience, |state| !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        let mut totals = state.totals;
        totals.skipped += state.waiting.len() as u64;
        totals
    }
}

impl Mailbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, mut out: impl Write) {
        while let Some(jpeg) = self.next() {
            let written = out.write_all(&jpeg).and_then(|()| out.flush());
            let mut state = self.state();
            match written {
                Ok(()) => state.totals.written += 1,
                Err(error) => {
                    state.totals.skipped += 1;
                    state.totals.reader_is_gone = true;
                    end_log(&error);
                    break;
                }
            }
        }
        let mut state = self.state();
        state.ended = true;
        state.totals.skipped += state.waiting.len() as u64;
        state.waiting.clear();
        drop(state);
        self.changed.notify_all();
    }

    /// The next picture, once there is one; `None` at the end.
    fn next(&self) -> Option<Bytes> {
        self.changed
            .wait_while(self.state(), |state| {
                state.waiting.is_empty() && !state.finished
            })
            .unwrap_or_else(PoisonError::into_inner)
            .waiting
            .pop_front()
    }
}

fn end_log(error: &io::Error) {
    if error.kind() == io::ErrorKind::BrokenPipe {
        tracing::info!("the reader of standard output has gone; frames are still stored");
    } else {
        tracing::warn!("standard output failed ({error}); frames are still stored");
    }
}
