//! Control of a camera: requests to `<prefix>/<camera>/control`, and their answers (MQTT 5 request and response).
//!
//! ```json
//! {"command":"pause"}   {"command":"resume"}   {"command":"snapshot"}   {"command":"status"}
//! {"command":"fps","fps":15}   {"command":"resolution","size":"1280x720"}
//! {"command":"set","controls":{"brightness":10,"gain":3}}
//! ```
//!
//! A request is strict: an unknown member, a wrong value or a byte too many, and nothing of it is carried out. It names
//! where its answer goes, `<prefix>/<camera>/answers/<consumer>`: a camera writes under its own name alone, so nobody can
//! make it publish elsewhere. The answer bears the request's correlation data, and is an [`Answer`] in JSON or, to
//! `snapshot`, the picture itself ([`Snapshot`]).

mod answer;
mod controls;
mod size;
mod snapshot;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use answer::{Answer, Asked, State, Status};
pub use controls::{Controls, MAX_CONTROLS};
pub use size::Size;
pub use snapshot::{SNAPSHOT_TYPE, Snapshot};

/// A request is at most this long, in bytes.
pub const MAX_REQUEST_BYTES: usize = 1024;
/// Correlation data is at most this long, in bytes: it is sent back as it came.
pub const MAX_CORRELATION_BYTES: usize = 64;
/// Content type of requests, and of answers that are no picture.
pub const CONTENT_TYPE_JSON: &str = "application/json";

/// The frame rates that can be asked for, a second.
const FPS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

/// What a camera can be asked to do. Members that are not known are refused, also where there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// Take no more pictures, and let go of the camera.
    Pause {},
    /// Take pictures again.
    Resume {},
    /// Give the newest picture; while paused, take one.
    Snapshot {},
    /// Say how things stand.
    Status {},
    /// Take so many pictures a second.
    Fps {
        /// More than none.
        fps: f64,
    },
    /// Take pictures of another size.
    Resolution {
        /// Pixels.
        size: Size,
    },
    /// Set the camera's own controls.
    Set {
        /// Names and values, as the driver has them.
        controls: Controls,
    },
}

/// Why a message is no request, in words for whoever sent it: one line without control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoRequest(String);

impl Request {
    /// Reads a request.
    pub fn from_json(json: &[u8]) -> Result<Self, NoRequest> {
        if json.len() > MAX_REQUEST_BYTES {
            let words = format!(
                "a request has at most {MAX_REQUEST_BYTES} bytes, this one has {}",
                json.len()
            );
            return Err(NoRequest(words));
        }
        // Serde would take `["pause"]` for one, too.
        if json.trim_ascii_start().first() != Some(&b'{') {
            let words = "this is no request: it is no JSON object".to_owned();
            return Err(NoRequest(words));
        }
        let request: Self = serde_json::from_slice(json)
            .map_err(|error| NoRequest(printable(&format!("this is no request: {error}"))))?;
        match request {
            Self::Fps { fps } if !FPS.contains(&fps) => {
                let words = format!("fps must be from {} to {}", FPS.start(), FPS.end());
                Err(NoRequest(words))
            }
            request => Ok(request),
        }
    }

    /// As JSON.
    ///
    /// # Panics
    /// Never: words and numbers always serialize.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("words and numbers always serialize")
    }

    /// The command, in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pause {} => "pause",
            Self::Resume {} => "resume",
            Self::Snapshot {} => "snapshot",
            Self::Status {} => "status",
            Self::Fps { .. } => "fps",
            Self::Resolution { .. } => "resolution",
            Self::Set { .. } => "set",
        }
    }
}

/// What a stranger wrote may stand in a log or on a terminal: without control characters, and not too long.
fn printable(text: &str) -> String {
    const LONGEST: usize = 240;
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(LONGEST)
        .collect()
}
