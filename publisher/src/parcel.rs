//! A frame on its way out: to whom, and whence.

use protocol::frame::Frame;

/// To whom a frame is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// To all who subscribe to the camera's frames.
    Everybody,
    /// To the `--confirm` consumer of this place in the list alone: it lacks the frame.
    Confirmer(usize),
}

/// A frame to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) frame: Frame,
    pub(crate) to: Route,
    /// It comes straight from the camera, not from the backlog.
    pub(crate) is_fresh: bool,
}

impl Parcel {
    /// A frame straight from the camera, for everybody.
    pub(crate) fn fresh(frame: Frame) -> Self {
        Self {
            frame,
            to: Route::Everybody,
            is_fresh: true,
        }
    }
}

/// How much waits, for those who look on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Depth {
    /// Frames in memory, and their bytes.
    pub(crate) queued: usize,
    pub(crate) queued_bytes: u64,
    /// Frames in the spool, those in memory among them, and their bytes.
    pub(crate) spooled: usize,
    pub(crate) spooled_bytes: u64,
}
