//! Requests from afar (`--allow-control`): pause, resume, snapshot, status, another rate or size, a camera's controls.
//!
//! Delivery's [`ControlDesk`] takes a request, bounds how many there are, and answers what it can by itself. What concerns
//! the source goes as an [`Order`] to capture, whose [`SteeredSource`] obeys between two pictures. Neither waits for the
//! other: orders are few or refused, and what they come to is sent when it is there.

mod order;
mod steering;

mod allowance;
mod answers;
mod desk;
mod figures;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use protocol::control::Asked;
use protocol::frame::Frame;
use tokio::sync::mpsc;

use crate::source::{SourceOptions, SourceSpec};

pub(crate) use answers::ANSWER_TOKEN;
pub(crate) use desk::{ControlDesk, DeskOptions};
pub(crate) use figures::Figures;
pub(crate) use order::{Envelope, Order, Outcome};
pub(crate) use steering::SteeredSource;

/// Orders that may wait for capture.
const ORDERS: usize = 4;

/// The two ends of the way from delivery to capture.
pub(crate) fn line(spec: &SourceSpec, options: &SourceOptions) -> (DeskEnd, CaptureEnd) {
    let (sender, orders) = mpsc::channel(ORDERS);
    let state = Arc::new(CameraState::new(spec, options));
    let desk = DeskEnd {
        orders: sender,
        state: Arc::clone(&state),
    };
    (desk, CaptureEnd { orders, state })
}

/// Delivery's end.
pub(crate) struct DeskEnd {
    orders: mpsc::Sender<Order>,
    state: Arc<CameraState>,
}

/// Capture's end.
pub(crate) struct CaptureEnd {
    orders: mpsc::Receiver<Order>,
    state: Arc<CameraState>,
}

/// What capture tells delivery of its source.
struct CameraState {
    paused: AtomicBool,
    /// `None` of a source that cannot be asked.
    asked: Mutex<Option<Asked>>,
    /// Wherever it is by now: waiting, on its way, delivered or given up.
    newest: Mutex<Option<Frame>>,
}

impl CameraState {
    fn new(spec: &SourceSpec, options: &SourceOptions) -> Self {
        Self {
            paused: AtomicBool::new(false),
            asked: Mutex::new(spec.has_mode().then(|| asked(options))),
            newest: Mutex::new(None),
        }
    }

    fn is_paused(&self) -> bool {
        self.paused.load(Relaxed)
    }

    fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Relaxed);
    }

    fn asked(&self) -> Option<Asked> {
        lock(&self.asked).clone()
    }

    fn set_asked(&self, options: &SourceOptions) {
        *lock(&self.asked) = Some(asked(options));
    }

    fn newest(&self) -> Option<Frame> {
        lock(&self.newest).clone()
    }

    fn set_newest(&self, frame: Frame) {
        // What it replaces is let go of after the lock is.
        let _before = lock(&self.newest).replace(frame);
    }
}

/// Nothing that is locked here is ever half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn asked(options: &SourceOptions) -> Asked {
    Asked {
        resolution: options.resolution.to_string(),
        fps: options.fps,
    }
}
