//! One opened camera and its stream.
//!
//! The `v4l` crate has ways to panic, to block for ever and to fail for ever after one interrupted call. All are kept
//! in here: every call is guarded, none waits longer than it is told, and after any error the camera is to be dropped.
//! It knows nothing of retrying.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use protocol::jpeg::JpegError;
use v4l::Device;
use v4l::buffer::{Flags, Metadata, Type};
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};

use super::clock::{Clocks, stamp_ns};
use super::guard::guarded;
use super::mode::{Agreed, Asked};
use super::negotiate::negotiate;
use super::trouble::Trouble;

/// Enough for a scheduler's hiccup; more would only make a slow consumer's pictures older.
const BUFFERS: u32 = 4;

/// The guard against a driver that says "ready" and then is not: the crate itself would wait for ever.
const DEQUEUE_TIMEOUT: Duration = Duration::from_millis(100);

/// A camera that streams.
pub(super) struct Camera {
    /// Holds the device; `None` only while it is dropped.
    stream: Option<Stream<'static>>,
    pub(super) agreed: Agreed,
    /// The line on what was refused or changed, if anything was.
    pub(super) difference: Option<String>,
}

/// A buffer that the driver filled.
#[derive(Debug)]
pub(super) struct Filled {
    /// The picture's bytes, or why they are of no use.
    pub(super) jpeg: Result<Bytes, JpegError>,
    /// The driver's number for it, from 0 at each opening.
    pub(super) sequence: u32,
    /// When it was grabbed, if the driver says so on the monotonic clock.
    pub(super) stamp_ns: Option<i128>,
    /// When it was taken from the driver.
    pub(super) taken_at: Clocks,
}

impl Camera {
    /// Opens the device, agrees on a mode and starts the stream. Takes as long as the driver's USB transfers do.
    pub(super) fn open(path: &Path, asked: &Asked) -> Result<Self, Trouble> {
        let device = guarded(|| Device::with_path(path)).map_err(|e| Trouble::opening(path, &e))?;
        let (agreed, difference) = negotiate(&device, path, asked)?;
        // The buffers hold the device open, and they alone: dropping the camera closes it.
        let stream = guarded(|| Stream::with_buffers(&device, Type::VideoCapture, BUFFERS))
            .map_err(|e| Trouble::talking("asking for buffers", &e))?;
        let mut camera = Self {
            stream: Some(stream),
            agreed,
            difference,
        };
        camera
            .start()
            .map_err(|e| Trouble::talking("starting the stream", &e))?;
        Ok(camera)
    }

    /// The crate's `next` starts an idle stream by itself, but then waits for the first picture in the same call, which
    /// cannot be cut short without spoiling the stream. Started by hand it can be polled from the beginning. Buffer 0
    /// stays out of the queue, for `next` begins with queueing the buffer that it gave out last: 0 at first.
    fn start(&mut self) -> io::Result<()> {
        let stream = self.stream()?;
        stream.set_timeout(DEQUEUE_TIMEOUT);
        for index in 1..BUFFERS as usize {
            match guarded(|| CaptureStream::queue(stream, index)) {
                Ok(()) => {}
                // The driver has given fewer buffers than it was asked for.
                Err(error) if index > 1 && error.raw_os_error() == Some(libc::EINVAL) => break,
                Err(error) => return Err(error),
            }
        }
        guarded(|| stream.start())
    }

