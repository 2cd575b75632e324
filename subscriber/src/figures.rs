//! The subscriber's figures as plain data: what monitoring, a page or a terminal show of a run.
//!
//! They are handed out once a second, and only if somebody wants them: without `--metrics` nothing here is counted. Totals are since
//! the start of the program, as in the summary; "a second" means over the second before.

mod tally;

use std::time::Duration;

use jiff::Timestamp;
use protocol::topic::CameraName;
use runtime::disk_space::Space;
use runtime::latency_buckets::LatencyBuckets;
use serde::{Deserialize, Serialize};

pub(crate) use tally::Tally;

/// How often they are made.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// A run at one moment. `received = stored + duplicates + quarantined + foreign`; what was skipped is outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The program's.
    pub version: String,
    /// The moment.
    pub at: Timestamp,
    /// When the program began.
    pub started_at: Timestamp,
    /// Whether there is a connection to the broker.
    pub is_connected: bool,
    /// Whether the disk takes no frames at the moment: full, read-only or gone.
    pub store_refuses: bool,
    /// Connections after the first.
    pub reconnects: u64,
    /// Messages that were dealt with.
    pub received: u64,
    /// Their pictures, in bytes.
    pub bytes: u64,
    /// Frames that are on disk since.
    pub stored: u64,
    /// Frames that came once more.
    pub duplicates: u64,
    /// What was set aside as no usable frame.
    pub quarantined: u64,
    /// Bare pictures of other publishers, on disk as well.
    pub foreign: u64,
    /// Runs of missing numbers at this moment.
    pub gaps: u64,
    /// Frames that have not come, at this moment: lost, or still to come.
    pub missing: u64,
    /// Frames that their cameras have given up.
    pub given_up: u64,
    /// Frames that were left out because only the latest are wanted.
    pub skipped: u64,
    /// `QoS` 0 messages that came faster than they could be stored.
    pub overrun: u64,
    /// Stored frames that were taken later than they came: their camera's clock is ahead.
    pub from_future: u64,
    /// Messages that have come and wait for the disk.
    pub waiting: usize,
    /// Pictures stored a second.
    pub frames_per_second: f64,
    /// Bytes received a second.
    pub bytes_per_second: f64,
    /// The disk of `--out`, looked at every ten seconds; absent where the system does not say.
    pub disk: Option<Space>,
    /// By name. Names come from the network: of more than 256 cameras, those are left out of which no picture has come, then those
    /// that were silent longest.
    pub cameras: Vec<CameraFigures>,
}

impl Figures {
    /// Those of a program in which nothing has happened yet.
    #[must_use]
    pub fn at_start(started_at: Timestamp) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: started_at,
            started_at,
            is_connected: false,
            store_refuses: false,
            reconnects: 0,
            received: 0,
            bytes: 0,
            stored: 0,
            duplicates: 0,
            quarantined: 0,
            foreign: 0,
            gaps: 0,
            missing: 0,
            given_up: 0,
            skipped: 0,
            overrun: 0,
            from_future: 0,
            waiting: 0,
            frames_per_second: 0.0,
            bytes_per_second: 0.0,
            disk: None,
            cameras: Vec::new(),
        }
    }
}

/// One camera at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraFigures {
    /// Its name.
    #[serde(with = "crate::camera_name")]
    pub name: CameraName,
    /// What it says of itself.
    pub status: CameraStatus,
    /// Its pictures on disk, those without metadata among them.
    pub stored: u64,
    /// All that came of it, in bytes.
    pub bytes: u64,
    /// Frames that came once more.
    pub duplicates: u64,
    /// What was set aside.
    pub quarantined: u64,
    /// Runs of missing numbers at this moment.
    pub gaps: u64,
    /// Frames that have not come, at this moment.
    pub missing: u64,
    /// Frames that it has given up.
    pub given_up: u64,
    /// Pictures stored a second.
    pub frames_per_second: f64,
    /// Bytes received a second.
    pub bytes_per_second: f64,
    /// From the grab to the file, of the frames of the last second; absent if none came.
    pub latency: Option<Latency>,
    /// The same, since the start.
    pub latencies: LatencyBuckets,
    /// The picture that was stored last.
    pub last: Option<LastPicture>,
    /// Frames that it can still send, as its newest ledger says: those in its spool or queue. Absent if it has said nothing.
    pub available: Option<u64>,
    /// How far its clock seems to be ahead of ours; behind, if negative. Absent while they agree, as far as frames show.
    pub clock_ahead_seconds: Option<f64>,
}

/// What a camera says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CameraStatus {
    /// Nothing, or we are not connected.
    #[default]
    Unknown,
    /// It is connected to the broker.
    Online,
    /// It is not.
    Offline,
}

/// How long frames took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the frames took no longer.
    pub p50_seconds: f64,
    /// 99 in 100 frames took no longer.
    pub p99_seconds: f64,
}

/// The picture of a camera that was stored last. Of a backlog it may be an old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPicture {
    /// Its number; absent for one without metadata.
    pub sequence: Option<u64>,
    /// The moment of the grab, or of its arrival if it says none.
    pub taken_at: Timestamp,
}
