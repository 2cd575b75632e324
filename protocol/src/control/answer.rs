//! What a camera answers, and how it says how things stand.

use serde::{Deserialize, Serialize};

use super::printable;
use crate::frame::StreamId;
use crate::receipt::at_most;

/// Longer than any answer that is no picture, in bytes.
const MAX_ANSWER_BYTES: usize = 8 * 1024;

/// An answer that is no picture. Whoever reads one leaves members out that it does not know: a newer camera may say more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Answer {
    /// It was carried out; this is how things stand now.
    Done {
        /// How things stand.
        status: Box<Status>,
    },
    /// It was not carried out.
    Refused {
        /// One line that says what to do.
        why: String,
    },
    /// It was not carried out, because too much is asked for at once: later it may be.
    Busy {
        /// One line.
        why: String,
    },
}

/// Whether pictures are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// They are, as far as the camera gives any.
    Capturing,
    /// They are not, and a camera is free for other programs.
    Paused,
}

/// How things stand with a camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Whether pictures are taken.
    pub state: State,
    /// Where they come from, passwords masked.
    pub source: String,
    /// This run of the publisher.
    pub stream: StreamId,
    /// How long it has run.
    pub uptime_seconds: u64,
    /// Size of the newest picture, once there is one: `1280x720`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// Frames a second, measured over the last two seconds.
    pub fps: f64,
    /// What was asked of the source, if it can be asked: a camera gives what it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// Frames numbered.
    pub captured: u64,
    /// Frames delivered.
    pub delivered: u64,
    /// Frames given up.
    pub dropped: u64,
    /// Broken pictures.
    pub invalid: u64,
    /// Frames that wait in memory.
    pub queued_frames: usize,
    /// Frames that wait in the spool.
    pub spooled_frames: usize,
    /// Connections after the first.
    pub reconnects: u64,
}

/// What was asked of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// `1280x720`; the command line may say what no request may.
    pub resolution: String,
    /// Frames a second; without it, the source's own rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
}

impl Answer {
    /// Done; of a long command only the beginning is told.
    #[must_use]
    pub fn done(mut status: Status) -> Self {
        status.source = printable(&status.source);
        Self::Done {
            status: Box::new(status),
        }
    }

    /// Refused, with a reason that may quote what a stranger wrote.
    #[must_use]
    pub fn refused(why: &str) -> Self {
        Self::Refused {
            why: printable(why),
        }
    }

    /// Reads an answer. Its words can be shown: they are without control characters.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        let mut answer = at_most(json, MAX_ANSWER_BYTES).and_then(serde_json::from_slice)?;
        match &mut answer {
            Self::Refused { why } | Self::Busy { why } => *why = printable(why),
            Self::Done { status } => {
                status.source = printable(&status.source);
                let asked = status.asked.as_mut().map(|asked| &mut asked.resolution);
                for size in status.resolution.iter_mut().chain(asked) {
                    *size = printable(size);
                }
            }
        }
        Ok(answer)
    }

    /// As JSON.
    ///
    /// # Panics
    /// Never: words and numbers always serialize.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("words and numbers always serialize")
    }
}