    /// Waits until the driver has a picture or an error to tell, at most for `limit`.
    pub(super) fn is_ready_within(&mut self, limit: Duration) -> io::Result<bool> {
        let handle = self.stream()?.handle();
        let limit_ms = i32::try_from(limit.as_millis()).unwrap_or(i32::MAX);
        match guarded(|| handle.poll(libc::POLLIN, limit_ms)) {
            Ok(ready) => Ok(ready > 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the next picture; only once it is ready. Gives the one before it back to the driver.
    pub(super) fn take(&mut self, max_frame_bytes: usize) -> io::Result<Filled> {
        let stream = self.stream()?;
        guarded(|| {
            let (buffer, meta) = CaptureStream::next(stream)?;
            let taken_at = Clocks::now();
            Ok(Filled {
                jpeg: copy(buffer, meta, max_frame_bytes),
                sequence: meta.sequence,
                stamp_ns: monotonic_stamp(meta),
                taken_at,
            })
        })
    }

    fn stream(&mut self) -> io::Result<&mut Stream<'static>> {
        self.stream
            .as_mut()
            .ok_or(io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Camera {
    /// The crate's drop panics if the stream cannot be stopped, and again if its buffers cannot be freed: two panics at
    /// once would end the program. So it is stopped here first, and left behind if that fails.
    fn drop(&mut self) {
        let Some(mut stream) = self.stream.take() else {
            return;
        };
        match guarded(|| stream.stop()) {
            Err(error) if error.raw_os_error() != Some(libc::ENODEV) => {
                tracing::warn!(
                    "a camera's stream cannot be stopped ({error}): its handle is left open"
                );
                std::mem::forget(stream);
            }
            _ => {
                let freed = guarded(|| {
                    drop(stream);
                    Ok(())
                });
                if let Err(error) = freed {
                    tracing::warn!("a camera's buffers cannot be freed: {error}");
                }
            }
        }
    }
}

/// Only the bytes in use: the rest of the buffer is left over from earlier pictures.
fn copy(buffer: &[u8], meta: &Metadata, max_frame_bytes: usize) -> Result<Bytes, JpegError> {
    let used = meta.bytesused as usize;
    if meta.flags.contains(Flags::ERROR) {
        return Err(JpegError::Malformed);
    }
    if used > max_frame_bytes {
        return Err(JpegError::TooLarge);
    }
    match buffer.get(..used) {
        None | Some([]) => Err(JpegError::Truncated),
        Some(jpeg) => Ok(Bytes::copy_from_slice(jpeg)),
    }
}

fn monotonic_stamp(meta: &Metadata) -> Option<i128> {
    let is_monotonic = meta.flags & Flags::TIMESTAMP_MASK == Flags::TIMESTAMP_MONOTONIC;
    is_monotonic.then(|| stamp_ns(meta.timestamp.sec, meta.timestamp.usec))
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l::Timestamp;

    fn meta(bytesused: u32, flags: Flags) -> Metadata {
        Metadata {
            bytesused,
            flags,
            ..Metadata::default()
        }
    }

    #[test]
    fn only_the_bytes_in_use_are_copied() {
        let jpeg = copy(b"abcdef", &meta(4, Flags::DONE), 100);
        assert_eq!(jpeg, Ok(Bytes::from_static(b"abcd")));
    }

    #[test]
    fn a_buffer_of_no_use_says_why() {
        let buffer = b"abcdef";
        let copy = |used, flags, limit| copy(buffer, &meta(used, flags), limit);
        assert_eq!(copy(4, Flags::ERROR, 100), Err(JpegError::Malformed));
        assert_eq!(copy(4, Flags::DONE, 3), Err(JpegError::TooLarge));
        assert_eq!(copy(0, Flags::DONE, 100), Err(JpegError::Truncated));
        assert_eq!(copy(7, Flags::DONE, 100), Err(JpegError::Truncated));
    }

    #[test]
    fn a_stamp_counts_only_if_the_driver_says_monotonic() {
        let mut stamped = meta(1, Flags::TIMESTAMP_MONOTONIC | Flags::TSTAMP_SRC_SOE);
        stamped.timestamp = Timestamp::new(2, 5);
        assert_eq!(monotonic_stamp(&stamped), Some(2_000_005_000));
        for other in [Flags::TIMESTAMP_COPY, Flags::TIMESTAMP_UNKNOWN] {
            stamped.flags = other;
            assert_eq!(monotonic_stamp(&stamped), None);
        }
    }
}
